/** The participants of a region: which are alive, and recovery from those that died. */
import { Buffer } from "node:buffer";
import {
	HEADER_TOUCHED,
	HEADER_TOUCHED_BYTES,
	LABEL_BYTES,
	MORE,
	OK,
	SLOT_BYTES,
	SLOT_ID,
	SLOT_LABEL,
	SLOTS,
	SLOTS_START,
} from "../../assembly/layout.js";
import { type DhmemError, isFull } from "../errors.js";
import { publish } from "../events.js";
import { systemError } from "../host/system-error.js";
import { debug } from "./debug.js";
import type { Mapping } from "./mapping.js";
import { clearSleep } from "./own-pipe.js";
import { commitRange } from "./pages.js";
import { pipeNumber, pipePath, removeDeadPipe } from "./peer-pipes.js";
import { doorbellOf, wakeAt } from "./waking.js";

/** Index of the lock byte that all readers read-lock, behind those of the slots. */
export const READER_LOCK = 4096;

/**
 * Limit for the calls of the core in one operation. Recovering or committing the largest region takes 257.
 */
export const MOST_TURNS = 1000;

/**
 * A participant slot in use.
 *
 * @example
 * ```ts
 * const dead = region.stats().participants.filter(({ alive }) => !alive);
 * console.log(dead.map(({ label }) => label));
 * ```
 */
export interface Participant {
	slot: number;
	label: string;
	/** True if the kernel still has its lock. */
	alive: boolean;
}

/** Lists the participants, without readers, which have no slot. */
export function readParticipants(mapping: Mapping): Participant[] {
	const participants = [];
	for (let slot = 0; slot < SLOTS; slot++) {
		const id = slotId(mapping, slot);
		if (id === 0) continue;
		participants.push({ slot, label: labelOf(mapping, slot), alive: isAlive(mapping, id) });
	}
	return participants;
}

/** The label of the participant in a slot. */
export function labelOf({ bytes }: Mapping, slot: number): string {
	const start = SLOTS_START + slot * SLOT_BYTES + SLOT_LABEL;
	const text = Buffer.from(bytes.slice(start, start + LABEL_BYTES)).toString();
	return text.split("\0", 1)[0] ?? "";
}

/** The number of the participant in a slot; 0 if the slot is free. */
export function slotId({ words }: Mapping, slot: number): number {
	return Atomics.load(words, (SLOTS_START + slot * SLOT_BYTES + SLOT_ID) >> 2);
}

/** Tells whether the participant with this number is alive: the kernel still has its slot's lock. */
export function isAlive(mapping: Mapping, participant: number): boolean {
	if (participant === mapping.me) return true;
	const slot = (participant & 0xff) - 1;
	if (slot < 0 || slot >= SLOTS || slotId(mapping, slot) !== participant) return false;
	try {
		return mapping.shim.isLocked(mapping.file, slot);
	} catch (error) {
		throw systemError(error, mapping.path, "Checking the participants of");
	}
}

/** Tells whether another participant or a reader has the region open and is alive. */
export function hasCompany(mapping: Mapping): boolean {
	const { shim, file, me } = mapping;
	if (shim.isLocked(file, READER_LOCK)) return true;
	for (let slot = 0; slot < SLOTS; slot++) {
		const id = slotId(mapping, slot);
		if (id !== 0 && id !== me && shim.isLocked(file, slot)) return true;
	}
	return false;
}

/**
 * Takes the lock of a slot without a living participant, and recovers the slot. Undefined if living
 * participants hold all slots.
 *
 * @throws DHMEM_NO_SPACE
 */
export function takeSlot(mapping: Mapping): number | undefined {
	const { shim, file } = mapping;
	let full: DhmemError | undefined;
	// Free slots first, because a dead participant's slot has to be recovered before it can be used.
	for (const dead of [false, true]) {
		for (let slot = 0; slot < SLOTS; slot++) {
			const isTaken = slotId(mapping, slot) !== 0;
			if (isTaken !== dead || !shim.tryLock(file, slot)) continue;
			try {
				commitSlot(mapping, slot);
			} catch (error) {
				if (!isFull(error)) throw error;
				// A slot that was used before still has its pages, so a participant can return even if the file
				// system is full.
				full = error;
				shim.unlock(file, slot);
				continue;
			}
			const label = labelOf(mapping, slot);
			if (slotId(mapping, slot) !== 0 && recoverSlot(mapping, slot)) publishRecovery(mapping, slot, label);
			return slot;
		}
	}
	if (full !== undefined) throw full;
	return undefined;
}

function commitSlot(mapping: Mapping, slot: number): void {
	const touched = mapping.header(HEADER_TOUCHED_BYTES);
	commitRange(mapping, mapping.header(HEADER_TOUCHED) + slot * touched, touched);
}

/** Recovers from all participants that have died, and returns their number. */
export function recoverAll(mapping: Mapping): number {
	try {
		return recoverEach(mapping);
	} catch (error) {
		throw systemError(error, mapping.path, "Recovering dead participants of");
	}
}

function recoverEach(mapping: Mapping): number {
	const { shim, file, me } = mapping;
	let recovered = 0;
	for (let slot = 0; slot < SLOTS; slot++) {
		const id = slotId(mapping, slot);
		if (id === 0 || id === me || shim.isLocked(file, slot)) continue;
		if (!shim.tryLock(file, slot)) continue;
		const label = labelOf(mapping, slot);
		let isRecovered = false;
		try {
			isRecovered = recoverSlot(mapping, slot);
		} finally {
			// If the core has thrown, the file is closed and the lock is already dropped.
			if (!mapping.closed) shim.unlock(file, slot);
		}
		if (!isRecovered) continue;
		recovered++;
		publishRecovery(mapping, slot, label);
	}
	return recovered;
}

/** @param label read before the recovery, which clears it */
function publishRecovery({ path }: Mapping, slot: number, label: string): void {
	publish("dhmem:recovery", () => ({ path, slot, label }));
}

/** Recovers the participant of a slot whose lock this one holds. False if the slot was free. */
export function recoverSlot(mapping: Mapping, slot: number): boolean {
	let status: number;
	let turns = 0;
	do status = mapping.core.recover(slot);
	while (status === MORE && turns++ < MOST_TURNS);
	if (status === MORE) throw mapping.corrupted("Recovering from a dead participant");
	if (status !== OK) return false;
	debug("%s: recovered slot %d", mapping.path, slot);
	removePipe(mapping, slot);
	for (let other = 0; other < SLOTS; other++) {
		if (slotId(mapping, other) !== 0) wakeAt(mapping, doorbellOf(other));
	}
	return true;
}

/** Removes the pipe of a slot's last participant, unless a process reads it: the own one is removed with the file. */
function removePipe(mapping: Mapping, slot: number): void {
	const number = pipeNumber(mapping, slot);
	clearSleep(mapping, slot);
	if (number[0] !== 0 || number[1] !== 0) removeDeadPipe(pipePath(mapping.path, number));
}
