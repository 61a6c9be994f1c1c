/** Event loops sleep on pipes, and on threads where there can't be a pipe. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
	chmodSync,
	closeSync,
	lstatSync,
	mkdirSync,
	openSync,
	readdirSync,
	readSync,
	symlinkSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { type Consumer, type Producer, Region, type RegionOptions } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	SLEEP_FUTEX,
	SLEEP_PIPE,
	SLEEP_UNREACHABLE,
	SLOT_BYTES,
	SLOT_SLEEP,
	SLOTS_START,
} from "../../assembly/layout.js";
import {
	Child,
	closeRegions,
	codeOfLater,
	count,
	dependOnRings,
	directory,
	eachInFolder,
	limitedTest,
	PATIENCE,
	until,
	within,
} from "../fixture/index.js";
import { open, textOf } from "./stage.js";

const module = new URL("./pipe-child.js", import.meta.url).href;
const USER = 1001;

eachInFolder();

test.after.each(() => {
	delete process.env.DHMEM_WAKE;
});

const pipes = (folder = directory) => readdirSync(folder).filter((name) => name.endsWith(".bell"));
const threads = () => readdirSync("/proc/self/task").length;

/** How the participant in a slot sleeps. */
function sleepOf({ path }: Region, slot: number): number {
	const file = openSync(path, "r");
	const word = Buffer.alloc(4);
	readSync(file, word, 0, 4, SLOTS_START + slot * SLOT_BYTES + SLOT_SLEEP);
	closeSync(file);
	return word.readUInt32LE();
}

interface Pair {
	region: Region;
	pings: Producer;
	pongs: Consumer;
	other: Child;
}

/** A region where another process answers. */
async function pair(how = "", options: RegionOptions = {}, theirs: RegionOptions = options): Promise<Pair> {
	const region = open({ size: "4MiB", permissions: 0o666, ...options });
	const pings = region.queue("ping").producer();
	const pongs = region.queue("pong").consumer();
	const where = options.directory ?? directory;
	const other = new Child(module, "answer", [where, how, JSON.stringify(theirs)]);
	assert.is(await other.hear(), "ready");
	return { region, pings, pongs, other };
}

/** Sends messages, and waits for each answer in `await receive()`, after as many sleep on pipes as can. */
async function play({ region, pings, pongs }: Pair, pipesMade: number, rounds = 20): Promise<void> {
	const first = pongs.receive({ timeout: PATIENCE });
	await until(() => pipes(dirname(region.path)).length === pipesMade);
	pings.trySend("first");
	assert.is(textOf(await first), "first");
	for (let i = 1; i < rounds; i++) {
		pings.trySend(String(i));
		assert.is(textOf(await pongs.receive({ timeout: PATIENCE })), String(i));
	}
}

/** The other side sees the end, and leaves. */
async function finish({ pings, other }: Pair): Promise<unknown> {
	pings.end();
	const answered = await other.hear();
	assert.is((await other.ended).code, 0);
	return answered;
}

limitedTest(
	"two event loops wake each other by pipes, without a thread; none is left when they leave",
	async () => {
		const before = threads();
		const both = await pair();
		await play(both, 2);
		assert.is(pipes().length, 2);
		assert.equal([sleepOf(both.region, 0), sleepOf(both.region, 1)], [SLEEP_PIPE, SLEEP_PIPE]);
		assert.ok(threads() <= before, "a thread was started");
		assert.is(await finish(both), 20);
		assert.is(pipes().length, 1);
		both.region.close();
		assert.equal(readdirSync(directory), ["waiting.dhmem"]);
	},
);

limitedTest("with pipes switched off, threads wait, and wake participants with pipes", async () => {
	process.env.DHMEM_WAKE = "thread";
	const both = await pair();
	delete process.env.DHMEM_WAKE;
	await play(both, 1);
	assert.is(pipes().length, 1);
	assert.equal([sleepOf(both.region, 0), sleepOf(both.region, 1)], [SLEEP_PIPE, 0]);
	await finish(both);
});

