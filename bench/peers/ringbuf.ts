/**
 * ringbuf.js: a ring over a SharedArrayBuffer, for threads of one process. It never waits, so both sides
 * spin. Over a segment of shm-typed-array it also works between processes. Neither package documents that,
 * and the ring lacks an end of stream, detection of a peer's death, and sleeping.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { checkMessage, checkRecords, MESSAGE_WORDS, Meter, RECORDS } from "../data.js";
import type { Job } from "../measure.js";
import type { Half, Works } from "../pair.js";
import { spin } from "../spin.js";
import { produce, type Ring, type RingOf, ringOf } from "./ringbuf-producer.js";
import { create, nameOf, open } from "./shm-typed-array.js";

/** The number of elements (words of messages, or records), for the same size in bytes as dhmem's rings. */
const SLOTS = { Uint32Array: 2 ** 18, Float64Array: 4 * RECORDS };

function receiveMessages(ring: Ring<Uint32Array>, { count }: Job): number {
	const words = new Uint32Array(MESSAGE_WORDS);
	const isThere = () => ring.availableRead() >= MESSAGE_WORDS || undefined;
	const meter = new Meter();
	for (let sequence = 0; sequence < count; sequence++) {
		spin(isThere);
		ring.pop(words);
		checkMessage(words, 0, sequence);
		if (sequence === 0) meter.arrived(1);
	}
	return meter.rate(count);
}

function receiveRecords(ring: Ring<Float64Array>, { count }: Job): number {
	const values = new Float64Array(RECORDS);
	const pop = () => ring.pop(values) || undefined;
	const meter = new Meter();
	for (let sequence = 0; sequence < count; ) {
		const popped = spin(pop);
		checkRecords(values, popped, sequence);
		sequence += popped;
		meter.arrived(popped);
	}
	return meter.rate(count);
}

/** With the producer in a thread. */
function threads<T extends "Uint32Array" | "Float64Array">(
	type: T,
	receive: (ring: RingOf<T>, job: Job) => number,
): Half<number> {
	return async () => {
		const bytes = type === "Uint32Array" ? 4 : 8;
		const buffer = new SharedArrayBuffer(8 + (SLOTS[type] + 1) * bytes);
		const ring = await ringOf(buffer, type);
		const worker = new Worker(new URL("./ringbuf-thread.js", import.meta.url), {
			workerData: { buffer, type },
		});
		await once(worker, "message");
		return (job) => {
			worker.postMessage(job);
			return receive(ring, job);
		};
	};
}

export const works: Works = {
	messages: { measure: threads("Uint32Array", receiveMessages) },
	records: { measure: threads("Float64Array", receiveRecords) },
	"messages-processes": {
		measure: async (place) => {
			const memory = await create(nameOf(place), 2 + SLOTS.Uint32Array + 1);
			const ring = await ringOf(memory.buffer, "Uint32Array");
			return (job) => receiveMessages(ring, job);
		},
		serve: async (place) => {
			const memory = await open(nameOf(place));
			const ring = await ringOf(memory.buffer, "Uint32Array");
			return (job) => produce("Uint32Array", ring, job);
		},
	},
};
