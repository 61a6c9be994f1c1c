/** What a wait is: a condition to wait for, and how to check it. */
import type { DhmemError } from "../errors.js";
import type { Line } from "./line.js";

/** The result of an attempt that must be repeated later. */
export const PENDING: unique symbol = Symbol("pending");

/**
 * Something that a wait depends on and that can end: an object that may be removed, a lock that may be
 * unlocked.
 */
export interface Endable {
	/** Functions to call with the reason when it ends. */
	readonly endings: Set<(why: DhmemError) => void>;
}

/** A condition to wait for, and how to check it. */
export interface Wait<T> {
	/** What is waited for, as error messages put it: "a message from queue steps". */
	what: string;
	/** What to do when the wait takes too long, if there is something better than the usual advice. */
	advice?: string;
	/** Returns the result, or PENDING. An exception ends the wait. */
	attempt(): T | typeof PENDING;
	/** Asks the peer to ring. */
	announce(): void;
	/** The number of the participant whose action ends the wait; 0 if there is none. */
	peer(): number;
	/** The wait fails at once when one of these ends. Queue endpoints end their own waits. */
	dependsOn?: readonly Endable[];
	/** Milliseconds between attempts without a ring, if not the default. */
	slice?: number | undefined;
	/** The line that the wait joins: only the first in line makes attempts. */
	line?: Line<Pending> | undefined;
	/** Attempts begin when this resolves; the wait joins its line at once. By default they begin at once. */
	after?: Promise<void> | undefined;
}

export interface Pending extends Pick<Wait<unknown>, "announce" | "peer" | "slice"> {
	/** True once the promise is resolved or rejected. */
	settled: boolean;
	/** True once its turn has come: each round makes an attempt for it. */
	inTurn: boolean;
	/** Makes an attempt if it is this wait's turn, and settles the promise if the attempt succeeds. */
	look(): void;
	fail(error: unknown): void;
}
