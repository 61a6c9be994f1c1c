import { inspect } from "node:util";
import { DhmemError } from "../errors.js";
import { checkCount, type WaitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { PENDING } from "../waiting/wait.js";
import { batchesOf, eachOf } from "./iteration.js";
import type { Message } from "./message.js";
import { MessageReceiver } from "./message-receiver.js";
import type { Readable } from "./node-streams.js";
import { checkHandled, checkPoll, type PollHandler, type PollOptions } from "./polling.js";
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
export abstract class Consumer extends MessageReceiver implements AsyncIterable<Message> {
	/** True while `poll` calls its handler. */
	#polling = false;

	/**
	 * Receives the next message if there is one now. Never waits, and may overtake a `receive` that is still
	 * waiting.
	 *
	 * @returns undefined if there is no message now, or the stream has ended
	 * @throws DHMEM_CLOSED, DHMEM_CORRUPT
	 * @example
	 * ```ts
	 * const message = consumer.tryReceive();
	 * if (message) {
	 *   console.log(message.text()); // step 1
	 *   message.release();
	 * }
	 * ```
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
	 * @example
	 * ```ts
	 * using message = consumer.receiveSync({ timeout: 1000 });
	 * console.log(message?.text()); // step 1
	 * ```
	 */
	receiveSync(options?: WaitOptions): Message | undefined {
		this.#checkNotPolling();
		return this.waitForSync("a message from", () => this.receiveNext(), options);
	}

	/**
	 * Receives the next message, waiting without blocking the event loop.
	 *
	 * @returns undefined when the stream has ended
	 * @throws as `receiveSync`; the signal's reason
	 * @example
	 * ```ts
	 * using message = await consumer.receive({ timeout: 1000 });
	 * console.log(message?.text()); // step 1
	 * ```
	 */
	receive(options?: WaitOptions): Promise<Message | undefined> {
		this.#checkNotPolling();
		return this.waitFor("a message from", () => this.#laterAttempt(), options);
	}

	/**
	 * Waits for the next message, or for the end of the stream, and passes it to `take` at once: before any
	 * other wait of this thread makes an attempt.
	 *
	 * @internal
	 */
	deliverTo(take: (message: Message | undefined) => void, options?: WaitOptions): Promise<void> {
		this.#checkNotPolling();
		const attempt = () => {
			const message = this.#laterAttempt();
			return message === PENDING ? PENDING : take(message);
		};
		return this.waitFor("a message from", attempt, options);
	}

	/**
	 * Receives up to `max` messages that are there now. Never waits.
	 *
	 * @throws DHMEM_BAD_ARGUMENT, as `tryReceive`
	 * @example
	 * ```ts
	 * for (const message of consumer.receiveMany(100)) {
	 *   console.log(message.text()); // step 1
	 *   message.release();
	 * }
	 * ```
	 */
	receiveMany(max: number): Message[] {
		this.checkOpen();
		checkCount("The number of messages", max, 1, 2 ** 32);
		const messages: Message[] = [];
		// A message that was given back makes a run of its own: the next message may not follow it directly, and
		// a run is released as one piece.
		const most = this.isNextGivenBack ? 1 : max;
		while (messages.length < most) {
			const message = this.#attempt();
			if (message === PENDING || message === undefined) break;
			messages.push(message);
		}
		return messages;
	}

	/**
	 * Waits until there is a message, without receiving it.
	 *
	 * @returns false when the stream has ended
	 * @throws as `receive`
	 * @example
	 * ```ts
	 * while (await consumer.wait()) consumer.poll((view, at, length) => console.log(length)); // 6
	 * ```
	 */
	wait(options?: WaitOptions): Promise<boolean> {
		this.#checkNotPolling();
		return this.waitFor("a message from", () => this.#look(), options);
	}

	/**
	 * Waits until there is a message, without receiving it, and blocks this thread meanwhile.
	 *
	 * @returns false when the stream has ended
	 * @throws as `receiveSync`
	 * @example
	 * ```ts
	 * if (consumer.waitSync({ timeout: 1000 })) console.log(consumer.tryReceive()?.text()); // step 1
	 * ```
	 */
	waitSync(options?: WaitOptions): boolean {
		this.#checkNotPolling();
		return this.waitForSync("a message from", () => this.#look(), options);
	}

	#look(): boolean | typeof PENDING {
		if (this.#polling) return PENDING;
		if (this.isNextGivenBack || (!this.hasSeenEnd && this.isNextMessage())) return true;
		const message = this.receiveNext();
		if (message === PENDING) return PENDING;
		if (message !== undefined) this.keepForNext(message);
		return message !== undefined;
	}

	/**
	 * Calls `handler` for each message that is there, in order, and creates no objects for them. Never waits. It
	 * stops before the end of the stream: 0 with `ended` is the end.
	 *
	 * The messages are released after each 256, and when the call returns or throws. A message whose handler
	 * throws is not released: it is the next one again, and so are those behind it. Inside the handler this
	 * consumer can only be closed.
	 *
	 * @returns the number of messages handled
	 * @throws DHMEM_BAD_ARGUMENT if the handler returns a promise or uses this consumer; as `tryReceive`; what
	 * the handler throws
	 * @example
	 * ```ts
	 * let sum = 0;
	 * consumer.poll((view, at) => { sum += view.getUint8(at); });
	 * console.log(sum); // 230
	 * ```
	 */
	poll(handler: PollHandler, options?: PollOptions): number {
		const max = checkPoll(handler, options);
		this.checkOpen();
		this.#checkNotPolling();
		this.#polling = true;
		try {
			let handled = 0;
			while (handled < max && !this.closed) {
				const many = this.isNextGivenBack || this.hasSeenEnd ? 0 : this.pollMany(handler, max - handled);
				if (many === 0 && !this.#pollOne(handler, handled)) break;
				handled += many || 1;
			}
			return handled;
		} finally {
			this.#polling = false;
			if (this.isWaiting) this.attachment.waiter.onRing();
		}
	}

	/** Handles a message that has an object; false if there is none. @param before how many were handled before */
	#pollOne(handler: PollHandler, before: number): boolean {
		// A consumer that dies after the end was received, and before its program was told, would lose the end.
		if (before > 0 && !this.isNextGivenBack && !this.isNextMessage()) return false;
		const message = this.receiveNext();
		if (message === PENDING || message === undefined) return false;
		try {
			this.handle(handler, message);
		} catch (error) {
			if (!message.released) this.giveBack([message]);
			throw error;
		}
		message.release();
		return true;
	}

	/** Passes a message to a handler of `poll`. @internal */
	protected handle(handler: PollHandler, message: Message): void {
		checkHandled(handler(undefined as unknown as DataView, 0, message.length, message));
	}

	/**
	 * Passes up to `most` messages to a handler of `poll`, if there are some that need no object. Returns how
	 * many it has handled.
	 *
	 * @internal
	 */
	protected pollMany(_handler: PollHandler, _most: number): number {
		return 0;
	}

	/** Receives for a caller, who must not be a handler of `poll`. */
	#attempt(): Message | undefined | typeof PENDING {
		this.#checkNotPolling();
		return this.receiveNext();
	}

	/** Makes an attempt of a wait. A wait that began before `poll` goes on after it. */
	#laterAttempt(): Message | undefined | typeof PENDING {
		return this.#polling ? PENDING : this.receiveNext();
	}

	#checkNotPolling(): void {
		if (!this.#polling) return;
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			`${this.what} is in use by poll(): its handler can't receive from it; return first, or close it`,
		);
	}

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
	 * @example
	 * ```ts
	 * for await (const batch of consumer.batches(100)) console.log(batch.length); // 2
	 * ```
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
	 * for await (const step of consumer.readable({ objectMode: true })) console.log(String(step)); // step 1
	 * ```
	 */
	readable(options: ReadableOptions = {}): Readable {
		return readable(this, this.defaults.signal, options);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Consumer", () => ({
			queue: this.queue.name,
			ended: this.hasSeenEnd,
			closed: this.closed,
		}));
	}
}
