/**
 * Waiting, in two ways: a promise that never blocks the event loop, and a call that blocks the thread.
 *
 * Both do the same in this order: say how they sleep, read the doorbell, announce, attempt once more, then sleep
 * while the doorbell has the value that was read. The order matters because a ring clears the announcement. A sleep is
 * divided into time slices, because a peer can die between its change and its ring, and a lock that the
 * kernel drops wakes no one.
 */
import { performance } from "node:perf_hooks";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { DhmemError } from "../errors.js";
import { systemError } from "../host/system-error.js";
import type { WaitOptions } from "../values/arguments.js";
import { reasonOf, throwIfAborted } from "../values/signal.js";
import { onAbort } from "./any-signal.js";
import type { Line } from "./line.js";
import { LostName } from "./lost-name.js";
import type { Sleeper } from "./sleeper.js";
import { LONGEST_TIMER, tooLate } from "./timeout.js";
import { PENDING, type Pending, type Wait } from "./wait.js";
import { Waits } from "./waits.js";

/** Milliseconds between checks of the state and the peers of waits. */
const SLICE = 50;
/** The same for promises if the kernel reports the death of each peer, and for those that have waited for long. */
const LONG_SLICE = 1000;
/** After so many time slices without a ring the slices of promises that have no peer grow, in two steps. */
const QUIET = 10;
const QUIET_SLICE = 250;
/** The same after the hint that a peer has died, for so many times. */
const HURRY = 1;
const HURRIES = 10;
/** Attempts in a busy loop before sleeping, so that a quick answer costs no system call. */
const SPINS = 200;
/** A resolved promise, to run something in the next microtask. */
const soon = Promise.resolve();

export class Waiter {
	readonly #sleeper: Sleeper;
	readonly #name: LostName;
	readonly #pending = new Waits<Pending>();
	/** The pending waits whose turn it is. A round makes one attempt for each of these. */
	readonly #inTurn = new Waits<Pending>();
	/** The round of attempts under way. Waits whose turn comes during the round are added to it. */
	#round: Pending[] | undefined;
	/** Milliseconds for which the sleeper is armed; infinite while it is not. */
	#armedFor = Number.POSITIVE_INFINITY;
	/** The doorbell when the sleeper was armed. */
	#bell = 0;
	/** How many time slices have ended without a ring since something happened. */
	#quiet = 0;
	/** How many more looks come soon, after the hint that a peer has died. */
	#hurries = 0;
	/** The last time slice. */
	#slice = SLICE;
	/** The peers of the waits whose turn it is. Kept only to be used again. */
	readonly #peers: number[] = [];
	/** True while an attempt runs. An attempt may run the user's code. */
	#looking = false;
	/** The time of the last check of the peers, in milliseconds of `performance.now()`. */
	#checkedAt = 0;

	constructor(sleeper: Sleeper) {
		this.#sleeper = sleeper;
		this.#name = new LostName(sleeper);
	}

