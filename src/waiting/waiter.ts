/**
 * Waiting, in two ways: a promise that never blocks the event loop, and a call that blocks the thread.
 *
 * Both do the same in this order: read the doorbell, announce, attempt once more, then sleep while the
 * doorbell has the value that was read. The order matters because a ring clears the announcement. A sleep is
 * divided into time slices, because a peer can die between its change and its ring, and a lock that the
 * kernel drops wakes no one.
 */
import { performance } from "node:perf_hooks";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { DhmemError } from "../errors.js";
import { systemError } from "../host/system-error.js";
import type { WaitOptions } from "../values/arguments.js";
import type { Line } from "./line.js";
import { LostName, type Opening } from "./lost-name.js";

/** The participant that waits, with its doorbell and its view of its peers. */
export interface Sleeper extends Opening {
	/** Gives back space that is kept for the next operation. Called before the participant sleeps. */
	flush(): void;
	readDoorbell(): number;
	/** Sleeps until the doorbell differs from `seen`, at most `milliseconds`. True if it was rung. */
	sleep(seen: number, milliseconds: number): boolean;
	isAlive(participant: number): boolean;
	/** Recovers from all participants that have died, and returns their number. */
	recover(): number;
}

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
	/** Returns the result, or PENDING. An exception ends the wait. */
	attempt(): T | typeof PENDING;
	/** Asks the peer to ring. */
	announce(): void;
	/** The number of the participant whose action ends the wait; 0 if there is none. */
	peer(): number;
	/** The wait fails at once when one of these ends. Queue endpoints end their own waits. */
	dependsOn?: readonly Endable[];
	/** Milliseconds between attempts without a ring, if not the default. */
	slice?: number;
	/** The line that the wait joins: only the first in line makes attempts. */
	line?: Line<Pending>;
	/** Attempts begin when this resolves; the wait joins its line at once. By default they begin at once. */
	after?: Promise<void> | undefined;
}

export interface Pending extends Pick<Wait<unknown>, "announce" | "peer" | "slice"> {
	/** True once the promise is resolved or rejected. */
	settled: boolean;
	/** Makes an attempt if it is this wait's turn, and settles the promise if the attempt succeeds. */
	look(): void;
	fail(error: unknown): void;
}

/** Milliseconds between checks of the state and the peers of waits. */
const SLICE = 50;
/** Attempts in a busy loop before sleeping, so that a quick answer costs no system call. */
const SPINS = 200;
/** Milliseconds for which a loop that never has to wait may occupy the event loop. */
const TURN = 5;
/** A resolved promise, to run something in the next microtask. */
const soon = Promise.resolve();
const LONGEST_TIMER = 2 ** 31 - 1;

export class Waiter {
	readonly #sleeper: Sleeper;
	readonly #name: LostName;
	readonly #pending = new Set<Pending>();
	/** The pending waits whose turn it is. A round makes one attempt for each of these. */
	readonly #inTurn = new Set<Pending>();
	/** The round of attempts under way. Waits whose turn comes during the round are added to it. */
	#round: Pending[] | undefined;
	/**
	 * The waits that each signal ends. A signal gets one listener for all of them, because Node warns of a leak
	 * at more than ten.
	 */
	readonly #abortable = new Map<AbortSignal, { waits: Set<Pending>; onAbort: () => void }>();
	#armed = false;
	/** True while an attempt runs. An attempt may run the user's code. */
	#looking = false;
	/** The time of the last check of the peers, in milliseconds of `performance.now()`. */
	#checkedAt = 0;
	#calls = 0;
	#turnStarted = 0;

	constructor(sleeper: Sleeper) {
		this.#sleeper = sleeper;
		this.#name = new LostName(sleeper);
	}

