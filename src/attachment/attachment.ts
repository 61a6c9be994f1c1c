/**
 * One participant's hold on a region: its mapping, its slot, its doorbell and its waits.
 *
 * Everything that needs the operating system happens in this folder, through the shim; the classes that users see
 * stand on it.
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
	/** Each gives back room that is held for the next time: called before this participant waits, here or elsewhere. */
	readonly flushers = new Set<() => void>();
	#doorbell = 0;

	/** Maps `file` of `spans` spans. It is not a participant before `join`. */
	constructor(shim: Host, file: File, path: string, spans: number, access: Access = "read-write") {
		super(shim, file, path, spans, access);
		this.waiter = new Waiter(this);
	}

	// ------------------------------------------------------------------------------- joining and leaving

	/** Takes a slot; false when living participants have all of them. */
	join(label: string): boolean {
		const slot = takeSlot(this);
		if (slot === undefined) return false;
		this.#enter(slot, label);
		return true;
	}

	#enter(slot: number, label: string): void {
		const start = SLOTS_START + slot * SLOT_BYTES;
		const me = this.core.join(slot) >>> 0;
		// The slot was free when its lock was taken.
		if (me < STATUS_LIMIT) throw this.corrupted("Joining");
		this.me = me;
		this.slotWord = start >> 2;
		this.#doorbell = start + SLOT_DOORBELL;
		// A longer label is cut after a whole character, and zeros follow.
		const text = new Uint8Array(LABEL_BYTES);
		new TextEncoder().encodeInto(label, text.subarray(0, LABEL_BYTES - 1));
		this.bytes.set(text, start + SLOT_LABEL);
		this.words[(start + SLOT_JOINED) >> 2] = Date.now() / 1000;
		this.shim.watch(this.file, this.#doorbell, () => this.waiter.onRing());
		debug("%s: joined as participant %d of slot %d", this.path, this.me, slot);
	}

	/** Leaves the slot: what this participant owned and did not hand over is freed. */
	leave(): void {
		if (!this.failed) this.flush();
		if (this.me === 0 || this.failed) return;
		try {
			recoverSlot(this, (this.me & 0xff) - 1);
		} catch (error) {
			// An operation was cut off, and only now is there enough stack to handle it.
			if (!this.failed) throw error;
		}
	}

	protected override onClosed(why: DhmemError): void {
		this.waiter.close(why);
	}

	/** Whether the participant with this number still holds its slot, as the kernel sees it. */
	isAlive(participant: number): boolean {
		return isAlive(this, participant);
	}

	/** Whether another participant, or a reader, has joined and lives. */
	hasCompany(): boolean {
		return hasCompany(this);
	}

	/** Recovers from every participant that has died; how many there were. */
	recover(): number {
		return recoverAll(this);
	}

	// ------------------------------------------------------------------------------------------- waking

	/** Gives back what is held for the next time. */
	flush(): void {
		for (const flush of this.flushers) flush();
	}

	/** Wakes the sleepers on what an operation returned, if that is a doorbell. */
	wake(doorbell: number): void {
		if (doorbell < STATUS_LIMIT) return;
		// Peers can write where results are left.
		if (doorbell % 4 !== 0 || doorbell >= this.size) throw this.corrupted("Waking a peer");
		wakeAt(this, doorbell);
	}

	readDoorbell(): number {
		return Atomics.load(this.words, this.#doorbell >> 2);
	}

	/** Sleeps until the doorbell differs from `seen`, at most `milliseconds`. */
	sleep(seen: number, milliseconds: number): boolean {
		try {
			return this.shim.wait(this.file, this.#doorbell, seen, milliseconds);
		} catch (error) {
			debug("%s: the doorbell can't be waited on: %s", this.path, error);
			// An error counts as a time slice that ended without a ring; the caller looks by itself then.
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
			return false;
		}
	}
}
