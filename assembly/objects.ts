/**
 * Named objects: constructed once, opened by any participant, removed, and freed after the last participant
 * has closed them.
 *
 * A participant that opens an object pins it: it sets its bit in the object, then checks that the object is
 * still there. A participant that removes an object marks it, then checks for pins. So at least one sees the
 * other, and no one has a freed object open.
 */

import { freeOwnBlock, handOver, ownerAt, take } from "./blocks";
import { find, findNamesake, isObject, isRemoved, link, markRemoved, unlink } from "./directory";
import { detachConsumer, detachProducer, hasEnds } from "./endpoints";
import { fnv1a } from "./hash";
import {
	BAD_HANDLE,
	BUSY,
	FENCED,
	INTENT_DISPOSE,
	INTENT_INSERT,
	KIND_MAILBOX,
	KIND_MAP,
	KIND_QUEUE,
	NAME_BYTES,
	NOT_OWNER,
	OBJECT_DATA,
	OBJECT_HASH,
	OBJECT_HEAD_BYTES,
	OBJECT_KIND,
	OBJECT_NAME,
	OBJECT_NAME_LENGTH,
	OBJECT_NEXT,
	OBJECT_NONCE,
	OBJECT_PINS,
	OBJECT_TYPE,
	OBJECT_VERSION,
	OK,
	OWNER_REGION,
	STATUS_LIMIT,
} from "./layout";
import { abandonLock, hasLock } from "./locks";
import { clearMailbox } from "./mailbox";
import { clearMap } from "./map";
import { hasOpen, isAnyones, pin, takeOffPin } from "./pins";
import { drain } from "./queue-blocks";
import { replace } from "./replace";
import { done, intend, isCurrent, tagOf } from "./slots";

/**
 * Attempts of an opening that meets a removal each time, and of a removal that meets an opening each time.
 */
const TURNS = 1000;

// ---------------------------------------------------------------------------------- opening and leaving

/** Opens the object with this name, which `me` may use until `unpin`. Returns its offset, or NOT_FOUND. */
export function open(me: u32, name: u32, length: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	for (let turn = 0; turn < TURNS; turn++) {
		const object = find(name, length);
		if (object < STATUS_LIMIT) return object;
		const fresh = pin(me, object);
		// SYNC: pairs with `markRemoved`: either this sees the mark, or the remover sees the pin.
		if (find(name, length) == object) return object;
		if (fresh) unpin(me, object);
	}
	return BUSY;
}

/**
 * Closes the object for `me`, which leaves its endpoints and abandons its lock. If the object was removed,
 * the last participant to close it frees it. Returns a doorbell to wake, or OK.
 */
export function unpin(me: u32, object: u32): u32 {
	const doorbell = hasOpen(me, object) ? leave(me, object) : OK;
	takeOffPin(me, object);
	// Whether or not the pin was set: a survivor that recovers a participant which died right here finds no pin,
	// and is the last.
	dispose(me, object);
	return doorbell;
}

/**
 * Gives up everything that `me` has in the object, because without a pin another object may take its memory.
 * Returns a doorbell to wake, or OK.
 */
function leave(me: u32, object: u32): u32 {
	const kind = load<u32>(object, OBJECT_KIND);
	if (hasLock(kind)) return abandonLock(me, object);
	if (!hasEnds(kind)) return OK;
	// At most one of the two is a peer's doorbell: a participant with both endpoints has no peer.
	const doorbell = max(detachProducer(me, object), detachConsumer(me, object));
	return doorbell >= STATUS_LIMIT ? doorbell : OK;
}

/** True if there is an object with this nonce at the offset. Writes nothing. */
export function isNoted(object: u32, nonceLow: u32, nonceHigh: u32): bool {
	return (
		isObject(object) &&
		!isRemoved(object) &&
		load<u32>(object, OBJECT_NONCE) == nonceLow &&
		load<u32>(object, OBJECT_NONCE + 4) == nonceHigh &&
		findNamesake(object) == object
	);
}

/** Opens the object at an offset from a handle. Returns OK, or BAD_HANDLE. */
export function openAt(me: u32, object: u32, nonceLow: u32, nonceHigh: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	if (!isNoted(object, nonceLow, nonceHigh)) return BAD_HANDLE;
	const fresh = pin(me, object);
	if (isNoted(object, nonceLow, nonceHigh)) return OK;
	if (fresh) unpin(me, object);
	return BAD_HANDLE;
}

// ------------------------------------------------------------------------------------- making, removing

