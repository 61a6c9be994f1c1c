/** A producer runs ahead, and a consumer keeps what it received: nothing is overwritten before its release. */
import { type Block, type Message, Region } from "dhmem";
import * as assert from "uvu/assert";
import { Payloads } from "../endurance/payload.js";
import { randomFrom, type Scenario, serve } from "../fixture/index.js";
import { type Conditions, hear, inRegion, type Row, start } from "./row.js";

const QUEUE = "ahead";
const LARGEST = 100_000;
/** The number of messages, and of blocks taken out of messages, that are kept. */
const KEPT_MESSAGES = 24;
const KEPT_BLOCKS = 40;

/** Every third message hands over a block. */
function hasBlock(sequence: number): boolean {
	return sequence % 3 === 0;
}

const produce: Scenario = (_, name, count, seed) => {
	using region = Region.open(name as string, { mode: "open" });
	using producer = region.queue(QUEUE).producer();
	const payloads = new Payloads(Number(seed), LARGEST);
	for (let sequence = 0; sequence < Number(count); sequence++) {
		const bytes = payloads.bytes(sequence);
		if (hasBlock(sequence)) {
			const block = region.allocate(Math.max(1, bytes.length));
			block.bytes.set(bytes);
			producer.sendSync("", { block });
			// The sender can't reach it any more.
			if (!throws(() => block.bytes)) throw new Error("a block that was sent is still the sender's");
		} else producer.sendSync(bytes);
	}
	producer.end();
};

function throws(body: () => unknown): boolean {
	try {
		body();
		return false;
	} catch {
		return true;
	}
}

interface Kept<T> {
	thing: T;
	sequence: number;
}

interface Verified {
	messages: number;
	late: number;
	wrong: number;
	/** How many of those that were read again after their release had other contents by then. */
	overwritten: number;
}

const consume: Scenario = (_, name, seed): Verified => {
	using region = Region.open(name as string, { mode: "open" });
	using consumer = region.queue(QUEUE).consumer();
	const payloads = new Payloads(Number(seed), LARGEST);
	const random = randomFrom(Number(seed));
	const messages: Kept<Message>[] = [];
	const blocks: Kept<Block>[] = [];
	const stale: Kept<Uint8Array>[] = [];
	const verified = { messages: 0, late: 0, wrong: 0, overwritten: 0 };

	const isRight = (sequence: number, bytes: Uint8Array) =>
		payloads.isRight(sequence, bytes.subarray(0, payloads.size(sequence)));
	const verify = (sequence: number, bytes: Uint8Array) => {
		if (!isRight(sequence, bytes)) verified.wrong++;
	};
	/** The bytes of the oldest, or of any other, after what came meanwhile. */
	const giveBackOne = () => {
		const [one] = messages.splice(random(4) === 0 ? random(messages.length) : 0, 1);
		if (one === undefined) return;
		const bytes = one.thing.block?.bytes ?? one.thing.bytes;
		verify(one.sequence, bytes);
		verified.late++;
		if (one.thing.block !== undefined && random(2) === 0) {
			blocks.push({ thing: one.thing.take(), sequence: one.sequence });
			return;
		}
		if (one.thing.block === undefined && bytes.length > 100)
			stale.push({ thing: bytes, sequence: one.sequence });
		one.thing.release();
	};
	const freeOne = () => {
		const [one] = blocks.splice(random(blocks.length), 1);
		if (one === undefined) return;
		verify(one.sequence, one.thing.bytes);
		verified.late++;
		one.thing.free();
	};

	for (;;) {
		const message = messages.length > 0 ? consumer.tryReceive() : consumer.receiveSync();
		if (message !== undefined) {
			messages.push({ thing: message, sequence: verified.messages++ });
		} else if (messages.length > 0) giveBackOne();
		else if (consumer.ended) break;
		if (messages.length > KEPT_MESSAGES) giveBackOne();
		if (blocks.length > KEPT_BLOCKS) freeOne();
		if (stale.length > 200) {
			for (const { thing, sequence } of stale.splice(0)) {
				if (!isRight(sequence, thing)) verified.overwritten++;
			}
		}
	}
	while (blocks.length > 0) freeOne();
	return verified;
};

async function run(count: number, { seed }: Conditions): Promise<string[]> {
	return inRegion({ size: "64MiB" }, async (region) => {
		region.queue(QUEUE, { capacity: "1MiB" });
		const { used } = region.stats();
		const consumer = start(import.meta.url, "consume", region.name, seed);
		const producer = start(import.meta.url, "produce", region.name, count, seed);
		const { messages, late, wrong, overwritten } = await hear<Verified>(consumer);
		await Promise.all([producer.ended, consumer.ended]);
		assert.is(messages, count);
		assert.ok(late >= count);
		assert.is(wrong, 0, `of ${late} that were kept, ${wrong} were overwritten`);
		// The control: released memory is used again, so the check can fail.
		assert.ok(overwritten > 0, "nothing is ever overwritten here");
		assert.is(region.stats().used, used);
		return [
			`${messages} messages, ${late} verified after others had come, ${wrong} overwritten; ` +
				`after their release ${overwritten} were`,
		];
	});
}

export const heldMessages: Row = {
	title: "nothing is overwritten before it is released, however far the producer runs ahead",
	unit: "messages",
	full: 200_000,
	short: 3000,
	run,
};

serve(import.meta.url, { produce, consume });
