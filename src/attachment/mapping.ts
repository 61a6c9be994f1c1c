/** A mapped region file with the core over it. Knows whether the region can still be used. */
import { Buffer } from "node:buffer";
import {
	CORRUPT,
	FENCED,
	HEADER_HEAP,
	HEADER_MAGIC,
	MAGIC_LOW,
	SLOT_ID,
	SLOT_RESULT,
	SPAN_BYTES,
} from "../../assembly/layout.js";
import { type Core, instantiate } from "../core/core.js";
import { DhmemError, isErrorNamed } from "../errors.js";
import { publish } from "../events.js";
import type { Host } from "../host/local-shim.js";
import type { File } from "../host/shim.js";
import type { Trust } from "../host/trust.js";
import { type Content, writeContent } from "../values/content.js";
import { type Extent, fileSize } from "../values/region-size.js";
import { ADDRESSES, Bulk, HALF } from "./bulk.js";
import { debug } from "./debug.js";
import {
	closedWhileWaiting,
	corruptRegion,
	cutOff,
	mappingFault,
	outside,
	regionClosed,
	takenForDead,
} from "./failures.js";
import { keepWithBuffer, noteClosed, sameMemory } from "./openings.js";
import { PeerPipes } from "./peer-pipes.js";
import { reserveMemory } from "./reserve.js";

/** The access of an opening. `copy-on-write` is `read-only` with private changes of elements. */
export type Access = "read-write" | "read-only" | "copy-on-write";

export class Mapping {
	readonly path: string;
	readonly access: Access;
	readonly file: File;
	readonly shim: Host;
	readonly buffer: SharedArrayBuffer;
	readonly bytes: Uint8Array;
	readonly words: Uint32Array;
	/** The space behind the Wasm memory. */
	readonly bulk: Bulk;
	/** The length of the file. */
	readonly fileSize: number;
	/** Views of the bytes from 0 and from 2^31 on. See `window`. */
	readonly #lower: DataView;
	readonly #upper: DataView;
	/** The same bytes as a Buffer, which can write text. @internal */
	readonly whole: Buffer;
	/** Private memory behind the region, in which the core reads names, keys and similar arguments. @internal */
	readonly scratch: Buffer;
	/** The same memory as words, in which the core describes several messages. */
	readonly scratchWords: Uint32Array;
	readonly core: Core;
	/** The owners whose pipes are used. */
	readonly trust: Trust;
	readonly peerPipes = new PeerPipes(this);
	/** This participant's number; 0 before it has joined. */
	me = 0;
	/** The index in `words` of this participant's slot. */
	slotWord = 0;
	readonly #barrier = new Int32Array(1);
	/** The index of the word that tells that this opening can be used, as long as its value is `#signed`. */
	#sign = 0;
	/** NaN, which no word is, while all has to be checked. */
	#signed = Number.NaN;
	#failure: DhmemError | undefined;
	#closed = false;
	/** True once `dhmem:open` was published, which `dhmem:close` follows. */
	#announced = false;

	/** Maps a file of this extent; its bulk space later, in windows. */
	constructor(shim: Host, file: File, path: string, extent: Extent, access: Access, trust: Trust) {
		const { spans } = extent;
		this.path = path;
		this.access = access;
		this.trust = trust;
		this.file = file;
		this.shim = shim;
		this.bulk = new Bulk(this, extent);
		this.fileSize = fileSize(extent);
		// With a private span behind it.
		const memory = reserveMemory(path, spans + 1);
		this.buffer = memory.buffer;
		keepWithBuffer(this.buffer, this);
		const size = spans * SPAN_BYTES;
		this.bytes = new Uint8Array(this.buffer, 0, size);
		this.words = new Uint32Array(this.buffer, 0, size / 4);
		this.whole = Buffer.from(this.buffer, 0, size);
		this.#lower = new DataView(this.buffer, 0, size);
		this.#upper = size > HALF ? new DataView(this.buffer, HALF, size - HALF) : this.#lower;
		this.scratch = Buffer.from(this.buffer, size);
		this.scratchWords = new Uint32Array(this.buffer, size);
		try {
			shim.mapFile(file, new Uint8Array(sameMemory(this.buffer), 0, size), access !== "read-write");
		} catch (error) {
			if (!isErrorNamed(error, "TypeError")) throw error;
			throw new DhmemError(
				"DHMEM_FORMAT",
				`${path} was truncated or extended while it was being opened; remove it`,
				{
					cause: error,
				},
			);
		}
		this.core = instantiate(memory, {
			onThrow: (error) => this.#die(error),
			refuse: access === "read-write" ? undefined : () => this.readOnlyError(),
		});
	}

