import type { Readable } from "node:stream";
import { inspect } from "node:util";
import { EMPTY, ENDED, SLOT_RESULT, STATUS_LIMIT } from "../../assembly/layout.js";
import type { NamedObject } from "../objects/named-object.js";
import { checkCount, type EndpointOptions, type WaitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { PENDING } from "../waiting/waiter.js";
import { Endpoint } from "./endpoint.js";
import { batchesOf, eachOf } from "./iteration.js";
import { type Holder, Message } from "./message.js";
import { type ReadableOptions, readable } from "./streams.js";

/** The one endpoint that receives. From `queue.consumer()`. */
export abstract class Consumer extends Endpoint implements AsyncIterable<Message> {
	#ended = false;
	/** Messages that were given back, which come before all others. */
	#again: Message[] = [];
	readonly #holder: Holder;

	/** @internal */
	constructor(queue: NamedObject, options?: EndpointOptions) {
		super(queue, "consumer", options);
		this.#holder = {
			isGone: () => this.closed,
			finish: (hold, block, keep) => this.finish(hold, block, keep),
		};
	}

	/** Whether the stream has ended: all was received. */
	get ended(): boolean {
		return this.#ended && this.#again.length === 0;
	}

	/**
	 * Sees the end of a stream that was read before this endpoint was opened.
	 *
	 * @internal
	 */
	seeEndAgain(): void {
		this.#ended = true;
	}

	/**
	 * The next message, if there is one now. A `receive` that still waits is not served first.
	 *
	 * @throws DHMEM_CLOSED, DHMEM_CORRUPT
	 */
	tryReceive(): Message | undefined {
		this.checkOpen();
		const message = this.#attempt();
		return message === PENDING ? undefined : message;
	}

	/**
	 * The next message, blocking this thread until there is one; undefined when the stream has ended.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_PEER_GONE, DHMEM_CLOSED, DHMEM_CORRUPT
	 */
	receiveSync(options?: WaitOptions): Message | undefined {
		return this.waitForSync("a message from", () => this.#attempt(), options);
	}

	/**
	 * The next message, without blocking the event loop; undefined when the stream has ended.
	 *
	 * @throws as `receiveSync`; the signal's reason
	 */
	receive(options?: WaitOptions): Promise<Message | undefined> {
		return this.waitFor("a message from", () => this.#attempt(), options);
	}

	/** Up to `max` messages that are there now. */
	receiveMany(max: number): Message[] {
		this.checkOpen();
		checkCount("The number of messages", max, 1, 2 ** 32);
		const messages: Message[] = [];
		// What was given back is alone: others may lie between it and the next, and a run is released as one piece.
		const most = this.#again.length > 0 ? 1 : max;
		while (messages.length < most) {
			const message = this.#attempt();
			if (message === PENDING || message === undefined) break;
			messages.push(message);
		}
		return messages;
	}

	/**
	 * Releases all that one call of `receiveMany` gave, whatever of it was released already.
	 *
	 * @internal
	 */
	releaseRun(messages: readonly Message[]): void {
		if (this.closed) return;
		for (const message of messages) message.release();
	}

	/**
	 * Messages of this consumer that somebody did not get to: they are received again, before all others.
	 *
	 * @internal
	 */
	giveBack(messages: readonly Message[]): void {
		if (messages.length === 0 || this.closed) return;
		this.#again = [...messages, ...this.#again];
		// Some wait may be for these.
		this.attachment.waiter.onRing();
	}

	#attempt(): Message | undefined | typeof PENDING {
		if (this.#again.length > 0) return this.#again.shift();
		if (this.#ended) return undefined;
		const { attachment } = this;
		const offset = this.next();
		if (offset >= STATUS_LIMIT) return new Message(attachment, this.#holder, offset);
		if (offset === EMPTY) return PENDING;
		if (offset !== ENDED) throw this.unexpected(offset);
		this.#ended = true;
		attachment.wake(attachment.result(SLOT_RESULT));
		return undefined;
	}

	/** The core's next message: where its payload is, and in the slot's results what it is; or a status. */
	protected abstract next(): number;
	/** Ends a message: frees its block, or makes that this participant's own. A status, or a doorbell. */
	protected abstract finish(hold: number, block: number, keep: 0 | 1): number;

	/**
	 * The messages up to the end of the stream; each is released when the loop asks for the next one. Leaving
	 * the loop early leaves the last one unreleased.
	 *
	 * @example
	 * ```ts
	 * for await (const message of consumer) console.log(message.text());
	 * ```
	 */
	[Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
		return eachOf(this);
	}

	/** The same in batches of what is there, at least 1 and at most `max` messages, released together. */
	batches(max: number): AsyncGenerator<Message[], undefined> {
		return batchesOf(this, max);
	}

	/**
	 * A Node stream of the messages' bytes, copies; with `objectMode` each chunk is one message. It reads nothing ahead. A
	 * message is released when its reader, having taken its chunk, asks for the next one. When the stream is destroyed the
	 * rest stays in the queue, and this consumer, or the next one, receives it again: also the chunk that its reader has
	 * taken last, and may not have done with.
	 *
	 * What a stream is piped into takes chunks into its own buffer: give it a `highWaterMark` of 1 where each has to be
	 * done with before its message is released. With the event `readable`, call `read()` until it gives null; and
	 * `read(n)` for more bytes than the queue holds waits for ever, since nothing is released before it was taken.
	 *
	 * @throws DHMEM_BAD_ARGUMENT
	 * @example
	 * ```ts
	 * for await (const job of consumer.readable({ objectMode: true })) await run(JSON.parse(job));
	 * ```
	 */
	readable(options: ReadableOptions = {}): Readable {
		return readable(this, this.defaults.signal, options);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Consumer", () => ({ queue: this.queue.name, ended: this.#ended, closed: this.closed }));
	}
}
