import { AsyncResource } from "node:async_hooks";
import { performance } from "node:perf_hooks";
import { inspect, types } from "node:util";
import { SLOTS, STATUS_LIMIT } from "../../assembly/layout.js";
import { badArgument, DhmemError } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import { optionNames, type WaitOptions, waitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { checkMade } from "../values/made.js";
import { PENDING, type Wait } from "../waiting/waiter.js";
import { HeldLock, needsLock } from "./mutex.js";
import { type WaitList, waitListOf } from "./wait-list.js";

export interface ConditionWaitOptions extends WaitOptions {
	/** What is waited for. It is called with the mutex held. */
	until: () => boolean;
}

const conditionNames = optionNames<ConditionWaitOptions>({ timeout: true, signal: true, until: true });

/** Milliseconds after which a waiter looks for itself: who should have notified it may have died. */
const LOOK = 50;

/**
 * Waiting for a state that a mutex guards. From `region.condition(name)`.
 *
 * @example
 * ```ts
 * using held = await mutex.lock();
 * await filled.wait(held, { until: () => params.count > 0 });
 * ```
 */
export class Condition {
	readonly kind = "condition";
	readonly name: string;
	readonly #object: NamedObject;
	readonly #waiters: WaitList;

	/** @internal */
	constructor(object: NamedObject) {
		checkMade(object instanceof NamedObject, "A Condition", "call region.condition(name)");
		this.name = object.name;
		this.#object = object;
		this.#waiters = waitListOf(object);
	}

	/**
	 * Gives the mutex up until `until()` is true, blocking this thread. The mutex is held again afterwards, also after an
	 * error, unless the lock was unlocked meanwhile. Who held it last may have died: look at `held.abandoned`.
	 *
	 * @throws DHMEM_TIMEOUT; DHMEM_CLOSED, also when `held` is unlocked meanwhile; DHMEM_BAD_ARGUMENT, also when another
	 * wait with `held` is pending
	 */
	waitSync(held: HeldLock, options: ConditionWaitOptions): void {
		const { until, ...checked } = this.#begin(held, options);
		const { waiter } = this.#object.attachment;
		try {
			if (look(held, until)) return;
			this.#during(held, () => {
				try {
					waiter.waitSync(this.#wait(held, until), checked);
				} catch (error) {
					if (!held.suspended) throw error;
					waiter.waitSync(held.resuming, {});
					if (!isTooLate(error) || !look(held, until)) throw error;
				}
			});
		} finally {
			held.giveBack();
		}
	}

	/**
	 * The same without blocking the event loop. `until` runs in the asynchronous context of this call.
	 *
	 * @throws as `waitSync`; the signal's reason
	 */
	async wait(held: HeldLock, options: ConditionWaitOptions): Promise<void> {
		const { until, ...checked } = this.#begin(held, options);
		const { waiter } = this.#object.attachment;
		try {
			if (look(held, until)) return;
			// A ring comes out of nowhere, or out of the context of another call.
			const wait = this.#wait(held, AsyncResource.bind(until));
			await this.#during(held, async () => {
				try {
					await waiter.wait(wait, checked);
				} catch (error) {
					if (!held.suspended) throw error;
					await waiter.wait(held.resuming, {});
					if (!isTooLate(error) || !look(held, until)) throw error;
				}
			});
		} finally {
			held.giveBack();
		}
	}

	/** Wakes one of those who wait. */
	notifyOne(): void {
		this.#notify();
	}

	/** Wakes all who wait. */
	notifyAll(): void {
		// No more than can wait at once: one that waits again meanwhile has been notified.
		for (let waiter = 0; waiter < SLOTS && this.#notify(); waiter++);
	}

	#notify(): boolean {
		const { attachment, at } = this.#object;
		this.#object.check();
		const doorbell = attachment.core.ringNext(attachment.me, at) >>> 0;
		attachment.wake(doorbell);
		return doorbell >= STATUS_LIMIT;
	}

	/** Checks what is given, each option read once, and lends the lock to a wait. */
	#begin(held: HeldLock, options: ConditionWaitOptions): WaitOptions & Pick<ConditionWaitOptions, "until"> {
		this.#object.check();
		const checked = waitOptions(options, {}, conditionNames);
		const until = options?.until;
		if (typeof until !== "function") {
			throw badArgument("until", until, "a function that says whether to go on");
		}
		checked.signal?.throwIfAborted();
		if (!(held instanceof HeldLock)) throw needsLock(this.name);
		if (held.mutex.object.attachment !== this.#object.attachment) {
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`Mutex ${held.mutex.name} is of another opening than condition ${this.name}; use one region's`,
			);
		}
		held.lend(this.name);
		return { ...checked, until };
	}

	#during<T>(held: HeldLock, wait: () => T): T {
		return held.mutex.waiters.during(() => this.#waiters.during(wait));
	}

	/**
	 * Two phases in turn: waiting to be notified, without the mutex; and getting the mutex, to look. The
	 * announcement is made with the mutex still held, so a change under it is notified after it.
	 */
	#wait(held: HeldLock, until: () => boolean): Wait<true> {
		const { mutex } = held;
		let begun = false;
		let locking = false;
		let since = 0;
		let rings = 0;
		const sleep = (): typeof PENDING => {
			rings = this.#waiters.announce();
			since = performance.now();
			begun = true;
			locking = false;
			held.suspend();
			return PENDING;
		};
		return {
			what: `condition ${this.name}`,
			attempt: () => {
				this.#object.check();
				if (!begun) return sleep();
				if (!locking && this.#waiters.rings === rings && performance.now() - since < LOOK) return PENDING;
				locking = true;
				// Announced before the second try, so that giving it up in between is not missed.
				if (held.resume() === PENDING) {
					mutex.waiters.announce();
					if (held.resume() === PENDING) return PENDING;
				}
				return look(held, until) ? true : sleep();
			},
			announce: () => {},
			peer: () => (locking ? mutex.holder : 0),
			dependsOn: [this.#object, mutex.object, held],
		};
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Condition", () => ({ name: this.name }));
	}
}

/** When the time is up the last word is `until`'s: a change that came in time counts. */
function isTooLate(error: unknown): boolean {
	return error instanceof DhmemError && error.code === "DHMEM_TIMEOUT";
}

/** What `until` says. It is the user's, and may have unlocked the mutex, removed it, or closed the region. */
function look(held: HeldLock, until: () => boolean): boolean {
	const isTrue: unknown = until();
	// It would count as true, and what it comes to would be known only when the mutex may be somebody else's.
	if (types.isPromise(isTrue)) {
		isTrue.catch(() => {});
		throw badArgument(
			"What until() gives",
			isTrue,
			"true or false: it is looked at with the mutex held, at once",
		);
	}
	held.checkHeld();
	return Boolean(isTrue);
}
