/**
 * Waiting, in both kinds: a promise that never blocks the event loop, and a call that sleeps.
 *
 * Either way: read the doorbell, announce, look once more, then sleep on the value read. In this order, for a ring takes
 * the announcement away. Sleeps are cut into slices, because a peer can die between changing the state and ringing,
 * and a dropped lock wakes nobody.
 */
import { performance } from "node:perf_hooks";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { DhmemError } from "../errors.js";
import { systemError } from "../host/system-error.js";
import type { WaitOptions } from "../values/arguments.js";
import type { Line } from "./line.js";
import { LostName, type Opening } from "./lost-name.js";

/** The participant that waits: its doorbell, and what it knows of its peers. */
export interface Sleeper extends Opening {
	/** Gives back what is held for the next time, before it sleeps. */
	flush(): void;
	readDoorbell(): number;
	/** Sleeps until the doorbell differs from `seen`, at most `milliseconds`; whether it was rung. */
	sleep(seen: number, milliseconds: number): boolean;
	isAlive(participant: number): boolean;
	/** Recovers from every participant that has died; how many there were. */
	recover(): number;
}

/** What an attempt gives that has to be made again later. */
export const PENDING: unique symbol = Symbol("pending");

/** What a wait depends on: an object that may be removed, a lock that may be given up. */
export interface Endable {
	/** Called with the reason when it ends. */
	readonly endings: Set<(why: DhmemError) => void>;
}

/** Something that can be waited for. */
export interface Wait<T> {
	/** For messages: "a message from queue steps". */
	what: string;
	/** The result, or PENDING. A throw ends the wait. */
	attempt(): T | typeof PENDING;
	/** Asks the peer to ring. */
	announce(): void;
	/** The participant waited for, 0 for none. */
	peer(): number;
	/** What ends the wait when it ends itself, at once. Ends of queues see to their own waits. */
	dependsOn?: readonly Endable[];
	/** Milliseconds between looks, if not the usual. */
	slice?: number;
	/** Waits in turn: an attempt is made for the first one only. */
	line?: Line<Pending>;
	/** When to begin with attempts, if not at once. The turn is taken at once all the same. */
	after?: Promise<void> | undefined;
}

export interface Pending extends Pick<Wait<unknown>, "announce" | "peer" | "slice"> {
	/** Whether the promise is resolved or rejected. */
	settled: boolean;
	/** Settles the promise if it can be, and if it is its turn. */
	look(): void;
	fail(error: unknown): void;
}

/** Milliseconds between looks at the state and the peers of those who wait. */
const SLICE = 50;
/** Turns of a busy loop before sleeping: a peer that answers at once costs no system call. */
const SPINS = 200;
/** Milliseconds that a loop which never has to wait may keep the event loop. */
const TURN = 5;
/** What runs in the next microtask is put behind this. */
const soon = Promise.resolve();
const LONGEST_TIMER = 2 ** 31 - 1;

export class Waiter {
	readonly #sleeper: Sleeper;
	readonly #name: LostName;
	readonly #pending = new Set<Pending>();
	/** Those of them whose turn it is: a round of looks takes as long as there are of these. */
	readonly #inTurn = new Set<Pending>();
	/** The round of looks that is under way: those whose turn it becomes are a part of it. */
	#round: Pending[] | undefined;
	/** What each signal ends. It has one listener for all: Node warns of a leak when there are more than ten. */
	readonly #abortable = new Map<AbortSignal, { waits: Set<Pending>; onAbort: () => void }>();
	#armed = false;
	/** Whether an attempt is being made, which may run code of the user's. */
	#looking = false;
	/** When the peers were looked at last, on the clock of `performance`. */
	#checkedAt = 0;
	#calls = 0;
	#turnStarted = 0;

	constructor(sleeper: Sleeper) {
		this.#sleeper = sleeper;
		this.#name = new LostName(sleeper);
	}

	/** The result of `wait`, when it can be had. */
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
						// What came in time counts, however late the event loop finds the time.
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

	/** Looks at the first of the line, if it has become that just now. */
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

	/** The result of `wait`, blocking this thread meanwhile. */
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

	/** The doorbell was rung, or a slice is over. Never throws: nobody calls this who could catch it. */
	onRing(): void {
		this.#armed = false;
		const pending = [...this.#inTurn];
		this.#failing(pending, () => {
			// Rings of others may come faster than slices end.
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
	 * For loops that find all they want without waiting: a promise now and then, so that timers and others
	 * have their turn.
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

	/** Rejects all that is pending. */
	close(error: DhmemError): void {
		// No turn comes any more.
		this.#round = [];
		for (const pending of [...this.#pending]) pending.fail(error);
		this.#round = undefined;
		this.#disarm();
	}

	#lookAt(pending: Pending[]): void {
		// No attempt is made within another: what that has half done would be seen, and done again.
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

	/** What `act` throws ends those that are still pending. */
	#failing(pending: Pending[], act: () => void): void {
		try {
			act();
		} catch (error) {
			const failure = systemError(error, this.#sleeper.path, "Waiting in");
			for (const each of pending) if (this.#pending.has(each)) each.fail(failure);
		}
	}

	/** Of all that wait, as one sleep is for all. */
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

	/** Recovers if a participant that somebody waits for has died. */
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

/** @param reason why it was in vain, if that is known */
export function tooLate(what: string, timeout: number, reason = ""): DhmemError {
	const advice = reason === "" ? "give it longer, or see to its peer" : reason;
	return new DhmemError("DHMEM_TIMEOUT", `Waited ${timeout} ms for ${what}; ${advice}`);
}
