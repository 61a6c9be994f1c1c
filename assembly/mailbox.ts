/**
 * The mailbox: a queue that keeps the newest messages and drops older ones, so that its producer never waits.
 *
 * ```text
 *       dropped or taken      oldest            tail              oldest + places
 *   ──────────────────────────┼─────────────────┼─────────────────────┼───
 *                             │ kept, but for a │ free, but for one   │
 *                             │ few taken ones  │ that is claimed     │
 *
 *   a place:  KEPT ─── consumer ──▶ CLAIMED ──▶ TAKEN         the next round begins with KEPT again
 *                └──── producer ──▶ DROPPED
 * ```
 *
 * Positions count messages modulo 2^32. At all times `oldest ≤ tail ≤ oldest + kept + 2`, and there are at least
 * `kept + 2` places, so the place that is written next is never one whose message is still kept. The producer alone
 * moves both. The consumer's `head` is a hint: the position behind what it took last.
 *
 * A message is a block of its own, the envelope: a record as in the byte queue's ring, in flight for as long as it is
 * kept. Both sides take messages out, the consumer to receive and the producer to drop. Each does so by one
 * compare-and-swap of the place, which contains its position, so that nobody mistakes it for an earlier one. The
 * consumer's claim lasts until it has the envelope. The producer passes over a claimed place and does not wait for it.
 * A received message is the receiver's own: a mailbox delivers nothing twice.
 */

import { handOver } from "./blocks";
import { isConsumer, isProducer, wakeConsumer } from "./endpoints";
import { attachedTo, discard, receiveEnvelope, seal, takeEnvelope } from "./envelopes";
import {
	CORRUPT,
	EMPTY,
	ENDED,
	FENCED,
	INTENT_CLAIM,
	INTENT_DROP,
	INTENT_PUT,
	KIND_MAILBOX,
	MAILBOX_DROPPED,
	MAILBOX_END,
	MAILBOX_ENDS,
	MAILBOX_FEWEST_PLACES,
	MAILBOX_OLDEST,
	MAILBOX_PLACES,
	MAILBOX_SPARE,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OBJECT_REQUESTED,
	OK,
	OWNER_IN_FLIGHT,
	PLACE_CLAIMED,
	PLACE_DROPPED,
	PLACE_KEPT,
	PLACE_POSITION_SHIFT,
	PLACE_SHIFT,
	PLACE_STATE,
	PLACE_TAKEN,
	QUEUE_CONSUMER,
	QUEUE_ENDED,
	QUEUE_HEAD,
	QUEUE_PRODUCER_COUNT,
	QUEUE_RECEIVED,
	QUEUE_SENT,
	QUEUE_TAIL,
	RECORD_HEADER,
	SLOT_RESULT,
	STATUS_LIMIT,
} from "./layout";
import { done, intend, slotOf, tagOf } from "./slots";

/** Turns of a search that the producer drops from under, each time. */
const TURNS = 100;

// ----------------------------------------------------------------------------------------------- places

/** How many places there are; 0 if that can't be true. */
function placesOf(mailbox: u32): u32 {
	const places = load<u32>(mailbox, OBJECT_CAPACITY);
	return places >= MAILBOX_FEWEST_PLACES && places <= MAILBOX_PLACES && (places & (places - 1)) == 0
		? places
		: 0;
}

function placeOf(mailbox: u32, places: u32, position: u32): u32 {
	return load<u32>(mailbox, OBJECT_DATA) + ((position & (places - 1)) << PLACE_SHIFT);
}

function contents(position: u32, envelope: u32, state: u32): u64 {
	return ((<u64>position) << PLACE_POSITION_SHIFT) | envelope | state;
}

function positionIn(word: u64): u32 {
	return <u32>(word >> PLACE_POSITION_SHIFT);
}

/** Whether a place that says `word` is that of `position`, and in this state. */
function isIn(word: u64, position: u32, state: u32): bool {
	return positionIn(word) == position && (<u32>word & PLACE_STATE) == state;
}

