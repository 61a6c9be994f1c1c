/** Waking those who sleep at a doorbell, in the way in which they sleep. */
import {
	SLEEP_FUTEX,
	SLEEP_UNREACHABLE,
	SLOT_BYTES,
	SLOT_DOORBELL,
	SLOT_SLEEP,
	SLOTS,
	SLOTS_START,
} from "../../assembly/layout.js";
import { debug } from "./debug.js";
import { isOnPipe, type PeerPipes, type WithPipes } from "./peer-pipes.js";

/** The doorbell of a slot. */
export function doorbellOf(slot: number): number {
	return SLOTS_START + slot * SLOT_BYTES + SLOT_DOORBELL;
}

/**
 * Wakes those who sleep at a doorbell that was rung. Never throws: a sleeper that misses the wake-up checks again when
 * its time slice ends.
 */
export function wakeAt(mapping: WithPipes & { readonly peerPipes: PeerPipes }, doorbell: number): void {
	const { words, peerPipes } = mapping;
	const slot = (doorbell - SLOT_DOORBELL - SLOTS_START) / SLOT_BYTES;
	// A faulty peer may have written another word's offset.
	const isSlots = Number.isInteger(slot) && slot >= 0 && slot < SLOTS;
	const at = (doorbell - SLOT_DOORBELL + SLOT_SLEEP) >> 2;
	const sleep = isSlots ? Atomics.load(words, at) : SLEEP_FUTEX;
	if (isOnPipe(sleep)) {
		// If it can't be reached, a thread of the sleeper sleeps on the futex from its next time slice on.
		if (!peerPipes.ring(slot)) Atomics.or(words, at, SLEEP_UNREACHABLE);
		else if ((sleep & SLEEP_FUTEX) === 0) return;
	}
	wakeFutex(mapping, doorbell);
}

function wakeFutex({ shim, file, path }: WithPipes, doorbell: number): void {
	try {
		shim.wake(file, doorbell);
	} catch (error) {
		debug("%s: sleepers can't be woken: %s", path, error);
	}
}
