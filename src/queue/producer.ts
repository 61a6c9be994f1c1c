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

/** What can be sent: text goes as UTF-8, a view as the bytes it shows. */
export type Sendable = string | ArrayBufferView;

export interface SendOptions extends WaitOptions {
	/** A block to hand over with the message, without copying it. */
	block?: Block | undefined;
}

export const sendNames = optionNames<SendOptions>({ timeout: true, signal: true, block: true });
const trySendNames = optionNames<Pick<SendOptions, "block">>({ block: true });

/** What is to be sent: read once, however often it is tried. */
function readOnce(data: Sendable, options: SendOptions | undefined) {
	return { bytes: bytesOf(data), block: options?.block };
}

/** The one endpoint that sends. From `queue.producer()`. Where the oldest message is dropped it never waits. */
export abstract class Producer extends Endpoint {
	#ended = false;
	#reservation: Reservation | undefined;

	/** @internal */
	constructor(queue: NamedObject, options?: EndpointOptions) {
		super(queue, "producer", options);
	}

	/**
	 * Sends if there is room now; whether it did. A `send` that still waits is not served first.
	 *
	 * @throws DHMEM_QUEUE_ENDED, DHMEM_MESSAGE_TOO_LARGE, DHMEM_BAD_ARGUMENT, DHMEM_CLOSED; and where nothing that
	 * was sent is left to be released, or to be dropped, DHMEM_REGION_FULL and DHMEM_NO_SPACE
	 */
	trySend(data: Sendable, options?: { block?: Block | undefined }): boolean {
		checkOptions(options, trySendNames, "trySend");
		// Before the data: a getter could change that.
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
	 * Sends, waiting for room without blocking the event loop. Don't change `data` before the promise settles.
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
		// Again each time, for its buffer may have been transferred meanwhile.
		const attempt = () => this.#attempt(bytesOf(bytes), block) || PENDING;
		await this.waitFor("room in", attempt, options, sendNames);
	}

	/**
	 * Sends a block that is the message, as what is too large for the ring travels.
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
	 * A block, waiting for memory while the consumer has messages that it may release.
	 *
	 * @internal
	 */
	async allocate(length: number, options?: WaitOptions): Promise<Block> {
		this.checkSize(length);
		const offset = await this.waitFor("memory for", () => this.tryAllocate(length) || PENDING, options);
		return new Block(this.attachment, offset, length);
	}

	/**
	 * The largest message that is copied to where it is kept, bytes; what is larger travels as a block.
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
				`This producer of queue ${this.queue.name} has called end(); open another for the next stream`,
			);
		}
		if (this.#reservation?.open) {
			this.attachment.check();
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`A reservation of queue ${this.queue.name} is open; commit() or abort() it first`,
			);
		}
	}

	/**
	 * Room to write a message of up to `length` bytes in place; undefined if there is none now. One at a time.
	 *
	 * @throws as `trySend`
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
	 * Sends as many as there is room for, published at once; how many. An item that is not sent is taken
	 * from the iterable all the same, unless it is an array. Where the oldest message is dropped all are sent, one by
	 * one.
	 *
	 * @throws as `trySend`; what came before is sent
	 */
	sendMany(items: Iterable<Sendable>): number {
		this.checkOpen();
		this.checkSending();
		if (typeof items?.[Symbol.iterator] !== "function") throw badArgument("The items", items, "an iterable");
		return this.putMany(items);
	}

	/**
	 * Ends the stream: the consumer drains what was sent, and then sees the end. Twice does nothing.
	 *
	 * @throws DHMEM_BAD_ARGUMENT while a reservation is open
	 */
	end(): void {
		if (this.#ended) return;
		this.checkSending();
		this.finish();
		this.#ended = true;
	}

	/** A Node stream that sends what is written to it, copying, and ends the queue with itself. */
	writable(): Writable {
		return writable(this, this.defaults.signal);
	}

	/** Sends a message; false if there is no room now. */
	protected abstract put(bytes: Uint8Array, block: Block | undefined): boolean;
	/** Sends a block that is the message; false if there is no room now. */
	protected abstract putBlock(block: Block): boolean;
	/** A block's offset; 0 if there is no memory now, but there will be when messages are released. */
	protected abstract tryAllocate(length: number): number;
	protected abstract putMany(items: Iterable<Sendable>): number;
	protected abstract reserve(length: number): Reservation | undefined;
	protected abstract finish(): void;

	protected override beforeClose(): void {
		this.#reservation?.abort();
	}

	/** Wakes the consumer if that is what an operation of the core gave. */
	protected wake(result: number): void {
		if (result >= STATUS_LIMIT) this.attachment.wake(result);
		else if (result !== OK) throw this.unexpected(result);
	}

	protected checkSize(length: number): void {
		const largest = this.attachment.largestBlock;
		if (length <= largest) return;
		throw new DhmemError(
			"DHMEM_MESSAGE_TOO_LARGE",
			`A message of ${length} bytes exceeds the region ${this.attachment.path}, whose largest is ` +
				`${largest}; split it, or make the region larger`,
		);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Producer", () => ({ queue: this.queue.name, ended: this.#ended, closed: this.closed }));
	}
}
