import type { Opening } from "./lost-name.js";

/** The participant that waits, with its doorbell and its view of its peers. */
export interface Sleeper extends Opening {
	/** Gives back space that is kept for the next operation. Called before the participant sleeps. */
	flush(): void;
	/** Says that the event loop is about to sleep. Called before the doorbell is read. */
	sleepInLoop(): void;
	/** Says that this thread is about to block; `promises` tells whether the event loop waits too. */
	sleepBlocked(promises: boolean): void;
	readDoorbell(): number;
	/**
	 * Calls the waiter's `onArmed` when the doorbell differs from `seen`, or after `milliseconds`. Arming again may only
	 * make it earlier. False if nothing was armed, because how the event loop is woken has changed: the doorbell must be
	 * read and the attempts be made once more.
	 */
	arm(seen: number, milliseconds: number): boolean;
	disarm(): void;
	/** True if the waiter's `onDeath` is called at once when one of these participants dies. */
	hearsOfDeath(participants: readonly number[]): boolean;
	/** Sleeps until the doorbell differs from `seen`, at most `milliseconds`. True if it was rung. */
	sleep(seen: number, milliseconds: number): boolean;
	isAlive(participant: number): boolean;
	/** Recovers from all participants that have died, and returns their number. */
	recover(): number;
}
