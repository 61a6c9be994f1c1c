/** Messages of 1 MiB, written and compared in place. */
import type { Queue, Region, Slot } from "../../src/index.js";
import { largePatterns, Meter, PATTERNS, patternOf } from "../data.js";
import type { Job, Measure } from "../measure.js";
import { native } from "../native.js";
import { type Half, pair, type Works } from "../pair.js";
import { openRegion, present } from "../region.js";
import { spin } from "../spin.js";

const MESSAGE = 2 ** 20;
/** Of the region: what bounds how many large messages are on their way. */
const SIZE = "512MiB";
/** How many fit the ring. */
const FIT = 8;

export const stream: Measure = {
	name: "stream",
	title: "1 MiB messages in place: reserve, fill, commit; compare, release",
	unit: "GB/s",
	better: "more",
	aim: { of: "ratio", atLeast: 0.8 },
	contenders: [
		pair({
			name: "dhmem",
			role: "dhmem",
			from: import.meta.url,
			work: "stream",
			count: 2 ** 12,
			size: MESSAGE,
		}),
		native({
			name: "memcpy and memcmp in C++, one process",
			role: "peer",
			program: "copy",
			args: ["compare"],
			count: 2 ** 12,
			size: MESSAGE,
		}),
		pair({
			name: "dhmem, a Float64Array's fill",
			role: "beside",
			from: import.meta.url,
			work: "stream-numbers",
			count: 2 ** 12,
			size: MESSAGE,
		}),
		pair({
			name: "dhmem, set from an array",
			role: "beside",
			from: import.meta.url,
			work: "stream-set",
			count: 2 ** 12,
			size: MESSAGE,
		}),
	],
	leavesOut: "dhmem's fill and compare run on two cores at once, the peer's on one; a fill reads no source.",
};

/** The queue for messages of `size` bytes. What doesn't fit travels as a block by itself. */
function queueOf(region: Region, size: number): Queue {
	return region.queue("stream", { capacity: Math.min(Math.max(FIT * size, 2 ** 16), FIT * MESSAGE) });
}

/** Sends messages of `size` bytes in place, each written by `write`. */
function sending(write: (slot: Slot, sequence: number, pattern: Uint8Array) => void): Half<void> {
	return (place) => {
		const region = openRegion(place, SIZE);
		return ({ count, size, spoilt }) => {
			using producer = queueOf(region, size).producer();
			const patterns = largePatterns(size);
			for (let sequence = 0; sequence < count; sequence++) {
				const slot = spin(() => producer.tryReserve(size));
				write(slot, sequence, patterns[sequence % patterns.length] as Uint8Array);
				if (sequence === spoilt) slot.bytes[size - 1] = 1;
				slot.commit();
			}
		};
	};
}

/** Receives them in place, and gives messages a second, in millions. */
function receiving(place: string) {
	const region = openRegion(place, SIZE);
	return ({ count, size }: Job) => {
		using consumer = queueOf(region, size).consumer();
		const patterns = largePatterns(size);
		const meter = new Meter();
		for (let sequence = 0; sequence < count; sequence++) {
			const message = present(consumer.tryReceive() ?? consumer.receiveSync());
			const expected = patterns[sequence % patterns.length] as Uint8Array;
			if (Buffer.compare(message.bytes, expected) !== 0) throw new Error(`Message ${sequence} is wrong`);
			message.release();
			if (sequence === 0) meter.arrived(1);
		}
		return meter.rate(count);
	};
}

function bandwidth(place: string) {
	const receive = receiving(place);
	return (job: Job) => (receive(job) * job.size) / 1000;
}

const numbers = largePatterns(8);

/** One number, all over. A Buffer's `fill`, given bytes, is native; a typed array's goes number by number. */
const fills = sending(({ bytes }, sequence) => {
	const { buffer, byteOffset, length } = bytes;
	Buffer.from(buffer, byteOffset, length).fill(numbers[sequence % PATTERNS] as Uint8Array);
});

export const works: Works = {
	stream: { measure: bandwidth, serve: fills },
	/** Microseconds for each message. */
	sized: {
		measure: (place) => {
			const receive = receiving(place);
			return (job) => 1 / receive(job);
		},
		serve: fills,
	},
	"stream-numbers": {
		measure: bandwidth,
		serve: sending((slot, sequence) => slot.as("f64").fill(patternOf(sequence))),
	},
	"stream-set": {
		measure: bandwidth,
		serve: sending((slot, _, pattern) => slot.bytes.set(pattern)),
	},
};
