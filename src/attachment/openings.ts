/**
 * How long an opening lasts: as long as anything of it can be reached in this thread, or it holds a lock.
 *
 * Objects of an opening refer to its attachment. A view refers to its buffer alone, so the buffer leads to the
 * attachment here: a view keeps it, and so does a view of that view.
 */
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { debug } from "./debug.js";

const byBuffer = new WeakMap<SharedArrayBuffer, object>();

/** `attachment` stays for as long as `buffer` can be reached. */
export function keepWithBuffer(buffer: SharedArrayBuffer, attachment: object): void {
	byBuffer.set(buffer, attachment);
}

/**
 * A second buffer over the same memory, for the shim to keep. It stops the engine from unmapping the memory before
 * the file is closed. The first buffer would do that as well, but it leads to the attachment, which would then never
 * be collected.
 *
 * It is posted rather than cloned: some realms have no `structuredClone`, and others replace it.
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

/** A mutex, as an opening has it. */
interface Lock {
	readonly attachment: object;
	/** Where it is in `held`; -1 while the opening does not hold it. */
	heldAt: number;
}

/**
 * The mutexes that this thread's openings hold: with one of them collected, somebody else would get its lock. Not a Set,
 * which makes its table anew every few times that one thing is put in and taken out; each lock knows its place instead.
 */
const held: Lock[] = [];

export function keepWhileHeld(lock: Lock): void {
	if (lock.heldAt === -1) lock.heldAt = held.push(lock) - 1;
}

export function noLongerHeld(lock: Lock): void {
	if (lock.heldAt === -1) return;
	const last = held.pop() as Lock;
	// The last one takes its place.
	if (last !== lock) {
		held[lock.heldAt] = last;
		last.heldAt = lock.heldAt;
	}
	lock.heldAt = -1;
}

const forgotten = new FinalizationRegistry((what: string) => {
	debug("%s: never closed, and collected now that nothing refers to it", what);
});

/** NODE_DEBUG says so when `attachment` is collected before it was closed. */
export function noteOpened(attachment: object, what: string): void {
	// Only where it is wanted: a thread that ends while the engine is about to call back aborts the process, as in vitest's
	// vmThreads.
	if (debug.enabled) forgotten.register(attachment, what, attachment);
}

/** Nothing of `attachment` has to be kept any more. */
export function noteClosed(attachment: object): void {
	forgotten.unregister(attachment);
	for (const lock of held.filter((each) => each.attachment === attachment)) noLongerHeld(lock);
}
