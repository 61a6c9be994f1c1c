/**
 * The hash map: a table of references to entries, searched linearly (Knuth, The Art of Computer
 * Programming, vol. 3, 6.4, algorithm L). Everything is done under the object's mutex.
 *
 * An entry never changes: a new value is a new entry, put in place of the old one by storing one word. A
 * larger table is filled from the old one and put in its place likewise. So wherever its holder dies, the map
 * is as it was before or after.
 */

import { capacityOf, ownerAt } from "./blocks";
import { fnv1a } from "./hash";
import {
	CORRUPT,
	EMPTY,
	ENTRY_HASH,
	ENTRY_KEY,
	ENTRY_KEY_LENGTH,
	LOCK_HOLDER,
	MAP_COUNT,
	MAP_GONE,
	MAP_GONE_COUNT,
	MORE,
	NOT_FOUND,
	NOT_OWNER,
	OBJECT_DATA,
	OK,
	SLOT_RESULT,
} from "./layout";
import { replace } from "./replace";
import { slotOf, tagOf } from "./slots";

/** FNV-1a, then the finaliser of MurmurHash3, for linear search needs every bit. */
function hashOf(key: u32, length: u32): u32 {
	let hash = fnv1a(key, length);
	hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
	hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
	return hash ^ (hash >> 16);
}

/** Places in the table, a power of two. */
function placesIn(table: u32): u32 {
	const words = capacityOf(table) >> 2;
	return words == 0 ? 0 : 1 << (31 - clz(words));
}

/**
 * The place of the entry with this key: its address; otherwise NOT_FOUND, and the slot's result is the place
 * for it, 0 where there is none.
 */
function search(me: u32, table: u32, hash: u32, key: u32, length: u32): u32 {
	const places = placesIn(table);
	let free: u32 = 0;
	for (let step: u32 = 0; step < places; step++) {
		const place = table + (((hash + step) & (places - 1)) << 2);
		const entry = load<u32>(place);
		if (entry == 0) {
			if (free == 0) free = place;
			break;
		}
		if (entry == MAP_GONE) {
			if (free == 0) free = place;
		} else if (
			load<u32>(entry, ENTRY_HASH) == hash &&
			load<u32>(entry, ENTRY_KEY_LENGTH) == length &&
			memory.compare(entry + ENTRY_KEY, key, length) == 0
		) {
			return place;
		}
	}
	store<u32>(slotOf(me), free, SLOT_RESULT);
	return NOT_FOUND;
}

/** The entry whose key is the `length` bytes at `key`; or NOT_FOUND. */
export function mapGet(me: u32, map: u32, key: u32, length: u32): u32 {
	if (atomic.load<u32>(map, LOCK_HOLDER) != me) return NOT_OWNER;
	const place = search(me, load<u32>(map, OBJECT_DATA), hashOf(key, length), key, length);
	return place == NOT_FOUND ? NOT_FOUND : load<u32>(place);
}

/** Bytes of the table to give to `mapGrow` before another entry is put; 0 while there is room. */
export function mapNeeds(map: u32): u32 {
	const places = placesIn(load<u32>(map, OBJECT_DATA));
	const count = load<u32>(map, MAP_COUNT);
	// A quarter of the table stays empty, or searches get long. What is gone is left behind by growing.
	if ((count + load<u32>(map, MAP_GONE_COUNT) + 1) << 2 <= places * 3) return 0;
	let wanted: u32 = 16;
	while ((count + 1) << 1 > wanted) wanted <<= 1;
	return wanted << 2;
}

/** Makes `table`, a block of `me`'s, the map's table. */
export function mapGrow(me: u32, map: u32, table: u32): u32 {
	if (atomic.load<u32>(map, LOCK_HOLDER) != me || ownerAt(table) != tagOf(me)) return NOT_OWNER;
	const old = load<u32>(map, OBJECT_DATA);
	const places = placesIn(table);
	if (places <= load<u32>(map, MAP_COUNT)) return MORE;
	memory.fill(table, 0, places << 2);
	const before = placesIn(old);
	let left = load<u32>(map, MAP_COUNT);
	for (let index: u32 = 0; index < before; index++) {
		const entry = load<u32>(old + (index << 2));
		if (entry <= MAP_GONE) continue;
		if (left-- == 0) return CORRUPT;
		let at = load<u32>(entry, ENTRY_HASH);
		while (load<u32>(table + ((at & (places - 1)) << 2)) != 0) at++;
		store<u32>(table + ((at & (places - 1)) << 2), entry);
	}
	replace(me, map + OBJECT_DATA, table, old, map + MAP_GONE_COUNT, 0);
	return OK;
}

/** Puts `entry`, a block of `me`'s in which all but the hash is written, in place of one with the same key. */
export function mapSet(me: u32, map: u32, entry: u32): u32 {
	if (atomic.load<u32>(map, LOCK_HOLDER) != me || ownerAt(entry) != tagOf(me)) return NOT_OWNER;
	const length = load<u32>(entry, ENTRY_KEY_LENGTH);
	const hash = hashOf(entry + ENTRY_KEY, length);
	store<u32>(entry, hash, ENTRY_HASH);
	const count = load<u32>(map, MAP_COUNT);
	const place = search(me, load<u32>(map, OBJECT_DATA), hash, entry + ENTRY_KEY, length);
	if (place != NOT_FOUND) {
		replace(me, place, entry, load<u32>(place), map + MAP_COUNT, count);
		return OK;
	}
	const free = load<u32>(slotOf(me), SLOT_RESULT);
	if (free == 0) return MORE;
	if (load<u32>(free) == MAP_GONE) {
		const gone = map + MAP_GONE_COUNT;
		store<u32>(gone, max(load<u32>(gone), 1) - 1);
	}
	replace(me, free, entry, 0, map + MAP_COUNT, count + 1);
	return OK;
}

/** Takes the entry with this key out: OK, or NOT_FOUND. */
export function mapDelete(me: u32, map: u32, key: u32, length: u32): u32 {
	if (atomic.load<u32>(map, LOCK_HOLDER) != me) return NOT_OWNER;
	const place = search(me, load<u32>(map, OBJECT_DATA), hashOf(key, length), key, length);
	if (place == NOT_FOUND) return NOT_FOUND;
	const gone = map + MAP_GONE_COUNT;
	store<u32>(gone, load<u32>(gone) + 1);
	replace(me, place, MAP_GONE, load<u32>(place), map + MAP_COUNT, max(load<u32>(map, MAP_COUNT), 1) - 1);
	return OK;
}

/** The next entry at or after place `from`: `EMPTY` when there is none. The slot's result is where to go on. */
export function mapNext(me: u32, map: u32, from: u32): u32 {
	if (atomic.load<u32>(map, LOCK_HOLDER) != me) return NOT_OWNER;
	const table = load<u32>(map, OBJECT_DATA);
	const places = placesIn(table);
	for (let index = from; index < places; index++) {
		const entry = load<u32>(table + (index << 2));
		if (entry <= MAP_GONE) continue;
		store<u32>(slotOf(me), index + 1, SLOT_RESULT);
		return entry;
	}
	return EMPTY;
}
