import { inspect } from "node:util";
import { DhmemError } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import { type WaitOptions, waitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { dispose } from "../values/dispose.js";
import { checkMade } from "../values/made.js";
import { throwIfAborted } from "../values/signal.js";
import { PENDING, type Wait } from "../waiting/wait.js";
import { ObjectMutex } from "./object-mutex.js";

/**
 * A lock on a mutex. Returned by `mutex.lock()`; disposing it unlocks the mutex.
 *
 * During a wait at a condition another participant may hold the mutex, or another lock of this participant,
 * and `held` is false. The wait takes the mutex again.
 *
 * @example
 * ```ts
 * const totals = region.struct("totals", { count: "u32" });
 * using held = region.mutex("totals.lock").lockSync();
 * if (held.abandoned) totals.count = 0;
 * totals.count++;
 * ```
 */
export class HeldLock {
	/** Created on first use, because most locks are never used for waiting. */
	#endings: Set<(why: DhmemError) => void> | undefined;
	readonly #mutex: Mutex;
	/** True while this lock has the mutex. Only one of a participant's locks can have it at a time. */
	#held = true;
	#abandoned: boolean;
	/** True if the user has had the lock since the mutex was found abandoned, so the user could see that. */
	#told = true;
	/** True while a wait at a condition has this lock, releases the mutex and takes it again. */
	#lent = false;
	#over = false;

	/** @internal */
	constructor(mutex: Mutex, abandoned: boolean) {
		checkMade(mutex instanceof Mutex, "A HeldLock", "call mutex.lock()");
		this.#mutex = mutex;
		this.#abandoned = abandoned;
	}

	/**
	 * Functions to call when the lock is unlocked: they end the wait that would have taken the mutex again.
	 * @internal
	 */
	get endings(): Set<(why: DhmemError) => void> {
		this.#endings ??= new Set();
		return this.#endings;
	}

	/** The mutex that this lock belongs to. */
	get mutex(): Mutex {
		return this.#mutex;
	}

	/**
	 * True if the previous holder died or removed the mutex while holding it, so the data that the mutex guards
	 * may be half changed. A wait at a condition takes the mutex anew, so check again after it.
	 */
	get abandoned(): boolean {
		return this.#abandoned;
	}

	/** True while the lock is held. False during a wait at a condition, which has released the mutex. */
	get held(): boolean {
		const { removed, attachment } = this.#mutex.object;
		return this.#held && !removed && !attachment.closed;
	}

	/**
	 * Unlocks the mutex. Unlocking twice does nothing. A pending wait at a condition with this lock fails with
	 * DHMEM_CLOSED, and does not take the mutex again.
	 *
	 * @example
	 * ```ts
	 * const held = region.mutex("totals.lock").lockSync();
	 * held.unlock();
	 * ```
	 */
	unlock(): void {
		if (this.#over) return;
		this.#over = true;
		if (this.held) this.#give();
		this.#held = false;
		if (this.#endings === undefined || this.#endings.size === 0) return;
		const why = this.#givenUp();
		for (const end of [...this.#endings]) end(why);
	}

	[dispose](): void {
		this.unlock();
	}

	#give(): void {
		this.#held = false;
		// A wait that took an abandoned mutex and released it again has not told the user, so the next holder
		// must be told.
		this.#mutex.give(this.#abandoned && !this.#told ? "abandoned" : "free");
	}

	#givenUp(): DhmemError {
		return new DhmemError(
			"DHMEM_CLOSED",
			`A wait at a condition ended because its lock of mutex ${this.#mutex.name} was unlocked meanwhile; unlock it after ` +
				"the wait, or expect this error",
		);
	}

	// -------------------------------------------------------------------------------- waiting at a condition

	/** Lends the lock to a wait at a condition. @throws DHMEM_BAD_ARGUMENT @internal */
	lend(condition: string): void {
		if (this.#lent) {
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`This lock of mutex ${this.#mutex.name} is in use by a pending wait, so it can't wait for condition ` +
					`${condition} as well; lock the mutex once for each wait`,
			);
		}
		if (!this.held) throw needsLock(condition);
		this.#lent = true;
	}

	/** Ends the lending: the wait is over, and the user has the lock again. @internal */
	giveBack(): void {
		this.#lent = false;
		this.#told = true;
	}

	/** Releases the mutex until `resume`. @internal */
	suspend(): void {
		this.#give();
	}

	/** True if the mutex must be taken again before the wait may end. @internal */
	get suspended(): boolean {
		return !this.#held && !this.#over;
	}

	/** Takes the mutex again if it is free. @internal */
	resume(): true | typeof PENDING {
		if (this.#over) throw this.#givenUp();
		const abandoned = this.#mutex.take();
		if (abandoned === PENDING) return PENDING;
		this.#held = true;
		this.#abandoned = abandoned;
		this.#told = false;
		return true;
	}

	/** A wait for the mutex alone. @internal */
	get resuming(): Wait<true> {
		return this.#mutex.waitTo(() => this.resume(), [this]);
	}

	/** Throws if the user's code has unlocked or removed the mutex. @throws DHMEM_CLOSED @internal */
	checkHeld(): void {
		this.#mutex.object.check();
		if (!this.#held) throw this.#givenUp();
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("HeldLock", () => ({
			mutex: this.#mutex.name,
			held: this.held,
			abandoned: this.abandoned,
		}));
	}
}

export function needsLock(condition: string): DhmemError {
	return new DhmemError(
		"DHMEM_BAD_ARGUMENT",
		`Waiting for condition ${condition} needs a held mutex; lock it first`,
	);
}

/**
 * Mutual exclusion between participants, in any process. A participant holds the mutex, so two tasks of one
 * process exclude each other too, and a participant that locks twice gets an error at once. Returned by
 * `region.mutex(name)`.
 *
 * @example
 * ```ts
 * const totals = region.struct("totals", { count: "u32" });
 * using held = await region.mutex("totals.lock").lock({ timeout: 1000 });
 * if (held.abandoned) totals.count = 0;
 * totals.count++;
 * ```
 */
export class Mutex extends ObjectMutex {
	readonly kind = "mutex";

	/** @internal */
	constructor(object: NamedObject) {
		checkMade(object instanceof NamedObject, "A Mutex", "call region.mutex(name)");
		super(object);
	}

	/**
	 * Locks the mutex if it is free; otherwise returns undefined.
	 *
	 * @throws DHMEM_CLOSED
	 * @example
	 * ```ts
	 * using held = region.mutex("totals.lock").tryLock();
	 * console.log(held === undefined ? "busy" : "locked"); // locked
	 * ```
	 */
	tryLock(): HeldLock | undefined {
		const lock = this.attempt();
		return lock === PENDING ? undefined : lock;
	}

	/**
	 * Locks the mutex, and blocks this thread until it is free.
	 *
	 * @throws DHMEM_BAD_ARGUMENT if this participant already holds it; DHMEM_TIMEOUT, DHMEM_CLOSED,
	 * DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * using held = region.mutex("totals.lock").lockSync({ timeout: 1000 });
	 * ```
	 */
	lockSync(options?: WaitOptions): HeldLock {
		const checked = waitOptions(options, {});
		throwIfAborted(checked.signal);
		const lock = this.attempt();
		return lock === PENDING ? this.waitSync(() => this.attempt(), checked) : lock;
	}

	/**
	 * Locks the mutex as soon as it is free, without blocking the event loop.
	 *
	 * @throws as `lockSync`; the signal's reason
	 * @example
	 * ```ts
	 * using held = await region.mutex("totals.lock").lock({ timeout: 1000 });
	 * ```
	 */
	async lock(options?: WaitOptions): Promise<HeldLock> {
		const checked = waitOptions(options, {});
		throwIfAborted(checked.signal);
		if (this.waiters.line.first === undefined) {
			const lock = this.attempt();
			if (lock !== PENDING) return lock;
		}
		this.checkNotOurs();
		const wait = { ...this.waitTo(() => this.attempt(), []), line: this.waiters.line };
		return this.waiters.during(() => this.object.attachment.waiter.wait(wait, checked));
	}

	/** @internal */
	attempt(): HeldLock | typeof PENDING {
		const abandoned = this.take();
		return abandoned === PENDING ? PENDING : new HeldLock(this, abandoned);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Mutex", () => ({ name: this.name }));
	}
}
