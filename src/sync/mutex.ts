import { inspect } from "node:util";
import {
	KIND_MUTEX,
	LOCK_ABANDONED,
	LOCK_HOLDER,
	NOT_OWNER,
	OBJECT_KIND,
	OK,
	STATUS_LIMIT,
	TAKEN,
} from "../../assembly/layout.js";
import { keepWhileHeld, noLongerHeld } from "../attachment/openings.js";
import { DhmemError } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import { type WaitOptions, waitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { dispose } from "../values/dispose.js";
import { checkMade } from "../values/made.js";
import { type Endable, PENDING, type Wait } from "../waiting/waiter.js";
import { type WaitList, waitListOf } from "./wait-list.js";

/** Milliseconds between looks at whether the holder lives: who waits has the mutex within 100 of its death. */
const LOOK = 20;

/**
 * A mutex that this participant holds. Disposing gives it up.
 *
 * While a wait at a condition is pending with it the mutex is somebody else's, and perhaps another lock's of this same
 * participant: `held` is false. The wait takes it again.
 */
export class HeldLock {
	/** Made when it is first asked for, since most locks are never waited with. */
	#endings: Set<(why: DhmemError) => void> | undefined;
	readonly #mutex: Mutex;
	/** Whether the mutex is this lock's at this moment. Of all locks of a participant, one has it at a time. */
	#held = true;
	#abandoned: boolean;
	/** Whether the user has had the lock since it was found to be abandoned, and so could see that. */
	#told = true;
	/** Whether a wait at a condition has it, which gives the mutex up and takes it again. */
	#lent = false;
	#over = false;

	/** @internal */
	constructor(mutex: Mutex, abandoned: boolean) {
		checkMade(mutex instanceof Mutex, "A HeldLock", "call mutex.lock()");
		this.#mutex = mutex;
		this.#abandoned = abandoned;
	}

	/** What ends when it is given up: the wait that was to have it again. @internal */
	get endings(): Set<(why: DhmemError) => void> {
		this.#endings ??= new Set();
		return this.#endings;
	}

	/** The mutex. */
	get mutex(): Mutex {
		return this.#mutex;
	}

	/**
	 * Whether the one who had the mutex before died with it, or removed it: what it guards may be half changed. A wait at
	 * a condition takes the mutex anew, so look again after it.
	 */
	get abandoned(): boolean {
		return this.#abandoned;
	}

	/** Whether it is held still: not while a wait at a condition has given it up. */
	get held(): boolean {
		const { removed, attachment } = this.#mutex.object;
		return this.#held && !removed && !attachment.closed;
	}

	/**
	 * Gives the mutex up. Twice does nothing. A wait at a condition that is pending with this lock ends: it is rejected
	 * with DHMEM_CLOSED, and does not take the mutex again.
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
		// Whoever looks in a wait, and goes on waiting, tells nobody; so the next one has to be told.
		this.#mutex.give(this.#abandoned && !this.#told ? "abandoned" : "free");
	}

	#givenUp(): DhmemError {
		return new DhmemError(
			"DHMEM_CLOSED",
			`A wait at a condition ended, because its lock of mutex ${this.#mutex.name} was given up meanwhile; unlock it after ` +
				"the wait, or expect this error",
		);
	}

	// -------------------------------------------------------------------------------- waiting at a condition

	/** A wait has the lock from now on. @throws DHMEM_BAD_ARGUMENT @internal */
	lend(condition: string): void {
		if (this.#lent) {
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`A wait with this lock of mutex ${this.#mutex.name} is pending already, so it can't wait for condition ` +
					`${condition} as well; lock the mutex once for each`,
			);
		}
		if (!this.held) throw needsLock(condition);
		this.#lent = true;
	}

	/** The wait is over, and the user has the lock again. @internal */
	giveBack(): void {
		this.#lent = false;
		this.#told = true;
	}

	/** Gives the mutex up until `resume`. @internal */
	suspend(): void {
		this.#give();
	}

	/** Whether the mutex has to be taken again before the wait may end. @internal */
	get suspended(): boolean {
		return !this.#held && !this.#over;
	}

	/** Takes the mutex again, if nobody has it. @internal */
	resume(): true | typeof PENDING {
		if (this.#over) throw this.#givenUp();
		const abandoned = this.#mutex.take();
		if (abandoned === PENDING) return PENDING;
		this.#held = true;
		this.#abandoned = abandoned;
		this.#told = false;
		return true;
	}

	/** Waiting for nothing but the mutex. @internal */
	get resuming(): Wait<true> {
		return this.#mutex.waitTo(() => this.resume(), [this]);
	}

	/** Throws unless it is held still, after code of the user's has run. @throws DHMEM_CLOSED @internal */
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
		this.waiters = waitListOf(object);
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
		const wait = this.waitTo(() => this.attempt(), []);
		return this.waiters.during(() => this.object.attachment.waiter.waitSync(wait, checked));
	}

	/**
	 * The lock, when it is free, without blocking the event loop.
	 *
	 * @throws as `lockSync`; the signal's reason
	 */
	async lock(options?: WaitOptions): Promise<HeldLock> {
		const checked = waitOptions(options, {});
		this.#checkNotOurs();
		const wait = { ...this.waitTo(() => this.attempt(), []), line: this.waiters.line };
		return this.waiters.during(() => this.object.attachment.waiter.wait(wait, checked));
	}

	/** The participant that holds it. @internal */
	get holder(): number {
		const holder = this.object.word(LOCK_HOLDER);
		return holder === LOCK_ABANDONED ? 0 : holder;
	}

	#checkNotOurs(): void {
		const { attachment } = this.object;
		this.object.check();
		attachment.checkWritable();
		if (this.holder !== attachment.me) return;
		// The mutex inside a map is held for as long as the user's function in `update` runs.
		const isInside = this.object.word(OBJECT_KIND) !== KIND_MUTEX;
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			isInside
				? `${this.name} is being changed by this participant already, so another change would wait for ever; change it ` +
						"after update(), not in its function"
				: `This participant holds mutex ${this.name} already, so locking it again would wait for ever; unlock it first`,
		);
	}

	/** @internal */
	attempt(): HeldLock | typeof PENDING {
		const abandoned = this.take();
		return abandoned === PENDING ? PENDING : new HeldLock(this, abandoned);
	}

	/** Takes it, if nobody has it: whether it was abandoned. @internal */
	take(): boolean | typeof PENDING {
		const { attachment, at } = this.object;
		this.object.check();
		const status = attachment.core.tryLock(attachment.me, at) >>> 0;
		if (status === OK || status === LOCK_ABANDONED) {
			keepWhileHeld(this.object);
			return status === LOCK_ABANDONED;
		}
		if (status === TAKEN) return PENDING;
		throw attachment.unexpected(status, `Mutex ${this.name}`);
	}

	/** @internal */
	give(as: "free" | "abandoned"): void {
		const { attachment, at } = this.object;
		const { core, me } = attachment;
		const result = (as === "free" ? core.unlock(me, at) : core.abandon(me, at)) >>> 0;
		noLongerHeld(this.object);
		if (result >= STATUS_LIMIT) attachment.wake(result);
		else if (result === NOT_OWNER) throw attachment.unexpected(result, `Unlocking mutex ${this.name}`);
	}

	/** What waiting for it means, whatever takes it. @internal */
	waitTo<T>(take: () => T | typeof PENDING, dependsOn: readonly Endable[]): Wait<T> {
		return {
			what: `mutex ${this.name}`,
			attempt: take,
			announce: () => this.waiters.announce(),
			peer: () => this.holder,
			dependsOn: [this.object, ...dependsOn],
			slice: LOOK,
		};
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Mutex", () => ({ name: this.name }));
	}
}
