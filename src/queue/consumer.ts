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

/**
 * The receiving endpoint of a queue. From `queue.consumer()`.
 *
 * @example
 * ```ts
 * using consumer = region.queue("steps").consumer();
 * for await (const message of consumer) console.log(message.text());
 * ```
 */
export abstract class Consumer extends Endpoint implements AsyncIterable<Message> {
	#ended = false;
	/** Messages that were given back. They are received again before all others. */
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

	/** True when the stream has ended and all its messages were received. */
	get ended(): boolean {
		return this.#ended && this.#again.length === 0;
	}

	/**
	 * Marks the stream as ended, for a stream that was read to its end before this endpoint was opened.
	 *
	 * @internal
	 */
	seeEndAgain(): void {
		this.#ended = true;
	}

	/**
	 * Receives the next message if there is one now. Never waits, and may overtake a `receive` that is still
	 * waiting.
	 *
	 * @returns undefined if there is no message now, or the stream has ended
	 * @throws DHMEM_CLOSED, DHMEM_CORRUPT
	 */
	tryReceive(): Message | undefined {
		this.checkOpen();
		const message = this.#attempt();
		return message === PENDING ? undefined : message;
	}

	/**
	 * Receives the next message, blocking this thread until there is one.
	 *
	 * @returns undefined when the stream has ended
	 * @throws DHMEM_TIMEOUT, DHMEM_PEER_GONE, DHMEM_CLOSED, DHMEM_CORRUPT
	 */
	receiveSync(options?: WaitOptions): Message | undefined {
		return this.waitForSync("a message from", () => this.#attempt(), options);
	}

	/**
	 * Receives the next message, waiting without blocking the event loop.
	 *
	 * @returns undefined when the stream has ended
	 * @throws as `receiveSync`; the signal's reason
	 * @example
	 * ```ts
	 * const message = await consumer.receive({ timeout: 1000 });
	 * ```
	 */
	receive(options?: WaitOptions): Promise<Message | undefined> {
		return this.waitFor("a message from", () => this.#attempt(), options);
	}

	/**
	 * Receives up to `max` messages that are there now. Never waits.
	 *
	 * @throws DHMEM_BAD_ARGUMENT, as `tryReceive`
	 */
	receiveMany(max: number): Message[] {
		this.checkOpen();
		checkCount("The number of messages", max, 1, 2 ** 32);
		const messages: Message[] = [];
		// A message that was given back makes a run of its own: the next message may not follow it directly, and
		// a run is released as one piece.
		const most = this.#again.length > 0 ? 1 : max;
		while (messages.length < most) {
			const message = this.#attempt();
			if (message === PENDING || message === undefined) break;
			messages.push(message);
		}
		return messages;
	}

	/**
	 * Releases all messages of one call of `receiveMany`, of which some may be released already.
	 *
	 * @internal
	 */
	releaseRun(messages: readonly Message[]): void {
		if (this.closed) return;
		for (const message of messages) message.release();
	}

	/**
	 * Takes back messages of this consumer that a reader did not use. They are received again, before all
	 * others.
	 *
	 * @internal
	 */
	giveBack(messages: readonly Message[]): void {
		if (messages.length === 0 || this.closed) return;
		this.#again = [...messages, ...this.#again];
		// A pending wait may now get one of these.
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

	/**
	 * Asks the core for the next message: the offset of its payload, described by the slot's results; or a
	 * status.
	 */
	protected abstract next(): number;
	/**
	 * Releases a message; its block is freed, or with `keep` becomes this participant's own. Returns a status
	 * or a doorbell.
	 */
	protected abstract finish(hold: number, block: number, keep: 0 | 1): number;

	/**
	 * Iterates over the messages up to the end of the stream. Each is released when the loop asks for the next
	 * one. If the loop is left early, the last message stays unreleased.
	 *
	 * @example
	 * ```ts
	 * for await (const message of consumer) console.log(message.text());
	 * ```
	 */
	[Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
		return eachOf(this);
	}

	/**
	 * Iterates in batches: each has the messages that are there, at least 1 and at most `max`. The messages of
	 * a batch are released together, when the loop asks for the next batch.
	 *
	 * @throws DHMEM_BAD_ARGUMENT, as `receive`
	 */
	batches(max: number): AsyncGenerator<Message[], undefined> {
		return batchesOf(this, max);
	}

	/**
	 * Returns a Node stream of copies of the messages' bytes; with `objectMode`, each chunk is one message. The
	 * stream does not read ahead. A message is released when the reader has taken its chunk and asks for the
	 * next one. When the stream is destroyed, unreleased messages stay in the queue, and this consumer or the
	 * next one receives them again. This includes the last chunk that the reader has taken, because the reader
	 * may still be working on it.
	 *
	 * A stream that this one is piped into takes chunks into its own buffer. If a message must not be released
	 * before its chunk was processed, give that stream a `highWaterMark` of 1. In a listener for `readable`,
	 * call `read()` until it returns null. `read(n)` for more bytes than the queue can hold waits forever,
	 * because nothing is released before it was taken.
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
