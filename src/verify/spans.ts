/**
 * Spans: their descriptors, and the bitmap of spans that have pages.
 *
 * ```text
 *  S1  the state is FREE, CLAIMED by a slot, a SLAB of a class, a RUN, or a TAIL of an earlier span
 *  S2  CLAIMED by p  →  p's intent is about this span                                    at rest: none is CLAIMED
 *  S3  RUN of n at s  →  n ≥ 1,  s + n ≤ ready,  s + 1 … s + n - 1 are TAILs of s
 *  S4  TAIL of s  →  s is a RUN that includes this span, or CLAIMED                      at rest: a RUN
 *  S5  SLAB, RUN, TAIL  →  committed;  SLAB, RUN  →  owned
 *  S6  the keeper of a SLAB is 0, or a participant that has touched it
 *  S7  committed ⊆ spans of the heap
 * ```
 * The bitmaps of busy and of available spans are hints, which may have any contents.
 */
import {
	CLASS_LAST,
	DESCRIPTOR_KEEPER,
	DESCRIPTOR_SPANS,
	HEADER_COMMITTED,
	INTENT_RETIRE,
	INTENT_RUN,
	INTENT_SLAB,
	SLOTS,
	SPAN_CLAIMED,
	SPAN_FREE,
	SPAN_RUN,
	SPAN_SLAB,
	SPAN_TAIL,
} from "../../assembly/layout.js";
import { hex, type Memory } from "./memory.js";
import { isIntended } from "./participants.js";
import type { Report } from "./report.js";

const CLAIMING: readonly number[] = [INTENT_RUN, INTENT_SLAB, INTENT_RETIRE];

export function checkSpans(memory: Memory, report: Report): void {
	for (let span = memory.heap; span < memory.ready; span++) {
		if (memory.state(span) === SPAN_RUN) measureRun(memory, report, span);
	}
	for (let span = memory.heap; span < memory.ready; span++) checkSpan(memory, report, span);
	checkCommitted(memory, report);
}

/** Notes the length of the run that begins at `span`, if its tails agree with it. */
function measureRun(memory: Memory, report: Report, span: number): void {
	const length = memory.word(memory.descriptor(span) + DESCRIPTOR_SPANS);
	const tail = SPAN_TAIL | (span << 16);
	let found = 1;
	while (found < length && memory.isHeapSpan(span + found) && memory.state(span + found) === tail >>> 0)
		found++;
	if (length >= 1 && found === length) memory.runs[span] = length;
	else
		report.add(
			"S3",
			memory.descriptor(span),
			`span ${span} begins a run of ${length} spans, but only ${found} belong to it`,
		);
}

/** True if `span` can be in `state`. */
function isState(memory: Memory, state: number, span: number): boolean {
	const part = (state >>> 8) & 0xff;
	const head = state >>> 16;
	switch (state & 0xff) {
		case SPAN_CLAIMED:
			return head === 0 && part >= 1 && part <= SLOTS;
		case SPAN_SLAB:
			return head === 0 && part <= CLASS_LAST;
		case SPAN_TAIL:
			return part === 0 && head < span && memory.isHeapSpan(head);
		default:
			return state === SPAN_FREE || state === SPAN_RUN;
	}
}

function checkSpan(memory: Memory, report: Report, span: number): void {
	const state = memory.state(span);
	const kind = state & 0xff;
	const fail = (invariant: string, text: string) =>
		report.add(invariant, memory.descriptor(span), `span ${span} ${text}`);
	if (state === SPAN_FREE) return;
	if (!isState(memory, state, span)) fail("S1", `has state ${hex(state)}, which does not exist`);
	else if (kind === SPAN_CLAIMED) {
		const tag = state >>> 8;
		if (report.isAtRest) fail("S2", `is still claimed by slot ${tag - 1}`);
		else if (!isIntended(memory, CLAIMING, span, tag))
			fail("S2", `is claimed by slot ${tag - 1}, which has no intent about it`);
	} else {
		if (kind === SPAN_SLAB) checkKeeper(memory, report, span);
		if (kind === SPAN_TAIL) checkTail(memory, report, span, state >>> 16);
		if (!memory.bit(memory.word(HEADER_COMMITTED), span)) fail("S5", "is in use, but not committed");
		else if (kind !== SPAN_TAIL && !memory.hasOwners(span))
			fail("S5", "is in use, but its owner bytes have no pages");
	}
}

function checkKeeper(memory: Memory, report: Report, span: number): void {
	const keeper = memory.word(memory.descriptor(span) + DESCRIPTOR_KEEPER);
	if (keeper === 0) return;
	const at = memory.descriptor(span);
	if (!memory.isCurrent(keeper))
		report.add("S6", at, `the keeper of span ${span} is participant ${keeper}, which has left`);
	else if (!memory.isTouched((keeper & 0xff) - 1, span))
		report.add("S6", at, `the keeper of span ${span} is participant ${keeper}, which has not touched it`);
}

function checkTail(memory: Memory, report: Report, span: number, head: number): void {
	const state = memory.state(head);
	const isPart = state === SPAN_RUN && span < head + (memory.runs[head] as number);
	const isLeft = (state & 0xff) === SPAN_CLAIMED && !report.isAtRest;
	if (!isPart && !isLeft)
		report.add(
			"S4",
			memory.descriptor(span),
			`span ${span} is a tail of span ${head}, but no run from there includes it`,
		);
}

function checkCommitted(memory: Memory, report: Report): void {
	const table = memory.word(HEADER_COMMITTED);
	for (let span = 0; span < memory.spans; span += 32) {
		let bits = memory.word(table + (span >>> 3));
		// Spans in use were checked above.
		if (span >= memory.heap && span + 32 <= memory.ready) continue;
		for (; bits !== 0; bits &= bits - 1) {
			const committed = span + 31 - Math.clz32(bits & -bits);
			if (!memory.isHeapSpan(committed))
				report.add("S7", table, `span ${committed} is committed, but is not in the heap`);
		}
	}
}
