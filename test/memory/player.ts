/**
 * One of two processes that allocate and free at random in one region, and send each other blocks.
 *
 * Arguments: folder, region, which of the two (0 or 1), operations, seed, the progress words' handle.
 */
import { type Block, DhmemError, type Message, Region } from "dhmem";
import { isMarked, loadBlock, randomFrom } from "../fixture/index.js";

/** What a player reports when it has finished. */
export interface Report {
	operations: number;
	/** How often the region was full, and how many blocks were sent, taken and freed elsewhere. */
	full: number;
	sent: number;
	taken: number;
	/** The size of the largest free block divided by all free bytes, sampled during use: the least and the mean. */
	leastLargest: number;
	meanLargest: number;
	seconds: number;
}

/** The progress word that says how many operations both should do; the words before it belong to the players. */
export const WANTED = 2;

interface Held {
	block: Block;
	mark: number;
}

/** Most blocks are small, some have up to `largest` bytes; either log-uniform. */
export function randomSize(random: (below: number) => number, largest: number): number {
	const limit = random(100) < 98 ? 4096 : largest;
	return Math.floor(2 ** ((random(1e6) / 1e6) * Math.log2(limit)));
}

function play(args: string[]): Report {
	const [directory, name, which, operations, seed, token] = args as [
		string,
		string,
		string,
		string,
		string,
		string,
	];
	const me = Number(which);
	const random = randomFrom(Number(seed));
	using region = Region.open(name, { mode: "open", directory, label: `player ${me}` });
	const progress = loadBlock(region, token).as("u32");
	using producer = region.queue(`from ${me}`).producer();
	using consumer = region.queue(`from ${1 - me}`).consumer();
	const largest = region.size / 2;
	const held: Held[] = [];
	const report = { operations: 0, full: 0, sent: 0, taken: 0, leastLargest: 1, meanLargest: 0, seconds: 0 };
	let samples = 0;
	const started = performance.now();

	const check = ({ block, mark }: Held) => {
		if (!isMarked(block.bytes, mark))
			throw new Error(`a block of ${block.length} was written by somebody else`);
	};
	const pick = () => {
		const index = random(held.length);
		const [one] = held.splice(index, 1, held[held.length - 1] as Held);
		held.pop();
		return one as Held;
	};
	const free = () => {
		const one = pick();
		check(one);
		one.block.free();
	};
	const allocate = (size = randomSize(random, largest)) => {
		// Marks of the two differ, so that a block handed out to both is noticed.
		const mark = random(127) * 2 + me;
		try {
			const block = region.allocate(size);
			block.bytes.fill(mark);
			held.push({ block, mark });
		} catch (error) {
			if (!(error instanceof DhmemError) || error.code !== "DHMEM_REGION_FULL") throw error;
			report.full++;
			while (held.length > 0 && random(20) !== 0) free();
		}
	};
	const keep = (message: Message) => {
		const mark = message.text().charCodeAt(0);
		check({ block: message.block as Block, mark });
		if (random(2) === 0) return message.release();
		held.push({ block: message.take(), mark });
		report.taken++;
	};
	const receive = () => {
		const message = consumer.tryReceive();
		if (message !== undefined) keep(message);
	};
	const send = () => {
		const one = pick();
		check(one);
		if (producer.trySend(String.fromCharCode(one.mark), { block: one.block })) report.sent++;
		else one.block.free();
	};

	// Random sizes need not fill the region, so each player sees it full at least once.
	while (report.full === 0) allocate(largest / 8);
	// An observer may want more.
	const wanted = () => Math.max(Number(operations), Atomics.load(progress, WANTED));
	for (; report.operations < wanted(); report.operations++) {
		const what = random(100);
		if (what < 45 || held.length === 0) allocate();
		else if (what < 90 || held.length > 300) free();
		else if (what < 95) send();
		else receive();
		Atomics.store(progress, me, report.operations + 1);
		if (report.operations % 5000 === 2500) {
			const { used, largestFree } = region.stats();
			const share = largestFree / Math.max(1, region.size - used);
			report.leastLargest = Math.min(report.leastLargest, share);
			report.meanLargest += share;
			samples++;
		}
	}
	producer.end();
	// All of them may still have to come, if the other one has begun late.
	for (let message = consumer.receiveSync(); message !== undefined; message = consumer.receiveSync())
		keep(message);
	while (held.length > 0) free();
	return {
		...report,
		meanLargest: report.meanLargest / samples,
		seconds: (performance.now() - started) / 1000,
	};
}

if (process.argv[1]?.endsWith("player.js")) process.send?.(play(process.argv.slice(2)));
