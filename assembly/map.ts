/**
 * The hash map: a table of references to entries, with linear probing (Knuth, *The Art of Computer
 * Programming*, vol. 3, 6.4, algorithm L). Changes hold the object's mutex. Readers take no mutex; they check
 * afterwards that the object's version is the same.
 *
 * An entry never changes: a new value is a new entry, which replaces the old one by one store. A larger table
 * is filled first, and replaces the old one in the same way. So wherever the holder dies, the map is in its
 * old or in its new state.
 */

import { heapBytesOf, ownerAt } from "./blocks";
import { fnv1a } from "./hash";
import {
	CORRUPT,
	ENTRY_HASH,
	ENTRY_KEY,
	ENTRY_KEY_LENGTH,
	HEADER_SPANS,
	KIND_MAP,
	MAP_GONE,
	MAP_GONE_COUNT,
	MORE,
	NOT_FOUND,
	NOT_OWNER,
	OBJECT_COUNT,
	OBJECT_DATA,
	OK,
	SPAN_SHIFT,
} from "./layout";
import { isHolder } from "./locks";
import { header } from "./region";
import { replace } from "./replace";
import { tagOf } from "./slots";

/** FNV-1a, then the finaliser of MurmurHash3, because linear probing needs well-mixed bits. */
function hashOf(key: u32, length: u32): u32 {
	let hash = fnv1a(key, length);
	hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
	hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
	return hash ^ (hash >> 16);
}

/** The number of places in the table, a power of two. */
function placesIn(table: u32): u32 {
	const words = heapBytesOf(table) >> 2;
	return words == 0 ? 0 : 1 << (31 - clz(words));
}

/**
 * True if an entry with a key of `length` bytes can be at this offset. Without the mutex, any value may have
 * been read.
 */
function isEntry(entry: u32, length: u32): bool {
	return entry > MAP_GONE && entry <= (header(HEADER_SPANS) << SPAN_SHIFT) - ENTRY_KEY - length;
}

function hasKey(entry: u32, hash: u32, key: u32, length: u32): bool {
	return (
		load<u32>(entry, ENTRY_HASH) == hash &&
		load<u32>(entry, ENTRY_KEY_LENGTH) == length &&
		memory.compare(entry + ENTRY_KEY, key, length) == 0
	);
}

/**
 * The place of the entry with this key. If there is none, the place for a new one, which contains 0 or
 * MAP_GONE; 0 if there is no such place either.
 */
function search(table: u32, hash: u32, key: u32, length: u32): u32 {
	const places = placesIn(table);
	let free: u32 = 0;
	for (let step: u32 = 0; step < places; step++) {
		const place = table + (((hash + step) & (places - 1)) << 2);
		// SYNC: pairs with the store in `replace`: an entry's contents are visible before the entry is in the
		// table.
		const entry = atomic.load<u32>(place);
		if (isEntry(entry, length) && hasKey(entry, hash, key, length)) return place;
		if (free == 0 && entry <= MAP_GONE) free = place;
		if (entry == 0) break;
	}
	return free;
}

/** The entry whose key is the `length` bytes at `key`, or NOT_FOUND. Writes nothing, and needs no mutex. */
export function mapFind(map: u32, key: u32, length: u32): u32 {
	const place = search(atomic.load<u32>(map, OBJECT_DATA), hashOf(key, length), key, length);
	const entry: u32 = place == 0 ? 0 : atomic.load<u32>(place);
	return entry <= MAP_GONE ? NOT_FOUND : entry;
}

/** The number of places in the map's table. Writes nothing. */
export function mapPlaces(map: u32): u32 {
	return placesIn(atomic.load<u32>(map, OBJECT_DATA));
}

/** The entry at place `index`; NOT_FOUND if there is none. Writes nothing. */
export function mapEntry(map: u32, index: u32): u32 {
	const table = atomic.load<u32>(map, OBJECT_DATA);
	if (index >= placesIn(table)) return NOT_FOUND;
	const entry = atomic.load<u32>(table + (index << 2));
	return isEntry(entry, 0) ? entry : NOT_FOUND;
}

/**
 * The size in bytes of the table that `mapGrow` needs before another entry can be set; 0 while there is room.
 */
