/** The producer of `ringbuf.ts`, in a thread or in a process. */
import { fillMessage, fillRecords, MESSAGE_WORDS, RECORDS } from "../data.js";
import type { Job } from "../measure.js";
import { spin } from "../spin.js";
import { packageOf } from "./packages.js";

const types = { Uint32Array, Float64Array };
export type Type = keyof typeof types;

export interface Ring<T> {
	push(elements: T, length?: number, offset?: number): number;
	pop(elements: T): number;
	availableRead(): number;
	availableWrite(): number;
}

export type RingOf<T extends Type> = Ring<InstanceType<(typeof types)[T]>>;

interface Ringbuf {
	RingBuffer: new (buffer: ArrayBufferLike, type: (typeof types)[Type]) => unknown;
}

export async function ringOf<T extends Type>(buffer: ArrayBufferLike, type: T): Promise<RingOf<T>> {
	const { RingBuffer } = await packageOf<Ringbuf>("ringbuf.js");
	return new RingBuffer(buffer, types[type]) as RingOf<T>;
}

function produceMessages(ring: Ring<Uint32Array>, job: Job): void {
	const words = new Uint32Array(MESSAGE_WORDS);
	const hasRoom = () => ring.availableWrite() >= MESSAGE_WORDS || undefined;
	for (let sequence = 0; sequence < job.count; sequence++) {
		fillMessage(words, 0, sequence, job);
		spin(hasRoom);
		ring.push(words);
	}
}

function produceRecords(ring: Ring<Float64Array>, job: Job): void {
	for (let sequence = 0; sequence < job.count; sequence += RECORDS) {
		const values = new Float64Array(Math.min(RECORDS, job.count - sequence));
		fillRecords(values, sequence, job);
		let pushed = 0;
		while (pushed < values.length) {
			pushed += spin(() => ring.push(values, values.length - pushed, pushed) || undefined);
		}
	}
}

export function produce<T extends Type>(type: T, ring: RingOf<T>, job: Job): void {
	if (type === "Uint32Array") produceMessages(ring as Ring<Uint32Array>, job);
	else produceRecords(ring as unknown as Ring<Float64Array>, job);
}
