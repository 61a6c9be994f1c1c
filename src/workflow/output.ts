import { inspect } from "node:util";
import { badArgument, isFull } from "../errors.js";
import { Block } from "../memory/block.js";
import { type Sendable, type SendOptions, sendNames } from "../queue/sendable.js";
import { bytesOf, checkCount, type WaitOptions, waitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { dispose } from "../values/dispose.js";
import { anySignal } from "../waiting/any-signal.js";
import { isLimited, type LinkSender } from "./transport.js";

/**
 * A named output of a task. It sends every message to each of its links, which all have their own queue. From
 * `task.output(name)`.
 *
 * If a consumer dies, the output waits until it is restarted.
 *
 * @example
 * ```ts
 * const values = task.output("values");
 * await values.send(Float64Array.of(1, 2, 3));
 * await values.send("a field", { block: await values.allocate(8000) });
 * values.end();
 * ```
 */
export class Output {
	/** The name of the output in its task. */
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
		const { timeout, signal, spin } = waitOptions(options, {}, sendNames);
		const { block } = options;
		if (block !== undefined && !Block.isBlock(block))
			throw badArgument("block", block, "a Block of this task's region");
		const stop = anySignal([this.#signal, signal]);
		const wait = { timeout, signal: stop.signal, spin };
		const limited = isLimited({ timeout, signal }, this.#signal);
		try {
			const [first] = this.#senders;
			if (this.#senders.length === 1 && first !== undefined)
				await first.send(bytes, { ...wait, block }, limited);
			else if (block === undefined) await this.#sendCopies(bytes, wait, limited);
			else
				await sendClones(block, this.#senders, (each, clone) =>
					each.send(bytes, { ...wait, block: clone }, limited),
				);
		} finally {
			stop.release();
		}
	}

	/**
	 * Copies a large message only once, into a block that is shared by all links on which it travels as a
	 * block.
	 */
	async #sendCopies(bytes: Uint8Array, wait: WaitOptions, limited: boolean): Promise<void> {
		const sharing = this.#senders.filter(({ inline }) => bytes.length > inline);
		const copying = this.#senders.filter((each) => sharing.length < 2 || !sharing.includes(each));
		const copies = copying.map((each) => each.send(bytes, wait, limited));
		const shared = sharing.length < 2 ? [] : [this.#sendShared(bytes, sharing, wait, limited)];
		await all([...copies, ...shared]);
	}

	/**
	 * The block is allocated when the first link could send it. Until then this send waits in the line of every
	 * link, so no later send overtakes it.
	 */
	async #sendShared(
		bytes: Uint8Array,
		senders: readonly LinkSender[],
		wait: WaitOptions,
		limited: boolean,
	): Promise<void> {
		let clones: Block[] | undefined;
		const cloneFor = (index: number) => {
			clones ??= tryShare(bytes, senders);
			return clones?.[index];
		};
		try {
			await all(senders.map((each, i) => each.sendBlock(() => cloneFor(i), wait, limited)));
		} finally {
			// Disposing does nothing to the clones that were sent.
			for (const clone of clones ?? []) clone[dispose]();
		}
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
	 * const values = task.output("values");
	 * const block = await values.allocate(8000);
	 * block.as("f64").fill(1);
	 * await values.send("step 1", { block });
	 * ```
	 */
	async allocate(bytes: number, options: WaitOptions = {}): Promise<Block> {
		checkCount("The number of bytes", bytes, 1, Number.MAX_SAFE_INTEGER);
		const { timeout, signal, spin } = waitOptions(options, {});
		const stop = anySignal([this.#signal, signal]);
		try {
			return await allocateFor(this.#senders, bytes, { timeout, signal: stop.signal, spin });
		} finally {
			stop.release();
		}
	}

	/**
	 * Ends every link. The consumers drain what was sent, and then see the end. A second call does nothing. If
	 * one link can't be ended, the others are, and a further call tries that one again.
	 *
	 * @throws DHMEM_TIMEOUT if a link is full of ended streams that nobody has read; DHMEM_CLOSED
	 * @example
	 * ```ts
	 * const values = task.output("values");
	 * await values.send("the last one");
	 * values.end();
	 * ```
	 */
	end(): void {
		const failures: unknown[] = [];
		for (const sender of this.#senders) {
			try {
				sender.end();
			} catch (error) {
				failures.push(error);
			}
		}
		if (failures.length > 0) throw failures[0];
	}

	/** @internal */
	async close(): Promise<void> {
		await Promise.all(this.#senders.map((sender) => sender.close()));
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

/**
 * Copies the bytes into a block, and returns a reference to it for each sender. Returns undefined if there is
 * no memory now, but messages on one of the links may give some back.
 */
function tryShare(bytes: Uint8Array, senders: readonly LinkSender[]): Block[] | undefined {
	// Checked each time, because the buffer may have been transferred meanwhile.
	const { length } = bytesOf(bytes);
	let full: unknown;
	let mayCome = false;
	for (const sender of senders) {
		try {
			using block = sender.tryBlock(length);
			if (block === undefined) {
				mayCome = true;
				continue;
			}
			block.bytes.set(bytes);
			return clonesOf(block, senders.length);
		} catch (error) {
			if (!isFull(error)) throw error;
			full = error;
		}
	}
	if (mayCome) return undefined;
	throw full;
}

/** Returns `count` further references to a block. If there is no memory for all, makes none. */
function clonesOf(block: Block, count: number): Block[] {
	const clones: Block[] = [];
	try {
		while (clones.length < count) clones.push(block.clone());
		return clones;
	} catch (error) {
		for (const clone of clones) clone[dispose]();
		throw error;
	}
}

/** Sends a reference to the block over each link. Then frees this task's own reference. */
async function sendClones(
	block: Block,
	senders: readonly LinkSender[],
	send: (sender: LinkSender, clone: Block) => Promise<void>,
): Promise<void> {
	const clones = clonesOf(block, senders.length);
	try {
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
