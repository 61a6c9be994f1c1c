/**
 * The blocks that a sender has sent by reference. It keeps each until its receiver has released it, or until the server
 * has it: where a receiver can't pull, and before the sender leaves, blocks are stored in the stream behind everything
 * else, in chunks.
 */
import { clearTimeout, setTimeout } from "node:timers";
import { isFull } from "../../../errors.js";
import { ReservedHandle } from "../../../handles/reserved-handle.js";
import { Block } from "../../../memory/block.js";
import { linkName } from "../../links.js";
import { chunkOf } from "../chunks.js";
import type { Endpoint, EndpointOptions } from "../endpoint.js";
import type { Parcel } from "../parcel.js";
import type { Publisher } from "../publisher.js";
import { capacityOf } from "../stream.js";
import type { Listener } from "./listener.js";
import { memoryOf } from "./memory.js";
import { LEAST_PULLED, type Reason, type Reference, WITHDRAWN } from "./reference.js";

/** Milliseconds between looks at the stream, beside the receiver's hints. */
const LOOK = 250;
/** Milliseconds after a hint, which the server may give before it has handled what the hint is about. */
const SOON = 10;
/** Milliseconds for which a sender that leaves waits for a receiver that neither pulls nor releases. */
const IDLE = 2000;

export interface Held {
	readonly reference: Reference;
	readonly length: number;
	bytes: Uint8Array;
	/** The block, after it was sent. */
	block: Block | undefined;
	/** Its handle in the region, if it is saved there after it was sent. */
	readonly reserved: ReservedHandle | undefined;
	/** The position of its message in the stream; 0 while it is not stored. */
	position: number;
	/** True if its receiver can't pull it. */
	isAsked: boolean;
	uploading: Promise<void> | undefined;
}

interface Opened extends Endpoint {
	readonly publisher: Publisher;
}

export class HeldBlocks {
	readonly #options: EndpointOptions;
	readonly #onFull: (isFull: boolean) => void;
	#opened: Opened | undefined;
	#listener: Listener | undefined;
	readonly #held = new Map<string, Held>();
	#bytes = 0;
	/** When a receiver has pulled or released something, or something was sent. */
	#progress = performance.now();
	#hasServed = false;
	/** True when blocks go through the server from now on. */
	#isUseless = false;
	#wake: (() => void)[] = [];
	#timer: NodeJS.Timeout | undefined;
	#isLooking = false;
	/** True after the failure of a store was logged. */
	#hasFailed = false;
	#isStopped = false;
	#unsubscribe: (() => void) | undefined;

	/** @param onFull called when a message has to wait for others to be released, and when it does not any more */
	constructor(options: EndpointOptions, onFull: (isFull: boolean) => void) {
		this.#options = options;
		this.#onFull = onFull;
	}

	get isEmpty(): boolean {
		return this.#held.size === 0;
	}

