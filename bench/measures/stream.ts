/** Messages of 1 MiB, written and compared in place. */
import type { Queue, Region, Reservation } from "../../src/index.js";
import { LargeMessages, Meter, PATTERNS, patternOf, recordOf } from "../data.js";
import type { Job, Measure } from "../measure.js";
import { iceoryx2, native } from "../native.js";
import { type Half, pair, type Works } from "../pair.js";
import { openRegion, present } from "../region.js";
import { spin } from "../spin.js";

const MESSAGE = 2 ** 20;
/** The size of the region, which limits how many large messages are on their way. */
const SIZE = "512MiB";
/** The number of messages that fit the ring. */
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
		iceoryx2("stream", 2 ** 12, MESSAGE),
	],
	leavesOut: "dhmem fills and compares on two cores at once, the peer on one; a fill reads no source.",
};

/** Opens the queue for messages of `size` bytes. Messages that don't fit its ring travel as blocks. */
function queueOf(region: Region, size: number): Queue {
	return region.queue("stream", { capacity: Math.min(Math.max(FIT * size, 2 ** 16), FIT * MESSAGE) });
}

/** Sends messages of `size` bytes in place, each written by `write`. */
function sending(
	write: (slot: Reservation, sequence: number, job: Job, messages: LargeMessages) => void,
): Half<void> {
	return (place) => {
		const region = openRegion(place, SIZE);
		return (job) => {
			using producer = queueOf(region, job.size).producer();
			const messages = new LargeMessages(job.size);
			for (let sequence = 0; sequence < job.count; sequence++) {
				const slot = spin(() => producer.tryReserve(job.size));
				write(slot, sequence, job, messages);
				slot.commit();
			}
		};
	};
}

/** Receives messages in place, and returns millions of messages per second. */
function receiving(place: string) {
	const region = openRegion(place, SIZE);
	return ({ count, size }: Job) => {
		using consumer = queueOf(region, size).consumer();
		const messages = new LargeMessages(size);
		const meter = new Meter();
		for (let sequence = 0; sequence < count; sequence++) {
			const message = present(consumer.tryReceive() ?? consumer.receiveSync());
			messages.check(message.bytes, sequence);
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

const numbers = Array.from({ length: PATTERNS }, (_, index) => {
	return new Uint8Array(Float64Array.of(patternOf(index)).buffer);
});

/**
 * Fills a message with one number. A Buffer's `fill` with bytes is native; a typed array's goes number by
 * number.
 */
const fills = sending(({ bytes }, sequence, job) => {
	const { buffer, byteOffset, length } = bytes;
	const message = Buffer.from(buffer, byteOffset, length);
	message.fill(numbers[sequence % PATTERNS] as Uint8Array);
	message.writeDoubleLE(recordOf(sequence, job), length - 8);
});

export const works: Works = {
	stream: { measure: bandwidth, serve: fills },
	/** The figure is microseconds per message. */
	sized: {
		measure: (place) => {
			const receive = receiving(place);
			return (job) => 1 / receive(job);
		},
		serve: fills,
	},
	"stream-numbers": {
		measure: bandwidth,
		serve: sending((slot, sequence, job) => {
			const values = slot.as("f64").fill(patternOf(sequence));
			values[values.length - 1] = recordOf(sequence, job);
		}),
	},
	"stream-set": {
		measure: bandwidth,
		serve: sending((slot, sequence, job, messages) => slot.bytes.set(messages.next(sequence, job))),
	},
};
