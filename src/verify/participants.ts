/**
 * Participant slots.
 *
 * ```text
 *  P1  ID = 0, or generation · 256 + slot + 1
 *  P2  INTENT is a valid intent                                       at rest: INTENT = NONE
 *  P3  INTENT ≠ NONE  →  A is the subject of the intent: a span of the heap, a bulk span, an object, or a word of the heap
 *  P4  CURRENT is 0 or a span of the heap, for each class
 *  P5  ID = 0  →  nothing is touched
 *  P6  touched ⊆ spans of the heap
 *  P7  the request is one that exists, and so is each bit of SLEEP; a holder that sleeps on a pipe has one; CURRENT of
 *      classes that do not exist is 0
 * ```
 */
import {
	CLASS_LAST,
	CLASSES,
	CURRENT_SHIFT,
	CURRENT_SPAN,
	HEADER_BULK_READY,
	INTENT_BULK,
	INTENT_CLAIM,
	INTENT_DISPOSE,
	INTENT_DROP,
	INTENT_END,
	INTENT_INSERT,
	INTENT_NONE,
	INTENT_PUT,
	INTENT_RETIRE,
	INTENT_RUN,
	INTENT_SEND,
	INTENT_SLAB,
	INTENT_TAKE,
	REQUEST_PUNCH,
	SLEEP_FUTEX,
	SLEEP_PIPE,
	SLEEP_UNREACHABLE,
	SLOT_CURRENT,
	SLOT_GENERATION,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOT_PIPE,
	SLOT_REQUEST,
	SLOT_SLEEP,
	SLOTS,
	SPAN_BYTES,
} from "../../assembly/layout.js";
import { hex, type Memory } from "./memory.js";
import type { Report } from "./report.js";

const LAST_INTENT = INTENT_END;
const ABOUT_SPANS: readonly number[] = [INTENT_RUN, INTENT_SLAB, INTENT_RETIRE];
const ABOUT_OBJECTS: readonly number[] = [
	INTENT_INSERT,
	INTENT_DISPOSE,
	INTENT_SEND,
	INTENT_TAKE,
	INTENT_PUT,
	INTENT_CLAIM,
	INTENT_DROP,
	INTENT_END,
];

export function checkParticipants(memory: Memory, report: Report): void {
	for (let index = 0; index < SLOTS; index++) {
		const slot = memory.slot(index);
		const generation = memory.word(slot + SLOT_GENERATION);
		const id = memory.holder(index);
		// The slot was never used, and its `touched` bitmap may have no pages.
		if (generation === 0 && id === 0) continue;
		if (id !== 0 && (id >>> 8 !== generation || (id & 0xff) !== index + 1 || generation === 0))
			report.add(
				"P1",
				slot,
				`slot ${index} has participant ${id}, which does not match its generation ${generation}`,
			);
		checkIntent(memory, report, index);
		checkReserved(memory, report, index);
		for (let sizeClass = 0; id !== 0 && sizeClass <= CLASS_LAST; sizeClass++) {
			const span = memory.word(slot + SLOT_CURRENT + (sizeClass << CURRENT_SHIFT) + CURRENT_SPAN);
			if (span !== 0 && !memory.isHeapSpan(span))
				report.add("P4", slot, `slot ${index} allocates from span ${span}, which is not in the heap`);
		}
		checkTouched(memory, report, index);
	}
}

function checkReserved(memory: Memory, report: Report, index: number): void {
	const slot = memory.slot(index);
	const request = memory.word(slot + SLOT_REQUEST);
	if (request > REQUEST_PUNCH)
		report.add("P7", slot, `slot ${index} has request ${request}, which does not exist`);
	const start = slot + SLOT_CURRENT + ((CLASS_LAST + 1) << CURRENT_SHIFT);
	const end = slot + SLOT_CURRENT + (CLASSES << CURRENT_SHIFT);
	const sleep = memory.word(slot + SLOT_SLEEP);
	if (sleep > (SLEEP_FUTEX | SLEEP_PIPE | SLEEP_UNREACHABLE))
		report.add("P7", slot + SLOT_SLEEP, `slot ${index} sleeps in a way that does not exist, ${sleep}`);
	else if (
		(sleep & SLEEP_PIPE) !== 0 &&
		memory.word(slot + SLOT_PIPE) === 0 &&
		memory.word(slot + SLOT_PIPE + 4) === 0
	)
		report.add("P7", slot + SLOT_SLEEP, `slot ${index} sleeps on a pipe, but has none`);
	const words: number[] = [];
	for (let at = start; at < end; at += 4) words.push(at);
	const used = words.find((at) => memory.word(at) !== 0);
	if (used !== undefined)
		report.add("P7", used, `a reserved word of slot ${index} is ${memory.word(used)}, not 0`);
}

function checkIntent(memory: Memory, report: Report, index: number): void {
	const slot = memory.slot(index);
	const intent = memory.word(slot + SLOT_INTENT);
	if (intent === INTENT_NONE) return;
	const a = memory.word(slot + SLOT_INTENT_A);
	if (intent > LAST_INTENT)
		report.add("P2", slot, `slot ${index} has intent ${intent}, which does not exist`);
	else if (report.isAtRest) report.add("P2", slot, `slot ${index} has an unfinished intent ${intent}`);
	const isSound =
		intent === INTENT_BULK
			? a < memory.word(HEADER_BULK_READY)
			: ABOUT_SPANS.includes(intent)
				? memory.isHeapSpan(a)
				: ABOUT_OBJECTS.includes(intent)
					? memory.isObject(a)
					: memory.isHeapSpan(Math.floor(a / SPAN_BYTES));
	if (!isSound)
		report.add("P3", slot, `slot ${index} has intent ${intent} about ${hex(a)}, which can't be its subject`);
}

function checkTouched(memory: Memory, report: Report, index: number): void {
	const isFree = memory.holder(index) === 0;
	for (let span = 0; span < memory.spans; span += 32) {
		for (let bits = memory.touchedBits(index, span); bits !== 0; bits &= bits - 1) {
			const touched = span + 31 - Math.clz32(bits & -bits);
			const at = memory.slot(index);
			if (isFree) report.add("P5", at, `slot ${index} is free, but has touched span ${touched}`);
			else if (!memory.isHeapSpan(touched))
				report.add("P6", at, `slot ${index} has touched span ${touched}, which is not in the heap`);
		}
	}
}

/**
 * True if a participant has noted one of `intents` about `a`. With `tag`, only the participant with that
 * owner byte counts.
 */
export function isIntended(memory: Memory, intents: readonly number[], a: number, tag?: number): boolean {
	for (let index = 0; index < SLOTS; index++) {
		if (tag !== undefined && index !== tag - 1) continue;
		const slot = memory.slot(index);
		const intent = memory.word(slot + SLOT_INTENT);
		if (!intents.includes(intent)) continue;
		const first = memory.word(slot + SLOT_INTENT_A);
		const length = intent === INTENT_RUN ? memory.word(slot + SLOT_INTENT_B) : 1;
		if (a >= first && a < first + length) return true;
	}
	return false;
}
