/** The blocks that a sender sends by reference, if its region has a keeper. */
import { setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { DhmemError, isFull } from "../../../errors.js";
import type { Block } from "../../../memory/block.js";
import type { Endpoint, EndpointOptions } from "../endpoint.js";
import { capacityOf } from "../stream.js";
import { type KeeperPlace, readPlace, referenceTo } from "./keeper-place.js";
import { KeptBlocks } from "./kept-blocks.js";
import { decodeReference, LEAST_PULLED, type Reference } from "./reference.js";

/** Milliseconds between looks whether the keeper has freed something. */
const PAUSE = 2;
/** Milliseconds before the server is asked again. */
const RETRY = 250;

export class SentBlocks {
	readonly #options: EndpointOptions;
	readonly #onFull: (isFull: boolean) => void;
	#opened: { readonly place: KeeperPlace; readonly blocks: KeptBlocks } | "none" | undefined;
	#isStopped = false;

	/** @param onFull called when a message has to wait for others to be released, and when it does not any more */
	constructor(options: EndpointOptions, onFull: (isFull: boolean) => void) {
		this.#options = options;
		this.#onFull = onFull;
	}

	/** True if no block waits for its message to be released. */
	get isEmpty(): boolean {
		return this.#keeping === undefined || this.#keeping.blocks.size === 0;
	}

	get #keeping() {
		this.#opened ??= this.#open();
		return this.#opened === "none" ? undefined : this.#opened;
	}

	#open() {
		const { region, link, isPullOff } = this.#options;
		// With other policies, the sender drops messages, and would have to know which of them were pulled.
		const place = link.policy === "block" && !isPullOff ? readPlace(region) : undefined;
		return place === undefined ? "none" : { place, blocks: new KeptBlocks(region, link) };
	}

	/**
	 * Makes a reference for the keeper to a block that is sent. So the block is its caller's again if the send fails.
	 *
	 * @returns undefined if the block goes through the server
	 */
	referTo(block: Block | undefined): Block | undefined {
		if (block === undefined || block.length < LEAST_PULLED) return undefined;
		try {
			return this.#keeping && block.clone();
		} catch (error) {
			if (isFull(error)) return undefined;
			throw error;
		}
	}

	/**
	 * Waits until there is room for a block, and gives it to the keeper.
	 *
	 * @param isOver true when the caller has given up
	 * @returns undefined if the block goes through the server
	 */
	async keep({ epoch }: Endpoint, block: Block, isOver: () => boolean): Promise<Reference | undefined> {
		const keeping = this.#keeping;
		if (keeping === undefined) return undefined;
		const { place, blocks } = keeping;
		await this.#room(blocks, block.length, isOver);
		if (isOver() || this.#isStopped) return undefined;
		const handle = blocks.save(block, epoch);
		return handle === undefined ? undefined : referenceTo(place, handle);
	}

	/** Resolves when there is room for a block, or when the caller has given up. */
	async #room(blocks: KeptBlocks, length: number, isOver: () => boolean): Promise<void> {
		// One message always has room, however large it is, and the next one beside it.
		const most = Math.max(capacityOf(this.#options.link), length * 2);
		const hasRoom = () => blocks.size === 0 || blocks.bytes + length <= most;
		if (hasRoom()) return;
		this.#onFull(true);
		while (!hasRoom() && !isOver() && !this.#isStopped) await sleep(PAUSE, undefined, { ref: false });
		this.#onFull(false);
	}

	/** The message has a place in the stream. */
	place(reference: Reference, position: number): void {
		this.#unlessClosed((blocks) => {
			try {
				blocks.place(reference.handle, position);
			} catch (error) {
				if (!isFull(error)) throw error;
				// Until then, it is kept although it may be released.
				setTimeout(() => this.place(reference, position), PAUSE).unref();
			}
		});
	}

	/** The block is its sender's again. If its message arrives nevertheless, it counts as not sent. */
	giveUp({ handle }: Reference): void {
		this.#unlessClosed((blocks) => blocks.free(handle));
	}

	/** The program may have closed the region, and its blocks with it. */
	#unlessClosed(act: (blocks: KeptBlocks) => void): void {
		try {
			if (this.#keeping !== undefined) act(this.#keeping.blocks);
		} catch (error) {
			if (!(error instanceof DhmemError && error.code === "DHMEM_CLOSED")) throw error;
		}
	}

	/**
	 * Finds what was sent by older senders that have not noted it any more, and frees the rest of their blocks. Nothing of
	 * theirs can be stored any more.
	 */
	async settleOlder({ session, names, epoch }: Endpoint): Promise<void> {
		const blocks = this.#keeping?.blocks;
		const isOpen = (each: { epoch: number; position: number }) => each.epoch < epoch && each.position === 0;
		while (!this.#isStopped && blocks?.all().some(isOpen)) {
			try {
				const positions = new Map<string, number>();
				const query = { seq: 1, next_by_subj: `${names.subject}.*.refer` };
				for (;;) {
					// The type of the client's parameter lacks `next_by_subj`.
					const record = await session.manager.streams.getMessage(names.stream, { ...query });
					if (record === null) break;
					positions.set(decodeReference(record.data, names.link).reference.handle, record.seq);
					query.seq = record.seq + 1;
				}
				if (this.#isStopped) return;
				for (const { handle } of blocks.all().filter(isOpen)) {
					const position = positions.get(handle);
					if (position === undefined) blocks.free(handle);
					else blocks.place(handle, position);
				}
			} catch {
				// The server does not answer now. If the stream is gone, the publisher says so.
				await sleep(RETRY, undefined, { ref: false });
			}
		}
	}

	stop(): void {
		this.#isStopped = true;
	}
}
