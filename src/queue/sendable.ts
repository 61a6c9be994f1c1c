/** What is sent, and the options of a send. */
import type { Block } from "../memory/block.js";
import { optionNames, type WaitOptions } from "../values/arguments.js";
import { contentOf } from "../values/content.js";

/**
 * Data that can be sent: a string is sent as UTF-8, a view as its bytes.
 *
 * @example
 * ```ts
 * const messages: Sendable[] = ["text", new Float64Array(1000), Buffer.from([1, 2, 3])];
 * producer.sendMany(messages);
 * ```
 */
export type Sendable = string | ArrayBufferView;

/**
 * A block to send, and how long a send may wait.
 *
 * @example
 * ```ts
 * await producer.send("a field", { block, timeout: 1000 });
 * ```
 */
export interface SendOptions extends WaitOptions {
	/** A block to hand over with the message, without copying it. */
	block?: Block | undefined;
}

export const sendNames = optionNames<SendOptions>({ timeout: true, signal: true, spin: true, block: true });
export const trySendNames = optionNames<Pick<SendOptions, "block">>({ block: true });

/** Reads the arguments of a send once, however often the send is tried. */
export function readOnce(data: Sendable, options: SendOptions | undefined) {
	return { content: contentOf(data), block: options?.block };
}
