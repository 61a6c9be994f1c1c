/** The seam between tasks and what carries their links: a task uses the two endpoints, and does not know what is between. */
import type { Block } from "../memory/block.js";
import type { Message } from "../queue/message.js";
import type { Sendable } from "../queue/producer.js";
import type { WaitOptions } from "../values/arguments.js";
import type { Link } from "./links.js";

/** The end of a link that sends. Its waits outlast a peer that dies and is restarted. */
export interface LinkSender {
	/** Bytes of the largest message that is copied; what is larger travels as a block. */
	readonly inline: number;
	/** Sends, with a block beside it that is handed over. Later sends wait behind earlier ones. */
	send(data: Sendable, options: WaitOptions & { block?: Block | undefined }): Promise<void>;
	/** A block, waiting for memory while the receiver has messages that it may release. */
	allocate(bytes: number, options: WaitOptions): Promise<Block>;
	/** Sends a block that is the message. */
	sendBlock(block: Block, options: WaitOptions): Promise<void>;
	/** Ends the stream: the receiver drains what was sent, and then sees the end. */
	end(): void;
	/** Leaves. It does not end the stream. */
	close(): void;
}

/** The end of a link that receives. Its waits outlast a peer that dies and is restarted. */
export interface LinkReceiver {
	tryReceive(): Message | undefined;
	/** The next message; undefined when the stream has ended. */
	receive(options: WaitOptions): Promise<Message | undefined>;
	readonly ended: boolean;
	/** Messages that nobody got to are received again. */
	giveBack(messages: readonly Message[]): void;
	/** Leaves. What was not released is delivered again. */
	close(): void;
}

/** What carries links. */
export interface LinkTransport {
	/** @throws DHMEM_ENDPOINT_TAKEN while another process has it */
	sender(link: Link): LinkSender;
	/** @throws DHMEM_ENDPOINT_TAKEN while another process has it */
	receiver(link: Link): LinkReceiver;
}
