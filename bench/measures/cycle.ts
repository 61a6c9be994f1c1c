/** A block in a cycle: allocate, fill, send, receive, free, with and without giving memory back. */
import { performance } from "node:perf_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Region, type RegionOptions } from "../../src/index.js";
import { checkRecord, recordOf } from "../data.js";
import type { Job, Measure } from "../measure.js";
import { pair, type Works } from "../pair.js";
import { present } from "../region.js";

const from = import.meta.url;
const size = 2 ** 20;
const count = 2 ** 13;

export const cycle: Measure = {
	name: "cycle",
	title: "allocate 1 MiB, fill, send, receive and free it, in one process",
	unit: "µs",
	better: "less",
	aim: { of: "ratio", atMost: 1.05 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "lazy", count, size }),
		pair({ name: 'dhmem, `trim: "never"`', role: "peer", from, work: "never", count, size }),
		pair({ name: 'dhmem, `trim: "eager"`', role: "beside", from, work: "eager", count, size }),
	],
	leavesOut:
		"The event loop turns after each cycle, so that it can give memory back. The consumer checks the first and the last number.",
};

function cycling(trim: NonNullable<RegionOptions["trim"]>) {
	return (place: string) => {
		const region = Region.open("bench", { directory: place, trim });
		const queue = region.queue("blocks");
		const producer = queue.producer();
		const consumer = queue.consumer();
		const one = (sequence: number, job: Job) => {
			const block = region.allocate(job.size);
			const values = block.as("f64").fill(sequence + 0.5);
			values[values.length - 1] = recordOf(sequence, job);
			producer.trySend("", { block });
			const message = present(consumer.tryReceive());
			const received = present(message.block).as("f64");
			checkRecord(received[0], sequence);
			checkRecord(received[received.length - 1], sequence);
			message.release();
		};
		return async (job: Job) => {
			const began = performance.now();
			for (let sequence = 0; sequence < job.count; sequence++) {
				one(sequence, job);
				await nextTurn();
			}
			return ((performance.now() - began) * 1000) / job.count;
		};
	};
}

export const works: Works = {
	lazy: { measure: cycling("lazy") },
	never: { measure: cycling("never") },
	eager: { measure: cycling("eager") },
};
