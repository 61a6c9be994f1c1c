/**
 * A process or worker thread that allocates, sends, receives, frees and saves without end, until it is
 * killed. It notes what it has certainly done in words that its killer can read.
 *
 * Arguments: folder, region, number, the notes' handle.
 */
import { isMainThread, workerData } from "node:worker_threads";
import { type Block, DhmemError, Region } from "dhmem";
import { loadBlock, randomFrom } from "../fixture/index.js";
import { randomSize } from "../memory/player.js";

/** The notes: words of a block. */
export const NOTES = {
	/** The number of turns. */
	turns: 0,
	/** The numbers of messages sent and of messages released. */
	sent: 1,
	released: 2,
	/** 1 while the handle in the bytes from `handle` on was saved and is not being freed. */
	saved: 3,
	handle: 16,
	bytes: 64,
};

/** The length of the saved blocks in bytes. */
export const SAVED = 7000;
const HANDLE_LENGTH = 38;

/** The number at the start of a message. */
export function numberIn(message: { text(): string }): number {
	return Number.parseInt(message.text(), 10);
}

export function savedHandle(notes: Uint8Array): string {
	return Buffer.from(notes.slice(NOTES.handle, NOTES.handle + HANDLE_LENGTH)).toString();
}

function live(args: string[]): never {
	const [directory, name, number, token] = args as [string, string, string, string];
	const random = randomFrom(Number(number) * 7919 + process.pid);
	const region = Region.open(name, { mode: "open", directory, label: `victim ${number}` });
	const notes = loadBlock(region, token);
	const words = notes.as("u32");
	const producer = region.queue(`out ${number}`).producer();
	const consumer = region.queue(`in ${number}`).consumer();
	const held: Block[] = [];
	let next = Atomics.load(words, NOTES.sent);

	const allocate = () => {
		try {
			const block = region.allocate(randomSize(random, region.size / 64));
			block.bytes.fill(0xaa);
			held.push(block);
		} catch (error) {
			if (!(error instanceof DhmemError) || error.code !== "DHMEM_REGION_FULL") throw error;
			for (const block of held.splice(0)) block.free();
		}
	};
	const send = () => {
		const block = random(3) === 0 ? held.pop() : undefined;
		if (producer.trySend(String(next).padEnd(1 + random(100)), { block }))
			Atomics.store(words, NOTES.sent, ++next);
		else if (block !== undefined) block.free();
	};
	const receive = () => {
		const message = consumer.tryReceive();
		if (message === undefined) return;
		const number = numberIn(message);
		if (message.block !== undefined && random(2) === 0) held.push(message.take());
		else message.release();
		Atomics.store(words, NOTES.released, number + 1);
	};
	const save = () => {
		const handle = region.save(region.allocate(SAVED));
		notes.bytes.set(Buffer.from(String(handle)), NOTES.handle);
		Atomics.store(words, NOTES.saved, 1);
		const block = loadBlock(region, handle);
		Atomics.store(words, NOTES.saved, 0);
		block.free();
	};

	for (;;) {
		const what = random(100);
		if (what < 40) allocate();
		else if (what < 70) (held.length > 0 ? held.splice(random(held.length), 1)[0] : undefined)?.free();
		else if (what < 80) send();
		else if (what < 90) receive();
		else if (what < 99) save();
		else region.queue(`object ${random(1000)}`, { capacity: 64 });
		if (held.length > 100) for (const block of held.splice(0)) block.free();
		Atomics.add(words, NOTES.turns, 1);
	}
}

const args = isMainThread ? process.argv.slice(2) : (workerData as { victim?: string[] }).victim;
if (args !== undefined && (!isMainThread || process.argv[1]?.endsWith("victim.js"))) live(args);
