/** Reads and checks the header of a region's file before anything else in the file is used. */
import {
	BUCKET_BYTES,
	BULK_MOST,
	HEADER_AVAILABLE,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	HEADER_BULK_SPANS,
	HEADER_BULK_STATES,
	HEADER_BUSY,
	HEADER_BYTES,
	HEADER_COMMITTED,
	HEADER_DESCRIPTORS,
	HEADER_FEATURES_ALL,
	HEADER_FEATURES_WRITE,
	HEADER_HEAP,
	HEADER_LIFETIME,
	HEADER_MAGIC,
	HEADER_OWNED,
	HEADER_OWNERS,
	HEADER_SPANS,
	HEADER_TOUCHED,
	HEADER_TOUCHED_BYTES,
	HEADER_VERSION,
	LAYOUT_VERSION,
	LIFETIME_LAST_CLOSE,
	MAGIC_HIGH,
	MAGIC_LOW,
	SLOT_BYTES,
	SLOTS,
	SLOTS_START,
	SPAN_BYTES,
} from "../../assembly/layout.js";
import { DhmemError } from "../errors.js";
import { type File, shim } from "../host/shim.js";
import { type Extent, fileSize, USUAL_EXTENT } from "../values/region-size.js";

/**
 * Reads the header, and throws if the file is not a usable region.
 *
 * @throws DHMEM_FORMAT, DHMEM_VERSION, DHMEM_CORRUPT
 */
export function readHeader(file: File, path: string): Uint32Array {
	const header = new Uint8Array(HEADER_BYTES);
	const length = shim().readFile(file, header, 0);
	const words = new Uint32Array(header.buffer);
	const word = (field: number) => words[field >> 2] as number;
	const { size } = shim().statFile(file);
	if (length < HEADER_BYTES || word(HEADER_MAGIC) !== MAGIC_LOW || word(HEADER_MAGIC + 4) !== MAGIC_HIGH) {
		throw new DhmemError("DHMEM_FORMAT", `${path} is not a dhmem region; remove it, or choose another name`);
	}
	if (
		word(HEADER_VERSION) !== LAYOUT_VERSION ||
		(word(HEADER_FEATURES_ALL) | word(HEADER_FEATURES_WRITE)) !== 0
	) {
		throw new DhmemError(
			"DHMEM_VERSION",
			`${path} has layout ${word(HEADER_VERSION)} (features ${word(HEADER_FEATURES_ALL)}, ` +
				`${word(HEADER_FEATURES_WRITE)}); this dhmem knows layout ${LAYOUT_VERSION}: use the same version on all sides`,
		);
	}
	const extent = extentIn(words);
	const { spans, bulk } = extent;
	if (spans > USUAL_EXTENT.spans || bulk > BULK_MOST) {
		throw new DhmemError("DHMEM_FORMAT", `${path} says that it is larger than a region can be; remove it`);
	}
	if (size !== fileSize(extent) || spans === 0) {
		throw new DhmemError(
			"DHMEM_FORMAT",
			`${path} is ${size} bytes long, but its header says ${fileSize(extent)}: it was truncated or extended; remove it`,
		);
	}
	checkTables(word, path);
	return words;
}

/** How large the region is. */
export function extentIn(header: Uint32Array): Extent {
	return { spans: header[HEADER_SPANS >> 2] as number, bulk: header[HEADER_BULK_SPANS >> 2] as number };
}

/** The words of the header with the offsets of the tables, in the order of the tables in the file. */
const tables = [
	HEADER_BUSY,
	HEADER_COMMITTED,
	HEADER_OWNED,
	HEADER_BUCKETS,
	HEADER_TOUCHED,
	HEADER_DESCRIPTORS,
	HEADER_AVAILABLE,
	HEADER_BULK_STATES,
	HEADER_OWNERS,
];

/**
 * Throws unless the tables follow one another, end before the heap, and are large enough.
 *
 * @throws DHMEM_CORRUPT
 */
function checkTables(word: (field: number) => number, path: string): void {
	let end = SLOTS_START + SLOTS * SLOT_BYTES;
	let sound = true;
	const isInBulk = (field: number) => field === HEADER_BULK_STATES;
	const present = tables.filter((field) => !isInBulk(field) || word(HEADER_BULK_SPANS) !== 0);
	for (const start of [
		...present.map(word),
		word(HEADER_HEAP) * SPAN_BYTES,
		word(HEADER_SPANS) * SPAN_BYTES,
	]) {
		sound &&= start >= end;
		end = start;
	}
	sound &&= (word(HEADER_BUCKET_MASK) + 1) * BUCKET_BYTES <= word(HEADER_TOUCHED) - word(HEADER_BUCKETS);
	sound &&= word(HEADER_TOUCHED_BYTES) * SLOTS <= word(HEADER_DESCRIPTORS) - word(HEADER_TOUCHED);
	const states = word(HEADER_OWNERS) - word(HEADER_BULK_STATES);
	sound &&= word(HEADER_BULK_SPANS) === 0 || word(HEADER_BULK_SPANS) * 4 <= states;
	if (!sound) {
		throw new DhmemError("DHMEM_CORRUPT", `${path} has a corrupted header; remove it`);
	}
}

/** Tells whether the region is removed with its last participant. */
export function isLastClose(header: Uint32Array): boolean {
	return header[HEADER_LIFETIME >> 2] === LIFETIME_LAST_CLOSE;
}
