import { inspect } from "node:util";
import { OBJECT_COUNT, OBJECT_DATA } from "../../assembly/layout.js";
import { badArgument, DhmemError } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import { ObjectMutex } from "../sync/object-mutex.js";
import { inspected } from "../values/console.js";
import { checkMade } from "../values/made.js";
import type { Codec, CodedOf, KeyType, ValueType } from "./map-codec.js";
import { MapTable } from "./map-table.js";
import { RESTLESS, readConsistently } from "./optimistic-read.js";

/**
 * How many times a read is repeated because of concurrent changes, before it takes the mutex, or before a
 * reader that can't lock gives up.
 */
const TURNS = { locking: 16, reading: 1000 };

/**
 * A hash map. It has its own mutex for changes, so changes wait for one another, and for a participant that
 * is stopped during a change. Each change is atomic, even if its participant dies. Reading takes the mutex
 * only if others change the map too often. Returned by `region.map(name, { key, value })`.
 *
 * A table with linear probing (Knuth, *The Art of Computer Programming*, vol. 3, 6.4, algorithm L) refers to
 * the entries. It doubles when it fills up. Readers compare a version before and after instead of locking.
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
	/** The name of the map in its region. */
	readonly name: string;
	readonly #object: NamedObject;
	readonly #mutex: ObjectMutex;
	readonly #table: MapTable<K, V>;

	/** @internal */
	constructor(object: NamedObject, key: Codec<CodedOf<K>>, value: Codec<CodedOf<V>>) {
		checkMade(object instanceof NamedObject, "A SharedMap", "call region.map(name, { key, value })");
		this.name = object.name;
		this.#object = object;
		this.#mutex = new ObjectMutex(object);
		this.#table = new MapTable(object, key, value);
	}

	/** The number of entries. @throws DHMEM_CLOSED */
	get size(): number {
		this.#object.check();
		return this.#object.word(OBJECT_COUNT);
	}

	/**
	 * Returns a copy of the value for `key`; undefined if there is none.
	 *
	 * @throws DHMEM_BAD_ARGUMENT, DHMEM_CLOSED; DHMEM_TIMEOUT in a region opened read-only, if others change
	 * the map too often
	 * @example
	 * ```ts
	 * const best = region.map("best", { key: "string", value: "f64" });
	 * best.set("run 7", 0.25);
	 * console.log(best.get("run 7"), best.get("run 8")); // 0.25 undefined
	 * ```
	 */
	get(key: CodedOf<K>): CodedOf<V> | undefined {
		return this.#read(() => this.#table.get(this.#table.lend(key)));
	}

	/**
	 * True if there is a value for `key`.
	 *
	 * @throws as `get`
	 * @example
	 * ```ts
	 * const best = region.map("best", { key: "string", value: "f64" });
	 * console.log(best.has("run 7")); // false
	 * ```
	 */
	has(key: CodedOf<K>): boolean {
		return this.#read(() => this.#table.find(this.#table.lend(key)) !== 0);
	}

	/**
	 * Sets the value for `key`.
	 *
	 * @throws DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_CLOSED, DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * const best = region.map("best", { key: "string", value: "f64" });
	 * best.set("run 7", 0.25).set("run 8", 0.5);
	 * ```
	 */
	set(key: CodedOf<K>, value: CodedOf<V>): this {
		const table = this.#table;
		const length = table.lend(key);
		const checked = table.check(value);
		this.#mutex.hold(() => table.set(key, length, checked));
		return this;
	}

	/**
	 * Deletes the entry for `key`. False if there is none.
	 *
	 * @throws as `set`
	 * @example
	 * ```ts
	 * const best = region.map("best", { key: "string", value: "f64" });
	 * console.log(best.delete("run 7")); // false
	 * ```
	 */
	delete(key: CodedOf<K>): boolean {
		const table = this.#table;
		return this.#mutex.hold(() => table.delete(table.lend(key)));
	}

	/**
	 * Replaces the value for `key` by the result of `change`, with no other change in between. Returns the new
	 * value as it is stored. `change` must not change this map. If it throws, the map stays as it was.
	 *
	 * @throws as `set`
	 * @example
	 * ```ts
	 * const visits = region.map("visits", { key: "string", value: "u32" });
	 * visits.update("home", (old) => (old ?? 0) + 1);
	 * ```
	 */
	update(key: CodedOf<K>, change: (old: CodedOf<V> | undefined) => CodedOf<V>): CodedOf<V> {
		if (typeof change !== "function") throw badArgument("change", change, "a function");
		const table = this.#table;
		return this.#mutex.hold(() => {
			const length = table.lend(key);
			const value = table.check(change(table.get(length)));
			// `change` may have closed the region, or removed the map.
			this.#object.check();
			const entry = table.set(key, length, value);
			// Text is stored as it is. Other values are copied, and an f32 is rounded.
			return typeof value === "string" ? value : table.valueOf(entry, length);
		});
	}

	/** Iterates over copies of the entries as they are now, in no particular order. */
	[Symbol.iterator](): Iterator<[CodedOf<K>, CodedOf<V>]> {
		return this.entries()[Symbol.iterator]();
	}

	/**
	 * Returns copies of the entries, in no particular order. In a region opened read-only, entries that change
	 * meanwhile may be missing or included.
	 *
	 * @throws as `get`
	 * @example
	 * ```ts
	 * const best = region.map("best", { key: "string", value: "f64" });
	 * best.set("run 7", 0.25).set("run 8", 0.5);
	 * const [worst] = best.entries().sort(([, a], [, b]) => b - a);
	 * console.log(worst); // [ 'run 8', 0.5 ]
	 * ```
	 */
	entries(): [CodedOf<K>, CodedOf<V>][] {
		const table = this.#table;
		const all = () => table.entriesBy((place) => table.entryAt(place));
		return this.#read(all, () => this.#entriesOneByOne());
	}

	/**
	 * For readers that can't lock a map which changes all the time. Each entry is consistent, and all come from
	 * one table.
	 */
	#entriesOneByOne(): [CodedOf<K>, CodedOf<V>][] {
		for (let turn = 0; turn < TURNS.reading; turn++) {
			const table = this.#object.word(OBJECT_DATA);
			let moved = false;
			const entries = this.#table.entriesBy((place) => {
				moved ||= this.#object.word(OBJECT_DATA) !== table;
				return moved ? undefined : this.#read(() => this.#table.entryAt(place));
			});
			// An entry that was deleted and set again meanwhile may appear twice, so the Map drops duplicates.
			if (!moved && this.#object.word(OBJECT_DATA) === table) return [...new Map(entries)];
		}
		throw this.#restless();
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
		if (canLock) return this.#mutex.hold(look);
		if (otherwise) return otherwise();
		throw this.#restless();
	}

	#restless(): DhmemError {
		return new DhmemError(
			"DHMEM_TIMEOUT",
			`Map ${this.name} changes too often to be read without its mutex; try again, or open the region read-write`,
		);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("SharedMap", () => ({ name: this.name }));
	}
}