function envelopeIn(word: u64): u32 {
	return <u32>word & ~PLACE_STATE;
}

function isClaimed(place: u32): bool {
	// SYNC: pairs with the last store in `finishClaim`: the consumer has done with the place.
	return (<u32>atomic.load<u64>(place) & PLACE_STATE) == PLACE_CLAIMED;
}

// --------------------------------------------------------------------------------------------- producer

/**
 * Sends the payload of `length` bytes in `me`'s envelope, behind its first RECORD_HEADER bytes. With a block the
 * payload begins with room for a reference to it, and it is handed over too. Drops what is older than the messages that are
 * kept. The doorbell to wake, or OK.
 */
export function mailboxPut(
	me: u32,
	mailbox: u32,
	envelope: u32,
	length: u32,
	block: u32,
	blockLength: u32,
): u32 {
	if (!isProducer(me, mailbox, KIND_MAILBOX)) return FENCED;
	const places = placesOf(mailbox);
	if (places == 0) return CORRUPT;
	const status = seal(me, envelope, length, block, blockLength);
	if (status != OK) return status;
	let position = load<u32>(mailbox, QUEUE_TAIL);
	// There is one consumer, so the next place is not claimed as well.
	if (isClaimed(placeOf(mailbox, places, position))) position++;
	const place = placeOf(mailbox, places, position);
	if (isClaimed(place)) return CORRUPT;
	intend(me, INTENT_PUT, mailbox, position, envelope, 0);
	if (block != 0) handOver(block, tagOf(me), OWNER_IN_FLIGHT);
	handOver(envelope, tagOf(me), OWNER_IN_FLIGHT);
	store<u32>(mailbox, load<u32>(mailbox, QUEUE_SENT) + 1, QUEUE_SENT);
	atomic.store<u64>(place, contents(position, envelope, PLACE_KEPT));
	// SYNC: pairs with the load in `mailboxTake`: hands over the message.
	atomic.store<u32>(mailbox, position + 1, QUEUE_TAIL);
	// Only now, so that there is always a message to be found. Twice, for a place that was passed over.
	const first = dropOldest(me, mailbox, places);
	const second = dropOldest(me, mailbox, places);
	done(me);
	if (first != 0) forget(me, mailbox, first);
	if (second != 0) forget(me, mailbox, second);
	return wakeConsumer(mailbox);
}

/**
 * Ends what `mailboxPut` began. Only `me` writes positions into places, so the place tells whether the message was put. If
 * not, envelope and block are `me`'s again.
 */
export function settlePut(me: u32, mailbox: u32, position: u32, envelope: u32): void {
	const places = placesOf(mailbox);
	const word = places == 0 ? 0 : atomic.load<u64>(placeOf(mailbox, places, position));
	if ((word & ~(<u64>PLACE_STATE)) == contents(position, envelope, 0)) {
		atomic.store<u32>(mailbox, position + 1, QUEUE_TAIL);
		dropOldest(me, mailbox, places);
		dropOldest(me, mailbox, places);
	} else {
		const block = attachedTo(envelope);
		if (block != 0) handOver(block, OWNER_IN_FLIGHT, tagOf(me));
		handOver(envelope, OWNER_IN_FLIGHT, tagOf(me));
	}
	done(me);
}

/** Drops the oldest position if there are more than are kept. */
function dropOldest(me: u32, mailbox: u32, places: u32): u32 {
	const position = load<u32>(mailbox, MAILBOX_OLDEST);
	const kept = min(load<u32>(mailbox, OBJECT_REQUESTED), places - MAILBOX_SPARE);
	return load<u32>(mailbox, QUEUE_TAIL) - position > kept ? dropAt(me, mailbox, places, position) : 0;
}