limitedTest("the death of a peer is told at once while both sleep on pipes", async () => {
	// The slices of those who hear of deaths.
	using _ = dependOnRings(1000);
	for (let i = 0; i < 5; i++) {
		const both = await pair();
		await play(both, 2);
		const gone = codeOfLater(both.pongs.receive());
		await both.other.kill();
		assert.is(await gone, "DHMEM_PEER_GONE");
		both.region.recover();
		// The recoverer removes the dead participant's pipe.
		assert.is(pipes().length, 1);
		both.region.close();
		both.region.unlink();
	}
});

limitedTest("a pipe that somebody removes is replaced by a thread, and nothing is lost", async () => {
	const both = await pair();
	await until(() => pipes().length === 1);
	unlinkSync(join(directory, pipes()[0] as string));
	await play(both, 1);
	// When it sleeps the next time.
	await until(() => sleepOf(both.region, 1) === (SLEEP_FUTEX | SLEEP_UNREACHABLE));
	assert.is(await finish(both), 20);
});

limitedTest("something else in a pipe's place is not written to", async () => {
	const both = await pair();
	await until(() => pipes().length === 1);
	const name = join(directory, pipes()[0] as string);
	unlinkSync(name);
	writeFileSync(join(directory, "precious"), "precious");
	symlinkSync("precious", name);
	await play(both, 2);
	assert.is(lstatSync(join(directory, "precious")).size, 8);
	await finish(both);
});

limitedTest(
	"who can't make a pipe in the folder waits by a thread, and rings the pipes of others",
	async () => {
		assert.is(process.getuid?.(), 0, "this needs root, to become somebody else");
		chmodSync(directory, 0o755);
		const both = await pair(`user ${USER}`);
		await play(both, 1);
		assert.equal([sleepOf(both.region, 0), sleepOf(both.region, 1)], [SLEEP_PIPE, 0]);
		await finish(both);
	},
);

limitedTest("a process without free descriptors still wakes others, and is woken", async () => {
	const both = await pair("full");
	await play(both, 1);
	// When this one sleeps the next time.
	void codeOfLater(both.pongs.receive());
	assert.is(sleepOf(both.region, 0), SLEEP_FUTEX | SLEEP_UNREACHABLE);
	await finish(both);
});

for (const trust of ["owner", "any"] as const) {
	limitedTest(`another user's pipe is used only if its owner is trusted: ${trust}`, async () => {
		assert.is(process.getuid?.(), 0, "this needs root, to become somebody else");
		chmodSync(directory, 0o1777);
		const both = await pair(`user ${USER}`, { trust }, { trust: "any" });
		await play(both, 2);
		const theirs = trust === "any" ? SLEEP_PIPE : SLEEP_FUTEX | SLEEP_UNREACHABLE;
		assert.is(sleepOf(both.region, 0), SLEEP_PIPE);
		await until(() => sleepOf(both.region, 1) === theirs);
		await finish(both);
	});
}

limitedTest("where the file system has no inode left, threads wait", async () => {
	assert.is(process.getuid?.(), 0, "this needs root, to mount a file system");
	const folder = join(directory, "disk");
	mkdirSync(folder);
	execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m,nr_inodes=20", "dhmem-test", folder]);
	try {
		// The region is there before, and nobody has a pipe yet.
		open({ size: "4MiB", permissions: 0o666, directory: folder });
		try {
			for (let i = 0; ; i++) writeFileSync(join(folder, `filler ${i}`), "");
		} catch (error) {
			assert.is((error as NodeJS.ErrnoException).code, "ENOSPC");
		}
		const both = await pair("", { directory: folder }, {});
		await play(both, 0);
		assert.is(sleepOf(both.region, 1), 0);
		await finish(both);
	} finally {
		closeRegions();
		await Child.killAll();
		execFileSync("umount", [folder]);
	}
});

