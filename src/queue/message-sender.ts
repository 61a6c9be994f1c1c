import { OK, STATUS_LIMIT } from "../../assembly/layout.js";
import { remedyFor } from "../attachment/allocation.js";
import { DhmemError } from "../errors.js";
import { Block } from "../memory/block.js";
import type { NamedObject } from "../objects/named-object.js";
import type { EndpointOptions, WaitOptions } from "../values/arguments.js";
import type { Content } from "../values/content.js";
import { PENDING } from "../waiting/wait.js";
import type { BatchReservation } from "./batch-reservation.js";
import { Endpoint } from "./endpoint.js";
import type { Reservation } from "./reservation.js";
import type { Sendable } from "./sendable.js";

/** Chaining onto this promise runs a function in the next microtask. */
const soon = Promise.resolve();

/** When a producer may send, what each kind of queue does to send, and how links send blocks. */
export abstract class MessageSender extends Endpoint {
	#ended = false;
	/** The last reservation, which may still be open. @internal */
	protected reservation: Reservation | BatchReservation | undefined;

	/** @internal */
	constructor(queue: NamedObject, options?: EndpointOptions) {
		super(queue, "producer", options);
	}

	/**
	 * The largest message that is copied into the queue, in bytes. Larger messages travel as a block.
	 *
	 * @internal
	 */
	abstract readonly inline: number;

	/** @internal */
	protected checkSending(): void {
		this.checkHeld();
		if (this.#ended) throw this.endedBefore();
		if (this.reservation?.open) {
			this.attachment.check();
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`Queue ${this.queue.name} has an open reservation; commit() or abort() it first`,
			);
		}
	}

	/**
	 * As `waitFor`, for what fails while a reservation is open. One that was opened later holds the wait up instead.
	 *
	 * @internal
	 */
	protected waitUnreserved<T>(
		what: string,
		attempt: () => T | typeof PENDING,
		options?: WaitOptions,
	): Promise<T> {
		try {
			this.checkOpen();
			this.checkSending();
		} catch (error) {
			return Promise.reject(error);
		}
		return this.waitFor(what, this.unlessReserved(attempt), options);
	}

	/** An attempt of a wait that goes on after a reservation that was opened later. @internal */
	protected unlessReserved<T>(attempt: () => T | typeof PENDING): () => T | typeof PENDING {
		return () => (this.reservation?.open ? PENDING : attempt());
	}

	/** Called when a reservation is about to be over: waits that it has held up go on. @internal */
	protected onUnreserved(): void {
		if (this.isWaiting) soon.then(() => this.attachment.waiter.onRing());
	}

	/** True after the end was sent. @internal */
	protected get hasSentEnd(): boolean {
		return this.#ended;
	}

	/**
	 * Ends the stream. The consumer drains what was sent, and then sees the end. A second call does nothing.
	 *
	 * @throws DHMEM_BAD_ARGUMENT while a reservation is open; DHMEM_CLOSED; DHMEM_TIMEOUT if the queue is full
	 * of ended streams that no consumer has read
	 * @example
	 * ```ts
	 * producer.trySend("the last step");
	 * producer.end();
	 * ```
	 */
	end(): void {
		if (this.#ended) return;
		this.checkSending();
		this.finish();
		this.#ended = true;
	}

	/**
	 * Sends a block as the message itself, in the way that messages too large for the ring travel.
	 *
	 * @param block called in each attempt: the block, or undefined while there is no memory for it
	 * @internal
	 */
	async sendBlock(block: () => Block | undefined, options?: WaitOptions): Promise<void> {
		const attempt = () => {
			this.checkSending();
			const made = block();
			return (made !== undefined && this.putBlock(made)) || PENDING;
		};
		await this.waitUnreserved("room in", attempt, options);
	}

	/**
	 * Allocates a block; undefined if there is no memory now, but there will be when the consumer releases
	 * messages.
	 *
	 * @internal
	 */
	tryBlock(length: number): Block | undefined {
		this.checkSize(length);
		const offset = this.tryAllocate(length);
		return offset === 0 ? undefined : new Block(this.attachment, offset, length);
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

	/** @internal */
	protected override beforeClose(): void {
		this.reservation?.abort();
	}

	/** Wakes the consumer if the core returned its doorbell; throws if the core returned an error. @internal */
	protected wake(result: number): void {
		if (result >= STATUS_LIMIT) this.attachment.wake(result);
		else if (result !== OK) throw this.unexpected(result);
	}

	/** The size in bytes of the largest message. @internal */
	protected get largest(): number {
		return this.attachment.largestBlock;
	}

	/** @internal */
	protected checkSize(length: number): void {
		checkMessageSize(length, this.attachment.path, this.largest);
	}

	/** Sends a message; false if there is no room now. @internal */
	protected abstract put(content: Content, block: Block | undefined): boolean;
	/** Sends a block as the message itself; false if there is no room now. @internal */
	protected abstract putBlock(block: Block): boolean;
	/**
	 * Returns a new block's offset; 0 if there is no memory now, but there will be when messages are released.
	 *
	 * @internal
	 */
	protected abstract tryAllocate(length: number): number;
	/** @internal */
	protected abstract putMany(items: Iterable<Sendable>): number;
	/** @internal */
	protected abstract reserve(length: number): Reservation | undefined;
	/** @internal */
	protected abstract reserveMany(length: number, count: number): BatchReservation | undefined;
	/** True if there is room for a message of `length` bytes now. @internal */
	protected abstract hasRoom(length: number): boolean;
	/** @internal */
	protected abstract finish(): void;
}

/** @throws DHMEM_MESSAGE_TOO_LARGE */
export function checkMessageSize(length: number, path: string, largest: number): void {
	if (length <= largest) return;
	throw new DhmemError(
		"DHMEM_MESSAGE_TOO_LARGE",
		`A message of ${length} bytes does not fit the region ${path}, where a message can have at most ${largest} bytes; ` +
			remedyFor(largest),
	);
}
