/**
 * What participants note in the region about what they do, so that whoever comes after them, and who counts at the
 * end, knows what must be there. A note that something is done comes after it, and one that it is about to be, before.
 */
import type { Message, Region } from "dhmem";

export const ROW = 256;

/** Words of a row. A participant sends stream `index`, and receives that of the next one. */
export const NOTES = {
	/** Operations done; of the participant. */
	turns: 0,
	/** 1 while its ends are taken. */
	running: 1,
	/** How often it has added to the guarded counter. */
	increments: 2,
	/** Of the stream: all before this number was sent, and before that one may have been. Numbers begin at 1. */
	sent: 3,
	intended: 4,
	/** All before this number was released. */
	released: 5,
	/** The same of the queue of records. */
	pushed: 6,
	pushing: 7,
	popped: 8,
	/** Which operation is under way, from 1; of the participant. */
	operation: 9,
	/** The last numbers whose release was begun, and had returned, by their remainders. */
	releasing: 64,
	done: 128,
};
export const WINDOW = 64;

export function notesOf(region: Region, participants: number): Uint32Array {
	return region.array("notes", { dtype: "u32", shape: [participants, ROW] }).data;
}

/** A row of them. */
export class Notes {
	readonly #words: Uint32Array;
	readonly #start: number;

	constructor(words: Uint32Array, index: number) {
		this.#words = words;
		this.#start = index * ROW;
	}

	get(word: number): number {
		return Atomics.load(this.#words, this.#start + word);
	}

	set(word: number, value: number): void {
		Atomics.store(this.#words, this.#start + word, value);
	}

	add(word: number): void {
		Atomics.add(this.#words, this.#start + word, 1);
	}
}

/** Bytes of a message's head: its number, how many before it may be missing, and its length. */
export const HEAD = 12;

/**
 * A message. All of its bytes, or its block's, are the number's last; `missing` is how many before it are not certain
 * to have been sent, because somebody died in the midst of sending them.
 */
export function write(bytes: Uint8Array, number: number, missing: number, length: number): void {
	const head = new DataView(bytes.buffer, bytes.byteOffset);
	head.setUint32(0, number, true);
	head.setUint32(4, missing, true);
	head.setUint32(8, length, true);
	bytes.fill(number & 0xff, HEAD);
}

function isFilled(bytes: Uint8Array, byte: number): boolean {
	return bytes.every((each) => each === byte);
}

/** Receives a stream, and holds it to what was promised. */
export class Checker {
	readonly #notes: Notes;
	readonly #stream: string;
	#expected: number;
	readonly held: { number: number; message: Message }[] = [];

	constructor(notes: Notes, stream: string) {
		this.#notes = notes;
		this.#stream = stream;
		this.#expected = notes.get(NOTES.released);
	}

	/** The number of the message that comes next. */
	get expected(): number {
		return this.#expected;
	}

	/** Throws if it is not the one that may come. */
	accept(message: Message): void {
		const { bytes, block } = message;
		const head = new DataView(bytes.buffer, bytes.byteOffset);
		const [number, missing, length] = [0, 4, 8].map((at) => head.getUint32(at, true)) as [
			number,
			number,
			number,
		];
		const content = block === undefined ? bytes.subarray(HEAD) : block.bytes;
		if (content.length !== length || !isFilled(content, number & 0xff)) throw this.#error(number, "is torn");
		if (this.#was(NOTES.done, number)) throw this.#error(number, "was released, and came again");
		if (number < this.#expected) throw this.#error(number, "came twice");
		for (let each = this.#expected; each < number; each++) {
			const isReleased = this.#was(NOTES.done, each) || this.#was(NOTES.releasing, each);
			if (each < number - missing && !isReleased)
				throw this.#error(each, `was lost before ${number}, before which ${missing} may be missing`);
			// Only this message says that, and whoever comes after its release must know as well.
			if (!isReleased) this.#notes.set(NOTES.done + (each % WINDOW), each);
		}
		this.#expected = number + 1;
		this.held.push({ number, message });
	}

	#was(what: number, number: number): boolean {
		return this.#notes.get(what + (number % WINDOW)) === number;
	}

	/** Ends a message that is held: by releasing it, or taking its block. */
	end(index: number, how: (message: Message) => void = (message) => message.release()): void {
		const [one] = this.held.splice(index, 1);
		if (one === undefined) return;
		this.#notes.set(NOTES.releasing + (one.number % WINDOW), one.number);
		how(one.message);
		this.#notes.set(NOTES.done + (one.number % WINDOW), one.number);
		this.#notes.set(NOTES.released, Math.min(this.#expected, ...this.held.map((each) => each.number)));
	}

	endAll(): void {
		while (this.held.length > 0) this.end(0);
	}

	/** Whether what is held keeps too much from being forgotten. */
	get isStretched(): boolean {
		return this.#expected - (this.held[0]?.number ?? this.#expected) > WINDOW / 2;
	}

	/** Throws unless all that was sent for certain has come. */
	finish(): void {
		for (let each = this.#expected; each < this.#notes.get(NOTES.sent); each++) {
			const isReleased = this.#was(NOTES.done, each) || this.#was(NOTES.releasing, each);
			if (!isReleased) throw this.#error(each, "never came");
		}
	}

	#error(number: number, what: string): Error {
		const noted = [NOTES.sent, NOTES.intended, NOTES.released].map((word) => this.#notes.get(word));
		return new Error(
			`message ${number} of ${this.#stream} ${what}; ${this.#expected} was to come, and ` +
				`${noted.join(", ")} are noted as sent, intended and released`,
		);
	}
}

/** The record for a number, of which so many before may be missing. */
export function recordOf(number: number, missing: number): number {
	return number * 1024 + missing;
}

/** Pops a queue of records, and holds it to what was promised. */
export class RecordChecker {
	readonly #notes: Notes;
	readonly #stream: string;
	#expected: number;
	/** Whether what comes next may have been popped already, or popped and not noted. */
	#first = true;

	constructor(notes: Notes, stream: string) {
		this.#notes = notes;
		this.#stream = stream;
		this.#expected = notes.get(NOTES.popped);
	}

	/** @param batch the most that were popped at once */
	accept(records: Iterable<number>, batch: number): void {
		for (const record of records) {
			const number = Math.floor(record / 1024);
			const missing = record % 1024;
			const [least, most] = this.#first
				? [this.#expected - 256 - batch, this.#expected + batch + missing]
				: [this.#expected, this.#expected + missing];
			if (number < least || number > most) {
				throw new Error(`record ${number} of ${this.#stream} came where ${this.#expected} was to come`);
			}
			this.#first = false;
			this.#expected = number + 1;
		}
		this.#notes.set(NOTES.popped, this.#expected);
	}

	finish(): void {
		if (this.#expected >= this.#notes.get(NOTES.pushed)) return;
		throw new Error(`record ${this.#expected} of ${this.#stream} never came`);
	}
}
