/** Only for tests: reads and sets a queue's positions through its file, to start near 2^32 and to count laps. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import {
	HEADER_HEAP,
	MAILBOX_OLDEST,
	NAME_BYTES,
	OBJECT_NAME,
	OBJECT_NAME_LENGTH,
	QUEUE_CLAIMED,
	QUEUE_HEAD,
	QUEUE_NEXT,
	QUEUE_TAIL,
	SPAN_BYTES,
} from "../../assembly/layout.js";

/** The words of a region's file, by offset. */
class Words implements Disposable {
	readonly #file: number;
	readonly #word = Buffer.alloc(4);

	constructor(path: string) {
		this.#file = openSync(path, "r+");
	}

	get(offset: number): number {
		readSync(this.#file, this.#word, 0, 4, offset);
		return this.#word.readUInt32LE();
	}

	set(offset: number, value: number): void {
		this.#word.writeUInt32LE(value);
		writeSync(this.#file, this.#word, 0, 4, offset);
	}

	/** Finds the queue's object: the bytes of its name, with their number at the right distance before them. */
	queue(name: string): number {
		const wanted = Buffer.from(name);
		const span = Buffer.alloc(SPAN_BYTES + OBJECT_NAME + NAME_BYTES);
		const heap = this.get(HEADER_HEAP) * SPAN_BYTES;
		for (let start = heap; start < heap + 64 * SPAN_BYTES; start += SPAN_BYTES) {
			const read = readSync(this.#file, span, 0, span.length, start);
			for (let at = span.indexOf(wanted); at >= 0 && at < read; at = span.indexOf(wanted, at + 1)) {
				const object = at - OBJECT_NAME;
				if (object < 0 || object % 64 !== 0) continue;
				if (span.readUInt32LE(object + OBJECT_NAME_LENGTH) === wanted.length) return start + object;
			}
		}
		throw new Error(`There is no object ${name} in the region`);
	}

	[Symbol.dispose](): void {
		closeSync(this.#file);
	}
}

/** Lets an unused queue begin at `position`. */
export function startAt(path: string, queue: string, position: number): void {
	using words = new Words(path);
	const at = words.queue(queue);
	for (const field of [QUEUE_TAIL, QUEUE_CLAIMED, QUEUE_HEAD, QUEUE_NEXT, MAILBOX_OLDEST])
		words.set(at + field, position);
}

/** Moves an empty mailbox to `position`, as if its consumer had not looked since. */
export function goTo(path: string, mailbox: string, position: number): void {
	using words = new Words(path);
	const at = words.queue(mailbox);
	for (const field of [QUEUE_TAIL, MAILBOX_OLDEST]) words.set(at + field, position);
}

/** The positions that a queue's producer and consumer have reached. */
export function positionsOf(path: string, queue: string): { tail: number; head: number } {
	using words = new Words(path);
	const at = words.queue(queue);
	return { tail: words.get(at + QUEUE_TAIL), head: words.get(at + QUEUE_HEAD) };
}

/** A word of a queue, by its offset in the layout. */
export function wordOf(path: string, queue: string, field: number): number {
	using words = new Words(path);
	return words.get(words.queue(queue) + field);
}