/**
 * Drops the message at `position`, the oldest, if the consumer has not claimed it: its envelope, which is `me`'s then, or
 * 0. Doing it again goes on with it.
 */
function dropAt(me: u32, mailbox: u32, places: u32, position: u32): u32 {
	const place = placeOf(mailbox, places, position);
	const word = atomic.load<u64>(place);
	const envelope = envelopeIn(word);
	const isMine =
		isIn(word, position, PLACE_DROPPED) ||
		(isIn(word, position, PLACE_KEPT) &&
			atomic.cmpxchg<u64>(place, word, contents(position, envelope, PLACE_DROPPED)) == word);
	if (isMine) takeEnvelope(me, envelope);
	atomic.store<u32>(mailbox, position + 1, MAILBOX_OLDEST);
	return isMine ? envelope : 0;
}

/** Frees what was dropped. */
function forget(me: u32, mailbox: u32, envelope: u32): void {
	store<u32>(mailbox, load<u32>(mailbox, MAILBOX_DROPPED) + 1, MAILBOX_DROPPED);
	discard(me, envelope);
}

/** Drops the oldest message, but never the newest, to make room in the region: OK, or `EMPTY`. */
export function mailboxDrop(me: u32, mailbox: u32): u32 {
	if (!isProducer(me, mailbox, KIND_MAILBOX)) return FENCED;
	const places = placesOf(mailbox);
	if (places == 0) return CORRUPT;
	for (let turn: u32 = 0; turn < places; turn++) {
		const position = load<u32>(mailbox, MAILBOX_OLDEST);
		// The newest stays: what room is made for may not be sent after all.
		if (load<u32>(mailbox, QUEUE_TAIL) - position < 2) break;
		intend(me, INTENT_DROP, mailbox, position, 0, 0);
		const dropped = dropAt(me, mailbox, places, position);
		done(me);
		if (dropped == 0) continue;
		forget(me, mailbox, dropped);
		return OK;
	}
	return EMPTY;
}

/** Ends what `mailboxDrop` began. */
export function settleDrop(me: u32, mailbox: u32, position: u32): void {
	const places = placesOf(mailbox);
	if (places != 0 && load<u32>(mailbox, MAILBOX_OLDEST) == position) dropAt(me, mailbox, places, position);
	done(me);
}

/** Ends the stream. An end that was not seen yet makes way for this one. */
export function mailboxEnd(me: u32, mailbox: u32): u32 {
	if (!isProducer(me, mailbox, KIND_MAILBOX)) return FENCED;
	// SYNC: pairs with the loads in `mailboxTake`.
	atomic.store<u64>(mailbox, contents(load<u32>(mailbox, QUEUE_TAIL), 0, MAILBOX_ENDS), MAILBOX_END);
	atomic.store<u32>(mailbox, load<u32>(mailbox, QUEUE_PRODUCER_COUNT), QUEUE_ENDED);
	return wakeConsumer(mailbox);
}

// --------------------------------------------------------------------------------------------- consumer

/**
 * Takes the oldest message: the offset of its payload, with the slot's results as `peek` gives them, but the envelope in
 * place of the position. It and the block are `me`'s, to be freed. Or `EMPTY`, `CORRUPT`, or `ENDED` with OK as the result.
 */
