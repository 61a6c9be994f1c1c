/** The works of `small.ts`. */
import type { PollHandler, Reads } from "../../src/index.js";
import { MESSAGE_BYTES, MESSAGE_WORDS, MessageSource, Meter } from "../data.js";
import { garbageOf } from "../garbage.js";
import type { Job } from "../measure.js";
import type { Work, Works } from "../pair.js";
import { openRegion, present } from "../region.js";

/** The number of messages that are reserved at once. */
const TOGETHER = 64;
const NAME = "small";
const options = { capacity: "1MiB" } as const;
/** A struct of the same 16 words. */
const record = {
	w0: "u32",
	w1: "u32",
	w2: "u32",
	w3: "u32",
	w4: "u32",
	w5: "u32",
	w6: "u32",
	w7: "u32",
	w8: "u32",
	w9: "u32",
	w10: "u32",
	w11: "u32",
	w12: "u32",
	w13: "u32",
	w14: "u32",
	w15: "u32",
} as const;
const structs = { record, capacity: 2 ** 14 } as const;
const STRUCTS = 256;
type Words = Record<keyof typeof record, number>;

function fillStruct(to: Words, sequence: number, { spoilt }: Job): void {
	to.w0 = sequence + 0;
	to.w1 = sequence + 1;
	to.w2 = sequence + 2;
	to.w3 = sequence + 3;
	to.w4 = sequence + 4;
	to.w5 = sequence + 5;
	to.w6 = sequence + 6;
	to.w7 = sequence + 7;
	to.w8 = sequence + 8;
	to.w9 = sequence + 9;
	to.w10 = sequence + 10;
	to.w11 = sequence + 11;
	to.w12 = sequence + 12;
	to.w13 = sequence + 13;
	to.w14 = sequence + 14;
	to.w15 = sequence + 15;
	if (sequence === spoilt) to.w15 = sequence;
}

function checkStruct(from: Words, sequence: number): void {
	const isRight =
		from.w0 === (sequence + 0) >>> 0 &&
		from.w1 === (sequence + 1) >>> 0 &&
		from.w2 === (sequence + 2) >>> 0 &&
		from.w3 === (sequence + 3) >>> 0 &&
		from.w4 === (sequence + 4) >>> 0 &&
		from.w5 === (sequence + 5) >>> 0 &&
		from.w6 === (sequence + 6) >>> 0 &&
		from.w7 === (sequence + 7) >>> 0 &&
		from.w8 === (sequence + 8) >>> 0 &&
		from.w9 === (sequence + 9) >>> 0 &&
		from.w10 === (sequence + 10) >>> 0 &&
		from.w11 === (sequence + 11) >>> 0 &&
		from.w12 === (sequence + 12) >>> 0 &&
		from.w13 === (sequence + 13) >>> 0 &&
		from.w14 === (sequence + 14) >>> 0 &&
		from.w15 === (sequence + 15) >>> 0;
	if (!isRight) throw new Error(`Message ${sequence} is wrong`);
}

function fill(view: DataView, at: number, sequence: number, { spoilt }: Job): void {
	for (let i = 0; i < MESSAGE_WORDS; i++) view.setUint32(at + 4 * i, sequence + i, true);
	if (sequence === spoilt) view.setUint32(at + MESSAGE_BYTES - 4, sequence, true);
}

function check(view: DataView, at: number, sequence: number): void {
	for (let i = 0; i < MESSAGE_WORDS; i++) {
		if (view.getUint32(at + 4 * i, true) !== (sequence + i) >>> 0)
			throw new Error(`Message ${sequence} is wrong at word ${i}`);
	}
}

/** Receives by `poll`. */
const polling: Work["measure"] = (place) => {
	const region = openRegion(place);
	return ({ count }) => {
		using consumer = region.queue(NAME, options).consumer();
		const meter = new Meter();
		let sequence = 0;
		const handler: PollHandler = (view, at) => {
			check(view, at, sequence);
			// The first, not the first call of poll: one call handles messages as long as they come.
			if (sequence++ === 0) meter.arrived(1);
		};
		while (sequence < count) if (consumer.poll(handler) === 0) consumer.waitSync();
		return meter.rate(count);
	};
};

