/** Messages of 64 B, many in each call. */
import { BATCH, fillMessage, MESSAGE_BYTES, MESSAGE_WORDS, Meter } from "../data.js";
import type { Measure } from "../measure.js";
import { native } from "../native.js";
import { pair, peer, type Works } from "../pair.js";
import { InPlace, openRegion } from "../region.js";

const work = "batches";

export const batches: Measure = {
	name: "batches",
	title: "64 B messages, `sendMany` and `batches`",
	short: "Messages of 64 B in batches (`sendMany`, `batches`)",
	unit: "M/s",
	better: "more",
	aim: { of: "ratio", atLeast: 2 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from: import.meta.url, work, count: 2 ** 21 }),
		pair({
			name: "Unix socket, writes of 64 KiB",
			role: "peer",
			from: peer("unix-socket"),
			work,
			count: 2 ** 21,
		}),
		native({ name: "spsc_queue in C++", role: "floor", program: "spsc", args: ["messages"], count: 2 ** 23 }),
	],
	leavesOut: "Making the messages: both sides have them in one array before they send.",
};

const NAME = "batches";
const options = { capacity: "1MiB" } as const;

export const works: Works = {
	batches: {
		measure: (place) => {
			const region = openRegion(place);
			const inPlace = new InPlace();
			return async ({ count }) => {
				using consumer = region.queue(NAME, options).consumer();
				const meter = new Meter();
				let sequence = 0;
				for await (const batch of consumer.batches(BATCH)) {
					for (const message of batch) inPlace.check(message, sequence++);
					meter.arrived(batch.length);
					if (sequence === count) {
						for (const message of batch) message.release();
						break;
					}
				}
				return meter.rate(count);
			};
		},
		serve: (place) => {
			const region = openRegion(place);
			const words = new Uint32Array(MESSAGE_WORDS * BATCH);
			const messages = Array.from(
				{ length: BATCH },
				(_, index) => new Uint8Array(words.buffer, index * MESSAGE_BYTES, MESSAGE_BYTES),
			);
			return async (job) => {
				using producer = region.queue(NAME, options).producer();
				for (let sequence = 0; sequence < job.count; sequence += BATCH) {
					const batch = Math.min(BATCH, job.count - sequence);
					for (let i = 0; i < batch; i++) fillMessage(words, i * MESSAGE_WORDS, sequence + i, job);
					const items = batch === BATCH ? messages : messages.slice(0, batch);
					let sent = producer.sendMany(items);
					while (sent < batch) {
						await producer.send(items[sent] as Uint8Array);
						sent += 1 + producer.sendMany(items.slice(sent + 1));
					}
				}
			};
		},
	},
};
