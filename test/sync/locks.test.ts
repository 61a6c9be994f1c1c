import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type DhmemError, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, loadBlock, regionTest } from "../fixture/index.js";

const child = new URL("./lock-child.js", import.meta.url).pathname;

function start(region: Region, job: string, argument = "", env: Record<string, string> = {}): ChildProcess {
	return spawn(process.execPath, [child, region.name, job, argument], {
		stdio: ["ignore", "pipe", "inherit"],
		env: { ...process.env, ...env },
	});
}

async function line(from: ChildProcess): Promise<string> {
	assert.ok(from.stdout);
	for await (const text of createInterface({ input: from.stdout })) return text;
	throw new Error(`The process ended with ${from.exitCode}`);
}

function sharedCounters(region: Region): { counters: Uint32Array; token: string } {
	const block = region.allocate(64);
	block.bytes.fill(0);
	const token = String(region.save(block));
	return { counters: loadBlock(region, token).as("u32"), token };
}

regionTest("a mutex is held by one at a time", (region) => {
	const mutex = region.mutex("mutex");
	using other = Region.open(region.name);
	const theirs = other.mutex("mutex");
	const held = mutex.tryLock();
	assert.ok(held);
	assert.is(held.abandoned, false);
	assert.is(theirs.tryLock(), undefined);
	assert.is(
		codeOf(() => theirs.lockSync({ timeout: 5 })),
		"DHMEM_TIMEOUT",
	);
	held.unlock();
	held.unlock();
	using again = theirs.lockSync({ timeout: 0 });
	assert.is(again.held, true);
});

regionTest("locking again while holding it throws at once", async (region) => {
	const mutex = region.mutex("mutex");
	using _held = mutex.lockSync();
	assert.is(
		codeOf(() => mutex.lockSync()),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(await mutex.lock().then(String, (error: DhmemError) => error.code), "DHMEM_BAD_ARGUMENT");
});

regionTest("who waits is woken when it is given up, and an aborted wait is not", async (region) => {
	const mutex = region.mutex("mutex");
	using other = Region.open(region.name);
	const held = mutex.lockSync();
	const controller = new AbortController();
	const aborted = other.mutex("mutex").lock({ signal: controller.signal });
	const waiting = other.mutex("mutex").lock();
	controller.abort(new Error("enough"));
	assert.is(await aborted.catch((error: Error) => error.message), "enough");
	held.unlock();
	assert.is((await waiting).abandoned, false);
});

regionTest("each look of who waits for a mutex is at its holder too", async (region) => {
	using other = Region.open(region.name);
	using held = other.mutex("mutex").lockSync();
	const mutex = region.mutex("mutex");
	const { attachment } = mutex.object;
	const counts = { looks: 0, atHolder: 0 };
	const readDoorbell = attachment.readDoorbell.bind(attachment);
	const isAlive = attachment.isAlive.bind(attachment);
	attachment.readDoorbell = () => {
		counts.looks++;
		return readDoorbell();
	};
	attachment.isAlive = (participant) => {
		counts.atHolder++;
		return isAlive(participant);
	};
	await mutex.lock({ timeout: 500 }).catch(() => {});
	assert.ok(held.held);
	assert.ok(counts.looks > 2, `${counts.looks} looks`);
	assert.ok(counts.atHolder > 0.7 * counts.looks, `${counts.atHolder} of ${counts.looks} looks`);
});

regionTest("the next locker after a holder was killed gets it, and is told", async (region) => {
	for (let turn = 0; turn < 5; turn++) {
		const holder = start(region, "hold");
		assert.is(await line(holder), "held");
		const mutex = region.mutex("mutex");
		assert.is(mutex.tryLock(), undefined);
		const waiting = turn % 2 === 0 ? mutex.lock({ timeout: 5000 }) : undefined;
		holder.kill("SIGKILL");
		await once(holder, "exit");
		using held = (await waiting) ?? mutex.lockSync({ timeout: 5000 });
		assert.is(held.abandoned, true);
		held.unlock();
		using next = mutex.lockSync();
		assert.is(next.abandoned, false);
	}
});

regionTest("four processes count without losing one, and none starves", async (region) => {
	const { counters, token } = sharedCounters(region);
	const target = Number(process.env.DHMEM_INCREMENTS ?? 20_000);
	const counting = Array.from({ length: 4 }, () => start(region, "count", `${target}`, { COUNTERS: token }));
	const shares = (await Promise.all(counting.map(line))).map(Number);
	assert.is(counters[0], target);
	assert.is(counters[1], target);
	assert.is(
		shares.reduce((sum, share) => sum + share),
		target,
	);
	console.log(`  fewest acquisitions: ${Math.min(...shares)} of ${target}`);
	assert.ok(Math.min(...shares) > 0);
});

regionTest("no wake-up of a condition is lost", async (region) => {
	const { counters, token } = sharedCounters(region);
	const rounds = Number(process.env.DHMEM_ROUNDS ?? 2000);
	const env = { COUNTERS: token, ROUNDS: `${rounds}` };
	const both = ["0", "1"].map((turn) => start(region, "turns", turn, env));
	assert.equal(await Promise.all(both.map(line)), ["done", "done"]);
	assert.is(counters[0], rounds * 2);
});

regionTest("a condition gives the mutex up while it waits, and has it again afterwards", async (region) => {
	const mutex = region.mutex("mutex");
	using other = Region.open(region.name);
	let ready = false;
	const held = mutex.lockSync();
	const condition = region.condition("ready");
	const waiting = condition.wait(held, { until: () => ready, timeout: 5000 });
	const theirs = await other.mutex("mutex").lock({ timeout: 5000 });
	ready = true;
	other.condition("ready").notifyAll();
	theirs.unlock();
	await waiting;
	assert.is(other.mutex("mutex").tryLock(), undefined);
	held.unlock();
});

regionTest("a condition that is late or aborted has the mutex again", async (region) => {
	const mutex = region.mutex("mutex");
	using other = Region.open(region.name);
	const held = mutex.lockSync();
	const condition = region.condition("never");
	assert.is(
		codeOf(() => condition.waitSync(held, { until: () => false, timeout: 5 })),
		"DHMEM_TIMEOUT",
	);
	assert.is(other.mutex("mutex").tryLock(), undefined);
	const signal = AbortSignal.timeout(5);
	const late = await condition.wait(held, { until: () => false, signal }).catch((error: Error) => error.name);
	assert.is(late, "TimeoutError");
	assert.is(other.mutex("mutex").tryLock(), undefined);
	held.unlock();
	assert.is(
		codeOf(() => condition.waitSync(held, { until: () => true })),
		"DHMEM_BAD_ARGUMENT",
	);
});

test.run();
