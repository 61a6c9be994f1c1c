/** Messages of 10 MiB from one process to another: each is whole, in order, not left out and not repeated. */
import { type Consumer, type Message, type Producer, Region } from "dhmem";
import * as assert from "uvu/assert";
import { Checker, Payloads } from "../endurance/payload.js";
import { clock, type Scenario, serve } from "../fixture/index.js";
import { type Conditions, hear, inRegion, type Row, start } from "./row.js";

const BYTES = 10 * 2 ** 20;
const QUEUE = "fields";
const REGION = { size: "256MiB" };
const WAYS = {
	"in place": { capacity: "32MiB" },
	/** There is room for two references, so few blocks are under way at a time. */
	"as blocks": { capacity: 64 },
} as const;
type Way = keyof typeof WAYS;

/** All have the same size. */
class Fields extends Payloads {
	override size(): number {
		return BYTES;
	}
}

/** Sends what `write` writes. Returns whether there was room, or a promise that waits for it with what is written. */
function trySend(
	region: Region,
	producer: Producer,
	way: Way,
	write: (bytes: Uint8Array) => void,
): boolean | Promise<void> {
	if (way === "in place") {
		const slot = producer.tryReserve(BYTES);
		if (slot === undefined) return false;
		write(slot.bytes);
		slot.commit();
		return true;
	}
	const block = region.allocate(BYTES);
	write(block.bytes);
	if (producer.trySend("", { block })) return true;
	return producer.send("", { block });
}

function bytesOf(message: Message, way: Way): Uint8Array {
	if (way === "in place") return message.bytes;
	assert.ok(message.block, "a message without its block");
	return message.block.bytes;
}

const produce: Scenario = async (_, name, way, count, seed) => {
	using region = Region.open(name as string, { mode: "open" });
	using producer = region.queue(QUEUE).producer();
	const fields = new Fields(Number(seed), BYTES);
	for (let sequence = 0; sequence < Number(count); sequence++) {
		for (;;) {
			const sent = trySend(region, producer, way as Way, (bytes) => void fields.write(sequence, bytes));
			if (sent === true) break;
			if (sent !== false) {
				await sent;
				break;
			}
			// There is no way to wait for room to write in place.
			await new Promise((resolve) => setImmediate(resolve));
		}
	}
	producer.end();
};

const consume: Scenario = (_, name, way, count, seed) => {
	using region = Region.open(name as string, { mode: "open" });
	using consumer = region.queue(QUEUE).consumer();
	const checker = new Checker(new Fields(Number(seed), BYTES));
	for (let message = consumer.receiveSync(); message !== undefined; message = consumer.receiveSync()) {
		checker.check(bytesOf(message, way as Way));
		message.release();
	}
	checker.finish(Number(count));
	return { messages: checker.messages, errors: checker.errors };
};

function runWay(way: Way) {
	return async (count: number, { seed }: Conditions): Promise<string[]> => {
		await controls(way, seed);
		return inRegion(REGION, async (region) => {
			region.queue(QUEUE, WAYS[way]);
			const { used } = region.stats();
			const began = clock();
			const consumer = start(import.meta.url, "consume", region.name, way, count, seed);
			const producer = start(import.meta.url, "produce", region.name, way, count, seed);
			const report = await hear<{ messages: number; errors: string[] }>(consumer);
			const took = clock() - began;
			assert.equal(report, { messages: count, errors: [] });
			await Promise.all([producer.ended, consumer.ended]);
			assert.is(region.stats().used, used, "bytes in use");
			const speed = (count * BYTES) / took / 1e6;
			return [
				`${report.messages} messages of 10 MiB verified whole, in order, ${report.errors.length} errors; ` +
					`${(took / 1000).toFixed(1)} s, ${speed.toFixed(2)} GB/s with filling and verifying`,
			];
		});
	};
}

/** The sender's faults: the numbers of the messages that it sends, and whether a byte of the third is wrong. */
const FAULTS: Record<string, { sent: number[]; spoilt?: boolean; found: RegExp }> = {
	none: { sent: [0, 1, 2, 3, 4], found: /^$/ },
	"a byte": { sent: [0, 1, 2, 3, 4], spoilt: true, found: /message 2 of \d+ bytes is torn/ },
	skipped: { sent: [0, 1, 3, 4], found: /message 3 came when 2 was due: lost/ },
	repeated: { sent: [0, 1, 2, 2, 3, 4], found: /message 2 came when 3 was due: repeated/ },
	swapped: {
		sent: [0, 2, 1, 3, 4],
		found: /message 2 came when 1 was due: lost.*message 1 came when 3 was due/,
	},
	"the last": { sent: [0, 1, 2, 3], found: /4 of 5 messages came/ },
};

/** The consumer's check finds each fault. */
async function controls(way: Way, seed: number): Promise<void> {
	for (const [what, { sent, spoilt = false, found }] of Object.entries(FAULTS)) {
		await inRegion(REGION, async (region) => {
			const queue = region.queue(QUEUE, WAYS[way]);
			const producer = queue.producer();
			const consumer: Consumer = queue.consumer();
			const fields = new Fields(seed, BYTES);
			const checker = new Checker(fields);
			for (const [index, sequence] of sent.entries()) {
				const write = (bytes: Uint8Array) => {
					fields.write(sequence, bytes);
					const at = (seed * 7919) % BYTES;
					if (spoilt && index === 2) bytes[at] = (bytes[at] as number) ^ 1;
				};
				assert.is(trySend(region, producer, way, write), true);
				const message = consumer.tryReceive();
				assert.ok(message);
				checker.check(bytesOf(message, way));
				message.release();
			}
			checker.finish(5);
			assert.match(checker.errors.join("; "), found, `${what}: ${checker.errors}`);
		});
	}
}

function row(way: Way): Row {
	return {
		title: `messages of 10 MiB, ${way}, arrive whole, in order, none skipped, none twice`,
		unit: "messages",
		full: 10_000,
		short: 30,
		run: runWay(way),
	};
}

export const messagesInPlace = row("in place");
export const messagesAsBlocks = row("as blocks");

serve(import.meta.url, { produce, consume });
