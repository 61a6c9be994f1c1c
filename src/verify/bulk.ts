/**
 * The bulk space: the states of its spans, and the bulk blocks in the heap that have them.
 *
 * ```text
 *  U1  ready ≤ bulk spans ≤ 8388608, and it is all of them or a multiple of 1024
 *  U2  a state is FREE, CLAIMED by p, or the offset of a bulk block that has the span
 *  U3  CLAIMED by p  →  p's intent is about this span                             at rest: none is CLAIMED
 *  U4  a bulk block has 0 spans, or a run of them in one window, whose states are its offset
 *  U5  a bulk block without an owner has no spans
 *  U6  the state is a bulk block  →  the span has pages
 * ```
 * U2, U4 and U6 don't hold for the spans of a participant's intent.
 */
import {
	BULK_BITS,
	BULK_FIRST,
	BULK_MOST,
	BULK_PAGES,
	BULK_READY_STEP,
	BULK_SPANS,
	BULK_TAG_SHIFT,
	BULK_WINDOW,
	CLASS_BULK,
	HEADER_BULK_READY,
	HEADER_BULK_SPANS,
	HEADER_BULK_STATES,
	INTENT_BULK,
	OWNER_FREE,
	OWNER_NONE,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOTS,
	SPAN_BYTES,
} from "../../assembly/layout.js";
import { hex, type Memory } from "./memory.js";
import type { Report } from "./report.js";

/** The participant, as its tag, whose intent is about the bulk span; 0 if there is none. */
function intending(memory: Memory, span: number): number {
	for (let index = 0; index < SLOTS; index++) {
		const slot = memory.slot(index);
		const first = memory.word(slot + SLOT_INTENT_A);
		const isIt = span >= first && span < first + memory.word(slot + SLOT_INTENT_B);
		if (isIt && memory.word(slot + SLOT_INTENT) === INTENT_BULK) return index + 1;
	}
	return 0;
}

export function checkBulk(memory: Memory, report: Report): void {
	const spans = memory.word(HEADER_BULK_SPANS);
	const ready = memory.word(HEADER_BULK_READY);
	if (spans > BULK_MOST || ready > spans || (ready !== spans && ready % BULK_READY_STEP !== 0)) {
		const text = `${ready} of ${spans} bulk spans are ready, which is not a possible number`;
		report.add("U1", HEADER_BULK_READY, text);
		return;
	}
	/** For each bulk span, the block that has it. */
	const has = new Map<number, number>();
	for (let span = memory.heap; span < memory.ready; span++) {
		if (memory.classOf(span) !== CLASS_BULK) continue;
		const bytes = memory.blockBytes(CLASS_BULK);
		for (let block = span * SPAN_BYTES; block < (span + 1) * SPAN_BYTES; block += bytes)
			checkBulkBlock(memory, report, ready, block, has);
	}
	for (let span = 0; span < ready; span++) checkState(memory, report, span, has);
}

function state(memory: Memory, span: number): number {
	return memory.word(memory.word(HEADER_BULK_STATES) + span * 4);
}

function checkBulkBlock(
	memory: Memory,
	report: Report,
	ready: number,
	block: number,
	has: Map<number, number>,
): void {
	const first = memory.word(block + BULK_FIRST);
	const spans = memory.word(block + BULK_SPANS);
	const owner = memory.owner(block);
	const name = `the bulk block at ${hex(block)}`;
	if (owner === OWNER_NONE || owner === OWNER_FREE) {
		if (first !== 0 || spans !== 0) report.add("U5", block, `${name} is free, but has ${spans} bulk spans`);
		return;
	}
	if (spans === 0) return;
	const isRun = first + spans <= ready && (first % BULK_WINDOW) + spans <= BULK_WINDOW;
	if (!isRun)
		report.add("U4", block, `${name} has bulk spans ${first} to ${first + spans - 1}, which is no run`);
	for (let span = first; isRun && span < first + spans; span++) {
		if ((state(memory, span) & ~BULK_BITS) >>> 0 === block) has.set(span, block);
		else if (intending(memory, span) !== owner)
			report.add("U4", block, `${name} has bulk span ${span}, whose state is ${hex(state(memory, span))}`);
	}
}

function checkState(memory: Memory, report: Report, span: number, has: Map<number, number>): void {
	const word = state(memory, span);
	const holder = (word & ~BULK_BITS) >>> 0;
	const at = memory.word(HEADER_BULK_STATES) + span * 4;
	if (holder === 0) return;
	const tag = holder >>> BULK_TAG_SHIFT;
	if (tag <= SLOTS) {
		if (report.isAtRest) report.add("U3", at, `bulk span ${span} is still claimed by slot ${tag - 1}`);
		else if (intending(memory, span) !== tag)
			report.add("U3", at, `bulk span ${span} is claimed by slot ${tag - 1}, which has no intent about it`);
		return;
	}
	if (!report.isAtRest && intending(memory, span) !== 0) return;
	if (has.get(span) !== holder)
		report.add("U2", at, `bulk span ${span} has state ${hex(word)}, but no bulk block there has it`);
	else if ((word & BULK_PAGES) === 0) report.add("U6", at, `bulk span ${span} is in use, but has no pages`);
}
