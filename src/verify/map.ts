/**
 * The map: a table of places, searched linearly.
 *
 * ```text
 *  T1  a place is 0, GONE, or an entry: a block with room for its key and value, which belongs to the region, or to a
 *      participant that is about to add it to the map                                   at rest: to the region
 *  T2  the entry's HASH is that of its key
 *  T3  no place is 0 from the place of an entry's hash to the entry, so the search finds it
 *  T4  no two entries have the same key
 *  T5  at rest: COUNT = entries;  always: GONE_COUNT ≥ places that are GONE
 * ```
 */
import {
	ENTRY_HASH,
	ENTRY_KEY,
	ENTRY_KEY_LENGTH,
	ENTRY_VALUE_LENGTH,
	MAP_GONE,
	MAP_GONE_COUNT,
	OBJECT_COUNT,
	OWNER_REGION,
} from "../../assembly/layout.js";
import { hashOfKey } from "./hash.js";
import { hex, type Memory } from "./memory.js";
import type { Subject } from "./subject.js";

/** The largest number of entries with one hash that are compared. Only an attacker can make more of them. */
const MOST_ALIKE = 16;

export function checkMap(subject: Subject): void {
	const { memory, report, data, room, word, fail } = subject;
	const words = room >>> 2;
	const places = words === 0 ? 0 : 2 ** (31 - Math.clz32(words));
	const byHash = new Map<number, number[]>();
	let entries = 0;
	let gone = 0;
	/**
	 * The number of places without a 0 directly before this one. The end of the table continues at its
	 * beginning.
	 */
	let filled = 0;
	for (let index = places - 1; index >= 0 && memory.word(data + index * 4) !== 0; index--) filled++;
	for (let index = 0; index < places; index++, filled++) {
		const entry = memory.word(data + index * 4);
		if (entry === 0) filled = -1;
		else if (entry === MAP_GONE) gone++;
		else {
			entries++;
			if (!checkEntry(subject, entry, index)) continue;
			const hash = memory.word(entry + ENTRY_HASH);
			if (((index - hash) & (places - 1)) > filled)
				fail("T3", `has an entry at place ${index} that can't be found from its hash ${hash}`);
			checkKey(subject, entry, hash, byHash);
		}
	}
	if (report.isAtRest && entries !== word(OBJECT_COUNT))
		fail("T5", `has ${entries} entries, but its count says ${word(OBJECT_COUNT)}`);
	if (gone > word(MAP_GONE_COUNT))
		fail("T5", `has ${gone} deleted places, but its count says ${word(MAP_GONE_COUNT)}`);
}

function checkEntry({ memory, report, claims, fail }: Subject, entry: number, index: number): boolean {
	const owner = memory.isReference(entry) ? 0 : memory.owner(entry);
	const isOwned = owner === OWNER_REGION || (!report.isAtRest && memory.isTag(owner));
	const keyLength = memory.word(entry + ENTRY_KEY_LENGTH);
	const bytes = ENTRY_KEY + Math.ceil(keyLength / 8) * 8 + memory.word(entry + ENTRY_VALUE_LENGTH);
	if (!isOwned || bytes > memory.capacity(entry)) {
		fail("T1", `refers to ${hex(entry)} at place ${index}, which is not a valid entry`);
		return false;
	}
	// An entry that something else refers to as well is not followed.
	if (!claims.add(entry, `place ${index} of a map`)) return false;
	if (hashOfKey(memory, entry + ENTRY_KEY, keyLength) === memory.word(entry + ENTRY_HASH)) return true;
	fail("T2", `has an entry at ${hex(entry)} whose hash is not that of its key`);
	return false;
}

function checkKey(
	{ memory, fail }: Subject,
	entry: number,
	hash: number,
	byHash: Map<number, number[]>,
): void {
	const alike = byHash.get(hash);
	if (alike === undefined) {
		byHash.set(hash, [entry]);
		return;
	}
	if (alike.some((other) => haveSameKey(memory, entry, other)))
		fail("T4", `has a second entry with the same key as the one at ${hex(entry)}`);
	if (alike.length < MOST_ALIKE) alike.push(entry);
}

function haveSameKey(memory: Memory, one: number, other: number): boolean {
	const length = memory.word(one + ENTRY_KEY_LENGTH);
	if (memory.word(other + ENTRY_KEY_LENGTH) !== length) return false;
	const key = (entry: number) => memory.bytes.subarray(entry + ENTRY_KEY, entry + ENTRY_KEY + length);
	return Buffer.compare(key(one), key(other)) === 0;
}
