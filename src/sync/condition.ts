import { AsyncResource } from "node:async_hooks";
import { performance } from "node:perf_hooks";
import { inspect } from "node:util";
import { SLOTS, STATUS_LIMIT } from "../../assembly/layout.js";
import { badArgument, DhmemError } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import { isThenable, optionNames, type WaitOptions, waitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { checkMade } from "../values/made.js";
import { throwIfAborted } from "../values/signal.js";
import { PENDING, type Wait } from "../waiting/wait.js";
import { HeldLock, needsLock } from "./mutex.js";
import { type WaitList, waitListOf } from "./wait-list.js";

/**
 * The options of a wait at a condition.
 *
 * @example
 * ```ts
 * using held = region.mutex("params.lock").lockSync();
 * const params = region.struct("params", { step: "u32" }, { initial: { step: 1 } });
 * region.condition("params.changed").waitSync(held, { until: () => params.step > 0, timeout: 1000 });
 * ```
 */
export interface ConditionWaitOptions extends WaitOptions {
	/**
	 * The predicate to wait for. It is called while the mutex is held, and must return true or false at once.
	 */
	until: () => boolean;
}

const conditionNames = optionNames<ConditionWaitOptions>({
	timeout: true,
	signal: true,
	spin: true,
	until: true,
});

/**
 * Milliseconds after which a waiter checks its predicate without a notification, because the notifier may
 * have died.
 */
const LOOK = 50;

/**
 * A condition variable: waits for a state that a mutex guards. Returned by `region.condition(name)`.
 *
 * A notification is a hint: the waiter takes the mutex and checks `until` again (as in Lampson and Redell,
 * *Experience with Processes and Monitors in Mesa*, 1980). So a missed or superfluous notification does no
 * harm.
 *
 * @example
 * ```ts
 * const mutex = region.mutex("params.lock");
 * const changed = region.condition("params.changed");
 * const params = region.struct("params", { step: "u32" }, { initial: { step: 1 } });
 * using held = await mutex.lock();
 * await changed.wait(held, { until: () => params.step > 0 });
 * ```
 */
export class Condition {
	readonly kind = "condition";
	/** The name of the condition in its region. */
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
	 * Releases the mutex and blocks this thread until `until()` is true. Afterwards the mutex is held again,
	 * also after an error, unless `held` was unlocked meanwhile. Then check `held.abandoned`, because the last
	 * holder may have died.
	 *
	 * @throws DHMEM_TIMEOUT; DHMEM_CLOSED, also if `held` is unlocked meanwhile; DHMEM_BAD_ARGUMENT, also while
	 * another wait with `held` is pending; DHMEM_READ_ONLY; whatever `until` throws
	 * @example
	 * ```ts
	 * const mutex = region.mutex("params.lock");
	 * const changed = region.condition("params.changed");
	 * const params = region.struct("params", { step: "u32" }, { initial: { step: 1 } });
	 * using held = mutex.lockSync();
	 * changed.waitSync(held, { until: () => params.step > 0, timeout: 1000 });
	 * ```
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
	 * Like `waitSync`, without blocking the event loop. `until` runs in the asynchronous context of this call.
	 *
	 * @throws as `waitSync`; the signal's reason
	 * @example
	 * ```ts
	 * const mutex = region.mutex("params.lock");
	 * const changed = region.condition("params.changed");
	 * const params = region.struct("params", { step: "u32" }, { initial: { step: 1 } });
	 * using held = await mutex.lock();
	 * await changed.wait(held, { until: () => params.step > 0, timeout: 1000 });
	 * ```
	 */
	async wait(held: HeldLock, options: ConditionWaitOptions): Promise<void> {
		const { until, ...checked } = this.#begin(held, options);
		const { waiter } = this.#object.attachment;
		try {
			if (look(held, until)) return;
			// A ring arrives without an asynchronous context, or in that of another call.
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

	/**
	 * Wakes one waiting participant.
	 *
	 * @throws DHMEM_CLOSED, DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * const params = region.struct("params", { step: "u32" });
	 * using held = region.mutex("params.lock").lockSync();
	 * params.step++;
	 * region.condition("params.changed").notifyOne();
	 * ```
	 */
	notifyOne(): void {
		this.#notify();
	}

	/**
	 * Wakes all waiting participants.
	 *
	 * @throws as `notifyOne`
	 * @example
	 * ```ts
	 * const params = region.struct("params", { step: "u32" });
	 * using held = region.mutex("params.lock").lockSync();
	 * params.step++;
	 * region.condition("params.changed").notifyAll();
	 * ```
	 */
	notifyAll(): void {
		// At most SLOTS participants wait at once. One that waits again meanwhile has been notified.
		for (let waiter = 0; waiter < SLOTS && this.#notify(); waiter++);
	}

	#notify(): boolean {
		const { attachment, at } = this.#object;
		this.#object.check();
		const doorbell = attachment.core.ringNext(attachment.me, at) >>> 0;
		attachment.wake(doorbell);
		return doorbell >= STATUS_LIMIT;
	}

	/** Checks the arguments, reads each option once, and lends the lock to a wait. */
	#begin(held: HeldLock, options: ConditionWaitOptions): WaitOptions & Pick<ConditionWaitOptions, "until"> {
		this.#object.check();
		const checked = waitOptions(options, {}, conditionNames);
		const until = options?.until;
		if (typeof until !== "function") {
			throw badArgument("until", until, "a function that returns true when the wait is over");
		}
		throwIfAborted(checked.signal);
		if (!(held instanceof HeldLock)) throw needsLock(this.name);
		if (held.mutex.object.attachment !== this.#object.attachment) {
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`Mutex ${held.mutex.name} and condition ${this.name} belong to different openings; use both from the same Region`,
			);
		}
		held.lend(this.name);
		return { ...checked, until };
	}

	#during<T>(held: HeldLock, wait: () => T): T {
		return held.mutex.waiters.during(() => this.#waiters.during(wait));
	}

	/**
	 * Two phases alternate: waiting for a notification without the mutex, and taking the mutex to check
	 * `until`. The wait is announced while the mutex is still held, so any later change under the mutex also
	 * notifies after it.
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
				// Announced before the second try, so that an unlock in between is not missed.
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

/** After a timeout, `until` decides: a change that came in time counts. */
function isTooLate(error: unknown): boolean {
	return error instanceof DhmemError && error.code === "DHMEM_TIMEOUT";
}

/** Calls `until`, which is the user's code: it may unlock or remove the mutex, or close the region. */
function look(held: HeldLock, until: () => boolean): boolean {
	const isTrue: unknown = until();
	// A promise would count as true, and its result would arrive when another participant may hold the mutex.
	if (isThenable(isTrue)) {
		Promise.resolve(isTrue).catch(() => {});
		throw badArgument(
			"The result of until()",
			isTrue,
			"true or false, because it is needed at once, while the mutex is held",
		);
	}
	held.checkHeld();
	return Boolean(isTrue);
}
