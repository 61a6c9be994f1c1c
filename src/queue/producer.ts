import { inspect } from "node:util";
import { badArgument } from "../errors.js";
import { Block } from "../memory/block.js";
import { checkCount, checkOptions, type WaitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { type Content, contentOf } from "../values/content.js";
import { PENDING } from "../waiting/wait.js";
import type { BatchReservation } from "./batch-reservation.js";
import { MessageSender } from "./message-sender.js";
import type { Writable } from "./node-streams.js";
import type { Reservation } from "./reservation.js";
import { readOnce, type Sendable, type SendOptions, sendNames, trySendNames } from "./sendable.js";
import { writable } from "./streams.js";

/**
 * The sending endpoint of a queue. From `queue.producer()`. In a queue that drops its oldest message, it
 * never waits.
 *
 * @example
 * ```ts
 * using producer = region.queue("steps").producer();
 * await producer.send("step 1");
 * producer.end();
 * ```
 */
export abstract class Producer extends MessageSender {
	/**
	 * Sends if there is room now. Never waits, and may overtake a `send` that is still waiting.
	 *
	 * @returns false if there is no room now
	 * @throws DHMEM_QUEUE_ENDED, DHMEM_MESSAGE_TOO_LARGE, DHMEM_BAD_ARGUMENT, DHMEM_CLOSED; DHMEM_REGION_FULL
	 * or DHMEM_NO_SPACE if there is no memory, and no sent message whose release or drop could provide it
	 * @example
	 * ```ts
	 * if (!producer.trySend("step 1")) console.log("the queue is full");
	 * ```
	 */
	trySend(data: Sendable, options?: { block?: Block | undefined }): boolean {
		checkOptions(options, trySendNames, "trySend");
		// Read before the data, because a getter could change the data.
		const block = options?.block;
		return this.#attempt(contentOf(data), block);
	}

	/**
	 * Sends, blocking this thread until there is room.
	 *
	 * @throws as `trySend`; DHMEM_TIMEOUT, DHMEM_PEER_GONE
	 * @example
	 * ```ts
	 * producer.sendSync(new Float64Array([1, 2, 3]), { timeout: 1000 });
	 * ```
	 */
	sendSync(data: Sendable, options?: SendOptions): void {
		const { content, block } = readOnce(data, options);
		const attempt = () => this.#attempt(contentOf(content), block) || PENDING;
		this.waitForSync("room in", attempt, options, sendNames);
	}

	/**
	 * Sends, waiting for room without blocking the event loop. Don't change `data` before the promise is
	 * resolved or rejected.
	 *
	 * @throws as `trySend`; DHMEM_TIMEOUT, DHMEM_PEER_GONE, the signal's reason
	 * @example
	 * ```ts
	 * await producer.send("step 1");
	 * await producer.send(new Float64Array([1, 2, 3]), { timeout: 1000 });
	 * await producer.send("a field", { block });
	 * ```
	 */
	send(data: Sendable, options?: SendOptions): Promise<void> {
		// Not an async function, as `waitFor`.
		try {
			const { content, block } = readOnce(data, options);
			const turn = this.beginWait(options, sendNames);
			if (turn.now) {
				if (this.#attempt(content, block)) return Promise.resolve();
			} else this.checkSending();
			// Checked again each time, because the buffer may have been transferred meanwhile.
			const attempt = () => (this.#attempt(contentOf(content), block) ? undefined : PENDING);
			return this.waitInTurn("room in", this.unlessReserved(attempt), turn);
		} catch (error) {
			return Promise.reject(error);
		}
	}

	#attempt(content: Content, block: Block | undefined): boolean {
		this.checkSending();
		if (block !== undefined && !Block.isBlock(block))
			throw badArgument("block", block, "a Block of this region");
		return this.put(content, block);
	}

	/**
	 * Reserves room to write a message of up to `length` bytes in place. Only one reservation can be open at a
	 * time. A `send` that was waiting before goes on after it.
	 *
	 * @returns undefined if there is no room now
	 * @throws as `trySend`; DHMEM_BAD_ARGUMENT while another reservation is open
	 * @example
	 * ```ts
	 * const reservation = producer.tryReserve(4096);
	 * if (reservation) {
	 *   reservation.as("f64").fill(0.5);
	 *   reservation.commit();
	 * }
	 * ```
	 */
	tryReserve(length: number): Reservation | undefined {
		this.checkSending();
		const reservation = this.reserve(checkCount("The length", length, 0, Number.MAX_SAFE_INTEGER));
		this.reservation = reservation;
		return reservation;
	}

	/**
	 * Reserves room to write up to `count` messages of `length` bytes each in place. Only one reservation can be
	 * open at a time.
	 *
	 * @returns undefined if there is no room for one message now
	 * @throws DHMEM_MESSAGE_TOO_LARGE if a message does not fit half of the queue's ring; DHMEM_UNSUPPORTED in a
	 * queue that drops its oldest message; as `tryReserve`
	 * @example
	 * ```ts
	 * const batch = producer.tryReserveMany(8, 64);
	 * if (batch) {
	 *   for (let i = 0; i < batch.count; i++) batch.view.setFloat64(batch.offset(i), i, true);
	 *   batch.commit();
	 * }
	 * ```
	 */
	tryReserveMany(length: number, count: number): BatchReservation | undefined {
		this.checkSending();
		const bytes = checkCount("The length", length, 0, Number.MAX_SAFE_INTEGER);
		const batch = this.reserveMany(bytes, checkCount("The number of messages", count, 1, 2 ** 32 - 1));
		this.reservation = batch;
		return batch;
	}

	/**
	 * Waits until there is room for a message of `bytes` bytes, without sending one.
	 *
	 * @throws as `send`
	 * @example
	 * ```ts
	 * await producer.wait(8, { timeout: 1000 });
	 * ```
	 */
	wait(bytes: number, options?: WaitOptions): Promise<true> {
		return this.waitUnreserved("room in", this.#lookForRoom(bytes), options);
	}

	/**
	 * Waits until there is room for a message of `bytes` bytes, and blocks this thread meanwhile.
	 *
	 * @throws as `sendSync`
	 * @example
	 * ```ts
	 * producer.waitSync(8, { timeout: 1000 });
	 * ```
	 */
	waitSync(bytes: number, options?: WaitOptions): true {
		return this.waitForSync("room in", this.#lookForRoom(bytes), options);
	}

	#lookForRoom(bytes: number): () => true | typeof PENDING {
		const length = checkCount("The length", bytes, 0, Number.MAX_SAFE_INTEGER);
		return () => {
			this.checkSending();
			return this.hasRoom(length) || PENDING;
		};
	}

	/**
	 * Sends as many items as there is room for, and publishes them together. Never waits. The first item that
	 * does not fit has already been taken from the iterable, and is lost unless the iterable is an array. A
	 * queue that drops its oldest message takes all items, one by one.
	 *
	 * @returns the number of items sent
	 * @throws as `trySend`; the items before the one that failed are sent
	 * @example
	 * ```ts
	 * console.log(producer.sendMany(["step 1", "step 2", "step 3"])); // 3
	 * ```
	 */
	sendMany(items: Iterable<Sendable>): number {
		this.checkOpen();
		this.checkSending();
		// A string is an iterable of its characters, which nobody means.
		if (typeof items === "string" || typeof items?.[Symbol.iterator] !== "function")
			throw badArgument("The items", items, "an iterable of messages; for a single one, use trySend");
		return this.putMany(items);
	}

	/**
	 * Returns a Node stream that sends a copy of each chunk written to it. When the stream finishes, it calls
	 * `end()`.
	 *
	 * @example
	 * ```ts
	 * import { Readable } from "node:stream";
	 * import { pipeline } from "node:stream/promises";
	 *
	 * await pipeline(Readable.from(["step 1", "step 2"]), producer.writable());
	 * ```
	 */
	writable(): Writable {
		return writable(this, this.defaults.signal);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Producer", () => ({
			queue: this.queue.name,
			ended: this.hasSentEnd,
			closed: this.closed,
		}));
	}
}