export function mapNeeds(map: u32): u32 {
	const places = placesIn(load<u32>(map, OBJECT_DATA));
	// A corrupted count may exceed the number of places, and the sums below would wrap. So limit both.
	const count = min(load<u32>(map, OBJECT_COUNT), places);
	const gone = min(load<u32>(map, MAP_GONE_COUNT), places);
	// A quarter of the table stays empty, because searches would get long otherwise. Growing drops the MAP_GONE
	// places.
	if ((<u64>(count + gone + 1)) << 2 <= <u64>places * 3) return 0;
	let wanted: u32 = 16;
	while ((<u64>(count + 1)) << 1 > wanted) wanted <<= 1;
	return min(wanted, 1 << 29) << 2;
}

/**
 * Limit for the steps to a free place in a new table, on average. Only a faulty peer writes so many equal
 * hashes that more are needed.
 */
const MOST_STEPS = 64;

/** Makes `table`, a block that `me` owns, the map's table. */
export function mapGrow(me: u32, map: u32, table: u32): u32 {
	if (!isHolder(me, map, KIND_MAP) || ownerAt(table) != tagOf(me)) return NOT_OWNER;
	const old = load<u32>(map, OBJECT_DATA);
	const count = load<u32>(map, OBJECT_COUNT);
	const places = placesIn(table);
	if (places <= count) return MORE;
	memory.fill(table, 0, places << 2);
	const before = placesIn(old);
	let left = count;
	let steps = <u64>places * MOST_STEPS;
	for (let index: u32 = 0; index < before; index++) {
		const entry = load<u32>(old + (index << 2));
		if (entry <= MAP_GONE) continue;
		if (!isEntry(entry, 0) || left-- == 0) return CORRUPT;
		let at = load<u32>(entry, ENTRY_HASH);
		while (load<u32>(table + ((at & (places - 1)) << 2)) != 0) {
			if (steps-- == 0) return CORRUPT;
			at++;
		}
		store<u32>(table + ((at & (places - 1)) << 2), entry);
	}
	replace(me, map, map + OBJECT_DATA, table, old, count);
	store<u32>(map, 0, MAP_GONE_COUNT);
	return OK;
}

/**
 * Sets `entry`, a block that `me` owns, in which everything but the hash is written. It replaces an entry
 * with the same key.
 */
export function mapSet(me: u32, map: u32, entry: u32): u32 {
	if (!isHolder(me, map, KIND_MAP) || ownerAt(entry) != tagOf(me)) return NOT_OWNER;
	const length = load<u32>(entry, ENTRY_KEY_LENGTH);
	const hash = hashOf(entry + ENTRY_KEY, length);
	store<u32>(entry, hash, ENTRY_HASH);
	const place = search(load<u32>(map, OBJECT_DATA), hash, entry + ENTRY_KEY, length);
	if (place == 0) return MORE;
	const old = load<u32>(place);
	const count = load<u32>(map, OBJECT_COUNT);
	replace(me, map, place, entry, old, old > MAP_GONE ? count : count + 1);
	// Only now: after a death the count may be too high, but never too low, because the table could then fill
	// up with MAP_GONE.
	if (old == MAP_GONE) store<u32>(map, max(load<u32>(map, MAP_GONE_COUNT), 1) - 1, MAP_GONE_COUNT);
	return OK;
}

/** Deletes the entry with this key. Returns OK, or NOT_FOUND. */
export function mapDelete(me: u32, map: u32, key: u32, length: u32): u32 {
	if (!isHolder(me, map, KIND_MAP)) return NOT_OWNER;
	const place = search(load<u32>(map, OBJECT_DATA), hashOf(key, length), key, length);
	const entry: u32 = place == 0 ? 0 : load<u32>(place);
	if (entry <= MAP_GONE) return NOT_FOUND;
	store<u32>(map, load<u32>(map, MAP_GONE_COUNT) + 1, MAP_GONE_COUNT);
	replace(me, map, place, MAP_GONE, entry, max(load<u32>(map, OBJECT_COUNT), 1) - 1);
	return OK;
}

/** Frees every entry of a map that no participant uses any more. */
export function clearMap(me: u32, map: u32): void {
	const table = load<u32>(map, OBJECT_DATA);
	const places = placesIn(table);
	for (let index: u32 = 0; index < places; index++) {
		const entry = load<u32>(table + (index << 2));
		if (entry > MAP_GONE) replace(me, map, table + (index << 2), MAP_GONE, entry, 0);
	}
}