	/** For loggers that convert objects to JSON: the arrays of a mapping contain the whole region. */
	toJSON(): string {
		return this.path;
	}

	/** The size in bytes of the heap: of the region without its bulk space. */
	get size(): number {
		return this.bytes.length;
	}

	get spans(): number {
		return this.size / SPAN_BYTES;
	}

	/** The size in bytes of the largest block that the heap could ever contain. */
	get largestInHeap(): number {
		return this.size - this.header(HEADER_HEAP) * SPAN_BYTES;
	}

	/** The size in bytes of the largest block that the region could ever contain. */
	get largestBlock(): number {
		return Math.max(this.largestInHeap, this.bulk.largestBlock);
	}

	/** Reads a word of the header. */
	header(field: number): number {
		return this.words[field >> 2] as number;
	}

	/** Reads a word of this participant's slot, where the core leaves results. */
	result(field = SLOT_RESULT): number {
		return this.words[this.slotWord + (field >> 2)] as number;
	}

	// --------------------------------------------------------------------------------- whether it can be used

	get closed(): boolean {
		return this.#closed;
	}

	get failed(): boolean {
		return this.#failure !== undefined;
	}

	/** Publishes that the region is open. */
	announce(mode: string, label: string): void {
		this.#announced = true;
		const slot = this.me === 0 ? undefined : (this.me & 0xff) - 1;
		publish("dhmem:open", () => ({ path: this.path, mode, label, slot }));
	}

