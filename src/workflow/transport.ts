/**
 * The interface between tasks and transports. A task uses the two ends of a link without knowing how it
 * communicates.
 */
import type { Block } from "../memory/block.js";
import type { Message } from "../queue/message.js";
import type { Sendable } from "../queue/sendable.js";
import type { WaitOptions } from "../values/arguments.js";
import type { Link } from "./links.js";

/**
 * Tells whether a wait is limited: the task itself ends it, by a timeout or by a signal other than
 * `task.signal`. Such a wait is never stuck.
 */
export function isLimited({ timeout, signal }: WaitOptions, taskSignal: AbortSignal): boolean {
	return timeout !== undefined || (signal !== undefined && signal !== taskSignal);
}

/** The sending side of a link. If the peer dies, its waits continue until the peer is restarted. */
export interface LinkSender {
	/** The largest message that is copied into the queue, in bytes. Larger messages travel as a block. */
	readonly inline: number;
	/** Sends data, and hands a block over with it if one is given. Later sends wait behind earlier ones. */
	send(
		data: Sendable,
		options: WaitOptions & { block?: Block | undefined },
		isLimited: boolean,
	): Promise<void>;
	/** Allocates a block. While the receiver has messages that it may release, this waits for memory. */
	allocate(bytes: number, options: WaitOptions): Promise<Block>;
	/** Allocates a block; undefined if there is none now, but there may be when the receiver releases messages. */
	tryBlock(bytes: number): Block | undefined;
	/**
	 * Sends a block as the message itself.
	 *
	 * @param block called in each attempt: the block, or undefined while there is no memory for it
	 */
	sendBlock(block: () => Block | undefined, options: WaitOptions, isLimited: boolean): Promise<void>;
	/** Ends the stream. The receiver drains what was sent, and then sees the end. */
	end(): void;
	/**
	 * Leaves the link without ending the stream.
	 *
	 * @returns nothing if that was all; over a network, a promise that resolves when the server has everything that
	 * was sent, and the end
	 */
	close(): void | Promise<void>;
}

/** What a task receives from: a link, or several. */
export interface Receiver {
	tryReceive(): Message | undefined;
	/** Receives the next message; undefined when the stream has ended. */
	receive(options: WaitOptions, isLimited: boolean): Promise<Message | undefined>;
	readonly ended: boolean;
	/** Takes back messages that a reader did not use. They are received again. */
	giveBack(messages: readonly Message[]): void;
	/**
	 * Leaves the link. Unreleased messages are delivered again.
	 *
	 * @returns nothing if that was all; over a network, a promise that resolves when the server knows what was
	 * released
	 */
	close(): void | Promise<void>;
}

/** The receiving side of a link. If the peer dies, its waits continue until the peer is restarted. */
export interface LinkReceiver extends Receiver {
	/**
	 * Waits for the next message, or the end (undefined), and passes it to `take` at once: before any other
	 * wait of this thread gets a message.
	 */
	deliverTo(
		take: (message: Message | undefined) => void,
		options: WaitOptions,
		isLimited: boolean,
	): Promise<void>;
}

/**
 * A way in which links communicate. Each notes its progress in the task's region, where the runner reads it
 * (`readLinks`).
 *
 * If another process holds an endpoint, opening it throws DHMEM_ENDPOINT_TAKEN, or its first wait does where only
 * a server knows.
 */
export interface LinkTransport {
	sender(link: Link): LinkSender;
	receiver(link: Link): LinkReceiver;
}
