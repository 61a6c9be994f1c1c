import { inspect } from "node:util";
import { LOCK_ABANDONED, LOCK_HOLDER, NOT_OWNER, OK, STATUS_LIMIT, TAKEN } from "../assembly/layout.js";
import { DhmemError } from "./errors.js";
import { inspected } from "./inspect.js";
import { checkMade } from "./made.js";
import { NamedObject } from "./named.js";
import { keepWhileHeld, noLongerHeld } from "./openings.js";
import { type WaitOptions, waitOptions } from "./options.js";
import { WaitList } from "./wait-list.js";
import { PENDING, type Wait } from "./waiter.js";

/** Milliseconds between looks at whether the holder lives: who waits has the mutex within 100 of its death. */
const LOOK = 20;

/** A mutex that this participant holds. Disposing gives it up. */
export class HeldLock {
	/** Whether its last holder died with it: what it guards may be half changed. */
	readonly abandoned: boolean;
	readonly #mutex: Mutex;
	#held = true;

	/** @internal */
	constructor(mutex: Mutex, abandoned: boolean) {
		checkMade(mutex instanceof Mutex, "A HeldLock", "call mutex.lock()");
		this.#mutex = mutex;
		this.abandoned = abandoned;
	}

	/** The mutex. */
	get mutex(): Mutex {
		return this.#mutex;
	}

	/** Whether it is held still. */
	get held(): boolean {
		const { removed, attachment } = this.#mutex.object;
		return this.#held && !removed && !attachment.closed;
	}

	/** Gives the mutex up. Twice does nothing. */
	unlock(): void {
		if (!this.held) return;
		this.#held = false;
		this.#mutex.give();
	}

	[Symbol.dispose](): void {
		this.unlock();
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

/**
 * Mutual exclusion between participants, in whatever process. It is held by a participant, so two tasks of one
 * process exclude each other too, and one that locks twice is told at once. From `region.mutex(name)`.
 *
 * @example
 * ```ts
 * using held = await region.mutex("totals.lock").lock({ timeout: 1000 });
 * if (held.abandoned) recount(totals);
 * totals.count++;
 * ```
 */
export class Mutex {
	readonly kind = "mutex";
	readonly name: string;
	/** @internal */
	readonly object: NamedObject;
	/** @internal */
	readonly waiters: WaitList;

	/** @internal */
	constructor(object: NamedObject) {
		checkMade(object instanceof NamedObject, "A Mutex", "call region.mutex(name)");
		this.name = object.name;
		this.object = object;
		this.waiters = new WaitList(object);
	}

	/**
	 * The lock, if nobody has it.
	 *
	 * @throws DHMEM_CLOSED
	 */
	tryLock(): HeldLock | undefined {
		const lock = this.attempt();
		return lock === PENDING ? undefined : lock;
	}

	/**
	 * The lock, blocking this thread until it is free.
	 *
	 * @throws DHMEM_BAD_ARGUMENT if this participant holds it; DHMEM_TIMEOUT, DHMEM_CLOSED
	 */
	lockSync(options?: WaitOptions): HeldLock {
		const checked = waitOptions(options, {});
		checked.signal?.throwIfAborted();
		const lock = this.attempt();
		if (lock !== PENDING) return lock;
		this.#checkNotOurs();
		return this.waiters.during(() => this.object.attachment.waiter.waitSync(this.wait, checked));
	}

	/**
	 * The lock, when it is free, without blocking the event loop.
	 *
	 * @throws as `lockSync`; the signal's reason
	 */
	async lock(options?: WaitOptions): Promise<HeldLock> {
		const checked = waitOptions(options, {});
		this.#checkNotOurs();
		return this.waiters.during(() => this.object.attachment.waiter.wait(this.wait, checked));
	}

	/** The participant that holds it. @internal */
	get holder(): number {
		const holder = this.object.word(LOCK_HOLDER);
		return holder === LOCK_ABANDONED ? 0 : holder;
	}

	#checkNotOurs(): void {
		const { attachment } = this.object;
		this.object.check();
		if (this.holder !== attachment.me) return;
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			`This participant holds mutex ${this.name} already, so locking it again would wait for ever; unlock it first`,
		);
	}

	/** @internal */
	attempt(): HeldLock | typeof PENDING {
		const { attachment, at } = this.object;
		this.object.check();
		const status = attachment.core.tryLock(attachment.me, at) >>> 0;
		if (status === OK || status === LOCK_ABANDONED) {
			keepWhileHeld(this.object);
			return new HeldLock(this, status === LOCK_ABANDONED);
		}
		if (status === TAKEN) return PENDING;
		throw attachment.unexpected(status, `Mutex ${this.name}`);
	}

	/** @internal */
	give(): void {
		const { attachment, at } = this.object;
		const result = attachment.core.unlock(attachment.me, at) >>> 0;
		noLongerHeld(this.object);
		if (result >= STATUS_LIMIT) attachment.wake(result);
		else if (result === NOT_OWNER) throw attachment.unexpected(result, `Unlocking mutex ${this.name}`);
	}

	/** @internal */
	get wait(): Wait<HeldLock> {
		return {
			what: `mutex ${this.name}`,
			attempt: () => this.attempt(),
			announce: () => this.waiters.announce(),
			peer: () => this.holder,
			slice: LOOK,
		};
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Mutex", () => ({ name: this.name }));
	}
}
