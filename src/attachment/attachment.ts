/**
 * An opening of a region: its mapping, its participant slot, its doorbell and its waits.
 *
 * Everything that needs the operating system happens in this folder, through the shim. The classes for users
 * are built on it.
 */
import { TextEncoder } from "node:util";
import {
	LABEL_BYTES,
	SLOT_BYTES,
	SLOT_DOORBELL,
	SLOT_JOINED,
	SLOT_LABEL,
	SLOTS_START,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import type { DhmemError } from "../errors.js";
import type { Host } from "../host/local-shim.js";
import type { File } from "../host/shim.js";
import { Waiter } from "../waiting/waiter.js";
import { debug } from "./debug.js";
import { type Access, Mapping } from "./mapping.js";
import { hasCompany, isAlive, recoverAll, recoverSlot, takeSlot, wakeAt } from "./participants.js";

export class Attachment extends Mapping {
	readonly waiter: Waiter;
	/** Functions that give back space kept for the next operation. Called before this participant waits. */
	readonly flushers = new Set<() => void>();
	#doorbell = 0;

	/** Maps a file of `spans` spans. The opening becomes a participant with `join`. */
	constructor(shim: Host, file: File, path: string, spans: number, access: Access = "read-write") {
		super(shim, file, path, spans, access);
		this.waiter = new Waiter(this);
	}

	// ------------------------------------------------------------------------------- joining and leaving

	/** Takes a participant slot. False if living participants hold all of them. */
	join(label: string): boolean {
		const slot = takeSlot(this);
		if (slot === undefined) return false;
		this.#enter(slot, label);
		return true;
	}

	#enter(slot: number, label: string): void {
		const start = SLOTS_START + slot * SLOT_BYTES;
		const me = this.core.join(slot) >>> 0;
		// This participant holds the slot's lock, and the slot was free, so a failure means corruption.
		if (me < STATUS_LIMIT) throw this.corrupted("Joining");
		this.me = me;
		this.slotWord = start >> 2;
		this.#doorbell = start + SLOT_DOORBELL;
		// A longer label is truncated after a whole character. Zeros follow.
		const text = new Uint8Array(LABEL_BYTES);
		new TextEncoder().encodeInto(label, text.subarray(0, LABEL_BYTES - 1));
		this.bytes.set(text, start + SLOT_LABEL);
		this.words[(start + SLOT_JOINED) >> 2] = Date.now() / 1000;
		this.shim.watch(this.file, this.#doorbell, () => this.waiter.onRing());
		debug("%s: joined as participant %d of slot %d", this.path, this.me, slot);
	}

	/** Leaves the slot, and frees everything that this participant owns. */
	leave(): void {
		if (!this.failed) this.flush();
		if (this.me === 0 || this.failed) return;
		try {
			recoverSlot(this, (this.me & 0xff) - 1);
		} catch (error) {
			// An earlier operation was interrupted, and only now is there enough stack to handle that.
			if (!this.failed) throw error;
		}
	}

	protected override onClosed(why: DhmemError): void {
		this.waiter.close(why);
	}

	/** Tells whether the participant with this number is alive: the kernel still has its slot's lock. */
	isAlive(participant: number): boolean {
		return isAlive(this, participant);
	}

	/** Tells whether another participant or a reader has the region open and is alive. */
	hasCompany(): boolean {
		return hasCompany(this);
	}

	/** Recovers from all participants that have died, and returns their number. */
	recover(): number {
		return recoverAll(this);
	}

	// ------------------------------------------------------------------------------------------- waking

	/** Gives back space that is kept for the next operation. */
	flush(): void {
		for (const flush of this.flushers) flush();
	}

	/** Wakes the sleepers at `doorbell`, the result of an operation. Does nothing if the result is a status. */
	wake(doorbell: number): void {
		if (doorbell < STATUS_LIMIT) return;
		// A faulty peer may have overwritten the result.
		if (doorbell % 4 !== 0 || doorbell >= this.size) throw this.corrupted("Waking a peer");
		wakeAt(this, doorbell);
	}

	readDoorbell(): number {
		return Atomics.load(this.words, this.#doorbell >> 2);
	}

	/** Sleeps until the doorbell differs from `seen`, at most `milliseconds`. True if it was rung. */
	sleep(seen: number, milliseconds: number): boolean {
		try {
			return this.shim.wait(this.file, this.#doorbell, seen, milliseconds);
		} catch (error) {
			debug("%s: the doorbell can't be waited on: %s", this.path, error);
			// An error counts as a time slice that ended without a ring, so the caller makes another attempt.
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
			return false;
		}
	}
}
