import { inspect } from "node:util";
import { badArgument, isFull } from "../errors.js";
import { Block } from "../memory/block.js";
import { type Sendable, type SendOptions, sendNames } from "../queue/producer.js";
import { bytesOf, checkCount, type WaitOptions, waitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { dispose } from "../values/dispose.js";
import { anySignal } from "./any-signal.js";
import type { LinkSender } from "./transport.js";

/**
 * A named output of a task. It sends every message to each of its links, which all have their own queue. From
 * `task.output(name)`.
 *
 * If a consumer dies, the output waits until it is restarted.
 *
 * @example
 * ```ts
 * const values = task.output("values");
 * await values.send(new Float64Array([1, 2, 3]));
 * await values.send("a field", { block });
 * values.end();
 * ```
 */
export class Output {
	readonly name: string;
	readonly #senders: readonly LinkSender[];
	readonly #signal: AbortSignal;

	/** @internal */
	constructor(name: string, senders: readonly LinkSender[], signal: AbortSignal) {
		this.name = name;
		this.#senders = senders;
		this.#signal = signal;
	}

	/**
	 * Sends to every link. On links with policy `block` this waits for room. A block is handed over without a
	 * copy; each link gets a reference of its own. Don't change `data` before the promise is resolved or
	 * rejected.
	 *
	 * If sending fails on one link, other links may have the message already. The block still belongs to this
	 * task then.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_QUEUE_ENDED, DHMEM_MESSAGE_TOO_LARGE, DHMEM_REGION_FULL, DHMEM_NO_SPACE,
	 * DHMEM_BAD_ARGUMENT, DHMEM_CLOSED; the reason of `task.signal` or of the given signal
	 * @example
	 * ```ts
	 * await task.output("values").send(new Float64Array([1, 2, 3]));
	 * ```
	 */
	async send(data: Sendable, options: SendOptions = {}): Promise<void> {
		const bytes = bytesOf(data);
		const { timeout, signal } = waitOptions(options, {}, sendNames);
		const { block } = options;
		const stop = anySignal([this.#signal, signal]);
		const wait = { timeout, signal: stop.signal };
		try {
			const [first] = this.#senders;
			if (this.#senders.length === 1 && first !== undefined) await first.send(bytes, { ...wait, block });
			else if (block === undefined) await this.#sendCopies(bytes, wait);
			else
				await sendClones(block, this.#senders, (each, clone) => each.send(bytes, { ...wait, block: clone }));
		} finally {
			stop.release();
		}
	}

	/**
	 * Copies a large message only once, into a block that is shared by all links on which it travels as a
	 * block.
	 */
	async #sendCopies(bytes: Uint8Array, wait: WaitOptions): Promise<void> {
		const sharing = this.#senders.filter(({ inline }) => bytes.length > inline);
		const copying = this.#senders.filter((each) => sharing.length < 2 || !sharing.includes(each));
		const copies = copying.map((each) => each.send(bytes, wait));
		const shared = sharing.length < 2 ? [] : [this.#sendShared(bytes, sharing, wait)];
		await all([...copies, ...shared]);
	}

	async #sendShared(bytes: Uint8Array, senders: readonly LinkSender[], wait: WaitOptions): Promise<void> {
		using block = await allocateFor(senders, bytes.length, wait);
		block.bytes.set(bytes);
		await sendClones(block, senders, (each, clone) => each.sendBlock(clone, wait));
	}

	/**
	 * Allocates a block for sending. If there is no memory left, this waits for consumers to release messages,
	 * while `region.allocate` would throw.
	 *
	 * @throws DHMEM_REGION_FULL or DHMEM_NO_SPACE if there is no sent message whose release could provide
	 * memory; DHMEM_MESSAGE_TOO_LARGE if the region is too small; DHMEM_TIMEOUT, DHMEM_CLOSED, the reason of
	 * `task.signal` or of the given signal
	 * @example
	 * ```ts
	 * const block = await field.allocate(8 * 1000 * 1000);
	 * block.as("f64").set(values);
	 * await field.send("step 1", { block });
	 * ```
	 */
	async allocate(bytes: number, options: WaitOptions = {}): Promise<Block> {
		checkCount("The number of bytes", bytes, 1, Number.MAX_SAFE_INTEGER);
		const { timeout, signal } = waitOptions(options, {});
		const stop = anySignal([this.#signal, signal]);
		try {
			return await allocateFor(this.#senders, bytes, { timeout, signal: stop.signal });
		} finally {
			stop.release();
		}
	}

	/** Ends every link. The consumers drain what was sent, and then see the end. A second call does nothing. */
	end(): void {
		for (const sender of this.#senders) sender.end();
	}

	/** @internal */
	close(): void {
		for (const sender of this.#senders) sender.close();
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Output", () => ({ name: this.name }));
	}
}

/**
 * Tries every link, because messages on any of them may give memory back. Throws only if none of them can.
 */
async function allocateFor(senders: readonly LinkSender[], bytes: number, wait: WaitOptions): Promise<Block> {
	let full: unknown;
	for (const sender of senders) {
		try {
			return await sender.allocate(bytes, wait);
		} catch (error) {
			if (!isFull(error)) throw error;
			full = error;
		}
	}
	throw full;
}

/** Sends each sender a reference of its own to the block. When all have one, frees this task's reference. */
async function sendClones(
	block: Block,
	senders: readonly LinkSender[],
	send: (sender: LinkSender, clone: Block) => Promise<void>,
): Promise<void> {
	if (!(block instanceof Block)) throw badArgument("block", block, "a Block of this task's region");
	const clones: Block[] = [];
	try {
		for (const _ of senders) clones.push(block.clone());
		await all(senders.map((each, i) => send(each, clones[i] as Block)));
		block.free();
	} finally {
		// Disposing does nothing to the clones that were sent.
		for (const clone of clones) clone[dispose]();
	}
}

/** Waits until all are resolved or rejected; then throws the error of the first one that was rejected. */
async function all(sends: readonly Promise<void>[]): Promise<void> {
	for (const result of await Promise.allSettled(sends)) {
		if (result.status === "rejected") throw result.reason;
	}
}