export const works: Works = {
	poll: {
		measure: polling,
		serve: (place) => {
			const region = openRegion(place);
			return (job) => {
				using producer = region.queue(NAME, options).producer();
				for (let sequence = 0; sequence < job.count; ) {
					const batch = producer.tryReserveMany(MESSAGE_BYTES, Math.min(TOGETHER, job.count - sequence));
					if (batch === undefined) {
						producer.waitSync(MESSAGE_BYTES);
						continue;
					}
					const { view, count } = batch;
					for (let i = 0; i < count; i++) fill(view, batch.offset(i), sequence++, job);
					batch.commit();
				}
			};
		},
	},
	"in-place": {
		measure: polling,
		serve: (place) => {
			const region = openRegion(place);
			return (job) => {
				using producer = region.queue(NAME, options).producer();
				for (let sequence = 0; sequence < job.count; ) {
					const message = producer.tryReserve(MESSAGE_BYTES);
					if (message === undefined) {
						producer.waitSync(MESSAGE_BYTES);
						continue;
					}
					for (let i = 0; i < MESSAGE_WORDS; i++) message.writeUInt32LE((sequence + i) >>> 0, 4 * i);
					if (sequence === job.spoilt) message.writeUInt32LE(sequence, MESSAGE_BYTES - 4);
					message.commit();
					sequence++;
				}
			};
		},
	},
	accessors: {
		measure: (place) => {
			const region = openRegion(place);
			return ({ count }) => {
				using consumer = region.queue(NAME, options).consumer();
				const meter = new Meter();
				for (let sequence = 0; sequence < count; sequence++) {
					const message = present(consumer.tryReceive() ?? consumer.receiveSync());
					checkMessage(message, sequence);
					message.release();
					if (sequence === 0) meter.arrived(1);
				}
				return meter.rate(count);
			};
		},
		serve: (place) => {
			const region = openRegion(place);
			return (job) => {
				using producer = region.queue(NAME, options).producer();
				const source = new MessageSource();
				for (let sequence = 0; sequence < job.count; sequence++) {
					const bytes = source.next(sequence, job);
					if (!producer.trySend(bytes)) producer.sendSync(bytes);
				}
			};
		},
	},
	structs: {
		measure: (place) => {
			const region = openRegion(place);
			return ({ count }) => {
				using consumer = region.queue("structs", structs).consumer();
				const meter = new Meter();
				let sequence = 0;
				const handler = (each: Words) => {
					checkStruct(each, sequence);
					if (sequence++ === 0) meter.arrived(1);
				};
				while (sequence < count) if (consumer.poll(handler) === 0) consumer.waitSync();
				return meter.rate(count);
			};
		},
		serve: (place) => {
			const region = openRegion(place);
			return (job) => {
				using producer = region.queue("structs", structs).producer();
				let sequence = 0;
				const write = (each: Words) => fillStruct(each, sequence++, job);
				while (sequence < job.count) {
					if (producer.pushEach(Math.min(STRUCTS, job.count - sequence), write) === 0) producer.waitSync();
				}
			};
		},
	},
	"struct-bytes": {
		measure: (place) => {
			const region = openRegion(place);
			const batch = new DataView(new ArrayBuffer(STRUCTS * MESSAGE_BYTES));
			return ({ count }) => {
				using consumer = region.queue("structs", structs).consumer();
				const meter = new Meter();
				for (let sequence = 0; sequence < count; ) {
					const popped = consumer.popInto(batch);
					for (let i = 0; i < popped; i++) check(batch, i * MESSAGE_BYTES, sequence++);
					if (popped === 0) consumer.waitSync();
					else meter.arrived(popped);
				}
				return meter.rate(count);
			};
		},
		serve: (place) => {
			const region = openRegion(place);
			const bytes = new Uint8Array(STRUCTS * MESSAGE_BYTES);
			const view = new DataView(bytes.buffer);
			return (job) => {
				using producer = region.queue("structs", structs).producer();
				for (let sequence = 0; sequence < job.count; ) {
					const count = Math.min(STRUCTS, job.count - sequence);
					for (let i = 0; i < count; i++) fill(view, i * MESSAGE_BYTES, sequence++, job);
					for (let rest = bytes.subarray(0, count * MESSAGE_BYTES); rest.length > 0; ) {
						const pushed = producer.pushMany(rest);
						if (pushed === 0) producer.waitSync();
						else rest = rest.subarray(pushed * MESSAGE_BYTES);
					}
				}
			};
		},
	},
	/** Both endpoints in one process, for the garbage. */
	"garbage-poll": {
		measure: (place) => {
			const queue = openRegion(place).queue(NAME, options);
			const producer = queue.producer();
			const consumer = queue.consumer();
			let sequence = 0;
			const handler: PollHandler = (view, at) => check(view, at, sequence++);
			return garbageOf((job) => {
				sequence = 0;
				for (let sent = 0; sent < job.count; ) {
					const batch = present(producer.tryReserveMany(MESSAGE_BYTES, Math.min(TOGETHER, job.count - sent)));
					for (let i = 0; i < batch.count; i++) fill(batch.view, batch.offset(i), sent++, job);
					batch.commit();
					consumer.poll(handler);
				}
			});
		},
	},
	"garbage-accessors": {
		measure: (place) => {
			const message = openRegion(place).allocate(MESSAGE_BYTES);
			const copy = new Uint8Array(MESSAGE_BYTES);
			const view = new DataView(copy.buffer);
			return garbageOf((job) => {
				for (let sequence = 0; sequence < job.count; sequence++) {
					for (let i = 0; i < MESSAGE_WORDS; i++) message.writeUInt32LE((sequence + i) >>> 0, 4 * i);
					if (sequence === job.spoilt) message.writeUInt32LE(sequence, MESSAGE_BYTES - 4);
					checkMessage(message, sequence);
					message.copyTo(copy);
					check(view, 0, sequence);
				}
			});
		},
	},
};

function checkMessage(message: Reads, sequence: number): void {
	for (let i = 0; i < MESSAGE_WORDS; i++) {
		if (message.readUInt32LE(4 * i) !== (sequence + i) >>> 0)
			throw new Error(`Message ${sequence} is wrong at word ${i}`);
	}
}
