/**
 * The map: a table of places, searched linearly.
 *
 * ```text
 *  T1  a place is 0, GONE, or an entry: a block of the region's, or of somebody's who is about to give it to the map, that
 *      has room for its key and value                                                   at rest: the region's
 *  T2  the entry's HASH is that of its key
 *  T3  from where an entry's hash belongs to where it is no place is 0, so it is found
 *  T4  no two entries have one key
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

/** Entries with the same hash that are compared. Only a hostile peer makes more. */
const MOST_ALIKE = 16;

export function checkMap(subject: Subject): void {
	const { memory, report, data, room, word, fail } = subject;
	const words = room >>> 2;
	const places = words === 0 ? 0 : 2 ** (31 - Math.clz32(words));
	const byHash = new Map<number, number[]>();
	let entries = 0;
	let gone = 0;
	/** How many places in a row before this one are not 0. The end of the table counts as before its start. */
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
				fail("T3", `has an entry at place ${index} that is not found, for its hash is ${hash}`);
			checkKey(subject, entry, hash, byHash);
		}
	}
	if (report.isAtRest && entries !== word(OBJECT_COUNT))
		fail("T5", `has ${entries} entries, and says ${word(OBJECT_COUNT)}`);
	if (gone > word(MAP_GONE_COUNT))
		fail("T5", `has ${gone} places that are gone, and says ${word(MAP_GONE_COUNT)}`);
}

function checkEntry({ memory, report, claims, fail }: Subject, entry: number, index: number): boolean {
	const owner = memory.isReference(entry) ? 0 : memory.owner(entry);
	const isOwned = owner === OWNER_REGION || (!report.isAtRest && memory.isTag(owner));
	const keyLength = memory.word(entry + ENTRY_KEY_LENGTH);
	const bytes = ENTRY_KEY + Math.ceil(keyLength / 8) * 8 + memory.word(entry + ENTRY_VALUE_LENGTH);
	if (!isOwned || bytes > memory.capacity(entry)) {
		fail("T1", `has ${hex(entry)} at place ${index}, where there is no entry`);
		return false;
	}
	// Do not follow what something else refers to as well.
	if (!claims.add(entry, `place ${index} of a map`)) return false;
	if (hashOfKey(memory, entry + ENTRY_KEY, keyLength) === memory.word(entry + ENTRY_HASH)) return true;
	fail("T2", `has an entry at ${hex(entry)} with another hash than its key's`);
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
	if (alike.some((other) => haveOneKey(memory, entry, other)))
		fail("T4", `has two entries with the key of the one at ${hex(entry)}`);
	if (alike.length < MOST_ALIKE) alike.push(entry);
}

function haveOneKey(memory: Memory, one: number, other: number): boolean {
	const length = memory.word(one + ENTRY_KEY_LENGTH);
	if (memory.word(other + ENTRY_KEY_LENGTH) !== length) return false;
	const key = (entry: number) => memory.bytes.subarray(entry + ENTRY_KEY, entry + ENTRY_KEY + length);
	return Buffer.compare(key(one), key(other)) === 0;
}
