/** How large a region is, and where its parts are in the file. */
import { BULK_SPAN_BYTES, SPAN_BYTES } from "../../assembly/layout.js";
import { badArgument } from "../errors.js";
import { parseSize, type Size } from "./arguments.js";

/**
 * The size of a region: the spans of its heap, which is a Wasm memory, and the spans of the bulk space behind it, 0 if
 * it has none.
 */
export interface Extent {
	readonly spans: number;
	readonly bulk: number;
}

/**
 * 4 GiB less two pages of 64 KiB. One page more is needed for scratch, and engines refuse to clone or post a
 * buffer of 2^32 bytes.
 */
export const LARGEST_HEAP = 65534 * SPAN_BYTES;
/** The size if none is given. */
export const USUAL_EXTENT: Extent = { spans: LARGEST_HEAP / SPAN_BYTES, bulk: 0 };
/** Enough for the tables and a few objects and blocks. Smaller sizes are rounded up to it. */
const SMALLEST_REGION = 8 * SPAN_BYTES;
const LARGEST_REGION = 2 ** 44;

/** Converts the size of a region to spans, rounded up. @throws DHMEM_BAD_ARGUMENT */
export function parseRegionSize(size: Size): Extent {
	const bytes = parseSize("size", size);
	if (bytes < SPAN_BYTES || bytes > LARGEST_REGION) throw badArgument("size", size, "from 64 KiB to 16 TiB");
	if (bytes > 2 ** 32) {
		const { spans } = USUAL_EXTENT;
		return { spans, bulk: Math.ceil((bytes - startOfBulk(spans)) / BULK_SPAN_BYTES) };
	}
	return { spans: Math.ceil(Math.min(Math.max(bytes, SMALLEST_REGION), LARGEST_HEAP) / SPAN_BYTES), bulk: 0 };
}

/** Where the bulk space begins in the file. SYNC: `bulkOffset` in the core. */
export function startOfBulk(spans: number): number {
	return Math.ceil((spans * SPAN_BYTES) / BULK_SPAN_BYTES) * BULK_SPAN_BYTES;
}

/** The length of the file in bytes. */
export function fileSize({ spans, bulk }: Extent): number {
	return bulk === 0 ? spans * SPAN_BYTES : startOfBulk(spans) + bulk * BULK_SPAN_BYTES;
}
