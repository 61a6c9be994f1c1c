import {
	ENTRY_KEY,
	ENTRY_KEY_LENGTH,
	ENTRY_VALUE_LENGTH,
	NOT_FOUND,
	OK,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { allocate } from "../attachment/allocation.js";
import { badArgument, DhmemError } from "../errors.js";
import type { NamedObject } from "../objects/named-object.js";
import type { Codec, CodedOf, KeyType, ValueType } from "./map-codec.js";

/** The longest key, in bytes. */
const LONGEST_KEY = 1024;

/** An entry, and the number of its bytes in the region. */
interface Found<K extends KeyType, V extends ValueType> {
	entry: [CodedOf<K>, CodedOf<V>];
	bytes: number;
}

/** Where in an entry its value is, if its key has `length` bytes. */
function valueAt(length: number): number {
	return ENTRY_KEY + Math.ceil(length / 8) * 8;
}

/**
 * The entries of a map in the region. Nothing here takes the mutex: the caller holds it to change something, and
 * to read it holds it or reads again.
 */
export class MapTable<K extends KeyType, V extends ValueType> {
	readonly #object: NamedObject;
	readonly #key: Codec<CodedOf<K>>;
	readonly #value: Codec<CodedOf<V>>;

	constructor(object: NamedObject, key: Codec<CodedOf<K>>, value: Codec<CodedOf<V>>) {
		this.#object = object;
		this.#key = key;
		this.#value = value;
	}

	/** Checks a key, copies it to where the core reads it until the next call, and returns its length. */
	lend(key: CodedOf<K>): number {
		const length = this.#key.put(key, this.#object.attachment.scratch);
		if (length <= LONGEST_KEY) return length;
		throw badArgument("The key", key, `of at most ${LONGEST_KEY} bytes as UTF-8`);
	}

	/** Checks a value. This may run the user's code. */
	check(value: CodedOf<V>): CodedOf<V> {
		return this.#value.check(value);
	}

	/** The offset of the entry with the key that was lent; 0 if there is none. */
	find(length: number): number {
		const { attachment, at } = this.#object;
		const entry = attachment.core.mapFind(at, attachment.size, length) >>> 0;
		return entry === NOT_FOUND ? 0 : entry;
	}

	/** Copies the value of the key that was lent; undefined if there is none. */
	get(length: number): CodedOf<V> | undefined {
		const entry = this.find(length);
		return entry === 0 ? undefined : this.valueOf(entry, length);
	}

	/** Sets a checked value for the key that was lent, and returns the entry. */
	set(key: CodedOf<K>, length: number, value: CodedOf<V>): number {
		const { attachment, at } = this.#object;
		const { core, me, words, whole } = attachment;
		const needed = core.mapNeeds(at) >>> 0;
		if (needed > 0) this.#expectOk(core.mapGrow(me, at, allocate(attachment, needed)) >>> 0);
		const start = valueAt(length);
		const bytes = this.#value.measure(value);
		const entry = allocate(attachment, start + bytes);
		words[(entry + ENTRY_KEY_LENGTH) >>> 2] = length;
		words[(entry + ENTRY_VALUE_LENGTH) >>> 2] = bytes;
		this.#key.write(key, length, whole, entry + ENTRY_KEY);
		this.#value.write(value, bytes, whole, entry + start);
		this.#expectOk(core.mapSet(me, at, entry) >>> 0);
		return entry;
	}

	/** Deletes the entry with the key that was lent. False if there is none. */
	delete(length: number): boolean {
		const { attachment, at } = this.#object;
		const status = attachment.core.mapDelete(attachment.me, at, attachment.size, length) >>> 0;
		if (status === OK) return true;
		if (status === NOT_FOUND) return false;
		throw this.#unexpected(status);
	}

	/** The value of an entry whose key has `length` bytes. */
	valueOf(entry: number, length: number): CodedOf<V> {
		return this.#copy(this.#value, entry + valueAt(length), this.#word(entry, ENTRY_VALUE_LENGTH));
	}

	/** Collects the entries of all places of the table. */
	entriesBy(entryAt: (place: number) => Found<K, V> | undefined): [CodedOf<K>, CodedOf<V>][] {
		const { attachment, at } = this.#object;
		const places = attachment.core.mapPlaces(at) >>> 0;
		const entries: [CodedOf<K>, CodedOf<V>][] = [];
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

	/** Copies the entry at a place of the table; undefined if there is none. */
	entryAt(place: number): Found<K, V> | undefined {
		const { attachment, at } = this.#object;
		const entry = attachment.core.mapEntry(at, place) >>> 0;
		if (entry < STATUS_LIMIT) return undefined;
		const length = this.#word(entry, ENTRY_KEY_LENGTH);
		const key = this.#copy(this.#key, entry + ENTRY_KEY, length);
		const value = this.valueOf(entry, length);
		return { entry: [key, value], bytes: length + this.#word(entry, ENTRY_VALUE_LENGTH) };
	}

	/**
	 * Copies a key or a value from the region. A faulty peer may have written the offset and the length, so they
	 * are checked.
	 */
	#copy<T>(codec: Codec<T>, from: number, length: number): T {
		const { attachment } = this.#object;
		const value = from + length <= attachment.size ? codec.read(attachment, from, length) : undefined;
		if (value === undefined) throw this.#outside();
		return value;
	}

	#word(entry: number, field: number): number {
		return this.#object.attachment.words[(entry + field) >>> 2] as number;
	}

	#expectOk(status: number): void {
		if (status !== OK) throw this.#unexpected(status);
	}

	#unexpected(status: number): DhmemError {
		return this.#object.attachment.unexpected(status, `Map ${this.#object.name}`);
	}

	#outside(): DhmemError {
		return new DhmemError(
			"DHMEM_CORRUPT",
			`Map ${this.#object.name} has an entry outside the region, so it is corrupted; remove the map`,
		);
	}
}
