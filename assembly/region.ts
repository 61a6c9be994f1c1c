/** The region's header and tables: creates them, and finds things in them. */
import {
	BLOCK_ALIGNMENT,
	BUCKET_BYTES,
	BULK_MOST,
	CLASSES,
	DESCRIPTOR_BYTES,
	HEADER_AVAILABLE,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	HEADER_BULK_SPANS,
	HEADER_BULK_STATES,
	HEADER_BUSY,
	HEADER_COMMITTED,
	HEADER_DESCRIPTORS,
	HEADER_HEAP,
	HEADER_IDENTITY,
	HEADER_LIFETIME,
	HEADER_MAGIC,
	HEADER_OWNED,
	HEADER_OWNERS,
	HEADER_READY,
	HEADER_SPANS,
	HEADER_TOUCHED,
	HEADER_TOUCHED_BYTES,
	HEADER_VERSION,
	LAYOUT_VERSION,
	MAGIC_HIGH,
	MAGIC_LOW,
	OWNERS_PER_SPAN,
	READY_STEP,
	SLOT_BYTES,
	SLOTS,
	SLOTS_START,
	SPAN_BYTES,
	SPAN_SHIFT,
} from "./layout";

/** A word of the header that never changes after `format`. */
export function header(field: u32): u32 {
	return load<u32>(field);
}

/**
 * The number of spans in the region, limited by the memory's size, in case the header is corrupted. The
 * memory's last page is not part of the region.
 */
export function allSpans(): u32 {
	return min(header(HEADER_SPANS), <u32>memory.size() - 1);
}

/** The number of spans whose descriptors may be read. */
export function readySpans(): u32 {
	return min(atomic.load<u32>(HEADER_READY), <u32>memory.size() - 1);
}

/** True if `span` can contain blocks. */
export function isHeapSpan(span: u32): bool {
	return span >= header(HEADER_HEAP) && span < readySpans();
}

function align(bytes: u32, to: u32): u32 {
	return (bytes + to - 1) & ~(to - 1);
}

/**
 * Writes the header of a new region of `spans` spans and `bulk` bulk spans, and returns the first span of the
 * heap. The host has committed the header's page, and shows the region to no one else before this returns.
 */
export function format(spans: u32, identityLow: u32, identityHigh: u32, lifetime: u32, bulk: u32): u32 {
	const bitmap = align((spans + 7) >> 3, BLOCK_ALIGNMENT);
	let buckets: u32 = 64;
	while (buckets < spans && buckets < 4096) buckets <<= 1;

	let at: u32 = SLOTS_START + SLOTS * SLOT_BYTES;
	store<u32>(HEADER_BUSY, at);
	at += bitmap;
	store<u32>(HEADER_COMMITTED, at);
	at += bitmap;
	store<u32>(HEADER_OWNED, at);
	at += bitmap;
	store<u32>(HEADER_BUCKETS, at);
	store<u32>(HEADER_BUCKET_MASK, buckets - 1);
	at += buckets * BUCKET_BYTES;
	store<u32>(HEADER_TOUCHED, at);
	store<u32>(HEADER_TOUCHED_BYTES, bitmap);
	at = align(at + bitmap * SLOTS, 4096);
	store<u32>(HEADER_DESCRIPTORS, at);
	at = align(at + spans * DESCRIPTOR_BYTES, 4096);
	store<u32>(HEADER_AVAILABLE, at);
	at += align(spans, READY_STEP) * (CLASSES >> 3);
	if (bulk != 0) {
		store<u32>(HEADER_BULK_SPANS, min(bulk, BULK_MOST));
		store<u32>(HEADER_BULK_STATES, at);
		at = align(at + (min(bulk, BULK_MOST) << 2), 4096);
	}
	store<u32>(HEADER_OWNERS, at);
	at = align(at + spans * OWNERS_PER_SPAN, SPAN_BYTES);
	const heap = at >> SPAN_SHIFT;
	store<u32>(HEADER_HEAP, heap);

	store<u32>(HEADER_VERSION, LAYOUT_VERSION);
	store<u32>(HEADER_IDENTITY, identityLow);
	store<u32>(HEADER_IDENTITY + 4, identityHigh);
	store<u32>(HEADER_SPANS, spans);
	store<u32>(HEADER_LIFETIME, lifetime);
	store<u32>(HEADER_MAGIC, MAGIC_LOW);
	store<u32>(HEADER_MAGIC + 4, MAGIC_HIGH);
	return heap;
}
