/** A region's file, mapped, with the core over it; and whether it can still be used. */
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

/** What an opening may do: `copy-on-write` is `read-only`, but elements may be changed for oneself. */
export type Access = "read-write" | "read-only" | "copy-on-write";

const { set: setBytes } = Uint8Array.prototype;

/**
 * From so many bytes on a copy is made by Node's `fill`, a `memcpy`. The engine's `set` goes word by word in shared
 * memory, and byte by byte where source and destination are aligned differently: 3 GB/s.
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
	/** Memory of this opening alone, behind the region, where the core reads what it is given. */
	readonly scratch: Uint8Array;
	readonly core: Core;
	/** This participant's number, 0 until it has joined. */
	me = 0;
	/** Where the words of this participant's slot are, as an index into `words`. */
	slotWord = 0;
	readonly #barrier = new Int32Array(1);
	#failure: DhmemError | undefined;
	#closed = false;

	/** Maps `file` of `spans` spans. */
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
			throw new DhmemError("DHMEM_FORMAT", `${path} was cut or extended while it was opened; remove it`, {
				cause: error,
			});
		}
		this.core = instantiate(memory, {
			onThrow: (error) => this.#die(error),
			refuse: access === "read-write" ? undefined : () => this.readOnlyError(),
		});
	}

	/** For loggers that make JSON of what refers to it: its arrays are the whole region. */
	toJSON(): string {
		return this.path;
	}

	get size(): number {
		return this.bytes.length;
	}

	get spans(): number {
		return this.size / SPAN_BYTES;
	}

	/** Bytes of the largest block that the region could ever have. */
	get largestBlock(): number {
		return this.size - this.header(HEADER_HEAP) * SPAN_BYTES;
	}

	/** A word of the header. */
	header(field: number): number {
		return this.words[field >> 2] as number;
	}

	/** A word of this participant's slot, in which the core leaves results. */
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

	/** Unmaps the file. Views that users still have read zeros. */
	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		noteClosed(this);
		this.onClosed(this.closedError());
		this.shim.closeFile(this.file);
		debug("%s: closed", this.path);
	}

	/** Called when it is closed, before the file is. */
	protected onClosed(_why: DhmemError): void {}

	closedError(): DhmemError {
		return this.#failure ?? regionClosed(this.path);
	}

	/** Throws unless the region can be used. */
	check(): void {
		if (this.#closed || this.#failure !== undefined || this.isDisplaced) throw this.unusable();
	}

	/** Throws unless the region can be used, and changed. */
	checkWritable(): void {
		this.check();
		if (this.access !== "read-write") throw this.readOnlyError();
	}

	/** The error for a change that this opening may not make. */
	readOnlyError(): DhmemError {
		return new DhmemError(
			"DHMEM_READ_ONLY",
			`The region ${this.path} was opened ${this.access}, which can't change it; open it in another mode`,
		);
	}

	/**
	 * Whether this participant's number is gone from its slot: another participant took it for dead, or a fault put
	 * zero pages over the mapping. Reading one word finds both without a call. A reader has no slot, and looks at the
	 * header instead.
	 */
	get isDisplaced(): boolean {
		if (this.me !== 0) return this.words[this.slotWord + (SLOT_ID >> 2)] !== this.me;
		return this.access !== "read-write" && this.header(HEADER_MAGIC) !== MAGIC_LOW;
	}

	/** Leaves the region, and gives the reason. */
	unusable(): DhmemError {
		if (!this.#closed) {
			this.#failure ??= mappingFault(this.shim, this.file, this.path, this.size) ?? takenForDead(this.path);
			this.close();
		}
		return this.closedError();
	}

	/**
	 * Turns a status of the core that no caller expects into an error. One is `FENCED`: this participant's lock was
	 * found dropped.
	 */
	unexpected(status: number, what: string): DhmemError {
		if (this.#closed || this.#failure !== undefined || this.isDisplaced) return this.unusable();
		if (status === FENCED) {
			return new DhmemError("DHMEM_CLOSED", `${what}: this endpoint is closed; open it again`);
		}
		return corruptRegion(this.path, what, status);
	}

	/** As `unexpected`, for a word of the region that can't be right. */
	corrupted(what: string): DhmemError {
		return this.unexpected(CORRUPT, what);
	}

	/**
	 * The core threw in the middle of an operation. Another operation could make it worse, so this participant is dead:
	 * its locks drop at once, which needs little stack, and a survivor puts things right.
	 */
	#die(cause: unknown): DhmemError {
		this.shim.abandonFile(this.file);
		this.#failure ??= cutOff(this.path, cause);
		// Closing needs more stack than there may be; if this fails, the next call does it.
		try {
			this.close();
		} catch {
			this.#closed = false;
		}
		return this.#failure;
	}

	// ----------------------------------------------------------------------------------------- its memory

	/** Puts bytes into the region. */
	write(bytes: Uint8Array, offset: number): void {
		const length = lengthIn(bytes);
		if (length >= FILLED) this.#whole.fill(bytes, offset, offset + length);
		// Called so because V8 before 12 looks a typed array's method up slowly, each time.
		else setBytes.call(this.bytes, bytes, offset);
	}

	/** Puts bytes where the core reads them; their offset. They stay until the next call. */
	lend(bytes: Uint8Array): number {
		this.scratch.set(bytes);
		return this.size;
	}

	/**
	 * Loads before this call stay before loads after it, on every processor: atomic stores and loads keep their order,
	 * and plain loads don't pass an atomic store behind them.
	 */
	fence(): void {
		Atomics.store(this.#barrier, 0, 0);
	}
}

/** Memory of the core to map the file over, with a span behind it for the participant alone. */
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
		throw new DhmemError("DHMEM_UNSUPPORTED", `${path} has no room for its addresses: ${advice}`, {
			cause: error,
		});
	}
}
