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
import type { NamedObject } from "../objects/named-object.js";
import type { WaitOptions } from "../values/arguments.js";
import { type Endable, PENDING, type Wait } from "../waiting/wait.js";
import { type WaitList, waitListOf } from "./wait-list.js";

/**
 * Milliseconds between checks that the holder is alive. A waiter gets the mutex within 100 ms of the holder's
 * death.
 */
const LOOK = 20;

/** The mutex in an object's memory: that of a named mutex, or the one inside a vector or map. */
export class ObjectMutex {
	/** The name of the mutex in its region. */
	readonly name: string;
	/** @internal */
	readonly object: NamedObject;
	/** @internal */
	readonly waiters: WaitList;

	/** @internal */
	constructor(object: NamedObject) {
		this.name = object.name;
		this.object = object;
		this.waiters = waitListOf(object);
	}

	/** The number of the participant that holds it; 0 if none does. @internal */
	get holder(): number {
		const holder = this.object.word(LOCK_HOLDER);
		return holder === LOCK_ABANDONED ? 0 : holder;
	}

	/** @internal */
	protected checkNotOurs(): void {
		const { attachment } = this.object;
		this.object.check();
		attachment.checkWritable();
		if (this.holder !== attachment.me) return;
		// A map holds its inner mutex while the user's function in `update` runs.
		const isInside = this.object.word(OBJECT_KIND) !== KIND_MUTEX;
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			isInside
				? `This participant is already changing ${this.name}, so another change would wait for ever; change it ` +
						"after update(), not in its function"
				: `This participant already holds mutex ${this.name}, so locking it again would wait for ever; unlock it first`,
		);
	}

	/**
	 * Runs a change of a vector or map under its mutex, and tells it whether the last holder died. Such a change
	 * is one step, so the object is consistent, and the user need not be told.
	 *
	 * @internal
	 */
	hold<T>(change: (abandoned: boolean) => T): T {
		const taken = this.take();
		const abandoned = taken === PENDING ? this.waitSync(() => this.take(), {}) : taken;
		try {
			return change(abandoned);
		} finally {
			// `change` may run the user's code, which may remove the object or close the region.
			if (!this.object.removed && !this.object.attachment.closed) this.give("free");
		}
	}

	/** Takes the mutex if it is free; returns true if it was abandoned. @internal */
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

	/** A wait for the mutex, with `take` to take it. @internal */
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
	protected waitSync<T>(take: () => T | typeof PENDING, options: WaitOptions): T {
		this.checkNotOurs();
		const wait = this.waitTo(take, []);
		return this.waiters.during(() => this.object.attachment.waiter.waitSync(wait, options));
	}
}