	/** Resolves with the result of `wait` once an attempt succeeds. */
	wait<T>(wait: Wait<T>, { timeout, signal, spin = 0 }: WaitOptions): Promise<T> {
		return new Promise<T>((resolve, reject) => {
			throwIfAborted(signal);
			let timer: NodeJS.Timeout | undefined;
			let stop: (() => void) | undefined;
			let begun = false;
			const settle = () => {
				// An attempt that hands over a message may abort its own wait: that message was the last one wanted.
				if (pending.settled) return;
				pending.settled = true;
				this.#pending.leave();
				if (pending.inTurn) this.#inTurn.leave();
				this.#advance(wait.line);
				for (const each of wait.dependsOn ?? []) each.endings.delete(pending.fail);
				clearTimeout(timer);
				stop?.();
				if (this.#pending.size === 0) this.#disarm();
			};
			const pending: Pending = {
				settled: false,
				inTurn: false,
				slice: wait.slice,
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
			// First, because it throws if a signal of the user's own class does.
			if (signal) stop = onAbort(signal, () => pending.fail(reasonOf(signal)));
			this.#pending.add(pending);
			wait.line?.enter(pending);
			for (const each of wait.dependsOn ?? []) each.endings.add(pending.fail);
			const begin = () => {
				if (pending.settled) return;
				begun = true;
				this.#quiet = 0;
				if (timeout !== undefined && timeout <= LONGEST_TIMER) {
					timer = setTimeout(() => {
						// One last attempt: a result that arrived in time counts, even if the event loop is late.
						pending.look();
						if (!pending.settled) pending.fail(this.#tooLate(wait, timeout));
					}, timeout);
				}
				if (wait.line !== undefined && wait.line.first !== pending) return;
				this.#spin(pending, Math.min(spin, timeout ?? spin));
				if (pending.settled) return;
				this.#giveTurn(pending);
				this.#failing([pending], () => this.#lookAt([pending]));
			};
			if (wait.after === undefined) begin();
			else wait.after.then(begin);
		});
	}

	/**
	 * Looks again and again for so many milliseconds. Before the wait announces itself, because ringing costs the
	 * peer a system call.
	 */
	#spin(pending: Pending, milliseconds: number): void {
		// Attempts must not be nested.
		if (milliseconds === 0 || this.#looking) return;
		this.#sleeper.flush();
		const until = performance.now() + milliseconds;
		while (!pending.settled && performance.now() < until) pending.look();
	}

	#giveTurn(pending: Pending): void {
		pending.inTurn = true;
		this.#inTurn.add(pending);
	}

	/** Makes an attempt for the first wait in line, if its turn has just come. */
	#advance(line: Line<Pending> | undefined): void {
		const first = line?.first;
		if (first === undefined || first.inTurn) return;
		this.#giveTurn(first);
		if (this.#round === undefined) soon.then(() => this.onRing());
		else this.#round.push(first);
	}

	/** Blocks this thread until an attempt of `wait` succeeds, and returns its result. */
	waitSync<T>(wait: Wait<T>, { timeout = Number.POSITIVE_INFINITY, signal, spin = 0 }: WaitOptions): T {
		throwIfAborted(signal);
		this.#sleeper.flush();
		const began = performance.now();
		const until = began + Math.min(spin, timeout);
		for (let look = 0; look < SPINS || performance.now() < until; look++) {
			const result = wait.attempt();
			if (result !== PENDING) return result;
			if (timeout === 0) throw this.#tooLate(wait, timeout);
		}
		const deadline = began + timeout;
		for (;;) {
			this.#sleeper.sleepBlocked(this.#pending.size > 0);
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

	#tooLate({ what, advice }: Pick<Wait<unknown>, "what" | "advice">, timeout: number): DhmemError {
		return tooLate(what, timeout, this.#name.inWords() || advice);
	}

	/** Called when what was armed has come: the doorbell was rung, or a time slice is over. Never throws. */
	onArmed(): void {
		this.#armedFor = Number.POSITIVE_INFINITY;
		if (this.#hurries > 0) this.#hurries--;
		const isRung = this.#sleeper.readDoorbell() !== this.#bell;
		this.#quiet = isRung ? 0 : this.#quiet + 1;
		// A time slice is over, so the peers are checked: its timer may be early.
		if (!isRung) this.#checkedAt = Number.NEGATIVE_INFINITY;
		this.onRing();
	}

	/** Called when a peer may have died. The kernel drops its lock at about the same time. Never throws. */
	onDeath(): void {
		this.#hurries = HURRIES;
		this.#checkedAt = Number.NEGATIVE_INFINITY;
		this.onRing();
	}

	/** Makes attempts. Never throws, because no caller could catch the error. */
	onRing(): void {
		const pending = this.#inTurn.all();
		this.#failing(pending, () => {
			// Rings for other waits may come faster than time slices end.
			const now = performance.now();
			if (now >= this.#checkedAt + this.#slice) {
				this.#checkedAt = now;
				this.#checkPeers(pending);
				if (pending.some((each) => each.peer() === 0)) this.#name.warn(false);
			}
			this.#lookAt(pending);
		});
	}

	/** Rejects all pending waits. */
	close(error: DhmemError): void {
		// A round that never runs, so that no further wait gets its turn.
		this.#round = [];
		for (const pending of this.#pending.all()) pending.fail(error);
		this.#round = undefined;
		this.#disarm();
	}

	#lookAt(pending: Pending[]): void {
		// Attempts must not be nested: the inner one would see the outer one half done, and repeat it.
		if (this.#looking) {
			setImmediate(() => this.onRing());
			return;
		}
		this.#sleeper.sleepInLoop();
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
		if (this.#pending.size === 0 || this.#sleeper.closed) return;
		const slice = this.#shortestSlice();
		this.#slice = slice;
		if (this.#armedFor <= slice) return;
		this.#bell = bell;
		if (this.#sleeper.arm(bell, slice)) this.#armedFor = slice;
		else this.#lookAt(this.#inTurn.all());
	}

	/** Runs `act`. If it throws, the waits of `pending` that are still pending fail. */
	#failing(pending: Pending[], act: () => void): void {
		try {
			act();
		} catch (error) {
			const failure = systemError(error, this.#sleeper.path, "Waiting in");
			for (const each of pending) if (!each.settled) each.fail(failure);
		}
	}

	/**
	 * The shortest time slice of all waits, because they share one sleep.
	 */
	#shortestSlice(): number {
		if (this.#hurries > 0) return HURRY;
		let slice = LONG_SLICE;
		const peers = this.#peers;
		peers.length = 0;
		for (const each of this.#inTurn.all()) {
			const peer = each.slice === undefined ? each.peer() : 0;
			if (peer === 0) slice = Math.min(slice, this.#withoutPeer(each.slice));
			else if (!peers.includes(peer)) peers.push(peer);
		}
		if (slice <= SLICE || peers.length === 0) return slice;
		return this.#sleeper.hearsOfDeath(peers) ? slice : SLICE;
	}

	/** The time slice of a wait that has no peer, or a time slice of its own. A peer that comes may be unable to ring. */
	#withoutPeer(own: number | undefined): number {
		if (this.#quiet < QUIET) return own ?? SLICE;
		if (own !== undefined) return Math.max(own, SLICE);
		return this.#quiet < 2 * QUIET ? QUIET_SLICE : LONG_SLICE;
	}

	#disarm(): void {
		if (this.#armedFor === Number.POSITIVE_INFINITY) return;
		this.#armedFor = Number.POSITIVE_INFINITY;
		this.#sleeper.disarm();
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
