import { inspect } from "node:util";
import {
	ENTRY_KEY,
	ENTRY_KEY_LENGTH,
	ENTRY_VALUE_LENGTH,
	NOT_FOUND,
	OBJECT_COUNT,
	OBJECT_DATA,
	OK,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { allocate } from "../attachment/allocation.js";
import { badArgument, DhmemError } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import { Mutex } from "../sync/mutex.js";
import { inspected } from "../values/console.js";
import { checkMade } from "../values/made.js";
import type { Codec, CodedOf, KeyType, ValueType } from "./map-codec.js";
import { RESTLESS, readConsistently } from "./optimistic-read.js";

/** The longest key, in bytes. */
const LONGEST_KEY = 1024;
/**
 * How many times a read is repeated because of concurrent changes, before it takes the mutex, or before a
 * reader that can't lock gives up.
 */
const TURNS = { locking: 16, reading: 1000 };

type Entry<K extends KeyType, V extends ValueType> = [CodedOf<K>, CodedOf<V>];

/** An entry, and the number of its bytes in the region. */
interface Found<K extends KeyType, V extends ValueType> {
	entry: Entry<K, V>;
	bytes: number;
}

function align8(bytes: number): number {
	return (bytes + 7) & ~7;
}

/**
 * A hash map. It has its own mutex for changes, so changes wait for one another, and for a participant that
 * is stopped during a change. Each change is atomic, even if its participant dies. Reading takes the mutex
 * only if others change the map too often. Returned by `region.map(name, { key, value })`.
 *
 * @example
 * ```ts
 * const best = region.map("best", { key: "string", value: "f64" });
 * best.update("run 7", (old) => Math.min(old ?? Infinity, 0.25));
 * for (const [run, residual] of best) console.log(run, residual);
 * ```
 */
export class SharedMap<K extends KeyType = KeyType, V extends ValueType = ValueType>
	implements Iterable<Entry<K, V>>
{
	readonly kind = "map";
	readonly name: string;
	readonly #object: NamedObject;
	readonly #mutex: Mutex;
	readonly #key: Codec<CodedOf<K>>;
	readonly #value: Codec<CodedOf<V>>;

	/** @internal */
	constructor(object: NamedObject, key: Codec<CodedOf<K>>, value: Codec<CodedOf<V>>) {
		checkMade(object instanceof NamedObject, "A SharedMap", "call region.map(name, { key, value })");
		this.name = object.name;
		this.#object = object;
		this.#mutex = new Mutex(object);
		this.#key = key;
		this.#value = value;
	}

	/** The number of entries. */
	get size(): number {
		this.#object.check();
		return this.#object.word(OBJECT_COUNT);
	}

	/**
	 * Returns a copy of the value for `key`; undefined if there is none.
	 *
	 * @throws DHMEM_BAD_ARGUMENT, DHMEM_CLOSED; DHMEM_TIMEOUT in a region opened read-only, if others change
	 * the map too often
	 */
	get(key: CodedOf<K>): CodedOf<V> | undefined {
		const bytes = this.#encodeKey(key);
		return this.#read(() => this.#get(bytes));
	}

	/** True if there is a value for `key`. @throws as `get` */
	has(key: CodedOf<K>): boolean {
		const bytes = this.#encodeKey(key);
		return this.#read(() => this.#find(bytes) !== 0);
	}

	/**
	 * Sets the value for `key`.
	 *
	 * @throws DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_CLOSED, DHMEM_READ_ONLY
	 */
	set(key: CodedOf<K>, value: CodedOf<V>): this {
		const bytes = this.#encodeKey(key);
		const encoded = this.#value.encode(value);
		this.#locked(() => this.#set(bytes, encoded));
		return this;
	}

	/** Deletes the entry for `key`. False if there is none. @throws as `set` */
	delete(key: CodedOf<K>): boolean {
		const bytes = this.#encodeKey(key);
		const { attachment, at } = this.#object;
		return this.#locked(() => {
			const status = attachment.core.mapDelete(attachment.me, at, attachment.lend(bytes), bytes.length) >>> 0;
			if (status === OK) return true;
			if (status === NOT_FOUND) return false;
			throw this.#unexpected(status);
		});
	}

	/**
	 * Replaces the value for `key` by the result of `change`, with no other change in between. Returns the new
	 * value as it is stored. `change` must not change this map. If it throws, the map stays as it was.
	 *
	 * @throws as `set`
	 */
	update(key: CodedOf<K>, change: (old: CodedOf<V> | undefined) => CodedOf<V>): CodedOf<V> {
		if (typeof change !== "function") throw badArgument("change", change, "a function");
		const bytes = this.#encodeKey(key);
		return this.#locked(() => {
			const value = this.#value.encode(change(this.#get(bytes)));
			// `change` may have closed the region, or removed the map.
			this.#object.check();
			this.#set(bytes, value);
			return this.#value.decode(value);
		});
	}

	/** Iterates over copies of the entries as they are now, in no particular order. */
	[Symbol.iterator](): Iterator<Entry<K, V>> {
		return this.entries()[Symbol.iterator]();
	}

	/**
	 * Returns copies of the entries, in no particular order. In a region opened read-only, entries that change
	 * meanwhile may be missing or included.
	 *
	 * @throws as `get`
	 */
	entries(): Entry<K, V>[] {
		const all = () => this.#entriesBy((place) => this.#entryAt(place));
		return this.#read(all, () => this.#entriesOneByOne());
	}

	/** Collects the entries of all places of the table. */
	#entriesBy(entryAt: (place: number) => Found<K, V> | undefined): Entry<K, V>[] {
		const { attachment, at } = this.#object;
		const places = attachment.core.mapPlaces(at) >>> 0;
		const entries: Entry<K, V>[] = [];
		let left = attachment.size;
		for (let place = 0; place < places; place++) {
			const found = entryAt(place);
			if (found === undefined) continue;
			// Entries don't overlap. If they have more bytes than the region, a faulty peer made them up to exhaust
			// memory.
			left -= found.bytes;
			if (left < 0) throw this.#outside();
			entries.push(found.entry);
		}
		return entries;
	}

	#entryAt(place: number): Found<K, V> | undefined {
		const { attachment, at } = this.#object;
		const entry = attachment.core.mapEntry(at, place) >>> 0;
		if (entry < STATUS_LIMIT) return undefined;
		const keyLength = this.#word(entry, ENTRY_KEY_LENGTH);
		const key = this.#key.decode(this.#copy(entry + ENTRY_KEY, keyLength));
		return { entry: [key, this.#valueOf(entry)], bytes: keyLength + this.#word(entry, ENTRY_VALUE_LENGTH) };
	}

	/**
	 * For readers that can't lock a map which changes all the time. Each entry is consistent, and all come from
	 * one table.
	 */
	#entriesOneByOne(): Entry<K, V>[] {
		for (let turn = 0; turn < TURNS.reading; turn++) {
			const table = this.#object.word(OBJECT_DATA);
			let moved = false;
			const entries = this.#entriesBy((place) => {
				moved ||= this.#object.word(OBJECT_DATA) !== table;
				return moved ? undefined : this.#read(() => this.#entryAt(place));
			});
			// An entry that was deleted and set again meanwhile may appear twice, so the Map drops duplicates.
			if (!moved && this.#object.word(OBJECT_DATA) === table) return [...new Map(entries)];
		}
		throw this.#restless();
	}

	#encodeKey(key: CodedOf<K>): Uint8Array {
		const bytes = this.#key.encode(key);
		if (bytes.length <= LONGEST_KEY) return bytes;
		throw badArgument("The key", key, `of at most ${LONGEST_KEY} bytes as UTF-8`);
	}

	/**
	 * Returns what `look` reads while no other participant changes the map. Uses `otherwise` if the map changes
	 * all the time and can't be locked.
	 */
	#read<T>(look: () => T, otherwise?: () => T): T {
		const canLock = this.#object.attachment.access === "read-write";
		const turns = canLock || otherwise ? TURNS.locking : TURNS.reading;
		const result = readConsistently(this.#object, turns, look);
		if (result !== RESTLESS) return result;
		if (canLock) return this.#locked(look);
		if (otherwise) return otherwise();
		throw this.#restless();
	}

	#restless(): DhmemError {
		return new DhmemError(
			"DHMEM_TIMEOUT",
			`Map ${this.name} changes too often to be read without its mutex; try again, or open the region read-write`,
		);
	}

	/**
	 * Runs `body` under the map's mutex. Each change is one step, so a map whose holder died is consistent, and
	 * the next holder need not be told.
	 */
	#locked<T>(body: () => T): T {
		const held = this.#mutex.lockSync();
		try {
			return body();
		} finally {
			held.unlock();
		}
	}

	#word(entry: number, field: number): number {
		return this.#object.attachment.words[(entry + field) >>> 2] as number;
	}

	/**
	 * Copies bytes of the region. A faulty peer may have written the offset and the length, so they are
	 * checked.
	 */
	#copy(from: number, length: number): Uint8Array {
		const { attachment } = this.#object;
		if (from + length <= attachment.size) return attachment.bytes.slice(from, from + length);
		throw this.#outside();
	}

	#outside(): DhmemError {
		return new DhmemError(
			"DHMEM_CORRUPT",
			`Map ${this.name} has an entry outside the region, so it is corrupted; remove the map`,
		);
	}

	#valueOf(entry: number): CodedOf<V> {
		const from = entry + ENTRY_KEY + align8(this.#word(entry, ENTRY_KEY_LENGTH));
		return this.#value.decode(this.#copy(from, this.#word(entry, ENTRY_VALUE_LENGTH)));
	}

	/** The offset of the entry with this key; 0 if there is none. */
	#find(key: Uint8Array): number {
		const { attachment, at } = this.#object;
		const entry = attachment.core.mapFind(at, attachment.lend(key), key.length) >>> 0;
		return entry === NOT_FOUND ? 0 : entry;
	}

	#get(key: Uint8Array): CodedOf<V> | undefined {
		const entry = this.#find(key);
		return entry === 0 ? undefined : this.#valueOf(entry);
	}

	#set(key: Uint8Array, value: Uint8Array): void {
		const { attachment, at } = this.#object;
		const { core, me } = attachment;
		const needed = core.mapNeeds(at) >>> 0;
		if (needed > 0) this.#check(core.mapGrow(me, at, allocate(attachment, needed)) >>> 0);
		const start = ENTRY_KEY + align8(key.length);
		const entry = allocate(attachment, start + value.length);
		attachment.words[(entry + ENTRY_KEY_LENGTH) >>> 2] = key.length;
		attachment.words[(entry + ENTRY_VALUE_LENGTH) >>> 2] = value.length;
		attachment.bytes.set(key, entry + ENTRY_KEY);
		attachment.bytes.set(value, entry + start);
		this.#check(core.mapSet(me, at, entry) >>> 0);
	}

	#check(status: number): void {
		if (status !== OK) throw this.#unexpected(status);
	}

	#unexpected(status: number): DhmemError {
		return this.#object.attachment.unexpected(status, `Map ${this.name}`);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("SharedMap", () => ({ name: this.name }));
	}
}
