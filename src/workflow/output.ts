import { Block } from "../block.js";
import { badArgument } from "../errors.js";
import { bytesOf, type WaitOptions, waitOptions } from "../options.js";
import type { Sendable, SendOptions } from "../producer.js";
import type { Region } from "../region.js";
import { anySignal } from "./any-signal.js";
import type { LinkSender } from "./transport.js";

/**
 * What a task sends by a name: to one link, or to several, each of which gets every message, in a queue of its own.
 * From `task.output(name)`.
 *
 * A consumer that dies is waited for, until it is restarted.
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
	readonly #region: Region;
	readonly #signal: AbortSignal;

	/** @internal */
	constructor(name: string, senders: readonly LinkSender[], region: Region, signal: AbortSignal) {
		this.name = name;
		this.#senders = senders;
		this.#region = region;
		this.#signal = signal;
	}

	/**
	 * Sends to every link, waiting for room where the link's policy says so. A block is handed over without a copy,
	 * each link having a reference of its own. Don't change `data` before the promise settles.
	 *
	 * When it fails for one link, others may have got the message; the block is this task's still.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_QUEUE_ENDED, DHMEM_MESSAGE_TOO_LARGE, DHMEM_REGION_FULL, DHMEM_NO_SPACE,
	 * DHMEM_BAD_ARGUMENT, DHMEM_CLOSED; the reason of `task.signal`, or of the signal given
	 */
	async send(data: Sendable, options: SendOptions = {}): Promise<void> {
		const bytes = bytesOf(data);
		const { timeout, signal } = waitOptions(options, {});
		const { block } = options;
		const stop = anySignal([this.#signal, signal]);
		const wait = { timeout, signal: stop.signal };
		try {
			const [first] = this.#senders;
			if (this.#senders.length === 1 && first !== undefined) await first.send(bytes, { ...wait, block });
			else if (block !== undefined)
				await this.#sendClones(block, (each, copy) => each.send(bytes, { ...wait, block: copy }));
			else if (this.#senders.every(({ inline }) => bytes.length <= inline))
				await all(this.#senders.map((each) => each.send(bytes, wait)));
			else await this.#sendLarge(bytes, wait);
		} finally {
			stop.release();
		}
	}

	/** One copy of what is too large to be copied for each, in a block that they share. */
	async #sendLarge(bytes: Uint8Array, wait: WaitOptions): Promise<void> {
		using block = this.#region.allocate(bytes.length);
		block.bytes.set(bytes);
		await this.#sendClones(block, (each, copy) => each.sendBlock(copy, wait));
	}

	/** Sends a reference of its own to each; when all have one, the block itself is given up. */
	async #sendClones(block: Block, send: (sender: LinkSender, copy: Block) => Promise<void>): Promise<void> {
		if (!(block instanceof Block)) throw badArgument("block", block, "a Block of this task's region");
		const copies: Block[] = [];
		try {
			for (const _ of this.#senders) copies.push(block.clone());
			await all(this.#senders.map((each, i) => send(each, copies[i] as Block)));
			block.free();
		} finally {
			// Those that were sent are spent.
			for (const copy of copies) copy[Symbol.dispose]();
		}
	}

	/** Ends every link: the consumers drain what was sent, and then see the end. Twice does nothing. */
	end(): void {
		for (const sender of this.#senders) sender.end();
	}

	/** @internal */
	close(): void {
		for (const sender of this.#senders) sender.close();
	}
}

/** Waits for all, however they end; then throws what the first that failed threw. */
async function all(sends: readonly Promise<void>[]): Promise<void> {
	for (const result of await Promise.allSettled(sends)) {
		if (result.status === "rejected") throw result.reason;
	}
}
