import { inspect } from "node:util";
import { batchesOf, eachOf } from "../queue/iteration.js";
import type { Message } from "../queue/message.js";
import { type WaitOptions, waitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { anySignal } from "../waiting/any-signal.js";
import { SeveralLinks } from "./several-links.js";
import { isLimited, type LinkReceiver, type Receiver } from "./transport.js";

/**
 * A named input of a task. It receives the messages of one link, or of several links by turns. From
 * `task.input(name)`.
 *
 * If a producer dies, the input waits until it is restarted. Messages that are not released when this task
 * ends are delivered again to its successor.
 *
 * If the queue of one of several links is removed, the input receives from the others, and throws DHMEM_CLOSED where it
 * would have ended.
 *
 * @example
 * ```ts
 * for await (const guess of task.input("guesses")) console.log(guess.as("f64"));
 * ```
 */
export class Input implements AsyncIterable<Message> {
	/** The name of the input in its task. */
	readonly name: string;
	readonly #receiver: Receiver;
	readonly #signal: AbortSignal;

	/** @internal */
	constructor(name: string, receivers: readonly LinkReceiver[], signal: AbortSignal) {
		this.name = name;
		const [only, ...others] = receivers;
		this.#receiver =
			only !== undefined && others.length === 0 ? only : new SeveralLinks(`input ${name}`, receivers);
		this.#signal = signal;
	}

	/** True when all links have ended and all their messages were received. */
	get ended(): boolean {
		return this.#receiver.ended;
	}

	/**
	 * Receives the next message; undefined if there is none now. Never waits.
	 *
	 * @throws DHMEM_CLOSED, DHMEM_CORRUPT
	 * @example
	 * ```ts
	 * const guess = task.input("guesses").tryReceive();
	 * console.log(guess?.as("f64")); // Float64Array(2) [ 1, 2 ]
	 * guess?.release();
	 * ```
	 */
	tryReceive(): Message | undefined {
		return this.#receiver.tryReceive();
	}

	/**
	 * Receives the next message, waiting without blocking the event loop.
	 *
	 * @returns undefined when all links have ended
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, DHMEM_CORRUPT; the reason of `task.signal` or of the given signal
	 * @example
	 * ```ts
	 * using guess = await task.input("guesses").receive({ timeout: 1000 });
	 * console.log(guess?.as("f64")); // Float64Array(2) [ 1, 2 ]
	 * ```
	 */
	async receive(options: WaitOptions = {}): Promise<Message | undefined> {
		const { timeout, signal, spin } = waitOptions(options, {});
		const stop = anySignal([this.#signal, signal]);
		try {
			return await this.#receiver.receive(
				{ timeout, signal: stop.signal, spin },
				isLimited({ timeout, signal }, this.#signal),
			);
		} finally {
			stop.release();
		}
	}

	/**
	 * Iterates over the messages until all links have ended. Each is released when the loop asks for the next
	 * one. If the loop is left early, the last message stays unreleased.
	 *
	 * @throws as `receive`
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
	 * for await (const batch of task.input("guesses").batches(100)) console.log(batch.length); // 1
	 * ```
	 */
	batches(max: number): AsyncGenerator<Message[], undefined> {
		return batchesOf(this, max);
	}

	/** @internal */
	receiveMany(max: number): Message[] {
		const messages: Message[] = [];
		while (messages.length < max) {
			const message = this.tryReceive();
			if (message === undefined) break;
			messages.push(message);
		}
		return messages;
	}

	/** @internal */
	giveBack(messages: readonly Message[]): void {
		this.#receiver.giveBack(messages);
	}

	/** @internal */
	releaseRun(messages: readonly Message[]): void {
		for (const message of messages) message.release();
	}

	/** @internal */
	async close(): Promise<void> {
		await this.#receiver.close();
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Input", () => ({ name: this.name, ended: this.ended }));
	}
}
