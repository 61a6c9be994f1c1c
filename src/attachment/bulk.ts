/**
 * The bulk space: the part of a large region behind the Wasm memory. Its blocks have their bytes there, and are mapped in
 * windows of almost 4 GiB, each when it is first touched. No block crosses a window.
 *
 * The bytes of a block have an address. Below 2^32 it is an offset in the Wasm memory; window `n` has the addresses
 * from (n + 1) · 2^32 on. So the low 31 bits of every address are a small integer, which engines compute with fast.
 */
import { Buffer } from "node:buffer";
import { BULK_SPAN_BYTES, BULK_WINDOW, SPAN_BYTES } from "../../assembly/layout.js";
import { DhmemError, isErrorNamed } from "../errors.js";
import type { Host } from "../host/local-shim.js";
import type { File } from "../host/shim.js";
import { systemError } from "../host/system-error.js";
import { type Extent, startOfBulk } from "../values/region-size.js";
import { debug } from "./debug.js";
import { keepWithBuffer, sameMemory } from "./openings.js";
import { reserveMemory } from "./reserve.js";

/** Offsets from here on are no small integers to the engine: they are slow, and garbage. */
export const HALF = 2 ** 31;
/** The number of addresses of the Wasm memory, and of each window. */
export const ADDRESSES = 2 ** 32;
const WINDOW_BYTES = BULK_WINDOW * BULK_SPAN_BYTES;

/** What the bulk space needs of the mapping that it is part of. */
interface Owner {
	readonly path: string;
	readonly file: File;
	readonly shim: Host;
	check(): void;
	corrupted(what: string): DhmemError;
}

/** A mapped window. */
interface Window {
	readonly bytes: Uint8Array;
	/** The same bytes as a Buffer, which can write text. @internal */
	readonly whole: Buffer;
	readonly lower: DataView;
	readonly upper: DataView;
}

export class Bulk {
	readonly #mapping: Owner;
	/** Where it begins in the file. */
	readonly start: number;
	/** The number of its spans; 0 if there is none. */
	readonly spans: number;
	#windows: (Window | undefined)[] = [];

	constructor(mapping: Owner, { spans, bulk }: Extent) {
		this.#mapping = mapping;
		this.start = startOfBulk(spans);
		this.spans = bulk;
	}

	/** The size in bytes of the largest block that it could ever contain. */
	get largestBlock(): number {
		return Math.min(this.spans, BULK_WINDOW) * BULK_SPAN_BYTES;
	}

	/** The address of what is at an offset of the file. */
	addressOf(offset: number): number {
		const within = offset - this.start;
		return (Math.floor(within / WINDOW_BYTES) + 1) * ADDRESSES + (within % WINDOW_BYTES);
	}

	/**
	 * The bytes at an address.
	 *
	 * @throws DHMEM_CORRUPT if there are none, because a peer has overwritten the region; as `windowAt`
	 */
	view(address: number, length: number): Uint8Array {
		const { buffer, byteOffset, byteLength } = this.windowAt(address).bytes;
		const start = address % ADDRESSES;
		if (start + length > byteLength) throw this.#mapping.corrupted("Looking at a block");
		return new Uint8Array(buffer, byteOffset + start, length);
	}

	/**
	 * The window of an address, which is mapped if it was not.
	 *
	 * @throws DHMEM_UNSUPPORTED if there are no addresses for it; DHMEM_NO_SPACE if the process can't have more
	 * mappings; DHMEM_CLOSED and its like
	 */
	windowAt(address: number): Window {
		const index = Math.floor(address / ADDRESSES) - 1;
		this.#windows[index] ??= this.#open(index);
		return this.#windows[index] as Window;
	}

	#open(index: number): Window {
		const mapping = this.#mapping;
		mapping.check();
		const first = index * BULK_WINDOW;
		const spans = Math.min(this.spans - first, BULK_WINDOW);
		if (!(spans > 0)) throw mapping.corrupted("Looking at a block");
		const length = spans * BULK_SPAN_BYTES;
		// One span more, because the window begins at a multiple of its size.
		const { buffer } = reserveMemory(mapping.path, (length + BULK_SPAN_BYTES) / SPAN_BYTES);
		const start = this.#map(buffer, this.start + first * BULK_SPAN_BYTES, length);
		keepWithBuffer(buffer, mapping);
		debug("%s: mapped window %d", mapping.path, index);
		return {
			bytes: new Uint8Array(buffer, start, length),
			whole: Buffer.from(buffer, start, length),
			lower: new DataView(buffer, start, length),
			upper: new DataView(buffer, start + Math.min(HALF, length), Math.max(length - HALF, 0)),
		};
	}

	#map(buffer: SharedArrayBuffer, offset: number, length: number): number {
		const { shim, file, path } = this.#mapping;
		try {
			return shim.mapWindow(file, new Uint8Array(sameMemory(buffer)), offset, length);
		} catch (error) {
			if (isErrorNamed(error, "TypeError")) throw this.#mapping.corrupted("Mapping a window");
			const known = systemError(error, path, "Mapping a part of");
			throw known instanceof DhmemError ? known : error;
		}
	}

	/** Forgets the windows when the file is closed, so that the engine can take their addresses back. */
	close(): void {
		this.#windows = [];
	}
}
