/**
 * Node streams over the two endpoints of a queue. They copy messages, because streams keep the chunks they
 * are given.
 */
import { Buffer } from "node:buffer";
import { Readable, Writable } from "node:stream";
import { badArgument } from "../errors.js";
import { checkOptions, optionNames, type WaitOptions } from "../values/arguments.js";
import type { Signal } from "../values/signal.js";
import { anySignal } from "../waiting/any-signal.js";
import type { Message } from "./message.js";
import type * as node from "./node-streams.js";

/** The part of a consumer that a readable uses. */
interface Source {
	receive(options: WaitOptions): Promise<Message | undefined>;
	/** Takes back messages that the reader has not finished with. They are received again. */
	giveBack(messages: readonly Message[]): void;
}

/** The part of a producer that a writable uses. */
interface Sink {
	send(bytes: Uint8Array, options: WaitOptions): Promise<void>;
	end(): void;
}

/**
 * The options of `consumer.readable()`.
 *
 * @example
 * ```ts
 * const messages = consumer.readable({ objectMode: true });
 * ```
 */
export interface ReadableOptions {
	/**
	 * Each chunk is one message, as a Buffer, which may be empty. By default the messages form one stream of
	 * bytes.
	 */
	objectMode?: boolean | undefined;
}

const readableNames = optionNames<ReadableOptions>({ objectMode: true });

/** A message whose chunk was pushed into the stream's buffer. */
interface Given {
	readonly message: Message;
	/**
	 * The reader has the whole chunk once everything up to this position, counted as `#pushed`, has left the
	 * buffer.
	 */
	end: number;
}

/**
 * A readable stream that does not read ahead: it receives from the queue only when its reader asks for more.
 * A message is released when its chunk has left the stream's buffer and the reader asks again. So if the
 * reader fails while it works on a chunk, the message is received again.
 */
class MessageStream extends Readable {
	readonly #source: Source;
	readonly #aborter = new AbortController();
	/** The default signal of the consumer. */
	readonly #signal: AbortSignal | undefined;
	readonly #given: Given[] = [];
	/** The total that was ever put into the buffer, in the buffer's own units: bytes, characters or chunks. */
	#pushed = 0;

	constructor(source: Source, signal: AbortSignal | undefined, objectMode: boolean) {
		super({ objectMode, highWaterMark: 0 });
		this.#source = source;
		this.#signal = signal;
		// Registered before any other listener, because another one may close the consumer.
		this.once("end", () => {
			try {
				this.#release(Number.POSITIVE_INFINITY);
			} catch (error) {
				this.destroy(error as Error);
			}
		});
	}

	override _read(): void {
		this.#release(this.#pushed - this.readableLength);
		this.#next()
			.then((message) => this.#give(message))
			// Giving fails too: if there is no memory for a copy, if a decoder makes no string of that length, or if
			// a listener throws. Node's own streams are destroyed as well then.
			.catch((error: Error) => this.destroy(error));
	}

	/** Releases the messages whose chunks end at or before a position. */
	#release(position: number): void {
		if (this.destroyed) return;
		for (let first = this.#given[0]; first !== undefined && first.end <= position; first = this.#given[0]) {
			this.#given.shift();
			first.message.release();
		}
	}

	/** Receives the next message that makes a chunk. In a stream of bytes an empty message makes none. */
	async #next(): Promise<Message | undefined> {
		const stop = anySignal([this.#aborter.signal, this.#signal]);
		try {
			for (;;) {
				const message = await this.#source.receive({ signal: stop.signal });
				if (message?.length !== 0 || this.readableObjectMode) return message;
				message.release();
			}
		} finally {
			stop.release();
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
		// A listening reader gets the chunk at once, without the buffer, and may destroy the stream in this call.
		this.push(Buffer.from(message.bytes));
		const added = Math.max(0, this.readableLength - before);
		this.#pushed += added;
		const isInCharacter = this.#isInCharacter();
		given.end = this.#pushed + (isInCharacter ? 1 : 0);
		// The chunk gave the reader nothing to read, so the reader would not ask for more.
		if (isInCharacter && added === 0) this.read(0);
	}

	/** True while the decoder keeps the first bytes of a character until the rest of it arrives. */
	#isInCharacter(): boolean {
		const { decoder } = (this as unknown as { _readableState: { decoder?: { lastNeed?: number } | null } })
			._readableState;
		return (decoder?.lastNeed ?? 0) > 0;
	}

	override setEncoding(encoding: BufferEncoding): this {
		const before = this.readableLength;
		super.setEncoding(encoding);
		// The buffer now counts in characters.
		this.#pushed += this.readableLength - before;
		for (const given of this.#given) given.end = this.#pushed;
		return this;
	}

	/** Gives back the messages that the reader has not finished with. */
	override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
		this.#aborter.abort(error ?? destroyed());
		this.#source.giveBack(this.#given.splice(0).map(({ message }) => message));
		callback(error);
	}
}

export function readable(
	source: Source,
	signal: Signal | undefined,
	options: ReadableOptions,
): node.Readable {
	checkOptions(options, readableNames, "A readable");
	const { objectMode = false } = options;
	if (typeof objectMode !== "boolean") throw badArgument("objectMode", objectMode, "true or false");
	return new MessageStream(source, signal, objectMode);
}

export function writable(sink: Sink, signal: Signal | undefined): node.Writable {
	const aborter = new AbortController();
	const send = async (chunk: Uint8Array) => {
		const stop = anySignal([aborter.signal, signal]);
		try {
			await sink.send(chunk, { signal: stop.signal });
		} finally {
			stop.release();
		}
	};
	return new Writable({
		write(chunk: Uint8Array, _encoding, callback) {
			send(chunk)
				.then(() => callback(), callback)
				// The callback runs code of the user's.
				.catch((error: Error) => this.destroy(error));
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

function destroyed(): Error {
	return new Error("The stream was destroyed");
}
