/** Numeric records between two processes: in batches, and one by one. */
import { checkRecord, checkRecords, fillRecords, Meter, RECORDS, recordOf } from "../data.js";
import type { Measure } from "../measure.js";
import { native } from "../native.js";
import { pair, peer, type Works } from "../pair.js";
import { openRegion } from "../region.js";

const oneByOne = native({
	name: "spsc_queue in C++, one by one",
	role: "peer",
	program: "spsc",
	args: ["records"],
	count: 2 ** 26,
});
const copy = native({
	name: "memcpy in and out, one process",
	role: "floor",
	program: "copy",
	args: ["records"],
	count: 2 ** 26,
});

const made = "Each record costs one addition to make and one comparison to check, on both sides.";

export const recordBatches: Measure = {
	name: "record-batches",
	title: "f64 records, `pushMany` and `popInto`",
	short: "Numbers in batches (`pushMany`, `popInto`)",
	unit: "M/s",
	better: "more",
	aim: { of: "ratio", atLeast: 3 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from: import.meta.url, work: "record-batches", count: 2 ** 25 }),
		oneByOne,
		native({
			name: "spsc_queue in C++, in batches",
			role: "beside",
			program: "spsc",
			args: ["batches"],
			count: 2 ** 26,
		}),
		pair({
			name: "Unix socket, writes of 32 KiB",
			role: "beside",
			from: peer("unix-socket"),
			work: "records",
			count: 2 ** 25,
		}),
		pair({
			name: "ringbuf.js, threads",
			role: "beside",
			from: peer("ringbuf"),
			work: "records",
			count: 2 ** 25,
		}),
		copy,
	],
	leavesOut: `${made} The peer moves records one by one; beside it stands the same queue in batches of 4096.`,
};

export const records: Measure = {
	name: "records",
	title: "f64 records one by one, `push` and `pop`",
	unit: "M/s",
	better: "more",
	aim: { of: "ratio", atLeast: 0.5 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from: import.meta.url, work: "records", count: 2 ** 23 }),
		oneByOne,
		copy,
	],
	leavesOut: made,
};

const NAME = "records";
const options = { record: "f64", capacity: 4 * RECORDS } as const;

export const works: Works = {
	"record-batches": {
		measure: (place) => {
			const region = openRegion(place);
			const values = new Float64Array(RECORDS);
			return ({ count }) => {
				using consumer = region.queue(NAME, options).consumer();
				const meter = new Meter();
				for (let sequence = 0; sequence < count; ) {
					const popped = consumer.popInto(values);
					if (popped === 0) {
						consumer.waitSync();
						continue;
					}
					checkRecords(values, popped, sequence);
					meter.arrived(popped);
					sequence += popped;
				}
				return meter.rate(count);
			};
		},
		serve: (place) => {
			const region = openRegion(place);
			const values = new Float64Array(RECORDS);
			return (job) => {
				using producer = region.queue(NAME, options).producer();
				for (let sequence = 0; sequence < job.count; sequence += RECORDS) {
					const batch = values.subarray(0, Math.min(RECORDS, job.count - sequence));
					fillRecords(batch, sequence, job);
					let pushed = producer.pushMany(batch);
					while (pushed < batch.length) {
						producer.waitSync();
						pushed += producer.pushMany(batch.subarray(pushed));
					}
				}
			};
		},
	},
	records: {
		measure: (place) => {
			const region = openRegion(place);
			return ({ count }) => {
				using consumer = region.queue(NAME, options).consumer();
				const meter = new Meter();
				for (let sequence = 0; sequence < count; sequence++) {
					let value = consumer.pop();
					while (value === undefined) {
						consumer.waitSync();
						value = consumer.pop();
					}
					checkRecord(value, sequence);
					if (sequence === 0) meter.arrived(1);
				}
				return meter.rate(count);
			};
		},
		serve: (place) => {
			const region = openRegion(place);
			return (job) => {
				using producer = region.queue(NAME, options).producer();
				for (let sequence = 0; sequence < job.count; sequence++) {
					const value = recordOf(sequence, job);
					while (!producer.push(value)) producer.waitSync();
				}
			};
		},
	},
};
