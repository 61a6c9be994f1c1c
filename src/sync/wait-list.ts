import { types } from "node:util";
import type { NamedObject } from "../objects/named-object.js";
import { Line } from "../waiting/line.js";
import type { Pending } from "../waiting/waiter.js";

const lists = new WeakMap<NamedObject, WaitList>();

/** The list of an object. There is one, as this participant has one bit there, however many of its waits it is for. */
export function waitListOf(object: NamedObject): WaitList {
	let list = lists.get(object);
	if (list === undefined) {
		list = new WaitList(object);
		lists.set(object, list);
	}
	return list;
}

/** This participant's place among those who wait at a mutex or a condition. */
export class WaitList {
	/** This participant's waits for the mutex: one of them can have it. */
	readonly line = new Line<Pending>();
	readonly #object: NamedObject;
	#waiting = 0;
	/** Whether it has asked to be rung, and no ring since was noticed. */
	#asked = false;
	#rings = 0;

	constructor(object: NamedObject) {
		this.#object = object;
	}

	/** Asks to be rung; `rings` up to now. It doesn't ask again before a ring, or one of two waits would miss it. */
	announce(): number {
		const { attachment, at } = this.#object;
		this.#notice();
		if (!this.#asked && this.#isThere) {
			attachment.core.announceLock(attachment.me, at);
			this.#asked = true;
		}
		return this.#rings;
	}

	/** How often somebody has rung: each is for all waits of this participant. */
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

	/** Who removes an object leaves its list with it, and another object may be there now. Who only reads has no place. */
	get #isThere(): boolean {
		const { attachment, removed } = this.#object;
		return !attachment.closed && !removed && attachment.access === "read-write";
	}

	/** Runs `wait`, and leaves the list after the last one: a ring for who waits no longer is lost on others. */
	during<T>(wait: () => T): T {
		this.#waiting++;
		let result: T | undefined;
		try {
			result = wait();
			return result;
		} finally {
			// By what the engine says of it: the global Promise may be another one.
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
