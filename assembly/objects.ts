/**
 * Named objects: constructed once, opened by anybody, removed, and freed when the last who has them open has left.
 *
 * A participant that opens an object pins it: sets its bit in the object, then looks whether it is still there.
 * Who removes one marks it, and then looks for pins. So one sees the other, and an object that is freed is nobody's.
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

/** Turns of an opening that meets a removal each time, and of a removal that meets an opening. */
const TURNS = 1000;

// ---------------------------------------------------------------------------------- opening and leaving

/** The object of this name, which is `me`'s to use until `unpin`; or NOT_FOUND. */
export function open(me: u32, name: u32, length: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	for (let turn = 0; turn < TURNS; turn++) {
		const object = find(name, length);
		if (object < STATUS_LIMIT) return object;
		const fresh = pin(me, object);
		// SYNC: pairs with `markRemoved`: either this sees the mark, or who removes it sees the pin.
		if (find(name, length) == object) return object;
		if (fresh) unpin(me, object);
	}
	return BUSY;
}

/**
 * `me` has the object open no longer. It leaves the ends that it has, and abandons the lock that it holds. The last one of a
 * removed object frees it. A doorbell to wake, or OK.
 */
export function unpin(me: u32, object: u32): u32 {
	const doorbell = hasOpen(me, object) ? leave(me, object) : OK;
	takeOffPin(me, object);
	// Whether or not the pin was there: who recovers from one that died right here finds none, and is the last.
	dispose(me, object);
	return doorbell;
}

/** Gives up what `me` has in the object: without a pin, another object may come there. A doorbell to wake, or OK. */
function leave(me: u32, object: u32): u32 {
	const kind = load<u32>(object, OBJECT_KIND);
	if (hasLock(kind)) return abandonLock(me, object);
	if (!hasEnds(kind)) return OK;
	// At most one of the two is another's doorbell: who has both ends has no peer.
	const doorbell = max(detachProducer(me, object), detachConsumer(me, object));
	return doorbell >= STATUS_LIMIT ? doorbell : OK;
}

/** Whether an object with this nonce is there. Writes nothing. */
export function isNoted(object: u32, nonceLow: u32, nonceHigh: u32): bool {
	return (
		isObject(object) &&
		!isRemoved(object) &&
		load<u32>(object, OBJECT_NONCE) == nonceLow &&
		load<u32>(object, OBJECT_NONCE + 4) == nonceHigh &&
		findNamesake(object) == object
	);
}

/** Opens the object at an offset, which a handle says; OK, or BAD_HANDLE. */
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
 * Makes `object`, a block from `allocateObject`, what the head at `template` says, and puts it into the directory:
 * OK, and `me` has it open; or `TAKEN`, and it is still a block of `me`'s, as are those that the head refers to.
 */
export function construct(me: u32, object: u32, template: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	if (!isObject(object) || ownerAt(object) != tagOf(me)) return NOT_OWNER;
	// Not removed, before anything in it could be taken for a removed object's.
	const next = load<u64>(object, OBJECT_NEXT);
	atomic.store<u64>(object, ((next >> 32) + 1) << 32, OBJECT_NEXT);
	memory.copy(object, template, OBJECT_HEAD_BYTES);
	// Not the pins: who looked for what was here before may have set one, and finds this object, or takes it off.
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

/** What is in the directory is the region's. */
function finishInsert(me: u32, object: u32): void {
	const tag = tagOf(me);
	handOver(load<u32>(object, OBJECT_DATA), tag, OWNER_REGION);
	handOver(load<u32>(object, OBJECT_TYPE), tag, OWNER_REGION);
	handOver(object, tag, OWNER_REGION);
	done(me);
}

/** Ends what `construct` began, if the directory has the object, or had it until somebody removed it. */
export function settleInsert(me: u32, object: u32): void {
	// Found first: what was removed by then, or is removed between the two looks, was there.
	const found = findNamesake(object);
	if (found == object || found == BUSY || isRemoved(object)) finishInsert(me, object);
	else done(me);
}

/**
 * Removes the object of this name: the name is free at once. The object, which is freed when nobody has it open any
 * more, and `me` does until `unpin`; or NOT_FOUND, and `me` has nothing open that it found.
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

/** Whether the object was removed and nobody has it open. */
function isOver(object: u32): bool {
	return isRemoved(object) && !isAnyones(object);
}

/** Frees the object, if it was removed and nobody has it open. Who owns it is the one to do so. */
function dispose(me: u32, object: u32): void {
	if (!isOver(object)) return;
	intend(me, INTENT_DISPOSE, object, 0, 0, 0);
	settleDispose(me, object);
}

/** Ends what `dispose` began. */
export function settleDispose(me: u32, object: u32): void {
	for (let turn = 0; turn < TURNS; turn++) {
		if (ownerAt(object) != tagOf(me) && !(isOver(object) && take(me, object, OWNER_REGION))) break;
		if (isOver(object)) {
			done(me);
			return destroy(me, object);
		}
		// Another object came there between the look and the taking, or somebody had a pin on it for a moment, who
		// leaves it to `me`; so look again.
		handOver(object, tagOf(me), OWNER_REGION);
	}
	done(me);
}

/** Frees `me`'s object, which is removed, and what it refers to. Whoever does this again goes on with it. */
export function destroy(me: u32, object: u32): void {
	const kind = load<u32>(object, OBJECT_KIND);
	if (kind == KIND_QUEUE) drain(me, object);
	if (kind == KIND_MAILBOX) clearMailbox(me, object);
	if (kind == KIND_MAP) clearMap(me, object);
	drop(me, object, OBJECT_DATA);
	drop(me, object, OBJECT_TYPE);
	// Where others never let it be taken out it stays `me`'s, until `me` leaves.
	if (unlink(object)) freeOwnBlock(me, object);
}

function drop(me: u32, object: u32, field: u32): void {
	const block = load<u32>(object + field);
	if (block != 0) replace(me, object, object + field, 0, block, 0);
}
