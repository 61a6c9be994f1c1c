/** What the host says after a request: that it was done, or that it can't be. */
import { cancelBulk, committedBulk } from "./bulk";
import {
	HEADER_COMMITTED,
	HEADER_OWNED,
	HEADER_READY,
	INTENT_BULK,
	INTENT_RUN,
	REQUEST_BULK,
	REQUEST_BULK_TABLES,
	REQUEST_DESCRIPTORS,
	REQUEST_NONE,
	REQUEST_SPANS,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOT_REQUEST,
	SLOT_REQUEST_COUNT,
	SLOT_REQUEST_FIRST,
	SLOT_REQUEST_LENGTH_2,
} from "./layout";
import { allSpans, readySpans } from "./region";
import { isCurrent, slotOf } from "./slots";
import { setBit, settleRun } from "./spans";

/** Notes that the host has committed the ranges in the slot's request. */
export function committed(me: u32): void {
	if (!isCurrent(me)) return;
	const slot = slotOf(me);
	const first = load<u32>(slot, SLOT_REQUEST_FIRST);
	const spans = load<u32>(slot, SLOT_REQUEST_COUNT);
	// A faulty peer may have written to the slot.
	const count = min(spans, allSpans() - min(first, allSpans()));
	const request = load<u32>(slot, SLOT_REQUEST);
	store<u32>(slot, REQUEST_NONE, SLOT_REQUEST);
	if (request == REQUEST_SPANS) {
		for (let span = first; span < first + count; span++) setBit(HEADER_COMMITTED, span);
		if (load<u32>(slot, SLOT_REQUEST_LENGTH_2) != 0)
			setBit(HEADER_OWNED, load<u32>(slot, SLOT_INTENT_A) >> 2);
	} else if (request == REQUEST_DESCRIPTORS) {
		// Another participant may have committed more meanwhile; the number only grows.
		let ready = readySpans();
		while (ready < first + count) {
			const seen = atomic.cmpxchg<u32>(HEADER_READY, ready, first + count);
			if (seen == ready) break;
			ready = seen;
		}
	} else if (request == REQUEST_BULK || request == REQUEST_BULK_TABLES) {
		committedBulk(me, request, first, spans);
	}
}

/** Gives back claimed spans that were not handed out yet. */
export function cancel(me: u32): void {
	if (!isCurrent(me)) return;
	const slot = slotOf(me);
	store<u32>(slot, REQUEST_NONE, SLOT_REQUEST);
	const intent = load<u32>(slot, SLOT_INTENT);
	if (intent == INTENT_RUN) settleRun(me, load<u32>(slot, SLOT_INTENT_A), load<u32>(slot, SLOT_INTENT_B));
	else if (intent == INTENT_BULK) cancelBulk(me);
}
