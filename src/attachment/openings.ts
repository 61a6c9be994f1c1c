/**
 * The lifetime of an opening: it lasts while this thread can reach any of its objects or views, or while it
 * holds a lock.
 *
 * Objects of an opening refer to its attachment. A view refers only to its buffer, so this file maps the
 * buffer to the attachment. Then a view keeps the attachment alive, and so does a view of that view.
 */
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { debug } from "./debug.js";

const byBuffer = new WeakMap<SharedArrayBuffer, object>();

/** Keeps `attachment` alive for as long as `buffer` can be reached. */
export function keepWithBuffer(buffer: SharedArrayBuffer, attachment: object): void {
	byBuffer.set(buffer, attachment);
}

/**
 * Returns a second buffer over the same memory, for the shim to keep. It stops the engine from unmapping the
 * memory before the file is closed. The first buffer would do that too, but it refers to the attachment,
 * which would then never be collected.
 *
 * The buffer is posted instead of cloned, because some realms have no `structuredClone` and others replace
 * it.
 */
export function sameMemory(buffer: SharedArrayBuffer): SharedArrayBuffer {
	const { port1, port2 } = new MessageChannel();
	try {
		port1.postMessage(buffer);
		return receiveMessageOnPort(port2)?.message as SharedArrayBuffer;
	} finally {
		port1.close();
	}
}

/** A mutex of an opening. */
interface Lock {
	readonly attachment: object;
	/** Its index in `held`; -1 while the opening does not hold it. */
	heldAt: number;
}

/**
 * The mutexes that this thread's openings hold. If one of them were collected, another participant would get
 * its lock. An array in which each lock knows its index: a Set rebuilds its table every few insertions and
 * deletions.
 */
const held: Lock[] = [];

export function keepWhileHeld(lock: Lock): void {
	if (lock.heldAt === -1) lock.heldAt = held.push(lock) - 1;
}

export function noLongerHeld(lock: Lock): void {
	if (lock.heldAt === -1) return;
	const last = held.pop() as Lock;
	// The last lock moves to the free index.
	if (last !== lock) {
		held[lock.heldAt] = last;
		last.heldAt = lock.heldAt;
	}
	lock.heldAt = -1;
}

const forgotten = new FinalizationRegistry((what: string) => {
	debug("%s: never closed, and collected now that nothing refers to it", what);
});

/** Logs to NODE_DEBUG if `attachment` is collected before it is closed. */
export function noteOpened(attachment: object, what: string): void {
	// Only if debugging is enabled: if a thread ends while the engine is about to call back, as in vitest's
	// vmThreads, the process aborts.
	if (debug.enabled) forgotten.register(attachment, what, attachment);
}

/** Forgets `attachment` and its locks. */
export function noteClosed(attachment: object): void {
	forgotten.unregister(attachment);
	for (const lock of held.filter((each) => each.attachment === attachment)) noLongerHeld(lock);
}
