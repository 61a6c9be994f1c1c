/**
 * Commits pages for spans that the core has claimed.
 *
 * All spans of a run get their pages before the core learns of any. If the file system fills up on the way,
 * the pages are given back. That is safe, because this participant has claimed the spans and they are not
 * marked as committed, so they contain no one else's data. If this participant dies on the way, the pages
 * stay, and the next participant to claim the spans uses them.
 */
import {
	DESCRIPTOR_BYTES,
	DESCRIPTOR_STATE,
	HEADER_COMMITTED,
	HEADER_DESCRIPTORS,
	HEADER_READY,
	INTENT_RUN,
	REQUEST_BULK,
	REQUEST_DESCRIPTORS,
	REQUEST_SPANS,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOT_REQUEST,
	SLOT_REQUEST_COUNT,
	SLOT_REQUEST_FIRST,
	SLOT_REQUEST_LENGTH,
	SLOT_REQUEST_LENGTH_2,
	SLOT_REQUEST_OFFSET,
	SLOT_REQUEST_OFFSET_2,
	SPAN_BYTES,
	SPAN_CLAIMED,
	SPAN_FREE,
} from "../../assembly/layout.js";
import { findRoom } from "../host/file-system.js";
import { noSpace } from "../host/system-error.js";
import { commitBulk } from "./bulk-committing.js";
import type { Mapping } from "./mapping.js";
import { commitRange, giveBackRange, type Spans } from "./pages.js";
import { checkRoom } from "./room.js";

/**
 * Commits the pages that the core asks for in this participant's slot, and those of the rest of the run.
 * Returns the run that is now fully committed; undefined if the core asked for tables only.
 *
 * @param bytes the size of the allocation
 * @param whole the result of the previous call for the same allocation
 */
export function commitRequest(mapping: Mapping, bytes: number, whole: Spans | undefined): Spans | undefined {
	// Pages of tables are never given back, because they also contain the entries of other spans. So commit
	// none if the run itself can't fit.
	if (mapping.result(SLOT_REQUEST) === REQUEST_DESCRIPTORS) checkPages(mapping, bytes);
	for (const [offset, length] of tablesOf(mapping)) commitRange(mapping, offset, length);
	if (mapping.result(SLOT_REQUEST) === REQUEST_BULK) return commitBulk(mapping, whole);
	if (mapping.result(SLOT_REQUEST) !== REQUEST_SPANS) return undefined;
	const first = mapping.result(SLOT_REQUEST_FIRST);
	const end = first + mapping.result(SLOT_REQUEST_COUNT);
	if (whole !== undefined && first >= whole.first && end <= whole.first + whole.count) return whole;
	const run = runOf(mapping, { first, count: end - first });
	const fresh = withoutPages(mapping, run);
	checkRoom(mapping.path, fresh.reduce((sum, each) => sum + each.count, 0) * SPAN_BYTES);
	try {
		for (const each of fresh) commitRange(mapping, each.first * SPAN_BYTES, each.count * SPAN_BYTES);
	} catch (error) {
		giveBack(mapping, fresh);
		throw error;
	}
	return run;
}

/**
 * Throws if the file system has no room for a run of `bytes` bytes behind the last span in use.
 *
 * @throws DHMEM_NO_SPACE
 */
function checkPages(mapping: Mapping, bytes: number): void {
	const table = mapping.header(HEADER_DESCRIPTORS) + DESCRIPTOR_STATE;
	let missing = Math.ceil(bytes / SPAN_BYTES);
	for (let span = mapping.header(HEADER_READY) - 1; missing > 0 && span >= 0; span--, missing--)
		if (mapping.words[(table + span * DESCRIPTOR_BYTES) >>> 2] !== SPAN_FREE) break;
	const free = findRoom(mapping.path)?.free;
	if (free !== undefined && missing * SPAN_BYTES > free) throw noSpace(mapping.path, bytes);
}

function tablesOf(mapping: Mapping): [number, number][] {
	const range = (offset: number, length: number): [number, number] => [
		mapping.result(offset),
		mapping.result(length),
	];
	const second = range(SLOT_REQUEST_OFFSET_2, SLOT_REQUEST_LENGTH_2);
	const isRun = mapping.result(SLOT_REQUEST) === REQUEST_SPANS;
	const ranges = isRun ? [second] : [range(SLOT_REQUEST_OFFSET, SLOT_REQUEST_LENGTH), second];
	return ranges.filter(([, length]) => length > 0);
}

/** The run that this participant is claiming, if it contains `asked`; otherwise `asked`. */
function runOf(mapping: Mapping, asked: Spans): Spans {
	const first = mapping.result(SLOT_INTENT_A);
	const count = mapping.result(SLOT_INTENT_B);
	const isWhole =
		mapping.result(SLOT_INTENT) === INTENT_RUN &&
		first <= asked.first &&
		asked.first + asked.count <= first + count &&
		first + count <= mapping.spans;
	return isWhole ? { first, count } : asked;
}

/** The spans of a run that have no pages yet, as ranges. */
function withoutPages(mapping: Mapping, { first, count }: Spans): Spans[] {
	const ranges: Spans[] = [];
	for (let span = first; span < first + count; span++) {
		if (isCommitted(mapping, span)) continue;
		const last = ranges.at(-1);
		if (last !== undefined && last.first + last.count === span) last.count++;
		else ranges.push({ first: span, count: 1 });
	}
	return ranges;
}

function isCommitted(mapping: Mapping, span: number): boolean {
	const word = mapping.header(HEADER_COMMITTED) + (span >>> 5) * 4;
	return ((mapping.words[word >>> 2] ?? 0) & (1 << (span & 31))) !== 0;
}

/** Gives back the pages of spans that this participant still claims. Never throws. */
function giveBack(mapping: Mapping, ranges: readonly Spans[]): void {
	if (mapping.closed || mapping.isDisplaced) return;
	const table = mapping.header(HEADER_DESCRIPTORS) + DESCRIPTOR_STATE;
	const ours = SPAN_CLAIMED | ((mapping.me & 0xff) << 8);
	const isOurs = (span: number) => mapping.words[(table + span * DESCRIPTOR_BYTES) >>> 2] === ours;
	for (const { first, count } of ranges) {
		let end = first;
		while (end < first + count && isOurs(end)) end++;
		giveBackRange(mapping, first * SPAN_BYTES, (end - first) * SPAN_BYTES);
	}
}
