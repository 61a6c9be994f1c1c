import { OBJECT_VERSION } from "../../assembly/layout.js";
import type { NamedObject } from "../objects/named-object.js";

/** What to give when there is no reading without a change in between. */
export const RESTLESS: unique symbol = Symbol("restless");

/**
 * What `look` reads of a vector or map, without its mutex: from memory that was the object's from beginning to end,
 * for its version is the same before and after. What `look` reads or throws while somebody changes the object is
 * forgotten, and it looks again, at most `turns` times.
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
		// SYNC: pairs with the addition in `settleReplace`: with the same version nothing that was read was freed.
		if (object.word(OBJECT_VERSION) !== version) continue;
		// Who only reads has no pin: the object may have been removed, and what was read be another's.
		if (!object.isThere) continue;
		if (failure !== undefined) throw failure;
		return result as T;
	}
	return RESTLESS;
}
