import { OBJECT_VERSION } from "../../assembly/layout.js";
import type { NamedObject } from "../objects/named-object.js";

/** The result if every read was disturbed by a change. */
export const RESTLESS: unique symbol = Symbol("restless");

/**
 * Reads from a vector or map with `look`, without its mutex. If the object's version is the same before and
 * after, the memory belonged to the object all the time. Otherwise the result or error of `look` is
 * discarded, and `look` runs again, at most `turns` times.
 */
export function readConsistently<T>(object: NamedObject, turns: number, look: () => T): T | typeof RESTLESS {
	for (let turn = 0; turn < turns; turn++) {
		object.check();
		const version = object.word(OBJECT_VERSION);
		let result: T | undefined;
		let failure: unknown;
		try {
			result = look();
		} catch (error) {
			failure = error;
		}
		object.attachment.fence();
		// SYNC: pairs with the addition in `settleReplace`. If the version is the same, nothing that was read was
		// freed.
		if (object.word(OBJECT_VERSION) !== version) continue;
		// A reader has no pin: the object may have been removed, and the memory may belong to another object.
		if (!object.isThere) continue;
		if (failure !== undefined) throw failure;
		return result as T;
	}
	return RESTLESS;
}
