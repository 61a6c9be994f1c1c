/**
 * Mutexes, also those in vectors and maps, and conditions.
 *
 * ```text
 *  L1  HOLDER is 0, ABANDONED, or a participant that has the object open
 *  L2  LAST is a slot
 *  L3  slot i waits  →  a participant has slot i, and has the object open
 * ```
 */
import { LOCK_ABANDONED, LOCK_HOLDER, LOCK_LAST, LOCK_WAITERS, SLOTS } from "../../assembly/layout.js";
import { isPinnedBy } from "./directory.js";
import type { Subject } from "./subject.js";

export function checkLock({ memory, object, word, fail }: Subject): void {
	const holder = word(LOCK_HOLDER);
	if (holder !== 0 && holder !== LOCK_ABANDONED && !isPinnedBy(memory, object, holder))
		fail("L1", `is held by participant ${holder}, which does not have it open`);
	if (word(LOCK_LAST) >= SLOTS)
		fail("L2", `says that slot ${word(LOCK_LAST)} was woken last, which does not exist`);
	for (let from = 0; from < SLOTS; from += 32) {
		for (let bits = word(LOCK_WAITERS + (from >>> 3)); bits !== 0; bits &= bits - 1) {
			const index = from + 31 - Math.clz32(bits & -bits);
			if (!isPinnedBy(memory, object, memory.holder(index)))
				fail("L3", `has slot ${index} in its wait list, which does not have it open`);
		}
	}
}
