/**
 * The header, with the offsets of the tables.
 *
 * ```text
 *  H1  magic, version and features are those of this layout
 *  H2  spans · 64 KiB = bytes of the region                                8 ≤ spans ≤ 65534
 *  H3  the tables follow one another, each with room for its contents:
 *        slots ≤ busy                                busy + ⌈spans / 8⌉ ≤ committed
 *        committed + ⌈spans / 8⌉ ≤ owned             owned + ⌈spans / 32⌉ ≤ buckets
 *        buckets + 8 · (mask + 1) ≤ touched          8 · touchedBytes ≥ spans
 *        touched + 128 · touchedBytes ≤ descriptors
 *        descriptors + 16 · spans ≤ available        available + 8 · spans ≤ owners
 *        available + 8 · spans ≤ bulk states         bulk states + 4 · bulk spans ≤ owners, if there are any
 *        owners + 1024 · spans ≤ 64 KiB · heap       heap ≤ spans
 *  H4  mask + 1 is a power of two, 64 to 4096
 *  H5  lifetime is persistent or last-close
 *  H6  ready ≤ spans, and it is spans or a multiple of 1024
 *  H7  the reserved words are 0, and so are those of the bulk space where there is none
 * ```
 * All of them always hold. Nothing else can be checked unless H2 and H3 hold.
 */
import {
	BUCKET_BYTES,
	CLASSES,
	DESCRIPTOR_BYTES,
	HEADER_AVAILABLE,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	HEADER_BULK_BUSY,
	HEADER_BULK_COMMITTED,
	HEADER_BULK_READY,
	HEADER_BULK_SPANS,
	HEADER_BULK_STATES,
	HEADER_BUSY,
	HEADER_COMMITTED,
	HEADER_DESCRIPTORS,
	HEADER_FEATURES_ALL,
	HEADER_FEATURES_WRITE,
	HEADER_HEAP,
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
	LIFETIME_LAST_CLOSE,
	MAGIC_HIGH,
	MAGIC_LOW,
	OWNERS_PER_SPAN,
	READY_STEP,
	SLOT_BYTES,
	SLOTS,
	SLOTS_START,
	SPAN_BYTES,
} from "../../assembly/layout.js";
import type { Memory } from "./memory.js";
import type { Report } from "./report.js";

/** Words of the header that are reserved, and 0. */
const RESERVED = [HEADER_BULK_BUSY, HEADER_BULK_COMMITTED];
/** Words of the header that are 0 in a region without a bulk space. */
const OF_BULK = [HEADER_BULK_STATES, HEADER_BULK_READY];

const FEWEST_SPANS = 8;
const MOST_SPANS = 65534;
const FEWEST_BUCKETS = 64;
const MOST_BUCKETS = 4096;

/** Checks the header. True if the rest can be checked. */
export function checkHeader(memory: Memory, report: Report): boolean {
	const word = (field: number) => memory.word(field);
	const isMarked = word(HEADER_MAGIC) === MAGIC_LOW && word(HEADER_MAGIC + 4) === MAGIC_HIGH;
	const features = word(HEADER_FEATURES_ALL) | word(HEADER_FEATURES_WRITE);
	if (!isMarked || word(HEADER_VERSION) !== LAYOUT_VERSION || features !== 0)
		report.add("H1", HEADER_MAGIC, `the header is not a header of layout version ${LAYOUT_VERSION}`);
	const buckets = word(HEADER_BUCKET_MASK) + 1;
	const isPower = (buckets & (buckets - 1)) === 0;
	if (!isPower || buckets < FEWEST_BUCKETS || buckets > MOST_BUCKETS)
		report.add("H4", HEADER_BUCKET_MASK, `the directory can't have ${buckets} buckets`);
	if (word(HEADER_LIFETIME) > LIFETIME_LAST_CLOSE)
		report.add("H5", HEADER_LIFETIME, `there is no lifetime number ${word(HEADER_LIFETIME)}`);
	const spans = word(HEADER_SPANS);
	const ready = word(HEADER_READY);
	if (ready > spans || (ready !== spans && ready % READY_STEP !== 0))
		report.add("H6", HEADER_READY, `${ready} of ${spans} spans are ready, which is not a possible number`);
	for (const field of word(HEADER_BULK_SPANS) === 0 ? [...RESERVED, ...OF_BULK] : RESERVED)
		if (word(field) !== 0) report.add("H7", field, `a reserved word of the header is ${word(field)}, not 0`);
	return checkSize(memory, report, spans) && checkTables(memory, report, spans);
}

function checkSize({ bytes }: Memory, report: Report, spans: number): boolean {
	if (spans * SPAN_BYTES === bytes.length && spans >= FEWEST_SPANS && spans <= MOST_SPANS) return true;
	report.add("H2", HEADER_SPANS, `the header says ${spans} spans, but the region has ${bytes.length} bytes`);
	return false;
}

function checkTables(memory: Memory, report: Report, spans: number): boolean {
	const word = (field: number) => memory.word(field);
	const bitmap = Math.ceil(spans / 8);
	let isSound = word(HEADER_TOUCHED_BYTES) >= bitmap;
	let end = SLOTS_START + SLOTS * SLOT_BYTES;
	const bulk = word(HEADER_BULK_SPANS);
	const states = bulk === 0 ? [] : [[word(HEADER_BULK_STATES), bulk * 4] as const];
	for (const [start, bytes] of [
		[word(HEADER_BUSY), bitmap],
		[word(HEADER_COMMITTED), bitmap],
		[word(HEADER_OWNED), Math.ceil(spans / 32)],
		[word(HEADER_BUCKETS), (word(HEADER_BUCKET_MASK) + 1) * BUCKET_BYTES],
		[word(HEADER_TOUCHED), word(HEADER_TOUCHED_BYTES) * SLOTS],
		[word(HEADER_DESCRIPTORS), spans * DESCRIPTOR_BYTES],
		[word(HEADER_AVAILABLE), (spans * CLASSES) / 8],
		...states,
		[word(HEADER_OWNERS), spans * OWNERS_PER_SPAN],
		[word(HEADER_HEAP) * SPAN_BYTES, 0],
	] as const) {
		isSound &&= start >= end && start % 4 === 0;
		end = start + bytes;
	}
	if (isSound && word(HEADER_HEAP) <= spans) return true;
	report.add("H3", HEADER_BUSY, "the header's tables overlap, or are too small for their contents");
	return false;
}
