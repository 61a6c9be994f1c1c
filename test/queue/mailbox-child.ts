/** Processes at the endpoints of queues that drop their oldest message, for the tests of mailboxes. */
import { type DroppingQueueOptions, Region } from "dhmem";
import { serve, type Talk } from "../fixture/index.js";

export const KEEP_FEW: DroppingQueueOptions = { policy: "drop-oldest", keep: 4 };
/** The number of words in each message, and in the block of every third one. */
export const NUMBERS = 100;

/** Sends this many messages, each full of its number; then ends, or stays. */
function send({ say }: Talk, name: string, count: string, ends: string): unknown {
	const region = Region.open(name, { mode: "open" });
	const producer = region.queue("q", KEEP_FEW).producer();
	for (let i = 1; i <= Number(count); i++) {
		const numbers = new Uint32Array(NUMBERS).fill(i);
		if (i % 3 !== 0) producer.sendSync(numbers);
		else {
			const block = region.allocate(4 * NUMBERS);
			block.as("u32").set(numbers);
			producer.sendSync(numbers, { block });
		}
	}
	if (ends === "ends") {
		producer.end();
		region.close();
	} else setInterval(() => say("here"), 10_000);
	return "sent";
}

/** Receives up to the end. Returns how many messages, the last one, and what was wrong. */
async function receive({ say }: Talk, name: string): Promise<unknown> {
	using region = Region.open(name, { mode: "open" });
	using consumer = region.queue("q", KEEP_FEW).consumer();
	let count = 0;
	let last = 0;
	let wrong = "";
	say("ready");
	for await (const message of consumer) {
		const numbers = message.as("u32");
		const block = message.block?.as("u32");
		const number = numbers[0] as number;
		if (number <= last) wrong ||= `${number} after ${last}`;
		if (!numbers.every((each) => each === number)) wrong ||= `${number} is torn`;
		if ((block !== undefined) !== (number % 3 === 0)) wrong ||= `the block of ${number}`;
		if (block?.every((each) => each === number) === false) wrong ||= `the block of ${number} is torn`;
		count++;
		last = number;
	}
	return { count, last, wrong };
}

/** Receives and releases without end, but holds every tenth message for a while. */
async function consume({ say }: Talk, name: string): Promise<void> {
	using region = Region.open(name, { mode: "open" });
	const consumer = region.queue("q", KEEP_FEW).consumer();
	const held = [];
	for (let count = 1; ; count++) {
		const message = await consumer.receive();
		if (message === undefined) return;
		if (count % 10 === 0) held.push(message);
		else message.release();
		if (held.length > 3) held.shift()?.release();
		if (count === 100) say("consuming");
	}
}

serve(import.meta.url, { send, receive, consume });
