/**
 * The mailbox: a queue that keeps the newest messages and drops older ones, so its producer never waits.
 *
 * ```text
 *       dropped or taken      oldest            tail              oldest + places
 *   ──────────────────────────┼─────────────────┼─────────────────────┼───
 *                             │ kept, except a  │ free, except one    │
 *                             │ few taken ones  │ that is claimed     │
 *
 *   a place:  KEPT ─── consumer ──▶ CLAIMED ──▶ TAKEN         the next round begins with KEPT again
 *                └──── producer ──▶ DROPPED
 * ```
 *
 * Positions count messages modulo 2^32. At all times `oldest ≤ tail ≤ oldest + kept + 2`, and there are at
 * least `kept + 2` places, so the place that is written next never contains a message that is still kept.
 * Only the producer moves `oldest` and `tail`. The consumer's `head` is a hint: the position behind the
 * message that it took last.
 *
 * Each message has its own block, the envelope: a record as in the byte queue's ring, in flight while it is
 * kept. Both sides take messages out, the consumer to receive them and the producer to drop them. Each does
 * so with one compare-and-swap of the place. The place contains its position, so it is never mistaken for an
 * earlier one. The consumer's claim lasts until it has the envelope. The producer passes over a claimed place
 * and does not wait for it. A received message belongs to the receiver: a mailbox delivers nothing twice.
 */

import { handOver } from "./blocks";
import { countEnd, isConsumer, isProducer, wakeConsumer } from "./endpoints";
import { intendEnd, noteEnd } from "./ends";
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
	QUEUE_HEAD,
	QUEUE_RECEIVED,
	QUEUE_SENT,
	QUEUE_TAIL,
	RECORD_HEADER,
	SLOT_RESULT,
	STATUS_LIMIT,
} from "./layout";
import { done, intend, slotOf, tagOf } from "./slots";

/** Attempts to take a message while the producer keeps dropping the one that was found. */
const TURNS = 100;

// ----------------------------------------------------------------------------------------------- places

/** The number of places; 0 if the word is corrupted. */
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

/** True if `word`, read from a place, has this position and this state. */
function isIn(word: u64, position: u32, state: u32): bool {
	return positionIn(word) == position && (<u32>word & PLACE_STATE) == state;
}

function envelopeIn(word: u64): u32 {
	return <u32>word & ~PLACE_STATE;
}

function isClaimed(place: u32): bool {
	// SYNC: pairs with the last store in `finishClaim`: the consumer has finished with the place.
	return (<u32>atomic.load<u64>(place) & PLACE_STATE) == PLACE_CLAIMED;
}

// --------------------------------------------------------------------------------------------- producer

/**
 * Sends the message in `me`'s envelope. Its payload of `length` bytes begins after RECORD_HEADER bytes. If
 * there is a block, the payload begins with room for a reference to it, and the block is handed over too.
 * Then drops messages that are too old. Returns the doorbell to wake, or OK.
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
	// There is only one consumer, so the next place can't be claimed as well.
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
	// Drop only now, so that the consumer always finds a message. Twice, because a place may have been passed
	// over.
	const first = dropOldest(me, mailbox, places);
	const second = dropOldest(me, mailbox, places);
	done(me);
	if (first != 0) forget(me, mailbox, first);
	if (second != 0) forget(me, mailbox, second);
	return wakeConsumer(mailbox);
}

/**
 * Finishes or undoes an interrupted `mailboxPut`. Only `me` writes positions into places, so the place tells
 * whether the message was put. If not, envelope and block become `me`'s again.
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

/** Drops the message at the oldest position if there are more messages than are kept. */
function dropOldest(me: u32, mailbox: u32, places: u32): u32 {
	const position = load<u32>(mailbox, MAILBOX_OLDEST);
	const kept = min(load<u32>(mailbox, OBJECT_REQUESTED), places - MAILBOX_SPARE);
	return load<u32>(mailbox, QUEUE_TAIL) - position > kept ? dropAt(me, mailbox, places, position) : 0;
}

/**
 * Drops the message at `position`, the oldest, unless the consumer has claimed it. Returns its envelope,
 * which then belongs to `me`, or 0. A repeated call continues an interrupted one.
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

/** Counts and frees a dropped message. */
function forget(me: u32, mailbox: u32, envelope: u32): void {
	store<u32>(mailbox, load<u32>(mailbox, MAILBOX_DROPPED) + 1, MAILBOX_DROPPED);
	discard(me, envelope);
}

