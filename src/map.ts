import {
	ENTRY_KEY,
	ENTRY_KEY_LENGTH,
	ENTRY_VALUE_LENGTH,
	MAP_COUNT,
	NOT_FOUND,
	OK,
	SLOT_RESULT,
	STATUS_LIMIT,
} from "../assembly/layout.js";
import type { Codec, CodedOf, KeyType, ValueType } from "./codec.js";
import type { QueueObject as SharedObject } from "./endpoint.js";
import { badArgument, DhmemError } from "./errors.js";
import { Mutex } from "./mutex.js";

/** Bytes of the longest key. */
const LONGEST_KEY = 1024;

function align8(bytes: number): number {
	return (bytes + 7) & ~7;
}

/**
 * A hash map. Every operation is done under a mutex of its own, so they wait for one another, and for a
 * participant that was stopped in the middle of one; each is done wholly or not at all, also when its
 * participant dies. From `region.map(name, { key, value })`.
 *
 * @example
 * ```ts
 * const best = region.map("best", { key: "string", value: "f64" });
 * best.update("run 7", (old) => Math.min(old ?? Infinity, 0.25));
 * for (const [run, residual] of best) console.log(run, residual);
 * ```
 */
export class SharedMap<K extends KeyType = KeyType, V extends ValueType = ValueType>
	implements Iterable<[CodedOf<K>, CodedOf<V>]>
{
	readonly kind = "map";
	readonly name: string;
	readonly #object: SharedObject;
	readonly #mutex: Mutex;
	readonly #key: Codec<CodedOf<K>>;
	readonly #value: Codec<CodedOf<V>>;
	/** A block of this participant's, in which the core reads the key that is looked for; 0 until needed. */
	#scratch = 0;

	/** @internal */
	constructor(object: SharedObject, key: Codec<CodedOf<K>>, value: Codec<CodedOf<V>>) {
		this.name = object.name;
		this.#object = object;
		this.#mutex = new Mutex(object);
		this.#key = key;
		this.#value = value;
	}

	/** Entries. */
	get size(): number {
		const { attachment, at } = this.#object;
		attachment.check();
		return Atomics.load(attachment.words, (at + MAP_COUNT) >> 2);
	}

	/**
	 * The value for `key`, a copy; undefined if there is none.
	 *
	 * @throws DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_CLOSED
	 */
	get(key: CodedOf<K>): CodedOf<V> | undefined {
		const bytes = this.#encodeKey(key);
		return this.#locked(() => this.#get(bytes));
	}

	/** Whether there is a value for `key`. */
	has(key: CodedOf<K>): boolean {
		const bytes = this.#encodeKey(key);
		return this.#locked(() => this.#find(bytes) !== 0);
	}

	/** Makes `value` the value for `key`. @throws as `get` */
	set(key: CodedOf<K>, value: CodedOf<V>): this {
		const bytes = this.#encodeKey(key);
		const encoded = this.#value.encode(value);
		this.#locked(() => this.#set(bytes, encoded));
		return this;
	}

	/** Takes `key` out; whether it was there. */
	delete(key: CodedOf<K>): boolean {
		const bytes = this.#encodeKey(key);
		const { attachment, at } = this.#object;
		return this.#locked(() => {
			const status = attachment.core.mapDelete(attachment.me, at, this.#place(bytes), bytes.length) >>> 0;
			if (status === OK) return true;
			if (status === NOT_FOUND) return false;
			throw this.#unexpected(status);
		});
	}

	/**
	 * Changes the value for `key` to what `change` makes of it, with nobody in between; the new value. `change` must
	 * not use this map. If it throws, nothing has changed.
	 */
	update(key: CodedOf<K>, change: (old: CodedOf<V> | undefined) => CodedOf<V>): CodedOf<V> {
		if (typeof change !== "function") throw badArgument("change", change, "a function");
		const bytes = this.#encodeKey(key);
		return this.#locked(() => {
			const value = change(this.#get(bytes));
			this.#set(bytes, this.#value.encode(value));
			return value;
		});
	}

	/** The entries that there are when it begins, copies, in no order. */
	[Symbol.iterator](): Iterator<[CodedOf<K>, CodedOf<V>]> {
		return this.entries()[Symbol.iterator]();
	}

	/** The same as an array. */
	entries(): [CodedOf<K>, CodedOf<V>][] {
		const { attachment, at } = this.#object;
		return this.#locked(() => {
			const entries: [CodedOf<K>, CodedOf<V>][] = [];
			let place = 0;
			for (;;) {
				const entry = attachment.core.mapNext(attachment.me, at, place) >>> 0;
				if (entry < STATUS_LIMIT) return entries;
				place = attachment.result(SLOT_RESULT);
				const keyLength = this.#word(entry, ENTRY_KEY_LENGTH);
				entries.push([this.#key.decode(this.#copy(entry + ENTRY_KEY, keyLength)), this.#valueOf(entry)]);
			}
		});
	}

	#encodeKey(key: CodedOf<K>): Uint8Array {
		const bytes = this.#key.encode(key);
		if (bytes.length <= LONGEST_KEY) return bytes;
		throw badArgument("The key", key, `of at most ${LONGEST_KEY} bytes as UTF-8`);
	}

	#locked<T>(body: () => T): T {
		const held = this.#mutex.lockSync();
		try {
			return body();
		} finally {
			held.unlock();
		}
	}

	#word(entry: number, field: number): number {
		return this.#object.attachment.words[(entry + field) >> 2] as number;
	}

	/** A copy of bytes of the region, from figures that a peer may have written. */
	#copy(from: number, length: number): Uint8Array {
		const { attachment } = this.#object;
		if (from + length <= attachment.size) return attachment.bytes.slice(from, from + length);
		throw new DhmemError("DHMEM_CORRUPT", `Map ${this.name} has an entry outside the region; remove it`);
	}

	#valueOf(entry: number): CodedOf<V> {
		const from = entry + ENTRY_KEY + align8(this.#word(entry, ENTRY_KEY_LENGTH));
		return this.#value.decode(this.#copy(from, this.#word(entry, ENTRY_VALUE_LENGTH)));
	}

	/** Puts the key where the core reads it. */
	#place(key: Uint8Array): number {
		const { attachment } = this.#object;
		this.#scratch ||= attachment.allocate(LONGEST_KEY);
		attachment.bytes.set(key, this.#scratch);
		return this.#scratch;
	}

	/** The entry with this key, 0 if there is none. */
	#find(key: Uint8Array): number {
		const { attachment, at } = this.#object;
		const entry = attachment.core.mapGet(attachment.me, at, this.#place(key), key.length) >>> 0;
		if (entry >= STATUS_LIMIT) return entry;
		if (entry === NOT_FOUND) return 0;
		throw this.#unexpected(entry);
	}

	#get(key: Uint8Array): CodedOf<V> | undefined {
		const entry = this.#find(key);
		return entry === 0 ? undefined : this.#valueOf(entry);
	}

	#set(key: Uint8Array, value: Uint8Array): void {
		const { attachment, at } = this.#object;
		const { core, me } = attachment;
		const needed = core.mapNeeds(at) >>> 0;
		if (needed > 0) this.#settle(core.mapGrow(me, at, attachment.allocate(needed)) >>> 0);
		const start = ENTRY_KEY + align8(key.length);
		const entry = attachment.allocate(start + value.length);
		attachment.words[(entry + ENTRY_KEY_LENGTH) >> 2] = key.length;
		attachment.words[(entry + ENTRY_VALUE_LENGTH) >> 2] = value.length;
		attachment.bytes.set(key, entry + ENTRY_KEY);
		attachment.bytes.set(value, entry + start);
		this.#settle(core.mapSet(me, at, entry) >>> 0);
	}

	#settle(status: number): void {
		if (status !== OK) throw this.#unexpected(status);
	}

	#unexpected(status: number): DhmemError {
		return this.#object.attachment.unexpected(status, `Map ${this.name}`);
	}
}
