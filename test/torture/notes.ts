/**
 * What participants note in the region about their work, so that their successors, and the count at the
 * end, know what must be there. The note that something is done comes after it; the note that it begins, before.
 */
import type { Message, Region } from "dhmem";

export const ROW = 256;

/** The words of a row. A participant sends stream `index`, and receives the next one. */
export const NOTES = {
	/** The participant's finished operations. */
	turns: 0,
	/** 1 while its endpoints are taken. */
	running: 1,
	/** How often it has added to the guarded counter. */
	increments: 2,
	/** Of the stream: messages before this number were sent, and those before the next word may have been. From 1. */
	sent: 3,
	intended: 4,
	/** All before this number was released. */
	released: 5,
	/** The same for the queue of records. */
	pushed: 6,
	pushing: 7,
	popped: 8,
	/** The participant's current operation, from 1. */
	operation: 9,
	/** The last numbers whose release has begun, and those whose release has returned, by their remainders. */
	releasing: 64,
	done: 128,
};
export const WINDOW = 64;

export function notesOf(region: Region, participants: number): Uint32Array {
	return region.array("notes", { dtype: "u32", shape: [participants, ROW] }).data;
}

/** One participant's row. */
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

/** The length of a message's head: its number, how many before it may be missing, and its length. */
export const HEAD = 12;

/**
 * A message. All its bytes, or those of its block, are the number's last one; `missing` is how many before it may
 * not have been sent, because a participant died while it sent them.
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

/** Receives a stream, and checks that it keeps its promises. */
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

	/** The number of the next message. */
	get expected(): number {
		return this.#expected;
	}

	/** Throws unless it is one that may come. */
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
			// Only this message says that, and a successor must know it after its release.
			if (!isReleased) this.#notes.set(NOTES.done + (each % WINDOW), each);
		}
		this.#expected = number + 1;
		this.held.push({ number, message });
	}

	#was(what: number, number: number): boolean {
		return this.#notes.get(what + (number % WINDOW)) === number;
	}

	/** Finishes a message that is held: releases it, or takes its block. */
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

	/** True if a held message keeps too many from being forgotten. */
	get isStretched(): boolean {
		return this.#expected - (this.held[0]?.number ?? this.#expected) > WINDOW / 2;
	}

	/** Throws unless everything has come that was certainly sent. */
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

/** The record for a number, where this many before it may be missing. */
export function recordOf(number: number, missing: number): number {
	return number * 1024 + missing;
}

/** Pops a queue of records, and checks that it keeps its promises. */
export class RecordChecker {
	readonly #notes: Notes;
	readonly #stream: string;
	#expected: number;
	/** True if the next record may have been popped before, or popped without a note. */
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
