/** Vectors and maps, which are read and changed as the binding does that. */
import {
	ENTRY_KEY,
	ENTRY_KEY_LENGTH,
	ENTRY_VALUE_LENGTH,
	FULL,
	NOT_OWNER,
	OBJECT_COUNT,
	OBJECT_DATA,
	OK,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { expect } from "./stage.js";

function wordOf({ world }: Participant, at: number): number {
	return world.words[at >> 2] as number;
}

/** Fails if a block that an object refers to is free. */
function expectUsed({ core, me }: Participant, block: number): void {
	expect(core.checkOwned(me, block) >>> 0 === NOT_OWNER, "a block is free, and somebody refers to it");
}

export function countOf(who: Participant, object: number): number {
	return wordOf(who, object + OBJECT_COUNT);
}

// ---------------------------------------------------------------------------------------------- vectors

export function elementsOf(who: Participant, vector: number): number[] {
	const data = wordOf(who, vector + OBJECT_DATA);
	if (data !== 0) expectUsed(who, data);
	return [...who.world.words.slice(data >> 2, (data >> 2) + countOf(who, vector))];
}

/** Adds elements; `who` holds the mutex. False if there is no room. */
export function push(who: Participant, vector: number, values: number[]): boolean {
	const { core, me, world } = who;
	const length = countOf(who, vector);
	const data = wordOf(who, vector + OBJECT_DATA);
	const room = data === 0 ? 0 : (core.capacityOf(data) >>> 0) / 4;
	const wanted = length + values.length;
	if (wanted > room) {
		const fresh = who.allocate(Math.max(wanted, room * 2, 8) * 4);
		if (fresh === FULL) return false;
		expect(core.moveVector(me, vector, fresh, length * 4) >>> 0 === OK, "a vector could not grow");
	}
	world.words.set(values, (wordOf(who, vector + OBJECT_DATA) >> 2) + length);
	return shorten(who, vector, wanted);
}

/** Sets the length. */
export function shorten({ core, me }: Participant, vector: number, length: number): boolean {
	expect(core.setVectorLength(me, vector, length) >>> 0 === OK, "a vector's length could not be set");
	return true;
}

// ------------------------------------------------------------------------------------------------- maps

function align8(bytes: number): number {
	return (bytes + 7) & ~7;
}

function textAt({ world }: Participant, from: number, length: number): string {
	return Buffer.from(world.bytes.slice(from, from + length)).toString();
}

function valueAt(who: Participant, entry: number): string {
	const from = entry + ENTRY_KEY + align8(wordOf(who, entry + ENTRY_KEY_LENGTH));
	return textAt(who, from, wordOf(who, entry + ENTRY_VALUE_LENGTH));
}

/** Returns the value for `key`. */
export function lookUp(who: Participant, map: number, key: string): string | undefined {
	const entry = who.core.mapFind(map, who.lend(Buffer.from(key)), key.length) >>> 0;
	return entry < STATUS_LIMIT ? undefined : valueAt(who, entry);
}

/** Returns the key and value of each entry in the table, each of which is also found by its key. */
export function entriesOf(who: Participant, map: number): [string, string][] {
	const { core } = who;
	const entries: [string, string][] = [];
	const places = core.mapPlaces(map) >>> 0;
	if (places > 0) expectUsed(who, wordOf(who, map + OBJECT_DATA));
	for (let place = 0; place < places; place++) {
		const entry = core.mapEntry(map, place) >>> 0;
		if (entry < STATUS_LIMIT) continue;
		expectUsed(who, entry);
		const key = textAt(who, entry + ENTRY_KEY, wordOf(who, entry + ENTRY_KEY_LENGTH));
		const value = valueAt(who, entry);
		expect(lookUp(who, map, key) === value, `${key} is in the table, and not found, or twice there`);
		entries.push([key, value]);
	}
	return entries;
}

/** Sets the value for `key` in a map whose mutex `who` holds. False if there is no room. */
export function put(who: Participant, map: number, key: string, value: string): boolean {
	const { core, me, world } = who;
	const needed = core.mapNeeds(map) >>> 0;
	const table = needed === 0 ? 0 : who.allocate(needed);
	if (table === FULL) return false;
	if (table !== 0) expect(core.mapGrow(me, map, table) >>> 0 === OK, "a map could not grow");
	const start = ENTRY_KEY + align8(key.length);
	const entry = who.allocate(start + value.length);
	if (entry === FULL) return false;
	world.words[(entry + ENTRY_KEY_LENGTH) >> 2] = key.length;
	world.words[(entry + ENTRY_VALUE_LENGTH) >> 2] = value.length;
	world.bytes.set(Buffer.from(key), entry + ENTRY_KEY);
	world.bytes.set(Buffer.from(value), entry + start);
	expect(core.mapSet(me, map, entry) >>> 0 === OK, `${key} could not be set`);
	return true;
}

/** Deletes `key` from a map whose mutex `who` holds. */
export function takeOut(who: Participant, map: number, key: string): boolean {
	return who.core.mapDelete(who.me, map, who.lend(Buffer.from(key)), key.length) >>> 0 === OK;
}

/** The hash of `key`, whose lowest bits say where in a table a search for it begins. */
function hashOf(key: string): number {
	let hash = 2166136261;
	for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 16777619);
	hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
	hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
	return (hash ^ (hash >>> 16)) >>> 0;
}

/** Keys that all belong in the last place of a table of 16, so that they lie at its end and its beginning. */
export const colliding: readonly string[] = Array.from({ length: 400 }, (_, i) => `k${i}`).filter(
	(key) => hashOf(key) % 16 === 15,
);
