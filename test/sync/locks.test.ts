import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type DhmemError, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, count, loadBlock, PATIENCE, regionTest, until, within } from "../fixture/index.js";

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

regionTest(
	"a lock that finds the mutex free does not overtake an earlier one that still waits",
	async (region) => {
		const mutex = region.mutex("mutex");
		using other = Region.open(region.name);
		const theirs = other.mutex("mutex").lockSync();
		const order: number[] = [];
		const lock = async (number: number) => {
			using held = await mutex.lock();
			order.push(number);
			assert.ok(held.held);
		};
		const first = lock(1);
		theirs.unlock();
		await Promise.all([lock(2), first]);
		assert.equal(order, [1, 2]);
	},
);

regionTest("unlocking wakes a waiter, and an aborted wait is not woken", async (region) => {
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

regionTest("each check by a waiter for a mutex also checks its holder", async (region) => {
	using other = Region.open(region.name);
	using held = other.mutex("mutex").lockSync();
	const mutex = region.mutex("mutex");
	const { attachment } = mutex.object;
	const counts = { looks: 0, atHolder: 0 };
	const sleepInLoop = attachment.sleepInLoop.bind(attachment);
	const isAlive = attachment.isAlive.bind(attachment);
	attachment.sleepInLoop = () => {
		counts.looks++;
		sleepInLoop();
	};
	attachment.isAlive = (participant) => {
		counts.atHolder++;
		return isAlive(participant);
	};
	const enough = new AbortController();
	const waiting = mutex.lock({ signal: enough.signal }).catch(() => {});
	await until(() => counts.looks > 12);
	enough.abort();
	await waiting;
	assert.ok(held.held);
	assert.ok(counts.atHolder > 0.7 * counts.looks, `${counts.atHolder} of ${counts.looks} looks`);
});

regionTest("the next locker after a killed holder gets the mutex, with `abandoned` set", async (region) => {
	for (let turn = 0; turn < count(2, 5); turn++) {
		const holder = start(region, "hold");
		assert.is(await line(holder), "held");
		const mutex = region.mutex("mutex");
		assert.is(mutex.tryLock(), undefined);
		const waiting = turn % 2 === 0 ? mutex.lock({ timeout: PATIENCE }) : undefined;
		holder.kill("SIGKILL");
		await once(holder, "exit");
		using held = (await waiting) ?? mutex.lockSync({ timeout: PATIENCE });
		assert.is(held.abandoned, true);
		held.unlock();
		using next = mutex.lockSync();
		assert.is(next.abandoned, false);
	}
});

regionTest("four processes count without losing one, and none starves", async (region) => {
	const { counters, token } = sharedCounters(region);
	const target = Number(process.env.DHMEM_INCREMENTS ?? count(8000, 20_000));
	const counting = Array.from({ length: 4 }, () => start(region, "count", `${target}`, { COUNTERS: token }));
	const shares = (await within(PATIENCE, "all to get it", Promise.all(counting.map(line)))).map(Number);
	const total = shares.reduce((sum, share) => sum + share);
	assert.equal([...counters.subarray(0, 2)], [total, total]);
	assert.ok(total >= target);
	console.log(`  fewest acquisitions: ${Math.min(...shares)} of ${total}`);
});

regionTest("no wake-up of a condition is lost", async (region) => {
	const { counters, token } = sharedCounters(region);
	const rounds = Number(process.env.DHMEM_ROUNDS ?? count(500, 2000));
	const env = { COUNTERS: token, ROUNDS: `${rounds}` };
	const both = ["0", "1"].map((turn) => start(region, "turns", turn, env));
	assert.equal(await Promise.all(both.map(line)), ["done", "done"]);
	assert.is(counters[0], rounds * 2);
});

regionTest("a wait at a condition gives up the mutex, and holds it again afterwards", async (region) => {
	const mutex = region.mutex("mutex");
	using other = Region.open(region.name);
	let ready = false;
	const held = mutex.lockSync();
	const condition = region.condition("ready");
	const waiting = condition.wait(held, { until: () => ready, timeout: PATIENCE });
	const theirs = await other.mutex("mutex").lock({ timeout: PATIENCE });
	ready = true;
	other.condition("ready").notifyAll();
	theirs.unlock();
	await waiting;
	assert.is(other.mutex("mutex").tryLock(), undefined);
	held.unlock();
});

regionTest("after a timeout or an abort, a wait at a condition holds the mutex again", async (region) => {
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
