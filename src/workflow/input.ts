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

/** One of the links of an input, and what came from it while another was waited for as well. */
interface Source {
	readonly receiver: LinkReceiver;
	readonly held: Message[];
}

/**
 * What a task receives by a name: the messages of one link, or of several, each in its turn. From `task.input(name)`.
 *
 * A producer that dies is waited for, until it is restarted. What was not released when this task ends is delivered
 * again to its successor.
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
	/** Where the next look begins. */
	#next = 0;

	/** @internal */
	constructor(name: string, receivers: readonly LinkReceiver[], signal: AbortSignal) {
		this.name = name;
		this.#sources = receivers.map((receiver) => ({ receiver, held: [] }));
		this.#signal = signal;
	}

	/** Whether all links have ended, and everything was received. */
	get ended(): boolean {
		return this.#sources.every(({ receiver, held }) => receiver.ended && held.length === 0);
	}

	/**
	 * The next message, if there is one now.
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
	 * The next message; undefined when all links have ended.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, DHMEM_CORRUPT; the reason of `task.signal`, or of the signal given
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

	/** Waits until a link has something, or has ended; what comes from more than one is held. */
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
	 * The messages up to the end of all links; each is released when the loop asks for the next one. Leaving the loop
	 * early leaves the last one unreleased.
	 *
	 * @throws as `receive`
	 */
	[Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
		return eachOf(this);
	}

	/** The same in batches of what is there, at least 1 and at most `max` messages, released together. */
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
	 * By any of the links: what it receives again need not be its own.
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
