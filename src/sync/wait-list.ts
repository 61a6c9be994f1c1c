import { types } from "node:util";
import type { NamedObject } from "../objects/named-object.js";
import { Line } from "../waiting/line.js";
import type { Pending } from "../waiting/wait.js";

const lists = new WeakMap<NamedObject, WaitList>();

/**
 * Returns the wait list of an object. There is only one, because this participant has one bit there for all
 * its waits.
 */
export function waitListOf(object: NamedObject): WaitList {
	let list = lists.get(object);
	if (list === undefined) {
		list = new WaitList(object);
		lists.set(object, list);
	}
	return list;
}

/** This participant's bit among the waiters of a mutex or a condition. */
export class WaitList {
	/** This participant's waits for the mutex take turns, because only one of them can get it. */
	readonly line = new Line<Pending>();
	readonly #object: NamedObject;
	#waiting = 0;
	/** True after it has asked for a ring, until a ring is noticed. */
	#asked = false;
	#rings = 0;

	constructor(object: NamedObject) {
		this.#object = object;
	}

	/**
	 * Asks for a ring, and returns `rings` so far. It does not ask again before the ring, because one of two
	 * waits would then miss it.
	 */
	announce(): number {
		const { attachment, at } = this.#object;
		this.#notice();
		if (!this.#asked && this.#isThere) {
			attachment.core.announceLock(attachment.me, at);
			this.#asked = true;
		}
		return this.#rings;
	}

	/** The number of rings. Each ring is for all waits of this participant. */
	get rings(): number {
		this.#notice();
		return this.#rings;
	}

	#notice(): void {
		const { attachment, at } = this.#object;
		if (!this.#asked || attachment.core.isAnnounced(attachment.me, at) !== 0) return;
		this.#asked = false;
		this.#rings++;
	}

	/**
	 * False once the object is removed, because another object may have its memory by now; and for readers,
	 * which have no bit.
	 */
	get #isThere(): boolean {
		const { attachment, removed } = this.#object;
		return !attachment.closed && !removed && attachment.access === "read-write";
	}

	/**
	 * Runs `wait`, and leaves the list after the last wait: a ring for a participant that no longer waits would
	 * be lost for the others.
	 */
	during<T>(wait: () => T): T {
		this.#waiting++;
		let result: T | undefined;
		try {
			result = wait();
			return result;
		} finally {
			// Not `instanceof`: the global Promise may be that of another realm.
			if (types.isPromise(result)) result.then(this.#leave, this.#leave);
			else this.#leave();
		}
	}

	readonly #leave = (): void => {
		const { attachment, at } = this.#object;
		if (--this.#waiting > 0) return;
		this.#asked = false;
		if (this.#isThere) attachment.core.retractLock(attachment.me, at);
	};
}
