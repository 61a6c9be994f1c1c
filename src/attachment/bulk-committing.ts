/**
 * Commits pages for bulk spans that the core has claimed: as for the heap, those of the whole run before the core learns
 * of any, and none if the file system fills up on the way.
 */
import {
	BULK_BITS,
	BULK_PAGES,
	BULK_SPAN_BYTES,
	BULK_TAG_SHIFT,
	HEADER_BULK_STATES,
	INTENT_BULK,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOT_REQUEST_COUNT,
	SLOT_REQUEST_FIRST,
} from "../../assembly/layout.js";
import type { Mapping } from "./mapping.js";
import { commitRange, giveBackRange, type Spans } from "./pages.js";
import { checkRoom } from "./room.js";

/**
 * Commits the pages of the bulk spans in this participant's request, and those of the rest of the run. Returns the run.
 *
 * @param whole the run that was committed for the same allocation before
 */
export function commitBulk(mapping: Mapping, whole: Spans | undefined): Spans {
	const first = mapping.result(SLOT_REQUEST_FIRST);
	const count = mapping.result(SLOT_REQUEST_COUNT);
	if (whole !== undefined && first >= whole.first && first + count <= whole.first + whole.count) return whole;
	const run = runOf(mapping, { first, count });
	const fresh = withoutPages(mapping, run);
	checkRoom(mapping.path, fresh.reduce((sum, each) => sum + each.count, 0) * BULK_SPAN_BYTES);
	try {
		for (const each of fresh)
			commitRange(mapping, offsetOf(mapping, each.first), each.count * BULK_SPAN_BYTES);
	} catch (error) {
		giveBack(mapping, fresh);
		throw error;
	}
	return run;
}

function offsetOf({ bulk }: Mapping, span: number): number {
	return bulk.start + span * BULK_SPAN_BYTES;
}

function stateOf(mapping: Mapping, span: number): number {
	return mapping.words[(mapping.header(HEADER_BULK_STATES) + span * 4) >>> 2] ?? 0;
}

/** The run that this participant is claiming, if it contains `asked`; otherwise `asked`. */
function runOf(mapping: Mapping, asked: Spans): Spans {
	const first = mapping.result(SLOT_INTENT_A);
	const count = mapping.result(SLOT_INTENT_B);
	const isWhole =
		mapping.result(SLOT_INTENT) === INTENT_BULK &&
		first <= asked.first &&
		asked.first + asked.count <= first + count &&
		first + count <= mapping.bulk.spans;
	return isWhole ? { first, count } : asked;
}

/** The spans of a run that have no pages yet, as ranges. */
function withoutPages(mapping: Mapping, { first, count }: Spans): Spans[] {
	const ranges: Spans[] = [];
	for (let span = first; span < first + count; span++) {
		if ((stateOf(mapping, span) & BULK_PAGES) !== 0) continue;
		const last = ranges.at(-1);
		if (last !== undefined && last.first + last.count === span) last.count++;
		else ranges.push({ first: span, count: 1 });
	}
	return ranges;
}

/** Gives back the pages of spans that this participant still claims. */
function giveBack(mapping: Mapping, ranges: readonly Spans[]): void {
	if (mapping.closed || mapping.isDisplaced) return;
	const ours = (mapping.me & 0xff) << BULK_TAG_SHIFT;
	const isOurs = (span: number) => (stateOf(mapping, span) & ~BULK_BITS) === ours;
	for (const { first, count } of ranges) {
		let end = first;
		while (end < first + count && isOurs(end)) end++;
		giveBackRange(mapping, offsetOf(mapping, first), (end - first) * BULK_SPAN_BYTES);
	}
}
