import { performance } from "node:perf_hooks";
import { inspect } from "node:util";
import { DhmemError } from "../errors.js";
import { batchesOf, eachOf } from "../queue/iteration.js";
import type { Message } from "../queue/message.js";
import { type WaitOptions, waitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { tooLate } from "../waiting/waiter.js";
import { anySignal } from "./any-signal.js";
import type { LinkReceiver } from "./transport.js";

/** A link of an input, and messages that were received from it while the input waited for several links. */
interface Source {
	readonly receiver: LinkReceiver;
	readonly held: Message[];
}

/**
 * A named input of a task. It receives the messages of one link, or of several links by turns. From
 * `task.input(name)`.
 *
 * If a producer dies, the input waits until it is restarted. Messages that are not released when this task
 * ends are delivered again to its successor.
 *
 * @example
 * ```ts
 * for await (const guess of task.input("guesses")) console.log(guess.as("f64"));
 * ```
 */
export class Input implements AsyncIterable<Message> {
	readonly name: string;
	readonly #sources: readonly Source[];
	readonly #signal: AbortSignal;
	/** The index of the link that is asked first next time. */
	#next = 0;

	/** @internal */
	constructor(name: string, receivers: readonly LinkReceiver[], signal: AbortSignal) {
		this.name = name;
		this.#sources = receivers.map((receiver) => ({ receiver, held: [] }));
		this.#signal = signal;
	}

	/** True when all links have ended and all their messages were received. */
	get ended(): boolean {
		return this.#sources.every(({ receiver, held }) => receiver.ended && held.length === 0);
	}

	/**
	 * Receives the next message; undefined if there is none now. Never waits.
	 *
	 * @throws DHMEM_CLOSED, DHMEM_CORRUPT
	 */
	tryReceive(): Message | undefined {
		const { length } = this.#sources;
		for (let turn = 0; turn < length; turn++) {
			const source = this.#sources[(this.#next + turn) % length] as Source;
			const message = source.held.shift() ?? source.receiver.tryReceive();
			if (message === undefined) continue;
			this.#next = (this.#next + turn + 1) % length;
			return message;
		}
		return undefined;
	}

	/**
	 * Receives the next message, waiting without blocking the event loop.
	 *
	 * @returns undefined when all links have ended
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, DHMEM_CORRUPT; the reason of `task.signal` or of the given signal
	 * @example
	 * ```ts
	 * const guess = await task.input("guesses").receive({ timeout: 1000 });
	 * ```
	 */
	async receive(options: WaitOptions = {}): Promise<Message | undefined> {
		const { timeout, signal } = waitOptions(options, {});
		const stop = anySignal([this.#signal, signal]);
		try {
			const [first] = this.#sources;
			if (this.#sources.length === 1 && first !== undefined) {
				return await first.receiver.receive({ timeout, signal: stop.signal });
			}
			return await this.#receiveFromAny(timeout, stop.signal);
		} finally {
			stop.release();
		}
	}

	async #receiveFromAny(timeout: number | undefined, signal: AbortSignal): Promise<Message | undefined> {
		const started = performance.now();
		for (;;) {
			signal.throwIfAborted();
			const message = this.tryReceive();
			if (message !== undefined || this.ended) return message;
			const left = timeout === undefined ? undefined : timeout - (performance.now() - started);
			if (left !== undefined && left <= 0) throw tooLate(`a message from input ${this.name}`, timeout ?? 0);
			await this.#arrival(left, signal);
		}
	}

	/** Waits until a link has a message or has ended. If several links have messages at once, all are held. */
	async #arrival(timeout: number | undefined, signal: AbortSignal): Promise<void> {
		const enough = new AbortController();
		const stop = anySignal([signal, enough.signal]);
		const open = this.#sources.filter(({ receiver }) => !receiver.ended);
		const waits = open.map(async ({ receiver, held }) => {
			const message = await receiver.receive({ timeout, signal: stop.signal });
			if (message !== undefined) held.push(message);
		});
		try {
			await Promise.race(waits);
		} catch (error) {
			if (signal.aborted || !isTimeout(error)) throw error;
		} finally {
			enough.abort();
			await Promise.allSettled(waits);
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

	/**
	 * Gives messages back to the first link: it does not matter from which of the links they are received
	 * again.
	 *
	 * @internal
	 */
	giveBack(messages: readonly Message[]): void {
		this.#sources[0]?.receiver.giveBack(messages);
	}

	/** @internal */
	releaseRun(messages: readonly Message[]): void {
		for (const message of messages) message.release();
	}

	/** @internal */
	close(): void {
		for (const { receiver } of this.#sources) receiver.close();
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Input", () => ({ name: this.name, ended: this.ended }));
	}
}

function isTimeout(error: unknown): boolean {
	return error instanceof DhmemError && error.code === "DHMEM_TIMEOUT";
}