	/**
	 * Waits until there is room for a block, and begins to hold it.
	 *
	 * @param isOver true when the caller has given up
	 * @returns undefined if the block goes through the server
	 */
	async hold(opened: Opened, block: Block, isOver: () => boolean): Promise<Held | undefined> {
		// With other policies, the sender drops messages, and would have to know which of them were pulled.
		if (block.length < LEAST_PULLED || this.#options.link.policy !== "block") return undefined;
		this.#listener = await this.#options.listener();
		if (this.#listener === undefined) return undefined;
		this.#begin(opened);
		await this.#room(block.length, isOver);
		return isOver() || this.#isUseless || this.#isStopped ? undefined : this.#add(block, this.#listener);
	}

	#begin(opened: Opened): void {
		if (this.#opened !== undefined) return;
		this.#opened = opened;
		const { session, names } = opened;
		const hints = session.connection.subscribe(names.room, {
			callback: (error, message) => {
				if (error !== null || this.#held.size === 0) return;
				const [reason = "", which = ""] = message.string().split(" ");
				if (reason === "") this.#lookIn(SOON);
				else this.#onAsked(reason as Reason, which);
			},
		});
		this.#unsubscribe = () => hints.unsubscribe();
	}

	/** One message always has room, however large it is, and the next one beside it. */
	#hasRoom(length: number): boolean {
		return (
			this.#held.size === 0 || this.#bytes + length <= Math.max(capacityOf(this.#options.link), length * 2)
		);
	}

	/** Resolves when there is room for a block, or when the caller has given up. */
	async #room(length: number, isOver: () => boolean): Promise<void> {
		if (this.#hasRoom(length)) return;
		this.#onFull(true);
		while (!this.#hasRoom(length) && !isOver() && !this.#isStopped) await this.#change();
		this.#onFull(false);
	}

	/** Resolves when something was released or stored, or by `wake`. */
	#change(): Promise<void> {
		return new Promise((resolve) => this.#wake.push(resolve));
	}

	wake(): void {
		for (const resolve of this.#wake.splice(0)) resolve();
	}

	#add({ bytes, length }: Block, listener: Listener): Held {
		const reserved = this.#reserve();
		const reference = listener.offer(bytes, reserved?.handle.toString(), () => {
			this.#hasServed = true;
			this.#progress = performance.now();
		});
		const held: Held = {
			reference,
			length,
			bytes,
			block: undefined,
			reserved,
			position: 0,
			isAsked: false,
			uploading: undefined,
		};
		this.#held.set(reference.id, held);
		this.#bytes += length;
		return held;
	}

	/** In a run, blocks are saved, so that a receiver of this region finds them there. */
	#reserve(): ReservedHandle | undefined {
		const { isRun, region } = this.#options;
		if (!isRun) return undefined;
		try {
			return region.lookWith((attachment) => new ReservedHandle(attachment));
		} catch (error) {
			if (isFull(error)) return undefined;
			throw error;
		}
	}

	/** The block was sent, and belongs to the link until its message is released. */
	takeOver(held: Held, block: Block): void {
		const { reference, reserved } = held;
		if (!this.#held.has(reference.id)) {
			block.free();
			return;
		}
		if (reserved === undefined) {
			held.block = this.#options.region.lookWith(
				(attachment) => new Block(attachment, block.owned(attachment), block.length),
			);
			block.spend();
		} else {
			reserved.save(block);
			held.block = this.#options.region.load(reserved.handle) as Block;
		}
	}

	/** The message has a place in the stream. */
	place(held: Held, position: number): void {
		held.position = position;
		this.#progress = performance.now();
		if (held.isAsked) this.#tryUpload(held);
		this.#lookIn(LOOK);
	}

	/** The block is its sender's again. If its message arrives, it counts as not sent. */
	withdraw(held: Held): void {
		if (!this.#held.has(held.reference.id) || held.bytes.length === 0) return;
		held.bytes = held.bytes.subarray(0, 0);
		this.#listener?.withdraw(held.reference.id);
		this.#bytes -= held.length;
	}

	/** Lets a block go. */
	drop(held: Held): void {
		const { id } = held.reference;
		if (!this.#held.delete(id)) return;
		this.#listener?.remove(id);
		if (held.bytes.length > 0) this.#bytes -= held.length;
		if (held.block === undefined) held.reserved?.cancel();
		else held.block.free();
		held.block = undefined;
		this.wake();
	}

	#lookIn(milliseconds: number): void {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.#look(), milliseconds).unref();
	}

	/** Finds what was released: it is not in the stream any more. */
	async #look(): Promise<void> {
		const opened = this.#opened;
		if (opened === undefined || this.#isLooking || this.#isStopped) return;
		this.#isLooking = true;
		try {
			const { session, names } = opened;
			const { state } = await session.manager.streams.info(names.stream, { deleted_details: true });
			const deleted = new Set(state.deleted);
			for (const held of [...this.#held.values()]) {
				const { position, uploading } = held;
				if (position === 0 || uploading !== undefined) continue;
				if (position >= state.first_seq && !deleted.has(position)) continue;
				this.#progress = performance.now();
				this.drop(held);
			}
		} catch {
			// The server does not answer now. If the stream is gone, the publisher says so.
		} finally {
			this.#isLooking = false;
		}
		if (!this.#isStopped && this.#held.size > 0) this.#lookIn(LOOK);
	}

	/** The receiver can't pull a block, or its memory is full. */
	#onAsked(reason: Reason, which: string): void {
		const isFull = reason === "full" && which === memoryOf(this.#options.region);
		// A receiver in the same memory has no room before all of these are out of it.
		const asked = isFull
			? [...this.#held.values()]
			: [this.#held.get(which)].filter((held) => held !== undefined);
		if (asked.length === 0) return;
		if (isFull || !this.#hasServed) this.#isUseless = true;
		for (const held of asked) {
			held.isAsked = true;
			this.#tryUpload(held);
		}
	}

	/** Stores a block, if its message is stored. The receiver asks again if that fails. */
	#tryUpload(held: Held): void {
		if (held.position === 0) return;
		this.#upload(held).catch((error) => {
			if (this.#isStopped || this.#hasFailed) return;
			this.#hasFailed = true;
			const { link, log } = this.#options;
			log(`a block of ${linkName(link)} can't be pulled, and can't be stored on the NATS server: ${error}`);
		});
	}

	#upload(held: Held): Promise<void> {
		held.uploading ??= new Promise<void>((resolve, reject) => {
			this.#opened?.publisher.sendFirst({
				records: this.#recordsOf(held),
				isUpload: true,
				onSettled: (error) => {
					if (error !== undefined) {
						held.uploading = undefined;
						return reject(error);
					}
					this.drop(held);
					resolve();
				},
			});
		});
		return held.uploading;
	}

	#recordsOf({ reference: { id }, bytes }: Held): Parcel["records"] {
		const chunk = chunkOf(this.#opened?.session.maxPayload ?? 0);
		const record = (at: number, payload: Uint8Array) => ({
			kind: "body" as const,
			payload,
			body: `${id}.${at}`,
		});
		if (bytes.length === 0) return [record(WITHDRAWN, bytes)];
		return Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, i) =>
			record(i * chunk, bytes.subarray(i * chunk, (i + 1) * chunk)),
		);
	}

	/** Resolves when nothing depends on this process any more. */
	async settle(): Promise<void> {
		while (this.#held.size > 0 && !this.#isStopped) {
			await this.#look();
			const isIdle = performance.now() - this.#progress > IDLE;
			if (isIdle || !(await this.#mayHavePeer()))
				for (const held of [...this.#held.values()]) if (held.position > 0) await this.#upload(held);
			if (this.#held.size > 0) await Promise.race([this.#change(), this.#pause()]);
		}
	}

	/** False if no receiver has come yet. */
	async #mayHavePeer(): Promise<boolean> {
		try {
			return (await this.#opened?.hasPeer()) ?? false;
		} catch {
			// The server does not answer now.
			return true;
		}
	}

	#pause(): Promise<void> {
		return new Promise((resolve) => setTimeout(resolve, LOOK));
	}

	/** Stops. What is held is freed. */
	stop(): void {
		this.#isStopped = true;
		clearTimeout(this.#timer);
		this.#unsubscribe?.();
		for (const held of [...this.#held.values()]) this.drop(held);
		this.wake();
	}
}
