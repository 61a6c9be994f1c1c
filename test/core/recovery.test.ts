import { fork } from "node:child_process";
import { randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { DhmemError, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, count, isMarked, loadBlock, temporaryFolder, until } from "../fixture/index.js";
import { NOTES, numberIn, SAVED, savedHandle } from "./victim.js";

const VICTIM = fileURLToPath(new URL("victim.js", import.meta.url));
const KILLS = Number(process.env.KILLS ?? count(3, 120));
const TERMINATIONS = Number(process.env.TERMINATIONS ?? count(3, 100));
const OVERFLOWS = Number(process.env.OVERFLOWS ?? count(13, 60));
const AT_ONCE = 4;
/** The memory of a saved block: its size class, and the handle. */
const SAVED_BYTES = 7168 + 64;

const directory = temporaryFolder();
test.after(() => rmSync(directory, { recursive: true }));

function open(size = "32MiB"): Region {
	return Region.open(`recovery-${randomUUID()}`, { directory, size });
}

interface Victim {
	/** Ends it at once, and resolves when it is gone. */
	kill(): Promise<void>;
	/** Rejects if it ends by itself. */
	failed: Promise<never>;
}

type Start = (args: string[]) => Victim;

const startProcess: Start = (args) => {
	const child = fork(VICTIM, args);
	const end = once(child, "exit");
	let killed = false;
	return {
		kill: async () => {
			killed = true;
			child.kill("SIGKILL");
			await end;
		},
		failed: end.then(([code, signal]) => {
			if (killed) return new Promise<never>(() => {});
			throw new Error(`the victim ended with ${code ?? signal}`);
		}),
	};
};

const startWorker: Start = (args) => {
	const worker = new Worker(VICTIM, { workerData: { victim: args } });
	return {
		kill: async () => {
			await worker.terminate();
		},
		failed: new Promise((_, reject) => worker.once("error", reject)),
	};
};

/**
 * Kills victims in turn, several of which are alive at a time, and checks after each what it left. This process is
 * the survivor: it continues to send, receive and allocate.
 */
async function killThemAll(start: Start, kills: number): Promise<void> {
	using region = open();
	const players = await Promise.all(Array.from({ length: AT_ONCE }, (_, number) => player(region, number)));
	for (let name = 0; name < 1000; name++) region.queue(`object ${name}`, { capacity: 64 });
	for (const { number } of players) for (const side of ["in", "out"]) region.queue(`${side} ${number}`);
	const baseline = region.stats().used;
	let left = kills;
	let lost = 0;
	await Promise.all(
		players.map(async (each) => {
			while (left-- > 0) lost += await each.killOne(start);
		}),
	);
	// A handle that was saved but not noted is no error, and the block belongs to the region: at most one for each kill.
	const { used, participants } = region.stats();
	const more = used - baseline;
	assert.ok(more >= 0 && more % SAVED_BYTES === 0, `${more} bytes more than before are used`);
	assert.ok(more / SAVED_BYTES <= kills, `${more / SAVED_BYTES} saved blocks were lost in ${kills} kills`);
	assert.is(participants.length, 1);
	assert.ok(lost <= kills);
	// Everything free can be allocated.
	const blocks = [];
	while (codeOf(() => blocks.push(region.allocate(1 << 16))) === "nothing");
	assert.ok(blocks.length * 65536 > (region.size - used) * 0.75, `${blocks.length} blocks of 64 KiB`);
}

async function player(region: Region, number: number) {
	const notes = region.allocate(NOTES.bytes);
	notes.bytes.fill(0);
	const token = region.save(notes);
	const view = loadBlock(region, token);
	const words = view.as("u32");
	const note = (word: number) => Atomics.load(words, word);
	const incoming = region.queue(`out ${number}`, { capacity: "4KiB" });
	const outgoing = region.queue(`in ${number}`, { capacity: "4KiB" });
	let received = 0;
	let sent = 0;

	const receive = (consumer: ReturnType<typeof incoming.consumer>) => {
		for (let message = consumer.tryReceive(); message !== undefined; message = consumer.tryReceive()) {
			assert.is(numberIn(message), received++, "a message was lost, repeated, or out of order");
			if (message.block !== undefined) assert.ok(isMarked(message.block.bytes, 0xaa), "a block is torn");
			message.release();
		}
	};

	return {
		number,
		/** The number of messages that were sent but not noted when it died. */
		async killOne(start: Start): Promise<number> {
			using consumer = incoming.consumer();
			using producer = outgoing.producer();
			const started = note(NOTES.turns);
			const victim = start([directory, region.name, String(number), String(token)]);
			const moment = started + 1 + randomInt(2000);
			try {
				await Promise.race([
					until(() => {
						receive(consumer);
						const block = sent % 3 === 0 ? region.allocate(100 + (sent % 5000)) : undefined;
						block?.bytes.fill(0xaa);
						if (producer.trySend(String(sent), { block })) sent++;
						else block?.free();
						return note(NOTES.turns) >= moment;
					}),
					victim.failed,
				]);
			} finally {
				await victim.kill();
			}
			// Another process may be recovering already, and be killed in the middle.
			await until(() => {
				region.recover();
				return !region.stats().participants.some(({ label }) => label === `victim ${number}`);
			});

			// What was committed arrives; one message may have been sent and not noted.
			receive(consumer);
			const unnoted = received - note(NOTES.sent);
			assert.ok(unnoted === 0 || unnoted === 1, `noted ${note(NOTES.sent)}, received ${received}`);
			Atomics.store(words, NOTES.sent, received);

			// Its endpoint is free, and what it had not released comes again; one may be released and not noted.
			using next = outgoing.consumer();
			let expected = note(NOTES.released);
			for (let first = true; expected < sent; first = false) {
				const message = next.tryReceive();
				if (first && message !== undefined && numberIn(message) === expected + 1) expected++;
				if (first && message === undefined && expected + 1 === sent) break;
				assert.is(message && numberIn(message), expected++);
				message?.release();
			}
			assert.is(next.tryReceive(), undefined);
			Atomics.store(words, NOTES.released, sent);

			if (note(NOTES.saved) === 1) {
				// It was about to be loaded.
				const block = loadBlock(region, savedHandle(view.bytes));
				assert.is(block.length, SAVED);
				block.free();
				Atomics.store(words, NOTES.saved, 0);
			}
			return unnoted;
		},
	};
}

test(`${KILLS} processes are killed at random moments, and nothing is lost`, async () => {
	await killThemAll(startProcess, KILLS);
});

test(`${TERMINATIONS} workers are terminated at random moments, and nothing is lost`, async () => {
	await killThemAll(startWorker, TERMINATIONS);
});

test("without recovery, the memory of dead participants does not come back", async () => {
	using region = open();
	for (const side of ["in", "out"]) region.queue(`${side} 0`);
	const before = region.stats().used;
	const victim = startProcess([directory, region.name, "0", await tokenOf(region)]);
	await Promise.race([until(() => region.stats().used > before + 100_000), victim.failed]);
	await victim.kill();
	assert.ok(region.stats().used > before, "a check of the bytes in use would not have noticed");
	assert.ok(region.stats().participants.some(({ alive }) => !alive));
	assert.is(
		codeOf(() => region.queue("in 0").producer().close()),
		"nothing",
	);
	assert.is(region.recover(), 1);
	assert.is(region.recover(), 0);
});

async function tokenOf(region: Region): Promise<string> {
	const notes = region.allocate(NOTES.bytes);
	notes.bytes.fill(0);
	return String(region.save(notes));
}

test("a region has 128 participants at most, and a newcomer gets the slot of a dead one", async () => {
	using region = open("8MiB");
	const others: Region[] = [];
	try {
		const token = await tokenOf(region);
		const victim = startProcess([directory, region.name, "0", token]);
		const words = loadBlock(region, token).as("u32");
		await Promise.race([until(() => Atomics.load(words, NOTES.turns) > 100), victim.failed]);
		const join = () => others.push(Region.open(region.name, { mode: "open", directory }));
		while (others.length < 126) join();
		assert.is(codeOf(join), "DHMEM_TOO_MANY_PARTICIPANTS");
		assert.is(codeOf(join), "DHMEM_TOO_MANY_PARTICIPANTS");
		await victim.kill();
		join();
		assert.is(others.length, 127);
		assert.is(codeOf(join), "DHMEM_TOO_MANY_PARTICIPANTS");
		assert.is(region.stats().participants.length, 128);
		assert.ok(region.stats().participants.every(({ alive }) => alive));
		// A participant that leaves makes room.
		others.shift()?.close();
		join();
	} finally {
		for (const other of others) other.close();
	}
	assert.is(region.stats().participants.length, 1);
});

/**
 * Recursion to the end of the stack, with an operation at each level on the way back. The first ones have too
 * little stack, and end anywhere. Frames have several sizes, so that the ends are not always alike.
 */
function toTheEnd(
	operations: (() => void)[],
	tries: { left: number },
	errors: unknown[],
	...pad: number[]
): number {
	let depth = pad.length;
	try {
		depth += toTheEnd(operations, tries, errors, ...pad);
	} catch (error) {
		errors[tries.left] = error;
	}
	if (tries.left > 0) (operations[tries.left-- % operations.length] as () => void)();
	return depth;
}

test("a stack overflow in the middle of an operation closes the participant, and nothing is lost", async () => {
	using region = open();
	const queue = region.queue("queue", { capacity: "16KiB" });
	using consumer = queue.consumer();
	const baseline = region.stats().used;
	let closed = 0;
	// Where the stack ends depends on the engine: it goes on until it was in the midst of an operation.
	for (let round = 0; round < OVERFLOWS || (closed === 0 && round < 100 * OVERFLOWS); round++) {
		using other = Region.open(region.name, { mode: "open", directory });
		const producer = other.queue("queue").producer();
		const text = "x".repeat(100);
		const operations = [
			() => void other.allocate(1 + ((round * 37) % 5000)),
			() => void producer.trySend(text, { block: other.allocate(100) }),
			() => other.allocate(70_000).free(),
			() => void producer.trySend(text),
		];
		const errors: unknown[] = [];
		const tries = { left: 3000 };
		const pad = Array.from({ length: round % 13 }, () => 0);
		try {
			toTheEnd(operations, tries, errors, ...pad);
		} catch (error) {
			errors.push(error);
		}
		const code = codeOf(() => other.stats());
		if (code === "DHMEM_CLOSED") {
			closed++;
			// A dead participant is dead for everything that it had.
			assert.is(
				codeOf(() => other.allocate(1)),
				"DHMEM_CLOSED",
			);
			assert.is(
				codeOf(() => producer.trySend("x")),
				"DHMEM_CLOSED",
			);
			assert.is(
				codeOf(() => other.queue("queue")),
				"DHMEM_CLOSED",
			);
			// Its lock was dropped although nobody closed it.
			region.recover();
			assert.is(region.stats().participants.length, 1);
		} else {
			assert.is(code, "nothing");
			// It was interrupted outside of the core, so it can continue.
			for (let message = consumer.tryReceive(); message !== undefined; message = consumer.tryReceive()) {
				message.release();
			}
			assert.ok(producer.trySend("still there"), "it can't go on");
		}
		for (const error of errors) {
			if (error === undefined || error instanceof RangeError) continue;
			assert.ok(error instanceof DhmemError && error.code === "DHMEM_CLOSED", String(error));
		}
		other.close();
		region.recover();
		for (let message = consumer.tryReceive(); message !== undefined; message = consumer.tryReceive()) {
			assert.is(message.length, message.text() === "still there" ? 11 : 100);
			message.release();
		}
		assert.is(region.stats().used, baseline);
	}
	assert.ok(closed > 0, "no operation ended in its middle: nothing was tested");
});

test.run();
