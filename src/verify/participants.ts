/**
 * Participant slots.
 *
 * ```text
 *  P1  ID = 0, or generation · 256 + slot + 1
 *  P2  INTENT is a valid intent                                       at rest: INTENT = NONE
 *  P3  INTENT ≠ NONE  →  A is the subject of the intent: a span of the heap, an object, or a word of the heap
 *  P4  CURRENT is 0 or a span of the heap, for each class
 *  P5  ID = 0  →  nothing is touched
 *  P6  touched ⊆ spans of the heap
 * ```
 */
import {
	CLASSES,
	CURRENT_SHIFT,
	CURRENT_SPAN,
	INTENT_CLAIM,
	INTENT_DISPOSE,
	INTENT_DROP,
	INTENT_INSERT,
	INTENT_NONE,
	INTENT_PUT,
	INTENT_RETIRE,
	INTENT_RUN,
	INTENT_SEND,
	INTENT_SLAB,
	INTENT_TAKE,
	SLOT_CURRENT,
	SLOT_GENERATION,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOTS,
	SPAN_BYTES,
} from "../../assembly/layout.js";
import { hex, type Memory } from "./memory.js";
import type { Report } from "./report.js";

const LAST_INTENT = INTENT_DROP;
const ABOUT_SPANS: readonly number[] = [INTENT_RUN, INTENT_SLAB, INTENT_RETIRE];
const ABOUT_OBJECTS: readonly number[] = [
	INTENT_INSERT,
	INTENT_DISPOSE,
	INTENT_SEND,
	INTENT_TAKE,
	INTENT_PUT,
	INTENT_CLAIM,
	INTENT_DROP,
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
		for (let sizeClass = 0; id !== 0 && sizeClass < CLASSES; sizeClass++) {
			const span = memory.word(slot + SLOT_CURRENT + (sizeClass << CURRENT_SHIFT) + CURRENT_SPAN);
			if (span !== 0 && !memory.isHeapSpan(span))
				report.add("P4", slot, `slot ${index} allocates from span ${span}, which is not in the heap`);
		}
		checkTouched(memory, report, index);
	}
}

function checkIntent(memory: Memory, report: Report, index: number): void {
	const slot = memory.slot(index);
	const intent = memory.word(slot + SLOT_INTENT);
	if (intent === INTENT_NONE) return;
	const a = memory.word(slot + SLOT_INTENT_A);
	if (intent > LAST_INTENT)
		report.add("P2", slot, `slot ${index} has intent ${intent}, which does not exist`);
	else if (report.isAtRest) report.add("P2", slot, `slot ${index} has an unfinished intent ${intent}`);
	const isSound = ABOUT_SPANS.includes(intent)
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
