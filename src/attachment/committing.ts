/**
 * Pages for the spans that the core has claimed.
 *
 * A run gets the pages of all its spans before the core hears of any. So when the file system is full before the run
 * is whole, what it got is given back: the spans are claimed by this participant, and not marked as committed, so nobody
 * else has anything there. Dying in between leaves pages behind that whoever claims the spans next finds.
 */
import {
	DESCRIPTOR_BYTES,
	DESCRIPTOR_STATE,
	HEADER_COMMITTED,
	HEADER_DESCRIPTORS,
	HEADER_READY,
	INTENT_RUN,
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
import { errnoOf, isErrorNamed } from "../errors.js";
import { findRoom } from "../host/file-system.js";
import { noSpace, systemError } from "../host/system-error.js";
import { debug } from "./debug.js";
import type { Mapping } from "./mapping.js";

/** Spans, by number. */
export interface Spans {
	first: number;
	count: number;
}

/**
 * Commits what the core asks for in this participant's slot, and more of the same run. The run whose pages are all
 * there, if it asked for a run's; `whole` is what that was the last time.
 *
 * @param bytes that the caller of the core wants in the end
 */
export function commitRequest(mapping: Mapping, bytes: number, whole: Spans | undefined): Spans | undefined {
	// Tables stay, for those of others' spans lie beside those of ours; so they are not made in vain.
	if (mapping.result(SLOT_REQUEST) === REQUEST_DESCRIPTORS) checkPages(mapping, bytes);
	for (const [offset, length] of tablesOf(mapping)) commitRange(mapping, offset, length);
	if (mapping.result(SLOT_REQUEST) !== REQUEST_SPANS) return undefined;
	const first = mapping.result(SLOT_REQUEST_FIRST);
	const end = first + mapping.result(SLOT_REQUEST_COUNT);
	if (whole !== undefined && first >= whole.first && end <= whole.first + whole.count) return whole;
	const run = runOf(mapping, { first, count: end - first });
	const fresh = withoutPages(mapping, run);
	try {
		for (const each of fresh) commitRange(mapping, each.first * SPAN_BYTES, each.count * SPAN_BYTES);
	} catch (error) {
		giveBack(mapping, fresh);
		throw error;
	}
	return run;
}

/** Gives a range of the file pages of its own. @throws DHMEM_NO_SPACE */
export function commitRange(mapping: Mapping, offset: number, length: number): void {
	try {
		mapping.shim.commit(mapping.file, offset, length);
	} catch (error) {
		if (errnoOf(error) === "ENXIO") throw mapping.unusable();
		// The range was read from the region.
		if (isErrorNamed(error, "TypeError")) throw mapping.corrupted("Committing memory");
		if (errnoOf(error) === "ENOSPC" || errnoOf(error) === "EDQUOT") {
			throw noSpace(mapping.path, length, { cause: error });
		}
		throw systemError(error, mapping.path, "Committing memory of");
	}
}

/** Throws if a run of so many bytes, behind all spans that were ever used, can't have its pages. */
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

/** The run that this participant is claiming, if `asked` is a part of it. */
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

/** The spans of a run that have no pages yet, as few ranges. */
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

/** Gives the pages back that spans got, as long as the spans are this participant's. Never throws. */
function giveBack(mapping: Mapping, ranges: readonly Spans[]): void {
	if (mapping.closed || mapping.isDisplaced) return;
	const table = mapping.header(HEADER_DESCRIPTORS) + DESCRIPTOR_STATE;
	const ours = SPAN_CLAIMED | ((mapping.me & 0xff) << 8);
	const isOurs = (span: number) => mapping.words[(table + span * DESCRIPTOR_BYTES) >>> 2] === ours;
	for (const { first, count } of ranges) {
		let end = first;
		while (end < first + count && isOurs(end)) end++;
		try {
			mapping.shim.punch(mapping.file, first * SPAN_BYTES, (end - first) * SPAN_BYTES);
		} catch (error) {
			debug("%s: pages can't be given back: %s", mapping.path, error);
		}
	}
}
