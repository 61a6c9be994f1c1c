/** Receiving messages by a handler, without an object for each. */
import { badArgument, DhmemError } from "../errors.js";
import { checkCount, checkOptions, isThenable, optionNames } from "../values/arguments.js";
import type { Message } from "./message.js";

/**
 * Handles one message of `consumer.poll`. The message has `length` bytes, from byte `at` of `view` on, which is
 * over the queue's ring. A message that does not lie in the ring comes as a `Message` instead, and `view` is
 * undefined: one that was too large, that carries a block, or from a queue that drops its oldest message. It
 * is released after the handler returns, unless the handler takes it.
 *
 * @example
 * ```ts
 * const handler: PollHandler = (view, at, length, message) => {
 *   console.log(message ? message.text() : view.getUint8(at)); // 115
 * };
 * consumer.poll(handler);
 * ```
 */
export type PollHandler = (view: DataView, at: number, length: number, message: Message | undefined) => void;

/**
 * Limits one call of `poll`.
 *
 * @example
 * ```ts
 * const options: PollOptions = { max: 100 };
 * console.log(consumer.poll(() => {}, options)); // 2
 * ```
 */
export interface PollOptions {
	/** The most messages to handle in this call. The default is no limit. */
	max?: number | undefined;
}

const names = optionNames<PollOptions>({ max: true });

/**
 * The most messages that one call can handle. Not infinity, which would be an object that is made in each call:
 * this is a small integer to the engine.
 */
const MOST = 2 ** 30;

/** Checks the arguments of `poll`, and returns the most messages to handle. */
export function checkPoll(handler: unknown, options: PollOptions | undefined): number {
	if (typeof handler !== "function") throw badArgument("The handler", handler, "a function");
	if (options === undefined) return MOST;
	checkOptions(options, names, "poll");
	const { max } = options;
	return max === undefined ? MOST : Math.min(checkCount("max", max, 1, Number.MAX_SAFE_INTEGER), MOST);
}

/** Throws if a handler has returned a promise: its message would be released before it is resolved. */
export function checkHandled(result: unknown): void {
	if (!isThenable(result)) return;
	throw new DhmemError(
		"DHMEM_BAD_ARGUMENT",
		"The handler of poll() has returned a promise, but a message is released when its handler returns; " +
			"copy what you need, and do the rest after poll()",
	);
}

/** Throws if a function of `pushEach` has returned a promise. */
export function checkWritten(result: unknown): void {
	if (!isThenable(result)) return;
	throw new DhmemError(
		"DHMEM_BAD_ARGUMENT",
		"The function of pushEach() has returned a promise, but a record is published when it returns; fill the record " +
			"at once",
	);
}
