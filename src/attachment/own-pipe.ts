/**
 * How this participant sleeps, as its slot says it: a blocked thread on the futex of the doorbell, the event loop on a
 * pipe.
 *
 * The order is this. A sleeper says how it sleeps, reads its doorbell, announces, looks once more, and sleeps. A ringer
 * adds to the doorbell, and then reads how the sleeper sleeps. So either the ringer sees it, or the sleeper sees the
 * changed doorbell.
 *
 * Without a pipe (in a folder where none can be made, in another runtime than Node), and once a ringer could not reach
 * it, a thread sleeps on the futex in place of the event loop, for good.
 */
import { getRandomValues } from "node:crypto";
import { SLEEP_FUTEX, SLEEP_PIPE, SLEEP_UNREACHABLE, SLOT_PIPE, SLOT_SLEEP } from "../../assembly/layout.js";
import { errnoOf } from "../errors.js";
import { canWatchPipes } from "../host/engines.js";
import { debug } from "./debug.js";
import { type PipeNumber, pipePath, slotIndex, type WithPipes } from "./peer-pipes.js";

export class OwnPipe {
	readonly #mapping: WithPipes;
	readonly #slot: number;
	#state: "not yet" | "made" | "never" = "not yet";
	/** What this side has set in the slot. */
	#sleep = 0;
	/** True once a ring has come through the pipe. */
	hasRung = false;

	/** The caller holds the slot's lock. The slot may still say how its last participant slept. */
	constructor(mapping: WithPipes, slot: number) {
		this.#mapping = mapping;
		this.#slot = slot;
		clearSleep(mapping, slot);
	}

	/**
	 * Makes the pipe when the event loop sleeps for the first time. True if it was made now: the caller must read the
	 * doorbell and look once more, because ringers did not know of the pipe.
	 */
	make(): boolean {
		if (this.#state !== "not yet") return false;
		this.#state = "never";
		if (!canWatchPipes()) return false;
		const { shim, file, path, words } = this.#mapping;
		// Another process that tidies the folder may take the new pipe for a dead one's, though hardly twice.
		for (const isLast of [false, true]) {
			const number = [...getRandomValues(new Uint32Array(2))] as unknown as PipeNumber;
			try {
				shim.makePipe(file, pipePath(path, number));
			} catch (error) {
				debug("%s: a thread waits, because there can't be a pipe: %s", path, error);
				if (isLast || errnoOf(error) !== "ENOENT") return false;
				continue;
			}
			const at = slotIndex(this.#slot, SLOT_PIPE);
			Atomics.store(words, at, number[0]);
			Atomics.store(words, at + 1, number[1]);
			this.#state = "made";
			this.#set(SLEEP_PIPE);
			return true;
		}
		return false;
	}

	/** True if the event loop sleeps on the pipe. False if a thread must sleep on the futex. */
	get isUsable(): boolean {
		if (this.#state !== "made") return false;
		const sleep = Atomics.load(this.#mapping.words, slotIndex(this.#slot, SLOT_SLEEP));
		if ((sleep & SLEEP_UNREACHABLE) === 0) return true;
		debug("%s: a thread waits, because a peer could not reach the pipe", this.#mapping.path);
		this.#set(SLEEP_FUTEX);
		this.#state = "never";
		this.#mapping.shim.removePipe(this.#mapping.file);
		return false;
	}

	/** The event loop is about to sleep. Call it before reading the doorbell. */
	sleepInLoop(): void {
		if (this.#state === "made") this.#set(SLEEP_PIPE);
	}

	/** This thread is about to block. With `promises` pending, rings are still for the event loop too. */
	sleepBlocked(promises: boolean): void {
		if (this.#state === "made") this.#set(promises ? SLEEP_FUTEX | SLEEP_PIPE : SLEEP_FUTEX);
	}

	/** Ringers may set SLEEP_UNREACHABLE at any time, which stays. */
	#set(sleep: number): void {
		if (sleep === this.#sleep) return;
		this.#sleep = sleep;
		const at = slotIndex(this.#slot, SLOT_SLEEP);
		Atomics.or(this.#mapping.words, at, sleep);
		Atomics.and(this.#mapping.words, at, sleep | SLEEP_UNREACHABLE);
	}
}

/** Clears what a slot says about how its participant sleeps. The caller holds the slot's lock. */
export function clearSleep({ words }: Pick<WithPipes, "words">, slot: number): void {
	const at = slotIndex(slot, SLOT_PIPE);
	Atomics.store(words, slotIndex(slot, SLOT_SLEEP), 0);
	Atomics.store(words, at, 0);
	Atomics.store(words, at + 1, 0);
}
