import { performance } from "node:perf_hooks";
import { inspect } from "node:util";
import { SLOTS, STATUS_LIMIT } from "../assembly/layout.js";
import { badArgument, DhmemError } from "./errors.js";
import { inspected } from "./inspect.js";
import { checkMade } from "./made.js";
import { HeldLock } from "./mutex.js";
import { NamedObject } from "./named.js";
import { optionNames, type WaitOptions, waitOptions } from "./options.js";
import { WaitList } from "./wait-list.js";
import { PENDING, type Wait } from "./waiter.js";

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
		this.#waiters = new WaitList(object);
	}

	/**
	 * Gives the mutex up until `until()` is true, blocking this thread. The mutex is held again afterwards,
	 * also after an error.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, DHMEM_BAD_ARGUMENT
	 */
	waitSync(held: HeldLock, options: ConditionWaitOptions): void {
		const checked = this.#check(held, options);
		if (options.until()) return;
		const { waiter } = this.#object.attachment;
		const wait = this.#wait(held, options.until);
		this.#during(held, () => {
			try {
				waiter.waitSync(wait, checked);
			} catch (error) {
				if (!wait.holds()) waiter.waitSync(held.mutex.wait, {});
				throw error;
			}
		});
	}

	/**
	 * The same without blocking the event loop.
	 *
	 * @throws as `waitSync`; the signal's reason
	 */
	async wait(held: HeldLock, options: ConditionWaitOptions): Promise<void> {
		const checked = this.#check(held, options);
		if (options.until()) return;
		const { waiter } = this.#object.attachment;
		const wait = this.#wait(held, options.until);
		await this.#during(held, async () => {
			try {
				await waiter.wait(wait, checked);
			} catch (error) {
				if (!wait.holds()) await waiter.wait(held.mutex.wait, {});
				throw error;
			}
		});
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

	#check(held: HeldLock, options: ConditionWaitOptions): WaitOptions {
		this.#object.check();
		if (typeof options?.until !== "function") {
			throw badArgument("until", options?.until, "a function that says whether to go on");
		}
		if (!(held instanceof HeldLock) || !held.held) {
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`Waiting for condition ${this.name} needs a held mutex; lock it first`,
			);
		}
		if (held.mutex.object.attachment !== this.#object.attachment) {
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`Mutex ${held.mutex.name} is of another opening than condition ${this.name}; use one region's`,
			);
		}
		const checked = waitOptions(options, {}, conditionNames);
		checked.signal?.throwIfAborted();
		return checked;
	}

	#during<T>(held: HeldLock, wait: () => T): T {
		return held.mutex.waiters.during(() => this.#waiters.during(wait));
	}

	/**
	 * Two phases in turn: waiting to be notified, without the mutex; and getting the mutex, to look. The
	 * announcement is made with the mutex still held, so a change under it is notified after it.
	 */
	#wait(held: HeldLock, until: () => boolean): Wait<true> & { holds(): boolean } {
		const { mutex } = held;
		let locking = false;
		let holds = true;
		let since = 0;
		const sleep = (): typeof PENDING => {
			this.#waiters.announce();
			since = performance.now();
			locking = false;
			holds = false;
			mutex.give();
			return PENDING;
		};
		return {
			what: `condition ${this.name}`,
			holds: () => holds,
			attempt: () => {
				this.#object.check();
				if (holds) return sleep();
				if (!locking && this.#waiters.announced && performance.now() - since < LOOK) return PENDING;
				locking = true;
				// Announced before the second try, so that giving it up in between is not missed.
				let lock = mutex.attempt();
				if (lock === PENDING) {
					mutex.waiters.announce();
					lock = mutex.attempt();
				}
				if (lock === PENDING) return PENDING;
				holds = true;
				return until() ? true : sleep();
			},
			announce: () => {},
			peer: () => (locking ? mutex.holder : 0),
		};
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Condition", () => ({ name: this.name }));
	}
}
