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
import { howToGetAddresses } from "../host/advice.js";
import { findLimit } from "../host/file-system.js";
import type { Host } from "../host/local-shim.js";
import type { File } from "../host/shim.js";
import { lengthIn } from "../values/arguments.js";
import { debug } from "./debug.js";
import { corruptRegion, cutOff, mappingFault, regionClosed, takenForDead } from "./failures.js";
import { keepWithBuffer, noteClosed, sameMemory } from "./openings.js";

/** The access of an opening. `copy-on-write` is `read-only` with private changes of elements. */
export type Access = "read-write" | "read-only" | "copy-on-write";

const { set: setBytes } = Uint8Array.prototype;

/**
 * Copies of at least this many bytes use Node's `fill`, which is a `memcpy`. In shared memory the engine's
 * `set` copies word by word, or byte by byte if source and destination are aligned differently: 3 GB/s.
 */
const FILLED = 512;

export class Mapping {
	readonly path: string;
	readonly access: Access;
	readonly file: File;
	readonly shim: Host;
	readonly buffer: SharedArrayBuffer;
	readonly bytes: Uint8Array;
	readonly words: Uint32Array;
	readonly #whole: Buffer;
	/** Private memory behind the region, in which the core reads names, keys and similar arguments. */
	readonly scratch: Uint8Array;
	readonly core: Core;
	/** This participant's number; 0 before it has joined. */
	me = 0;
	/** The index in `words` of this participant's slot. */
	slotWord = 0;
	readonly #barrier = new Int32Array(1);
	#failure: DhmemError | undefined;
	#closed = false;

	/** Maps a file of `spans` spans. */
	constructor(shim: Host, file: File, path: string, spans: number, access: Access) {
		this.path = path;
		this.access = access;
		this.file = file;
		this.shim = shim;
		const memory = reserveMemory(path, spans);
		this.buffer = memory.buffer;
		keepWithBuffer(this.buffer, this);
		const size = spans * SPAN_BYTES;
		this.bytes = new Uint8Array(this.buffer, 0, size);
		this.words = new Uint32Array(this.buffer, 0, size / 4);
		this.#whole = Buffer.from(this.buffer, 0, size);
		this.scratch = new Uint8Array(this.buffer, size);
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

	get size(): number {
		return this.bytes.length;
	}

	get spans(): number {
		return this.size / SPAN_BYTES;
	}

	/** The size in bytes of the largest block that the region could ever contain. */
	get largestBlock(): number {
		return this.size - this.header(HEADER_HEAP) * SPAN_BYTES;
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

	/** Unmaps the file. Views that users still hold then read zeros. */
	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		noteClosed(this);
		this.onClosed(this.closedError());
		this.shim.closeFile(this.file);
		debug("%s: closed", this.path);
	}

	/** Called by `close` before the file is closed. */
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
		if (this.#closed || this.#failure !== undefined || this.isDisplaced) throw this.unusable();
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
			this.#failure ??= mappingFault(this.shim, this.file, this.path, this.size) ?? takenForDead(this.path);
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
		// Closing may need more stack than is left. If it fails, the next call closes.
		try {
			this.close();
		} catch {
			this.#closed = false;
		}
		return this.#failure;
	}

	// ----------------------------------------------------------------------------------------- its memory

	/** Copies bytes into the region. */
	write(bytes: Uint8Array, offset: number): void {
		const length = lengthIn(bytes);
		if (length >= FILLED) this.#whole.fill(bytes, offset, offset + length);
		// Not as a method: V8 before 12 looks up a typed array's methods slowly, on each call.
		else setBytes.call(this.bytes, bytes, offset);
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

/**
 * Reserves the core's memory, to map the file over, with a private span behind it.
 *
 * @throws DHMEM_UNSUPPORTED
 */
function reserveMemory(path: string, spans: number): WebAssembly.Memory {
	if (typeof WebAssembly === "undefined") {
		throw new DhmemError(
			"DHMEM_UNSUPPORTED",
			"dhmem needs WebAssembly, which is disabled here; run Node without --jitless and --no-expose-wasm",
		);
	}
	try {
		return new WebAssembly.Memory({ initial: spans + 1, maximum: spans + 1, shared: true });
	} catch (error) {
		const advice = howToGetAddresses(spans * SPAN_BYTES, findLimit("Max address space"));
		throw new DhmemError("DHMEM_UNSUPPORTED", `There is no address space left for ${path}: ${advice}`, {
			cause: error,
		});
	}
}