	/** Resolves with the result of `wait` once an attempt succeeds. */
	wait<T>(wait: Wait<T>, { timeout, signal }: WaitOptions): Promise<T> {
		return new Promise<T>((resolve, reject) => {
			if (signal?.aborted) throw signal.reason;
			let timer: NodeJS.Timeout | undefined;
			let begun = false;
			const settle = () => {
				pending.settled = true;
				this.#pending.delete(pending);
				this.#inTurn.delete(pending);
				this.#advance(wait.line);
				for (const each of wait.dependsOn ?? []) each.endings.delete(pending.fail);
				clearTimeout(timer);
				if (signal) this.#unlisten(signal, pending);
				if (this.#pending.size === 0) this.#disarm();
			};
			const pending: Pending = {
				settled: false,
				slice: wait.slice ?? SLICE,
				announce: () => wait.announce(),
				peer: () => wait.peer(),
				look: () => {
					if (!begun || (wait.line !== undefined && wait.line.first !== pending)) return;
					try {
						this.#looking = true;
						const result = wait.attempt();
						if (result === PENDING) return;
						settle();
						resolve(result as T);
					} catch (error) {
						pending.fail(error);
					} finally {
						this.#looking = false;
					}
				},
				fail: (error) => {
					settle();
					reject(error);
				},
			};
			this.#pending.add(pending);
			wait.line?.enter(pending);
			for (const each of wait.dependsOn ?? []) each.endings.add(pending.fail);
			if (signal) this.#listen(signal, pending);
			const begin = () => {
				if (pending.settled) return;
				begun = true;
				if (timeout !== undefined && timeout <= LONGEST_TIMER) {
					timer = setTimeout(() => {
						// One last attempt: a result that arrived in time counts, even if the event loop is late.
						pending.look();
						if (this.#pending.has(pending)) pending.fail(this.#tooLate(wait, timeout));
					}, timeout);
				}
				if (wait.line !== undefined && wait.line.first !== pending) return;
				this.#inTurn.add(pending);
				this.#failing([pending], () => this.#lookAt([pending]));
			};
			if (wait.after === undefined) begin();
			else wait.after.then(begin);
		});
	}

	/** Makes an attempt for the first wait in line, if its turn has just come. */
	#advance(line: Line<Pending> | undefined): void {
		const first = line?.first;
		if (first === undefined || this.#inTurn.has(first)) return;
		this.#inTurn.add(first);
		if (this.#round === undefined) soon.then(() => this.onRing());
		else this.#round.push(first);
	}

	#listen(signal: AbortSignal, pending: Pending): void {
		let abortable = this.#abortable.get(signal);
		if (abortable === undefined) {
			const waits = new Set<Pending>();
			const onAbort = () => {
				for (const each of [...waits]) each.fail(signal.reason);
			};
			abortable = { waits, onAbort };
			this.#abortable.set(signal, abortable);
			signal.addEventListener("abort", onAbort);
		}
		abortable.waits.add(pending);
	}

	#unlisten(signal: AbortSignal, pending: Pending): void {
		const abortable = this.#abortable.get(signal);
		if (!abortable?.waits.delete(pending) || abortable.waits.size > 0) return;
		this.#abortable.delete(signal);
		signal.removeEventListener("abort", abortable.onAbort);
	}

	/** Blocks this thread until an attempt of `wait` succeeds, and returns its result. */
	waitSync<T>(wait: Wait<T>, { timeout = Number.POSITIVE_INFINITY, signal }: WaitOptions): T {
		signal?.throwIfAborted();
		this.#sleeper.flush();
		for (let spin = 0; spin < SPINS; spin++) {
			const result = wait.attempt();
			if (result !== PENDING) return result;
			if (timeout === 0) throw this.#tooLate(wait, timeout);
		}
		const deadline = performance.now() + timeout;
		for (;;) {
			const bell = this.#sleeper.readDoorbell();
			wait.announce();
			const result = wait.attempt();
			if (result !== PENDING) return result;
			const left = deadline - performance.now();
			if (left <= 0) throw this.#tooLate(wait, timeout);
			if (this.#sleeper.sleep(bell, Math.min(left, wait.slice ?? SLICE))) continue;
			this.#checkPeers([wait]);
			if (wait.peer() === 0) this.#name.warn(true);
		}
	}

	#tooLate({ what }: Pick<Wait<unknown>, "what">, timeout: number): DhmemError {
		return tooLate(what, timeout, this.#name.inWords());
	}

	/**
	 * Called when the doorbell was rung or a time slice is over. Never throws, because no caller could catch
	 * the error.
	 */
	onRing(): void {
		this.#armed = false;
		const pending = [...this.#inTurn];
		this.#failing(pending, () => {
			// Rings for other waits may come faster than time slices end.
			const now = performance.now();
			if (now >= this.#checkedAt + this.#shortestSlice()) {
				this.#checkedAt = now;
				this.#checkPeers(pending);
				if (pending.some((each) => each.peer() === 0)) this.#name.warn(false);
			}
			this.#lookAt(pending);
		});
	}

	/**
	 * For loops that never have to wait: returns a promise now and then, so that timers and other work get
	 * their turn.
	 */
	breathe(): Promise<void> | undefined {
		if ((++this.#calls & 31) !== 0) return undefined;
		const now = performance.now();
		if (now - this.#turnStarted < TURN) return undefined;
		return new Promise((resolve) => {
			setImmediate(() => {
				this.#turnStarted = performance.now();
				resolve();
			});
		});
	}

	/** Rejects all pending waits. */
	close(error: DhmemError): void {
		// A round that never runs, so that no further wait gets its turn.
		this.#round = [];
		for (const pending of [...this.#pending]) pending.fail(error);
		this.#round = undefined;
		this.#disarm();
	}

	#lookAt(pending: Pending[]): void {
		// Attempts must not be nested: the inner one would see the outer one half done, and repeat it.
		if (this.#looking) {
			setImmediate(() => this.onRing());
			return;
		}
		const bell = this.#sleeper.readDoorbell();
		this.#round = [...pending];
		try {
			for (const each of this.#round) {
				if (each.settled) continue;
				each.announce();
				each.look();
			}
		} finally {
			this.#round = undefined;
		}
		if (this.#pending.size === 0 || this.#armed || this.#sleeper.closed) return;
		this.#armed = true;
		this.#sleeper.shim.arm(this.#sleeper.file, bell, this.#shortestSlice());
	}

	/** Runs `act`. If it throws, the waits of `pending` that are still pending fail. */
	#failing(pending: Pending[], act: () => void): void {
		try {
			act();
		} catch (error) {
			const failure = systemError(error, this.#sleeper.path, "Waiting in");
			for (const each of pending) if (this.#pending.has(each)) each.fail(failure);
		}
	}

	/** The shortest time slice of all waits, because they share one sleep. */
	#shortestSlice(): number {
		let slice = SLICE;
		for (const each of this.#inTurn) slice = Math.min(slice, each.slice ?? SLICE);
		return slice;
	}

	#disarm(): void {
		if (!this.#armed) return;
		this.#armed = false;
		this.#sleeper.shim.disarm(this.#sleeper.file);
	}

	/** Recovers if a participant has died that one of these waits depends on. */
	#checkPeers(pending: Iterable<Pick<Pending, "peer">>): void {
		const peers = new Set<number>();
		for (const each of pending) peers.add(each.peer());
		peers.delete(0);
		for (const peer of peers) {
			if (!this.#sleeper.isAlive(peer)) {
				this.#sleeper.recover();
				return;
			}
		}
	}
}

/** @param reason why no result arrived, if that is known */
export function tooLate(what: string, timeout: number, reason = ""): DhmemError {
	const advice = reason === "" ? "allow more time, or check that the other side is running" : reason;
	return new DhmemError("DHMEM_TIMEOUT", `Waited ${timeout} ms for ${what}; ${advice}`);
}
