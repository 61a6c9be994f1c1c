import type { Writable } from "node:stream";
import { inspect } from "node:util";
import { OK, STATUS_LIMIT } from "../../assembly/layout.js";
import { badArgument, DhmemError } from "../errors.js";
import { Block } from "../memory/block.js";
import type { NamedObject } from "../objects/named-object.js";
import {
	bytesOf,
	checkCount,
	checkOptions,
	type EndpointOptions,
	optionNames,
	type WaitOptions,
} from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { PENDING } from "../waiting/waiter.js";
import { Endpoint } from "./endpoint.js";
import type { Reservation } from "./reservation.js";
import { writable } from "./streams.js";

/** Data that can be sent: a string is sent as UTF-8, a view as its bytes. */
export type Sendable = string | ArrayBufferView;

export interface SendOptions extends WaitOptions {
	/** A block to hand over with the message, without copying it. */
	block?: Block | undefined;
}

export const sendNames = optionNames<SendOptions>({ timeout: true, signal: true, block: true });
const trySendNames = optionNames<Pick<SendOptions, "block">>({ block: true });

/** Reads the arguments of a send once, however often the send is tried. */
function readOnce(data: Sendable, options: SendOptions | undefined) {
	return { bytes: bytesOf(data), block: options?.block };
}

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
export abstract class Producer extends Endpoint {
	#ended = false;
	#reservation: Reservation | undefined;

	/** @internal */
	constructor(queue: NamedObject, options?: EndpointOptions) {
		super(queue, "producer", options);
	}

	/**
	 * Sends if there is room now. Never waits, and may overtake a `send` that is still waiting.
	 *
	 * @returns false if there is no room now
	 * @throws DHMEM_QUEUE_ENDED, DHMEM_MESSAGE_TOO_LARGE, DHMEM_BAD_ARGUMENT, DHMEM_CLOSED; DHMEM_REGION_FULL
	 * or DHMEM_NO_SPACE if there is no memory, and no sent message whose release or drop could provide it
	 */
	trySend(data: Sendable, options?: { block?: Block | undefined }): boolean {
		checkOptions(options, trySendNames, "trySend");
		// Read before the data, because a getter could change the data.
		const block = options?.block;
		return this.#attempt(bytesOf(data), block);
	}

	/**
	 * Sends, blocking this thread until there is room.
	 *
	 * @throws as `trySend`; DHMEM_TIMEOUT, DHMEM_PEER_GONE
	 */
	sendSync(data: Sendable, options?: SendOptions): void {
		const { bytes, block } = readOnce(data, options);
		const attempt = () => this.#attempt(bytesOf(bytes), block) || PENDING;
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
	async send(data: Sendable, options?: SendOptions): Promise<void> {
		const { bytes, block } = readOnce(data, options);
		// Checked again each time, because the buffer may have been transferred meanwhile.
		const attempt = () => this.#attempt(bytesOf(bytes), block) || PENDING;
		await this.waitFor("room in", attempt, options, sendNames);
	}

	/**
	 * Sends a block as the message itself, in the way that messages too large for the ring travel.
	 *
	 * @internal
	 */
	async sendBlock(block: Block, options?: WaitOptions): Promise<void> {
		const attempt = () => {
			this.checkSending();
			return this.putBlock(block) || PENDING;
		};
		await this.waitFor("room in", attempt, options);
	}

	/**
	 * Allocates a block. While the consumer has messages that it may release, this waits for memory.
	 *
	 * @internal
	 */
	async allocate(length: number, options?: WaitOptions): Promise<Block> {
		this.checkSize(length);
		const offset = await this.waitFor("memory for", () => this.tryAllocate(length) || PENDING, options);
		return new Block(this.attachment, offset, length);
	}

	/**
	 * The largest message that is copied into the queue, in bytes. Larger messages travel as a block.
	 *
	 * @internal
	 */
	abstract readonly inline: number;

	#attempt(bytes: Uint8Array, block: Block | undefined): boolean {
		this.checkSending();
		if (block !== undefined && !Block.isBlock(block))
			throw badArgument("block", block, "a Block of this region");
		return this.put(bytes, block);
	}

	protected checkSending(): void {
		this.checkHeld();
		if (this.#ended) {
			throw new DhmemError(
				"DHMEM_QUEUE_ENDED",
				`This producer of queue ${this.queue.name} has called end(); open a new one for the next stream`,
			);
		}
		if (this.#reservation?.open) {
			this.attachment.check();
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`Queue ${this.queue.name} has an open reservation; commit() or abort() it first`,
			);
		}
	}

	/**
	 * Reserves room to write a message of up to `length` bytes in place. Only one reservation can be open at a
	 * time.
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
		this.#reservation = this.reserve(checkCount("The length", length, 0, Number.MAX_SAFE_INTEGER));
		return this.#reservation;
	}

	/**
	 * Sends as many items as there is room for, and publishes them together. Never waits. The first item that
	 * does not fit has already been taken from the iterable, and is lost unless the iterable is an array. A
	 * queue that drops its oldest message takes all items, one by one.
	 *
	 * @returns the number of items sent
	 * @throws as `trySend`; the items before the one that failed are sent
	 */
	sendMany(items: Iterable<Sendable>): number {
		this.checkOpen();
		this.checkSending();
		if (typeof items?.[Symbol.iterator] !== "function") throw badArgument("The items", items, "an iterable");
		return this.putMany(items);
	}

	/**
	 * Ends the stream. The consumer drains what was sent, and then sees the end. A second call does nothing.
	 *
	 * @throws DHMEM_BAD_ARGUMENT while a reservation is open; DHMEM_CLOSED; DHMEM_TIMEOUT if the queue is full
	 * of ended streams that no consumer has read
	 */
	end(): void {
		if (this.#ended) return;
		this.checkSending();
		this.finish();
		this.#ended = true;
	}

	/**
	 * Returns a Node stream that sends a copy of each chunk written to it. When the stream finishes, it calls
	 * `end()`.
	 */
	writable(): Writable {
		return writable(this, this.defaults.signal);
	}

	/** Sends a message; false if there is no room now. */
	protected abstract put(bytes: Uint8Array, block: Block | undefined): boolean;
	/** Sends a block as the message itself; false if there is no room now. */
	protected abstract putBlock(block: Block): boolean;
	/**
	 * Returns a new block's offset; 0 if there is no memory now, but there will be when messages are released.
	 */
	protected abstract tryAllocate(length: number): number;
	protected abstract putMany(items: Iterable<Sendable>): number;
	protected abstract reserve(length: number): Reservation | undefined;
	protected abstract finish(): void;

	protected override beforeClose(): void {
		this.#reservation?.abort();
	}

	/** Wakes the consumer if the core returned its doorbell; throws if the core returned an error. */
	protected wake(result: number): void {
		if (result >= STATUS_LIMIT) this.attachment.wake(result);
		else if (result !== OK) throw this.unexpected(result);
	}

	protected checkSize(length: number): void {
		const largest = this.attachment.largestBlock;
		if (length <= largest) return;
		throw new DhmemError(
			"DHMEM_MESSAGE_TOO_LARGE",
			`A message of ${length} bytes does not fit the region ${this.attachment.path}, where a message can have at ` +
				`most ${largest} bytes; split it, or make the region larger`,
		);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Producer", () => ({ queue: this.queue.name, ended: this.#ended, closed: this.closed }));
	}
}