/** Drops the oldest message, but never the newest, to make room in the region. Returns OK, or `EMPTY`. */
export function mailboxDrop(me: u32, mailbox: u32): u32 {
	if (!isProducer(me, mailbox, KIND_MAILBOX)) return FENCED;
	const places = placesOf(mailbox);
	if (places == 0) return CORRUPT;
	for (let turn: u32 = 0; turn < places; turn++) {
		const position = load<u32>(mailbox, MAILBOX_OLDEST);
		// The newest message stays, because the message that needs the room may not be sent after all.
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

/** Finishes an interrupted `mailboxDrop`. */
export function settleDrop(me: u32, mailbox: u32, position: u32): void {
	const places = placesOf(mailbox);
	if (places != 0 && load<u32>(mailbox, MAILBOX_OLDEST) == position) dropAt(me, mailbox, places, position);
	done(me);
}

/** Ends the stream. This end replaces an earlier one that the consumer has not seen. */
export function mailboxEnd(me: u32, mailbox: u32): u32 {
	if (!isProducer(me, mailbox, KIND_MAILBOX)) return FENCED;
	const tail = load<u32>(mailbox, QUEUE_TAIL);
	// SYNC: pairs with the compare-and-swap in `mailboxTake`: an end that was cleared there is counted.
	atomic.load<u64>(mailbox, MAILBOX_END);
	intendEnd(me, mailbox, tail);
	// SYNC: pairs with the loads in `mailboxTake`.
	atomic.store<u64>(mailbox, contents(tail, 0, MAILBOX_ENDS), MAILBOX_END);
	noteEnd(me, mailbox);
	return wakeConsumer(mailbox);
}

// --------------------------------------------------------------------------------------------- consumer

/**
 * Takes the oldest message. Returns the offset of its payload; the slot's results are those of `peek`, with
 * the envelope instead of the position. The envelope and the block then belong to `me`, which must free them.
 * Or returns `EMPTY`, `CORRUPT`, or `ENDED` with OK as the result.
 */
export function mailboxTake(me: u32, mailbox: u32): u32 {
	if (!isConsumer(me, mailbox, KIND_MAILBOX)) return FENCED;
	const places = placesOf(mailbox);
	if (places == 0) return CORRUPT;
	for (let turn = 0; turn < TURNS; turn++) {
		// SYNC: pairs with the stores in `mailboxEnd` and `mailboxPut`. Reads the end first, so that it is not
		// behind this tail.
		const end = atomic.load<u64>(mailbox, MAILBOX_END);
		const tail = atomic.load<u32>(mailbox, QUEUE_TAIL);
		const position = oldestFrom(firstOf(mailbox, places, tail), mailbox, places, tail);
		// A message behind an end must not be received before the end.
		if (atomic.load<u64>(mailbox, MAILBOX_END) != end) continue;
		if ((<u32>end & MAILBOX_ENDS) != 0 && tail - positionIn(end) >= tail - position) {
			countEnd(mailbox);
			atomic.cmpxchg<u64>(mailbox, end, end - MAILBOX_ENDS, MAILBOX_END);
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
	// The producer is faster, and will ring: a waiting consumer then tries again.
	return EMPTY;
}

/**
 * Where the search begins: behind the message that was taken last, if its place still says so; otherwise at
 * the oldest.
 */
function firstOf(mailbox: u32, places: u32, tail: u32): u32 {
	const next = load<u32>(mailbox, QUEUE_HEAD);
	const last = atomic.load<u64>(placeOf(mailbox, places, next - 1));
	const first = isIn(last, next - 1, PLACE_TAKEN) ? next : atomic.load<u32>(mailbox, MAILBOX_OLDEST);
	// The producer may have moved on by any number of messages since `tail` was read.
	return tail - first > places ? tail - places : first;
}

/** The first position, from `first` on, whose message is still kept; `tail` if there is none. */
function oldestFrom(first: u32, mailbox: u32, places: u32, tail: u32): u32 {
	let position = first;
	while (
		position != tail &&
		!isIn(atomic.load<u64>(placeOf(mailbox, places, position)), position, PLACE_KEPT)
	)
		position++;
	return position;
}

/** Makes `me` the owner of the claimed message, and returns the place to the producer. */
function finishClaim(me: u32, mailbox: u32, place: u32, position: u32, envelope: u32): void {
	takeEnvelope(me, envelope);
	store<u32>(mailbox, position + 1, QUEUE_HEAD);
	// SYNC: pairs with the load in `isClaimed`.
	atomic.store<u64>(place, contents(position, envelope, PLACE_TAKEN));
}

/**
 * Finishes an interrupted `mailboxTake`: a claimed message becomes `me`'s, and is then freed with `me`'s
 * other blocks.
 */
export function settleClaim(me: u32, mailbox: u32, position: u32, envelope: u32): void {
	const places = placesOf(mailbox);
	const place = places == 0 ? 0 : placeOf(mailbox, places, position);
	if (place != 0 && atomic.load<u64>(place) == contents(position, envelope, PLACE_CLAIMED))
		finishClaim(me, mailbox, place, position, envelope);
	done(me);
}

/** Frees the unreceived messages of a mailbox that no participant uses any more. */
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
