/** Puts the records of a stream together again as messages, in blocks of the task's region. */
import { setTimeout as sleep } from "node:timers/promises";
import type { JsMsg } from "@nats-io/jetstream";
import { isFull } from "../../errors.js";
import type { Block } from "../../memory/block.js";
import { LENGTHS, lengthsIn } from "./chunks.js";
import type { Endpoint, EndpointOptions } from "./endpoint.js";
import { encodeFull } from "./pull/full.js";
import { decodeReference, type Reference } from "./pull/reference.js";
import type { Retrieval, Retrieved } from "./pull/retrieval.js";
import { retrieve } from "./pull/retrieve.js";

/** Milliseconds between attempts to allocate, and after which room is asked for. */
const PAUSE = 20;
const FULL = 1000;

/** A message in blocks of this region. It has no block for its data if it has none. */
export interface Arrival {
	readonly first: number;
	last: number;
	readonly length: number;
	readonly data: Block | undefined;
	readonly carried: Block | undefined;
}

interface Partial extends Arrival {
	/** If the carried block was sent by reference. */
	readonly reference: Reference | undefined;
	/** Bytes that have arrived. */
	filled: number;
}

interface Handlers {
	onMessage(arrival: Arrival): void;
	/** The rest of a message does not come. Its blocks are free. */
	onDiscarded(arrival: Arrival): void;
	/** The send of a message was given up after it was published. */
	onWithdrawn(arrival: Arrival): void;
}

export class Assembler {
	readonly #options: Pick<EndpointOptions, "region" | "isPullOff">;
	readonly #handlers: Handlers;
	#partial: Partial | undefined;
	readonly #addresses: Retrieval["addresses"] = new Map();
	readonly #stopping = new AbortController();

	constructor(options: Pick<EndpointOptions, "region" | "isPullOff">, handlers: Handlers) {
		this.#options = options;
		this.#handlers = handlers;
	}

	get #isStopped(): boolean {
		return this.#stopping.signal.aborted;
	}

	/** Takes the first record of a message. */
	async begin(kind: "whole" | "first" | "refer", { seq, data }: JsMsg, endpoint: Endpoint): Promise<void> {
		const { link } = endpoint.names;
		const referring = kind === "refer" ? decodeReference(data, link) : undefined;
		const lengths =
			referring ?? (kind === "first" ? lengthsIn(data, link) : { data: data.length, block: undefined });
		const blocks: (Block | undefined)[] = [];
		for (const bytes of [lengths.data, lengths.block]) {
			// A block has at least one byte.
			blocks.push(bytes ? await this.#allocate(bytes, endpoint) : undefined);
			if (this.#isStopped) {
				for (const block of blocks) block?.free();
				return;
			}
		}
		const [block, carried] = blocks;
		const reference = referring?.reference;
		const partial = {
			first: seq,
			last: seq,
			length: lengths.data,
			data: block,
			carried,
			filled: 0,
			reference,
		};
		this.#partial = partial;
		const rest = referring?.rest ?? (kind === "first" ? data.subarray(LENGTHS) : data);
		await this.#fill(partial, seq, rest, endpoint);
	}

	/** Takes a further record. @returns false if no message has begun */
	async goOn({ seq, data }: JsMsg, endpoint: Endpoint): Promise<boolean> {
		if (this.#partial === undefined) return false;
		await this.#fill(this.#partial, seq, data, endpoint);
		return true;
	}

	async #fill(partial: Partial, seq: number, bytes: Uint8Array, endpoint: Endpoint): Promise<void> {
		partial.last = seq;
		const { data, carried, length, reference } = partial;
		const total = length + (reference === undefined ? (carried?.length ?? 0) : 0);
		if (partial.filled + bytes.length > total) {
			this.discard();
			return;
		}
		// A chunk belongs to the data or to the block, never to both.
		if (partial.filled < length) data?.bytes.set(bytes, partial.filled);
		else carried?.bytes.set(bytes, partial.filled - length);
		partial.filled += bytes.length;
		if (partial.filled < total) return;
		this.#partial = undefined;
		if (reference === undefined || (await this.#retrieve(partial, reference, endpoint)))
			this.#handlers.onMessage(partial);
	}

	/** Gets the block of a message. @returns false if it does not come */
	async #retrieve(partial: Partial, reference: Reference, endpoint: Endpoint): Promise<boolean> {
		const target = partial.carried?.bytes ?? new Uint8Array(0);
		const { region, isPullOff } = this.#options;
		const { signal } = this.#stopping;
		const addresses = this.#addresses;
		let result: Retrieved = "closed";
		try {
			result = await retrieve({ endpoint, region, reference, target, signal, isPullOff, addresses });
			if (result === "whole" && !this.#isStopped) return true;
		} finally {
			if (result !== "whole" || this.#isStopped) free(partial);
		}
		if (!this.#isStopped) this.#handlers.onWithdrawn(partial);
		return false;
	}

	/**
	 * Waits until the region has room: the task or another one may release something, or the keeper of the sender's blocks
	 * takes some out, if they are in the same region.
	 */
	async #allocate(bytes: number, { session, names }: Endpoint): Promise<Block | undefined> {
		const { region } = this.#options;
		let next = performance.now() + FULL;
		while (!this.#isStopped) {
			try {
				return region.allocate(bytes);
			} catch (error) {
				if (!isFull(error)) throw error;
			}
			if (performance.now() >= next && !session.connection.isClosed()) {
				session.connection.publish(names.room, encodeFull(region, bytes));
				next += FULL;
			}
			await sleep(PAUSE);
		}
		return undefined;
	}

	/** Drops the message whose rest has not come, if there is one. */
	discard(): void {
		const partial = this.#partial;
		if (partial === undefined) return;
		this.close();
		this.#handlers.onDiscarded(partial);
	}

	/** Ends what waits. */
	stop(): void {
		this.#stopping.abort();
	}

	/** Frees what there is of a message. */
	close(): void {
		if (this.#partial !== undefined) free(this.#partial);
		this.#partial = undefined;
	}
}

function free({ data, carried }: Arrival): void {
	data?.free();
	carried?.free();
}