export function mailboxTake(me: u32, mailbox: u32): u32 {
	if (!isConsumer(me, mailbox, KIND_MAILBOX)) return FENCED;
	const places = placesOf(mailbox);
	if (places == 0) return CORRUPT;
	for (let turn = 0; turn < TURNS; turn++) {
		// SYNC: pairs with the stores in `mailboxEnd` and `mailboxPut`. The end first: it is not behind this tail.
		const end = atomic.load<u64>(mailbox, MAILBOX_END);
		const tail = atomic.load<u32>(mailbox, QUEUE_TAIL);
		const position = oldestFrom(firstOf(mailbox, places, tail), mailbox, places, tail);
		// A message that was put behind an end is not seen before that is.
		if (atomic.load<u64>(mailbox, MAILBOX_END) != end) continue;
		if (end != 0 && tail - positionIn(end) >= tail - position) {
			atomic.cmpxchg<u64>(mailbox, end, 0, MAILBOX_END);
			store<u32>(slotOf(me), OK, SLOT_RESULT);
			return ENDED;
		}
		if (position == tail) {
			if (atomic.load<u32>(mailbox, QUEUE_TAIL) == tail) return EMPTY;
			continue;
		}
		const word = atomic.load<u64>(placeOf(mailbox, places, position));
		if (!isIn(word, position, PLACE_KEPT)) continue;
		const envelope = envelopeIn(word);
		intend(me, INTENT_CLAIM, mailbox, position, envelope, 0);
		const place = placeOf(mailbox, places, position);
		const isMine = atomic.cmpxchg<u64>(place, word, contents(position, envelope, PLACE_CLAIMED)) == word;
		if (isMine) finishClaim(me, mailbox, place, position, envelope);
		done(me);
		if (!isMine) continue;
		store<u32>(mailbox, load<u32>(mailbox, QUEUE_RECEIVED) + 1, QUEUE_RECEIVED);
		return receiveEnvelope(me, envelope);
	}
	// The producer is quick, and rings: a wait looks again.
	return EMPTY;
}

/** Where to begin to look: behind what was taken last, if its place still says so, else at the oldest. */
function firstOf(mailbox: u32, places: u32, tail: u32): u32 {
	const next = load<u32>(mailbox, QUEUE_HEAD);
	const last = atomic.load<u64>(placeOf(mailbox, places, next - 1));
	const first = isIn(last, next - 1, PLACE_TAKEN) ? next : atomic.load<u32>(mailbox, MAILBOX_OLDEST);
	// The producer may have gone on since `tail` was read, by any number.
	return tail - first > places ? tail - places : first;
}

/** The first position from `first` on whose message is there; `tail` if there is none. */
function oldestFrom(first: u32, mailbox: u32, places: u32, tail: u32): u32 {
	let position = first;
	while (
		position != tail &&
		!isIn(atomic.load<u64>(placeOf(mailbox, places, position)), position, PLACE_KEPT)
	)
		position++;
	return position;
}

/** The message that was claimed is `me`'s, and then the place is the producer's again. */
function finishClaim(me: u32, mailbox: u32, place: u32, position: u32, envelope: u32): void {
	takeEnvelope(me, envelope);
	store<u32>(mailbox, position + 1, QUEUE_HEAD);
	// SYNC: pairs with the load in `isClaimed`.
	atomic.store<u64>(place, contents(position, envelope, PLACE_TAKEN));
}

/** Ends what `mailboxTake` began: what was claimed is `me`'s, and goes with it. */
export function settleClaim(me: u32, mailbox: u32, position: u32, envelope: u32): void {
	const places = placesOf(mailbox);
	const place = places == 0 ? 0 : placeOf(mailbox, places, position);
	if (place != 0 && atomic.load<u64>(place) == contents(position, envelope, PLACE_CLAIMED))
		finishClaim(me, mailbox, place, position, envelope);
	done(me);
}

/** Frees the messages that nobody will receive any more, in a mailbox that nobody uses. */
export function clearMailbox(me: u32, mailbox: u32): void {
	if (load<u32>(mailbox, OBJECT_DATA) == 0) return;
	atomic.store<u32>(mailbox, me, QUEUE_CONSUMER);
	for (let turn: u32 = 0; turn <= MAILBOX_PLACES; turn++) {
		const found = mailboxTake(me, mailbox);
		if (found >= STATUS_LIMIT) discard(me, found - RECORD_HEADER);
		else if (found != ENDED) break;
	}
	// Nobody without a pin is a holder (`pins.ts`).
	atomic.store<u32>(mailbox, 0, QUEUE_CONSUMER);
}