/**
 * Makes an object of `object`, a block from `allocateObject`, with the head at `template`, and puts it into
 * the directory. Returns OK, and `me` has it open; or `TAKEN`, and `me` still owns the block and those that
 * the head refers to.
 */
export function construct(me: u32, object: u32, template: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	if (!isObject(object) || ownerAt(object) != tagOf(me)) return NOT_OWNER;
	// Clear the mark of removal first, before the new contents could be mistaken for those of a removed object.
	const next = load<u64>(object, OBJECT_NEXT);
	atomic.store<u64>(object, ((next >> 32) + 1) << 32, OBJECT_NEXT);
	memory.copy(object, template, OBJECT_HEAD_BYTES);
	// The pins stay: a participant that looked for the object that was here before may have set one. It then
	// finds this object, or removes its pin.
	memory.fill(object + OBJECT_HEAD_BYTES, 0, OBJECT_PINS - OBJECT_HEAD_BYTES);
	memory.fill(object + OBJECT_VERSION, 0, OBJECT_NEXT - OBJECT_VERSION);
	const length = min(load<u32>(object, OBJECT_NAME_LENGTH), NAME_BYTES);
	store<u32>(object, length, OBJECT_NAME_LENGTH);
	store<u32>(object, fnv1a(object + OBJECT_NAME, length), OBJECT_HASH);
	pin(me, object);
	intend(me, INTENT_INSERT, object, 0, 0, 0);
	const status = link(object);
	if (status == OK) finishInsert(me, object);
	else {
		done(me);
		takeOffPin(me, object);
	}
	return status;
}

/** Hands an object in the directory, and its blocks, over to the region. */
function finishInsert(me: u32, object: u32): void {
	const tag = tagOf(me);
	handOver(load<u32>(object, OBJECT_DATA), tag, OWNER_REGION);
	handOver(load<u32>(object, OBJECT_TYPE), tag, OWNER_REGION);
	handOver(object, tag, OWNER_REGION);
	done(me);
}

/** Finishes `construct` if the object is in the directory, or was until another participant removed it. */
export function settleInsert(me: u32, object: u32): void {
	// Search first. If the object is marked as removed only later, it was still in the directory then.
	const found = findNamesake(object);
	if (found == object || found == BUSY || isRemoved(object)) finishInsert(me, object);
	else done(me);
}

/**
 * Removes the object with this name; the name is free at once. Returns the object, which `me` has open until
 * `unpin`, and which is freed after the last participant has closed it. Or returns NOT_FOUND, and `me` has
 * nothing open that it found.
 */
export function remove(me: u32, name: u32, length: u32): u32 {
	const object = open(me, name, length);
	if (object < STATUS_LIMIT) return object;
	const status = markRemoved(object);
	if (status == OK) return object;
	unpin(me, object);
	return status;
}

// ----------------------------------------------------------------------------------------------- freeing

/** True if the object was removed and no participant has it open. */
function isOver(object: u32): bool {
	return isRemoved(object) && !isAnyones(object);
}

/**
 * Frees the object, if it was removed and no participant has it open. Its owner byte decides who frees it.
 */
function dispose(me: u32, object: u32): void {
	if (!isOver(object)) return;
	intend(me, INTENT_DISPOSE, object, 0, 0, 0);
	settleDispose(me, object);
}

/** Finishes `dispose`. */
export function settleDispose(me: u32, object: u32): void {
	for (let turn = 0; turn < TURNS; turn++) {
		if (ownerAt(object) != tagOf(me) && !(isOver(object) && take(me, object, OWNER_REGION))) break;
		if (isOver(object)) {
			done(me);
			return destroy(me, object);
		}
		// Between the check and `take`, another object took this memory, or a participant had a pin on it for a
		// moment and left it to `me`. So check again.
		handOver(object, tagOf(me), OWNER_REGION);
	}
	done(me);
}

/**
 * Frees `me`'s removed object, and everything that it refers to. A repeated call continues an interrupted
 * one.
 */
export function destroy(me: u32, object: u32): void {
	const kind = load<u32>(object, OBJECT_KIND);
	if (kind == KIND_QUEUE) drain(me, object);
	if (kind == KIND_MAILBOX) clearMailbox(me, object);
	if (kind == KIND_MAP) clearMap(me, object);
	drop(me, object, OBJECT_DATA);
	drop(me, object, OBJECT_TYPE);
	// If others keep disturbing `unlink`, the object stays `me`'s until `me` leaves.
	if (unlink(object)) freeOwnBlock(me, object);
}

function drop(me: u32, object: u32, field: u32): void {
	const block = load<u32>(object + field);
	if (block != 0) replace(me, object, object + field, 0, block, 0);
}