limitedTest(
	"pipes of dead processes are removed by the next who opens or lists, others are not",
	async () => {
		const both = await pair();
		await play(both, 2);
		const [one, two] = pipes();
		await both.other.kill();
		both.region.close();
		assert.is(pipes().length, 1);
		assert.ok([one, two].includes(pipes()[0]));
		const living = open({}, "living");
		const waiting = codeOfLater(living.queue("q").consumer().receive());
		await until(() => pipes().length === 1);
		assert.equal(Region.list({ directory }), ["living", "waiting"]);
		assert.is(pipes().length, 1);
		living.close();
		assert.is(await waiting, "DHMEM_CLOSED");
		assert.equal(pipes(), []);
	},
);

limitedTest("worker threads have a pipe each, and one that is terminated leaves none", async () => {
	const region = open({ size: "4MiB" });
	const pings = region.queue("ping").producer();
	const pongs = region.queue("pong").consumer();
	const worker = new Worker(new URL(module), {
		workerData: { scenario: "answer", parameters: [directory] },
	});
	assert.equal(await once(worker, "message"), ["ready"]);
	const first = pongs.receive();
	await until(() => pipes().length === 2);
	pings.trySend("first");
	assert.is(textOf(await first), "first");
	const gone = codeOfLater(pongs.receive());
	await worker.terminate();
	assert.is(await gone, "DHMEM_PEER_GONE");
	assert.is(pipes().length, 1);
});

limitedTest("several openings of one thread, and the two ends of one, wake each other", async () => {
	const regions = [open(), open(), open()];
	const consumers = regions.map((region, index) => region.queue(`q${index}`).consumer());
	for (const region of regions) {
		for (const [index, consumer] of consumers.entries()) {
			using producer = region.queue(`q${index}`).producer();
			for (let i = 0; i < 10; i++) {
				const waiting = consumer.receive();
				producer.trySend(String(i));
				assert.is(textOf(await within(PATIENCE, "the message", waiting)), String(i));
			}
		}
	}
	assert.is(pipes().length, 3);
});

limitedTest("a blocking wait beside a pending promise is woken, and so is the promise", async () => {
	const region = open();
	const blocking = region.queue("blocking").consumer();
	const pending = region.queue("pending").consumer();
	const telling = region.queue("told").producer();
	const other = new Child(module, "sendBoth", [directory]);
	assert.is(await other.hear(), "ready");
	using _ = dependOnRings();
	for (let i = 0; i < count(200, 2000); i++) {
		const promise = pending.receive();
		telling.trySend("go");
		textOf(blocking.receiveSync());
		textOf(await promise);
	}
	telling.end();
	assert.is(await other.hear(), "done");
});

limitedTest(
	"who only reads a region, or never waits, has no pipe; who closes while waiting leaves none",
	async () => {
		const region = open();
		using reader = open({ mode: "read-only" });
		assert.is(reader.stats().participants.length, 1);
		region.queue("q").producer().trySend("x");
		textOf(await region.queue("q").consumer().receive());
		assert.equal(pipes(), []);
		const waits = [1, 2, 3].map((i) => codeOfLater(region.queue(`q${i}`).consumer().receive()));
		assert.is(pipes().length, 1);
		region.close();
		assert.equal(pipes(), []);
		assert.equal(await Promise.all(waits), ["DHMEM_CLOSED", "DHMEM_CLOSED", "DHMEM_CLOSED"]);
	},
);

limitedTest("with more peers than pipes are kept, all are woken", async () => {
	const region = open();
	const producers: Producer[] = [];
	const waits: Promise<string>[] = [];
	for (let i = 0; i < 40; i++) {
		producers.push(region.queue(`q${i}`).producer());
		waits.push(open().queue(`q${i}`).consumer().receive({ timeout: PATIENCE }).then(textOf));
	}
	await until(() => pipes().length === 40);
	for (const [index, producer] of producers.entries()) producer.trySend(String(index));
	assert.equal(
		await Promise.all(waits),
		Array.from({ length: 40 }, (_, index) => String(index)),
	);
	for (let slot = 0; slot < 41; slot++) assert.is(sleepOf(region, slot) & SLEEP_UNREACHABLE, 0);
});

test.run();