	/** Unmaps the file. Views that users still hold then read zeros. */
	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.#signed = Number.NaN;
		noteClosed(this);
		this.onClosed(this.#failure ?? closedWhileWaiting(this.path));
		this.shim.closeFile(this.file);
		this.bulk.close();
		debug("%s: closed", this.path);
		if (!this.#announced) return;
		const { code, message } = this.#failure ?? {};
		publish("dhmem:close", () => ({ path: this.path, code, message }));
	}

	/** Called by `close` before the file is closed. @internal */
	protected onClosed(_why: DhmemError): void {}

	closedError(): DhmemError {
		return this.#failure ?? regionClosed(this.path);
	}

	/**
	 * Throws if the region can't be used.
	 *
	 * @throws DHMEM_CLOSED, DHMEM_TRUNCATED, DHMEM_NO_SPACE, DHMEM_CORRUPT
	 */
	check(): void {
		// As little code as can be, because it becomes part of every accessor.
		if (this.words[this.#sign] !== this.#signed) this.#checkAll();
	}

	#checkAll(): void {
		if (this.#closed || this.#failure !== undefined || this.isDisplaced) throw this.unusable();
		if (this.me !== 0) {
			this.#sign = this.slotWord + (SLOT_ID >> 2);
			this.#signed = this.me;
		} else if (this.access !== "read-write") {
			this.#sign = HEADER_MAGIC >> 2;
			this.#signed = MAGIC_LOW;
		}
	}

	/** Throws if the region can't be used or changed. @throws as `check`; DHMEM_READ_ONLY */
	checkWritable(): void {
		this.check();
		if (this.access !== "read-write") throw this.readOnlyError();
	}

	/** The error for a change that this opening does not allow. */
	readOnlyError(): DhmemError {
		return new DhmemError(
			"DHMEM_READ_ONLY",
			`The region ${this.path} was opened ${this.access}, so it can't be changed; open it in another mode`,
		);
	}

	/**
	 * True if this participant's number is no longer in its slot: another participant has declared it dead, or
	 * a fault has put zero pages over the mapping. Reading one word detects both without a call. A reader has
	 * no slot, so it checks the header instead.
	 */
	get isDisplaced(): boolean {
		if (this.me !== 0) return this.words[this.slotWord + (SLOT_ID >> 2)] !== this.me;
		return this.access !== "read-write" && this.header(HEADER_MAGIC) !== MAGIC_LOW;
	}

	/** Leaves the region, and returns the error that says why. */
	unusable(): DhmemError {
		if (!this.#closed) {
			const slot = this.me === 0 ? undefined : this.slotWord << 2;
			const fault = mappingFault(this.shim, this.file, this.path, this.fileSize, slot);
			this.#failure ??= fault ?? takenForDead(this.path);
			this.close();
		}
		return this.closedError();
	}

	/**
	 * Converts an unexpected status of the core to an error. One such status is `FENCED`: another participant
	 * found that this one's lock was dropped.
	 */
	unexpected(status: number, what: string): DhmemError {
		if (this.#closed || this.#failure !== undefined || this.isDisplaced) return this.unusable();
		if (status === FENCED) {
			return new DhmemError("DHMEM_CLOSED", `${what}: this endpoint is closed; open it again`);
		}
		return corruptRegion(this.path, what, status);
	}

	/** Like `unexpected`, for an impossible value in the region. */
	corrupted(what: string): DhmemError {
		return this.unexpected(CORRUPT, what);
	}

	/**
	 * The core threw in the middle of an operation. Another operation could do damage, so this participant
	 * dies: its locks drop at once, which needs little stack, and a survivor recovers.
	 */
	#die(cause: unknown): DhmemError {
		this.shim.abandonFile(this.file);
		this.#failure ??= cutOff(this.path, cause);
		this.#signed = Number.NaN;
		// Closing may need more stack than is left. If it fails, the next call closes.
		try {
			this.close();
		} catch {
			this.#closed = false;
		}
		return this.#failure;
	}

	// ----------------------------------------------------------------------------------------- its memory

	/** The address of the bytes of a block, or of a reference to one. See `Bulk`. */
	addressOf(block: number): number {
		const at = this.core.bytesOf(block) >>> 0;
		if (at !== 0 || this.bulk.spans === 0) return at;
		const offset = this.core.fileOffsetOf(block);
		if (offset === 0) throw this.corrupted("Looking for a block's bytes");
		return this.bulk.addressOf(offset);
	}

	/** The bytes at an address. @throws DHMEM_CORRUPT if they would lie outside the region; as `Bulk.view` */
	view(address: number, length: number): Uint8Array {
		if (address + length <= this.size) return new Uint8Array(this.buffer, address, length);
		if (address >= ADDRESSES) return this.bulk.view(address, length);
		throw outside();
	}

	/** Copies content, whose length in bytes is `length`, to an address. */
	write(content: Content, length: number, address: number): void {
		if (address < ADDRESSES) writeContent(content, length, this.whole, address);
		else writeContent(content, length, this.bulk.windowAt(address).whole, address % ADDRESSES);
	}

	/** A view in which the bytes at `address` begin at `address % HALF`, to read and write numbers. */
	window(address: number): DataView {
		if (address < HALF) return this.#lower;
		if (address < ADDRESSES) return this.#upper;
		const { lower, upper } = this.bulk.windowAt(address);
		return address % ADDRESSES < HALF ? lower : upper;
	}

	/**
	 * Copies bytes to where the core reads arguments, and returns their offset. They are valid until the next
	 * call.
	 */
	lend(bytes: Uint8Array): number {
		this.scratch.set(bytes);
		return this.size;
	}

	/**
	 * Keeps loads before this call before loads after it, on every processor: atomic operations keep their
	 * order, and plain loads don't move past a later atomic store.
	 */
	fence(): void {
		Atomics.store(this.#barrier, 0, 0);
	}
}
