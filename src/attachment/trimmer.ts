/**
 * Decides when freed memory goes back to the machine.
 *
 * `eager`: after a free, from the event loop, a piece in each turn.
 *
 * `lazy`: when it was not needed for a period. Blocks in a cycle (allocate, fill, send, free, again) have to keep
 * their pages, because the first touch of a page costs ten times a copy. A cycle uses most right before it frees,
 * so a period looks then, and takes the least that was free at any look. Frees are noted once between two timers,
 * so they cost one comparison otherwise. An opening that frees nothing large has no timer.
 */
import { clearImmediate, setImmediate } from "node:timers";
import { SPAN_BYTES } from "../../assembly/layout.js";
import { callNoMore, callWithin } from "../waiting/shared-timer.js";
import { debug } from "./debug.js";
import type { Mapping } from "./mapping.js";
import { forgetReaders, trimmable, trimPiece, trimUpTo } from "./trimming.js";

export const trimPolicies = ["eager", "lazy", "never"] as const;
export type Trim = (typeof trimPolicies)[number];

/** Milliseconds between two looks, and the looks of a period. */
const LOOK = 250;
const LOOKS = 4;
/** `lazy` leaves less than this many bytes, and less than this share of what has pages. */
const LEAST_BYTES = 64 * 2 ** 20;
const LEAST_SHARE = 1 / 4;

export class Trimmer {
	readonly #mapping: Mapping;
	#policy: Trim = "never";
	/** True if the next free has to be noted. */
	#notes = false;
	/** The looks that are left in this period; 0 outside of one. */
	#looks = 0;
	/** The least that was free at a look of this period. */
	#least = Number.POSITIVE_INFINITY;
	/** True if more was freed in this period. */
	#goesOn = false;
	/** Bytes that are to be given back in the next turns of the event loop. */
	#pending = 0;
	#immediate: NodeJS.Immediate | undefined;

	constructor(mapping: Mapping) {
		this.#mapping = mapping;
	}

	start(policy: Trim): void {
		this.#policy = policy;
		this.#notes = policy !== "never";
	}

	/** Called before something of up to `bytes` bytes is freed. */
	noteFree(bytes: number): void {
		if (this.#notes && bytes >= SPAN_BYTES) this.#note();
	}

	#note(): void {
		this.#notes = false;
		if (this.#policy === "eager") this.#schedule();
		else if (this.#looks === 0) this.#startPeriod();
		else {
			this.#look();
			this.#goesOn = true;
		}
	}

	// ------------------------------------------------------------------------------------- lazy: periods

	#startPeriod(): void {
		this.#looks = LOOKS;
		this.#least = Number.POSITIVE_INFINITY;
		this.#goesOn = false;
		callWithin(this.#onTime, LOOK);
	}

	#look(): void {
		this.#least = Math.min(this.#least, trimmable(this.#mapping));
	}

	readonly #onTime = (): void => {
		if (this.#isOver()) return;
		this.#notes = true;
		if (this.#looks === LOOKS) forgetReaders(this.#mapping);
		this.#look();
		this.#looks--;
		if (this.#looks > 0) {
			callWithin(this.#onTime, LOOK);
			return;
		}
		const unused = this.#isMuch(this.#least) ? this.#least : 0;
		if (this.#goesOn) this.#startPeriod();
		if (unused > 0) {
			this.#pending = unused;
			this.#schedule();
		}
	};

	#isMuch(bytes: number): boolean {
		return bytes > Math.max(LEAST_BYTES, this.#committed * LEAST_SHARE);
	}

	get #committed(): number {
		return this.#mapping.shim.statFile(this.#mapping.file).committed;
	}

	// ------------------------------------------------------------------------------- giving back in steps

	/**
	 * Only `eager` keeps the process alive until all is given back, which takes less than a second for a GiB. An immediate
	 * that does not would wait until something else wakes the event loop, so `lazy` has a timer.
	 */
	#schedule(): void {
		if (this.#policy === "eager") this.#immediate ??= setImmediate(this.#giveBack);
		else callWithin(this.#giveBack, 1);
	}

	readonly #giveBack = (): void => {
		this.#immediate = undefined;
		if (this.#isOver()) return;
		// A free since the last step is to be noted, and sets the amount again.
		if (this.#policy === "eager" && !this.#notes) {
			forgetReaders(this.#mapping);
			this.#pending = trimmable(this.#mapping);
		}
		this.#notes = true;
		try {
			const given = trimPiece(this.#mapping);
			this.#pending = given === 0 ? 0 : this.#pending - given;
		} catch (error) {
			debug("%s: memory can't be given back: %s", this.#mapping.path, error);
			this.stop();
			return;
		}
		if (this.#pending > 0) this.#schedule();
	};

	#isOver(): boolean {
		const { closed, failed, isDisplaced } = this.#mapping;
		return closed || failed || isDisplaced;
	}

	// --------------------------------------------------------------------------------------------- leaving

	stop(): void {
		this.start("never");
		callNoMore(this.#onTime);
		callNoMore(this.#giveBack);
		clearImmediate(this.#immediate);
		this.#immediate = undefined;
	}

	/**
	 * Called when the participant is about to leave.
	 *
	 * @param empty frees all that the participant owns, but keeps it
	 */
	leave(empty: () => void): void {
		const policy = this.#policy;
		const mapping = this.#mapping;
		this.stop();
		if (policy === "never" || (policy === "lazy" && !this.#isMuch(this.#committed))) return;
		const before = trimmable(mapping);
		empty();
		forgetReaders(mapping);
		const freed = trimmable(mapping) - before;
		// What others keep for a cycle of theirs is not this participant's to give back.
		const unused = policy === "eager" ? before : this.#looks > 0 ? Math.min(before, this.#least) : 0;
		const bytes = freed + unused;
		if (policy === "lazy" && !this.#isMuch(bytes)) return;
		try {
			trimUpTo(mapping, bytes);
		} catch (error) {
			debug("%s: memory can't be given back: %s", mapping.path, error);
		}
	}
}
