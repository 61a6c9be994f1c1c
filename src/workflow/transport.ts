/**
 * The interface between tasks and transports. A task uses the two ends of a link without knowing how it
 * communicates.
 */
import type { Block } from "../memory/block.js";
import type { Message } from "../queue/message.js";
import type { Sendable } from "../queue/producer.js";
import type { WaitOptions } from "../values/arguments.js";
import type { Link } from "./links.js";

/** The sending side of a link. If the peer dies, its waits continue until the peer is restarted. */
export interface LinkSender {
	/** The largest message that is copied into the queue, in bytes. Larger messages travel as a block. */
	readonly inline: number;
	/** Sends data, and hands a block over with it if one is given. Later sends wait behind earlier ones. */
	send(data: Sendable, options: WaitOptions & { block?: Block | undefined }): Promise<void>;
	/** Allocates a block. While the receiver has messages that it may release, this waits for memory. */
	allocate(bytes: number, options: WaitOptions): Promise<Block>;
	/** Sends a block as the message itself. */
	sendBlock(block: Block, options: WaitOptions): Promise<void>;
	/** Ends the stream. The receiver drains what was sent, and then sees the end. */
	end(): void;
	/** Leaves the link without ending the stream. */
	close(): void;
}

/** The receiving side of a link. If the peer dies, its waits continue until the peer is restarted. */
export interface LinkReceiver {
	tryReceive(): Message | undefined;
	/** Receives the next message; undefined when the stream has ended. */
	receive(options: WaitOptions): Promise<Message | undefined>;
	readonly ended: boolean;
	/** Takes back messages that a reader did not use. They are received again. */
	giveBack(messages: readonly Message[]): void;
	/** Leaves the link. Unreleased messages are delivered again. */
	close(): void;
}

/** A way in which links communicate. */
export interface LinkTransport {
	/** @throws DHMEM_ENDPOINT_TAKEN while another process holds that endpoint */
	sender(link: Link): LinkSender;
	/** @throws DHMEM_ENDPOINT_TAKEN while another process holds that endpoint */
	receiver(link: Link): LinkReceiver;
}
