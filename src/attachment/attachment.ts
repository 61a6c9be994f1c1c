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
import type { Trust } from "../host/trust.js";
import type { Extent } from "../values/region-size.js";
import { callNoMore, callWithin } from "../waiting/shared-timer.js";
import { Waiter } from "../waiting/waiter.js";
import { debug } from "./debug.js";
import { type Access, Mapping } from "./mapping.js";
import { OwnPipe } from "./own-pipe.js";
import { hasCompany, isAlive, recoverAll, recoverSlot, takeSlot } from "./participants.js";
import { Trimmer } from "./trimmer.js";
import { wakeAt } from "./waking.js";

export class Attachment extends Mapping {
	readonly waiter: Waiter;
	readonly trimmer = new Trimmer(this);
	/** Functions that give back space kept for the next operation. Called before this participant waits. */
	readonly flushers = new Set<() => void>();
	#doorbell = 0;
	#pipe: OwnPipe | undefined;
	readonly #onSliceEnd = () => this.#endSlice();

	/** Maps a file of this extent. The opening becomes a participant with `join`. */
	constructor(
		shim: Host,
		file: File,
		path: string,
		extent: Extent,
		access: Access = "read-write",
		trust: Trust = "owner",
	) {
		super(shim, file, path, extent, access, trust);
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
		this.#pipe = new OwnPipe(this, slot);
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
		this.shim.watch(this.file, this.#doorbell, (lostPeer) => this.#onCall(lostPeer));
		debug("%s: joined as participant %d of slot %d", this.path, this.me, slot);
	}

	/** The index of this participant's slot, which is also that of its lock byte. */
	get slot(): number {
		return (this.me & 0xff) - 1;
	}

	/**
	 * Gives memory back before this participant leaves, as the user wants it. For that it leaves and joins again,
	 * in the same slot, because only a participant can give back what its leaving has freed.
	 */
	trimAndLeave(): void {
		if (this.me === 0 || this.failed) return;
		this.trimmer.leave(() => {
			const { slot } = this;
			this.leave();
			const me = this.core.join(slot) >>> 0;
			if (me < STATUS_LIMIT) throw this.corrupted("Leaving");
			this.me = me;
		});
	}

	/** Leaves the slot, and frees everything that this participant owns. */
	leave(): void {
		if (!this.failed) this.flush();
		if (this.me === 0 || this.failed) return;
		try {
			recoverSlot(this, this.slot);
		} catch (error) {
			// An earlier operation was interrupted, and only now is there enough stack to handle that.
			if (!this.failed) throw error;
		}
	}

	/** @internal */
	protected override onClosed(why: DhmemError): void {
		this.trimmer.stop();
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
		const recovered = recoverAll(this);
		if (recovered > 0) this.trimmer.noteFree(this.size);
		return recovered;
	}

	// ------------------------------------------------------------------------------------------- waking

	/** Gives back space that is kept for the next operation, and publishes what a function of the user's still writes. */
	flush(): void {
		for (const flush of this.flushers) {
			try {
				flush();
			} catch {
				// There is no caller to report to; the next call throws.
			}
		}
	}

	/** Wakes the sleepers at `doorbell`, the result of an operation. Does nothing if the result is a status. */
	wake(doorbell: number): void {
		if (doorbell < STATUS_LIMIT) return;
		// A faulty peer may have overwritten the result.
		if (doorbell % 4 !== 0 || doorbell >= this.size) throw this.corrupted("Waking a peer");
		wakeAt(this, doorbell);
	}

	// ----------------------------------------------------------------------------------------- sleeping

	sleepInLoop(): void {
		this.#pipe?.sleepInLoop();
	}

	sleepBlocked(promises: boolean): void {
		this.#pipe?.sleepBlocked(promises);
	}

	arm(seen: number, milliseconds: number): boolean {
		if (this.#pipe?.make()) return false;
		if (this.#pipe?.isUsable) {
			this.shim.armPipe(this.file);
			callWithin(this.#onSliceEnd, milliseconds);
		} else {
			this.shim.arm(this.file, seen, milliseconds);
		}
		return true;
	}

	disarm(): void {
		callNoMore(this.#onSliceEnd);
		this.shim.disarm(this.file);
	}

	hearsOfDeath(participants: readonly number[]): boolean {
		return this.#pipe?.hasRung === true && this.#pipe.isUsable && this.peerPipes.watch(participants);
	}

	/** The shim calls: the doorbell was rung, or the pipe of a peer has lost its reader. */
	#onCall(lostPeer: number | undefined): void {
		if (lostPeer !== undefined) {
			this.peerPipes.onLost(lostPeer);
			this.waiter.onDeath();
			return;
		}
		callNoMore(this.#onSliceEnd);
		if (this.#pipe !== undefined) this.#pipe.hasRung = true;
		this.waiter.onArmed();
	}

	#endSlice(): void {
		this.shim.disarm(this.file);
		this.waiter.onArmed();
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
