/** The garbage that each record makes, measured by V8's sampling heap profiler. */
import { checkRecord, checkRecords, fillRecords, MessageSource, RECORDS, recordOf } from "../data.js";
import { garbageOf } from "../garbage.js";
import type { Measure } from "../measure.js";
import { pair, peer, type Works } from "../pair.js";
import { InPlace, openRegion, present } from "../region.js";

const from = import.meta.url;
const unit = "B";
const better = "less";

export const garbageBatches: Measure = {
	name: "garbage-batches",
	title: "garbage for a record, `pushMany` and `popInto`",
	unit,
	better,
	aim: { of: "figure", atMost: 0.01 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "batches", count: 2 ** 24 }),
		pair({ name: "an array, filled and copied", role: "floor", from, work: "none", count: 2 ** 24 }),
	],
	leavesOut:
		"Both endpoints are in one process, so the figure is their sum; a figure as small as one sample means none.",
};

export const garbagePop: Measure = {
	name: "garbage-pop",
	title: "garbage for a record with a fraction, `push` and `pop`",
	unit,
	better,
	// A number on V8's heap takes 12 bytes, or 16 with alignment; the profiler's figures vary by a few percent.
	aim: { of: "figure", atMost: 17 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "pop", count: 2 ** 20 }),
		pair({ name: "one number, made and kept", role: "floor", from, work: "number", count: 2 ** 20 }),
		pair({ name: "dhmem, a message of 64 B", role: "beside", from, work: "message", count: 2 ** 18 }),
		pair({
			name: "MessagePort, 64 B to oneself",
			role: "beside",
			from: peer("message-port"),
			work: "garbage",
			count: 2 ** 14,
		}),
	],
	leavesOut: "As above. Beside them stands a message of 64 B, sent and received.",
};

/** Keeps one number on the heap. */
const kept: { value: number | undefined } = { value: undefined };

export const works: Works = {
	batches: {
		measure: (place) => {
			const region = openRegion(place);
			const queue = region.queue("records", { record: "f64", capacity: 4 * RECORDS });
			const producer = queue.producer();
			const consumer = queue.consumer();
			const values = new Float64Array(RECORDS);
			const popped = new Float64Array(RECORDS);
			return garbageOf((job) => {
				for (let sequence = 0; sequence < job.count; sequence += RECORDS) {
					fillRecords(values, sequence, job);
					if (producer.pushMany(values) !== RECORDS) throw new Error("There was room");
					const count = consumer.popInto(popped);
					if (count !== RECORDS) throw new Error("All were there");
					checkRecords(popped, Math.min(count, job.count - sequence), sequence);
				}
			});
		},
	},
	pop: {
		measure: (place) => {
			const queue = openRegion(place).queue("records", { record: "f64", capacity: 4 * RECORDS });
			const producer = queue.producer();
			const consumer = queue.consumer();
			return garbageOf((job) => {
				for (let sequence = 0; sequence < job.count; sequence++) {
					if (!producer.push(recordOf(sequence, job))) throw new Error("There was room");
					checkRecord(consumer.pop(), sequence);
				}
			});
		},
	},
	message: {
		measure: (place) => {
			const queue = openRegion(place).queue("messages");
			const producer = queue.producer();
			const consumer = queue.consumer();
			const source = new MessageSource();
			const inPlace = new InPlace();
			return garbageOf((job) => {
				for (let sequence = 0; sequence < job.count; sequence++) {
					producer.trySend(source.next(sequence, job));
					const message = present(consumer.tryReceive());
					inPlace.check(message, sequence);
					message.release();
				}
			});
		},
	},
	number: {
		measure: () =>
			garbageOf((job) => {
				for (let sequence = 0; sequence < job.count; sequence++) {
					kept.value = recordOf(sequence, job);
					checkRecord(kept.value, sequence);
				}
			}),
	},
	none: {
		measure: () => {
			const values = new Float64Array(RECORDS);
			const copy = new Float64Array(RECORDS);
			return garbageOf((job) => {
				for (let sequence = 0; sequence < job.count; sequence += RECORDS) {
					fillRecords(values, sequence, job);
					copy.set(values);
					checkRecords(copy, Math.min(RECORDS, job.count - sequence), sequence);
				}
			});
		},
	},
};
