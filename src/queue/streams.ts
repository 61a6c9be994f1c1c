/** Node streams over the two endpoints of a queue. They copy: a stream keeps what it was given. */
import { Buffer } from "node:buffer";
import { Readable, Writable } from "node:stream";
import { badArgument } from "../errors.js";
import { checkOptions, optionNames, type WaitOptions } from "../values/arguments.js";
import type { Message } from "./message.js";

/** What a readable needs of a consumer. */
interface Source {
	receive(options: WaitOptions): Promise<Message | undefined>;
	/** Messages that the reader is not done with are received again. */
	giveBack(messages: readonly Message[]): void;
}

/** What a writable needs of a producer. */
interface Sink {
	send(bytes: Uint8Array, options: WaitOptions): Promise<void>;
	end(): void;
}

export interface ReadableOptions {
	/** Each chunk is one message, a Buffer, also where it is empty. By default messages join to one stream of bytes. */
	objectMode?: boolean | undefined;
}

const readableNames = optionNames<ReadableOptions>({ objectMode: true });

/** A message whose chunk was pushed, and what has to leave the buffer before the reader has all of it. */
interface Given {
	readonly message: Message;
	/** A position, as `#pushed` counts. */
	end: number;
}

/**
 * It reads nothing ahead: it asks the queue when its reader asks for more. A message is released when its chunk has
 * left the stream's buffer and the reader asks again, so what fails while it works on a chunk gets that again.
 */
class MessageStream extends Readable {
	readonly #source: Source;
	readonly #aborter = new AbortController();
	readonly #signal: AbortSignal;
	readonly #given: Given[] = [];
	/** All that was ever put into the buffer, as it counts: bytes, characters or chunks. */
	#pushed = 0;

	constructor(source: Source, signal: AbortSignal | undefined, objectMode: boolean) {
		super({ objectMode, highWaterMark: 0 });
		this.#source = source;
		this.#signal = either(this.#aborter.signal, signal);
		// The first listener: others may close the consumer.
		this.once("end", () => this.#release(Number.POSITIVE_INFINITY));
	}

	override _read(): void {
		this.#release(this.#pushed - this.readableLength);
		this.#next().then(
			(message) => this.#give(message),
			(error: Error) => this.destroy(error),
		);
	}

	/** Releases what is complete up to a position. */
	#release(position: number): void {
		if (this.destroyed) return;
		for (let first = this.#given[0]; first !== undefined && first.end <= position; first = this.#given[0]) {
			this.#given.shift();
			first.message.release();
		}
	}

	/** The next message that gives a chunk: in a stream of bytes an empty one has nothing to be taken. */
	async #next(): Promise<Message | undefined> {
		for (;;) {
			const message = await this.#source.receive({ signal: this.#signal });
			if (message?.length !== 0 || this.readableObjectMode) return message;
			message.release();
		}
	}

	#give(message: Message | undefined): void {
		if (this.destroyed) {
			if (message !== undefined) this.#source.giveBack([message]);
			return;
		}
		if (message === undefined) {
			this.push(null);
			return;
		}
		const given: Given = { message, end: Number.POSITIVE_INFINITY };
		this.#given.push(given);
		const before = this.readableLength;
		// Where the reader listens it has the chunk now, and it was never in the buffer; it may also destroy the stream.
		this.push(Buffer.from(message.bytes));
		const added = Math.max(0, this.readableLength - before);
		this.#pushed += added;
		const isInCharacter = this.#isInCharacter();
		given.end = this.#pushed + (isInCharacter ? 1 : 0);
		// Nothing to read came of it, and so nobody would ask for more.
		if (isInCharacter && added === 0) this.read(0);
	}

	/** Whether the first bytes of a character were kept until the rest of it comes. */
	#isInCharacter(): boolean {
		const { decoder } = (this as unknown as { _readableState: { decoder?: { lastNeed?: number } | null } })
			._readableState;
		return (decoder?.lastNeed ?? 0) > 0;
	}

	override setEncoding(encoding: BufferEncoding): this {
		const before = this.readableLength;
		super.setEncoding(encoding);
		// What is in the buffer counts in characters now.
		this.#pushed += this.readableLength - before;
		for (const given of this.#given) given.end = this.#pushed;
		return this;
	}

	/** What the reader has not done with is received again. */
	override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
		this.#aborter.abort(error ?? destroyed());
		this.#source.giveBack(this.#given.splice(0).map(({ message }) => message));
		callback(error);
	}
}

export function readable(
	source: Source,
	signal: AbortSignal | undefined,
	options: ReadableOptions,
): Readable {
	checkOptions(options, readableNames, "A readable");
	const { objectMode = false } = options;
	if (typeof objectMode !== "boolean") throw badArgument("objectMode", objectMode, "true or false");
	return new MessageStream(source, signal, objectMode);
}

export function writable(sink: Sink, signal: AbortSignal | undefined): Writable {
	const aborter = new AbortController();
	const stop = either(aborter.signal, signal);
	return new Writable({
		write(chunk: Uint8Array, _encoding, callback) {
			sink.send(chunk, { signal: stop }).then(() => callback(), callback);
		},
		final(callback) {
			try {
				sink.end();
				callback();
			} catch (error) {
				callback(error as Error);
			}
		},
		destroy(error, callback) {
			aborter.abort(error ?? destroyed());
			callback(error);
		},
	});
}

function either(own: AbortSignal, given: AbortSignal | undefined): AbortSignal {
	return given === undefined ? own : AbortSignal.any([own, given]);
}

function destroyed(): Error {
	return new Error("The stream was destroyed");
}
