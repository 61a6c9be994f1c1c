import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { KIND_CONDITION, KIND_MUTEX } from "../assembly/layout.js";
import { allocate } from "./attachment/allocation.js";
import { Attachment } from "./attachment/attachment.js";
import {
	attach,
	attachLocal,
	detach,
	type Identity,
	identityOf,
	unlink,
	unlinkOwn,
} from "./attachment/files.js";
import { listRegions, pathOf, TEMPORARY_REGION } from "./attachment/leftovers.js";
import {
	directoryOf,
	type FolderOptions,
	fileOptions,
	folderOptionNames,
	type RegionOptions,
	regionOptionNames,
	type TemporaryOptions,
	temporaryOptionNames,
	trustOf,
} from "./attachment/region-options.js";
import { type ArrayOptions, openArray, type SharedArray, wantedArray } from "./collections/array.js";
import type { SharedMap } from "./collections/map.js";
import type { KeyType, ValueType } from "./collections/map-codec.js";
import { type MapTypes, openMap, openVector } from "./collections/open-collections.js";
import { openStruct, type StructOptions, wantedStruct } from "./collections/struct.js";
import type { Vector } from "./collections/vector.js";
import type { Handle } from "./handles/handle.js";
import { type Loaded, load, type Saveable, save } from "./handles/save-and-load.js";
import { withRights } from "./host/engines.js";
import process from "./host/process.js";
import { isSupported } from "./host/shim.js";
import { systemError } from "./host/system-error.js";
import { type Examination, examine } from "./inspect/examine.js";
import { type Peeked, peekAt } from "./inspect/peek.js";
import {
	type Activity,
	type Entry,
	type RegionStats,
	readActivity,
	readEntries,
	readStats,
} from "./inspect/stats.js";
import { Block } from "./memory/block.js";
import { removeObject } from "./objects/directory.js";
import { openObject, wantedExactly } from "./objects/open-object.js";
import {
	type DroppingQueueOptions,
	openQueue,
	type QueueOptions,
	type RecordQueueOptions,
} from "./queue/open-queue.js";
import type { Queue, RecordQueue } from "./queue/queue.js";
import { Condition } from "./sync/condition.js";
import { Mutex } from "./sync/mutex.js";
import { checkCount, checkOptions, checkRegionName } from "./values/arguments.js";
import { inspected } from "./values/console.js";
import { dispose } from "./values/dispose.js";
import { checkDType, type DType } from "./values/dtypes.js";
import { checkMade } from "./values/made.js";
import { type Fields, type Schema, type Struct, toSchema } from "./values/schema.js";

/**
 * Memory shared by everybody who opens it by name, in whatever process, thread or container.
 *
 * @example
 * ```ts
 * using region = Region.open("climate");
 * using steps = region.queue("steps").producer();
 * await steps.send("step 1");
 * steps.end();
 * ```
 */
export class Region {
	readonly name: string;
	readonly #attachment: Attachment;
	readonly #identity: Identity;

	private constructor(name: string, attachment: Attachment) {
		checkMade(attachment instanceof Attachment, "A Region", "call Region.open(name) or Region.temporary()");
		this.name = name;
		this.#attachment = attachment;
		this.#identity = identityOf(attachment);
	}

	/**
	 * Opens the region of this name, or makes it. Each opening is a participant of its own, and lasts until it is closed;
	 * or until nothing of it can be reached in this thread any more, not even a view, and the engine collects it. While
	 * it holds a lock it lasts in any case.
	 *
	 * @param name 1 to 200 of `A-Z a-z 0-9 . _ -`, not starting with a dot
	 * @throws DHMEM_EXISTS, DHMEM_NOT_FOUND (also for `"read-only"` and `"copy-on-write"`), DHMEM_PERMISSION,
	 * DHMEM_NO_SPACE, DHMEM_FORMAT, DHMEM_VERSION, DHMEM_TYPE_MISMATCH (an explicit size above the region's), DHMEM_TOO_MANY_PARTICIPANTS,
	 * DHMEM_BAD_ARGUMENT, DHMEM_UNSUPPORTED
	 */
	static open(name: string, options: RegionOptions = {}): Region {
		checkRegionName(name);
		checkOptions(options, regionOptionNames, "Region.open");
		return withRights(() => {
			const directory = directoryOf(options);
			return new Region(name, attach(directory, pathOf(directory, name), fileOptions(options)));
		});
	}

	/**
	 * A region with a name of its own, gone when it is disposed. Where there is no Linux it is memory of this
	 * thread alone, so that code can be tried and tested anywhere.
	 *
	 * @throws as `open`
	 * @example
	 * ```ts
	 * using region = Region.temporary({ size: "16MiB" });
	 * ```
	 */
	static temporary(options: TemporaryOptions = {}): Region {
		checkOptions(options, temporaryOptionNames, "Region.temporary");
		const name = `${TEMPORARY_REGION}${process.pid}-${randomUUID()}`;
		if (isSupported()) return Region.open(name, { ...options, mode: "create", lifetime: "last-close" });
		return new Region(name, attachLocal(name, fileOptions({ size: "64MiB", ...options })));
	}

	/**
	 * Removes the name; those who have the region open keep it.
	 *
	 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION; DHMEM_TIMEOUT while a stopped process is opening or closing it
	 */
	static unlink(name: string, options: FolderOptions = {}): void {
		checkOptions(options, folderOptionNames, "Region.unlink");
		withRights(() => unlink(pathOf(directoryOf(options), checkRegionName(name)), trustOf({})));
	}

	/** The names of the regions in the folder. */
	static list(options: FolderOptions = {}): string[] {
		checkOptions(options, folderOptionNames, "Region.list");
		return withRights(() => {
			const directory = directoryOf(options);
			try {
				return listRegions(directory, trustOf({}));
			} catch (error) {
				throw systemError(error, directory, "Listing");
			}
		});
	}

	/** The file. */
	get path(): string {
		return this.#attachment.path;
	}

	/** The most it may grow to, bytes. */
	get size(): number {
		return this.#attachment.size;
	}

	/**
	 * Leaves: locks are given up, and what was not handed over is freed. Pending waits are rejected with DHMEM_CLOSED;
	 * views that are left read zeros, also those that were posted to other threads.
	 */
	close(): void {
		detach(this.#attachment);
	}

	[dispose](): void {
		this.close();
	}

	/**
	 * Removes the name; those who have the region open keep it. A region that has replaced this one keeps its name.
	 *
	 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION; DHMEM_TIMEOUT while a stopped process is opening or closing it
	 */
	unlink(): void {
		unlinkOwn(this.#attachment, this.#identity);
	}

	/**
	 * Memory of this participant's own, aligned to 64, with whatever was there before in it.
	 *
	 * @param bytes 1 or more
	 * @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_BAD_ARGUMENT
	 * @example
	 * ```ts
	 * using block = region.allocate(4096);
	 * block.bytes.fill(0);
	 * ```
	 */
	allocate(bytes: number): Block {
		checkCount("The number of bytes", bytes, 1, Number.MAX_SAFE_INTEGER);
		return new Block(this.#attachment, allocate(this.#attachment, bytes), bytes);
	}

	/**
	 * The queue of this name, which is made if there is none: of messages in a ring, for whose room a sender waits; of the last
	 * messages; or of records. Without options a queue of any kind is taken as it is: one of records is then a
	 * `RecordQueue`, which `queue<RecordQueue>(name)` says to the compiler.
	 *
	 * Objects of all kinds share the names of a region: a queue and a mutex can't both be called `steps`.
	 *
	 * @param options what is left out accepts what exists
	 * @throws DHMEM_TYPE_MISMATCH if it is something else, or of another explicit capacity; DHMEM_BAD_ARGUMENT,
	 * DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 * @example
	 * ```ts
	 * const steps = region.queue("steps", { capacity: "8MiB" });
	 * const view = region.queue("view", { policy: "latest" });
	 * const log = region.queue("log", { policy: "drop-oldest", keep: 16 });
	 * const samples = region.queue("samples", { record: "f64", capacity: 4096 });
	 * ```
	 */
	queue<D extends DType>(name: string, options: RecordQueueOptions<D>): RecordQueue<D>;
	queue(name: string, options?: QueueOptions | DroppingQueueOptions): Queue;
	queue<Q extends Queue | RecordQueue>(name: string): Q;
	queue(
		name: string,
		options?: QueueOptions | DroppingQueueOptions | RecordQueueOptions<DType>,
	): Queue | RecordQueue {
		return openQueue(this.#attachment, name, options);
	}

	/**
	 * The struct of this name, which is made if there is none. Its fields are live: reading one reads the region,
	 * assigning writes there. 64-bit fields may be read half written, and `x.step++` is two accesses: where others
	 * write too, take a mutex. After the region was closed they read zeros, and what is written is lost.
	 *
	 * @param schema the fields, a literal or from `schema()`; left out, the struct must be there
	 * @throws DHMEM_TYPE_MISMATCH if it is something else, with both types; DHMEM_NOT_FOUND, DHMEM_BAD_ARGUMENT,
	 * DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_CORRUPT
	 * @example
	 * ```ts
	 * const params = region.struct("params", { dt: "f64", step: "u32" }, { initial: { dt: 0.01 } });
	 * params.step = 7;
	 * console.log({ ...params }); // a copy
	 * ```
	 */
	struct<F extends Fields>(name: string, schema: F | Schema<F>, options?: StructOptions<F>): Struct<F>;
	struct(name: string): Struct;
	struct(name: string, schema?: Fields | Schema, options: StructOptions<Fields> = {}): Struct {
		const attachment = this.#attachment;
		return openObject(attachment, name, wantedStruct(attachment, schema, options), openStruct);
	}

	/**
	 * The n-dimensional array of this name, which is made if there is none.
	 *
	 * @param options what is left out accepts what exists; dtype and shape are needed to make one
	 * @throws DHMEM_TYPE_MISMATCH if it is something else, with both types; DHMEM_NOT_FOUND, DHMEM_BAD_ARGUMENT,
	 * DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_CORRUPT
	 * @example
	 * ```ts
	 * const field = region.array("field", { dtype: "f64", shape: [1000, 3] });
	 * field.set(0, 2, 0.5);
	 * field.data.fill(0); // a Float64Array over the region
	 * ```
	 */
	array<D extends DType>(name: string, options: ArrayOptions<D>): SharedArray<D>;
	array(name: string, options?: { shape?: readonly number[] | undefined }): SharedArray;
	array(name: string, options: Partial<ArrayOptions<DType>> = {}): SharedArray {
		const attachment = this.#attachment;
		return openObject(attachment, name, wantedArray(attachment, options), openArray);
	}

	/**
	 * The growable vector of this name, which is made, empty, if there is none.
	 *
	 * @param dtype of its elements; left out, the vector must be there
	 * @throws DHMEM_TYPE_MISMATCH, DHMEM_NOT_FOUND, DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 */
	vector<D extends DType>(name: string, dtype: D): Vector<D>;
	vector(name: string): Vector;
	vector(name: string, dtype?: DType): Vector {
		return openVector(this.#attachment, name, dtype);
	}

	/**
	 * The hash map of this name, which is made, empty, if there is none.
	 *
	 * @param types what is left out is as in the map that is there; both are needed to make one
	 * @throws DHMEM_TYPE_MISMATCH, DHMEM_NOT_FOUND, DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 * @example
	 * ```ts
	 * const best = region.map("best", { key: "string", value: "f64" });
	 * best.set("run 7", 0.25);
	 * const runs = region.map("runs", { key: "u32", value: { residual: "f64", steps: "u32" } });
	 * runs.set(7, { residual: 0.25, steps: 12 });
	 * ```
	 */
	map<K extends KeyType, V extends ValueType>(name: string, types: { key: K; value: V }): SharedMap<K, V>;
	map<K extends KeyType = KeyType, V extends ValueType = ValueType>(
		name: string,
		types?: MapTypes<K, V>,
	): SharedMap<K, V>;
	map(name: string, types?: MapTypes<KeyType, ValueType>): SharedMap {
		return openMap(this.#attachment, name, types);
	}

	/**
	 * The mutex of this name, which is made if there is none. It can't be called as what it guards: objects of all
	 * kinds share the names of a region.
	 *
	 * @throws DHMEM_TYPE_MISMATCH, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 */
	mutex(name: string): Mutex {
		const wanted = wantedExactly({ kind: KIND_MUTEX });
		return openObject(this.#attachment, name, wanted, (object) => new Mutex(object));
	}

	/** The condition of this name, which is made if there is none. @throws as `mutex` */
	condition(name: string): Condition {
		const wanted = wantedExactly({ kind: KIND_CONDITION });
		return openObject(this.#attachment, name, wanted, (object) => new Condition(object));
	}

	/**
	 * A handle for a block, or for an array, vector or struct that has a name: it finds it again in any process. A
	 * saved block belongs to the region, so it outlives this participant; freeing it, or removing the named object, makes
	 * the handle bad.
	 *
	 * @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_BAD_ARGUMENT, DHMEM_READ_ONLY; DHMEM_CLOSED if it was freed, handed
	 * over or removed
	 * @example
	 * ```ts
	 * const handle = region.save(block);
	 * spawn("node", ["other.js", String(handle)]);
	 * ```
	 */
	save<T extends Saveable>(value: T): Handle<T> {
		return save(this.#attachment, value);
	}

	/**
	 * What was saved, in any process; what a token gives is to be told apart by its `kind`. With a dtype or schema it is checked to be of that:
	 * an array or vector of the dtype, a struct of the schema. A block, which has no type of its own, is seen as an array
	 * of one dimension, or as a struct in its first bytes.
	 *
	 * @throws DHMEM_BAD_HANDLE if it was freed or removed, made up, or of another region; DHMEM_TYPE_MISMATCH
	 * @example
	 * ```ts
	 * const loaded = region.load(token);
	 * if (loaded.kind === "block") loaded.free();
	 * const params = region.load(other, { dt: "f64", step: "u32" });
	 * ```
	 */
	load<T extends Saveable>(handle: Handle<T>): T;
	load(handle: Handle | string): Loaded;
	load<D extends DType>(handle: Handle | string, dtype: D): SharedArray<D> | Vector<D>;
	load<F extends Fields>(handle: Handle | string, schema: F | Schema<F>): Struct<F>;
	load(handle: Handle | string, type?: DType | Fields | Schema): Loaded | Struct {
		const checked = typeof type === "object" && type !== null ? toSchema(type) : type;
		if (checked !== undefined && typeof checked !== "object") checkDType(checked);
		return load(this.#attachment, handle, checked);
	}

	/**
	 * Removes the object of this name; whether there was one. The name is free at once. Who has the object open keeps
	 * it, and its memory is freed when the last of them has left the region, or has called this too. What this
	 * participant has of it ends here: using it is DHMEM_CLOSED, and views of its memory must not be used any more.
	 *
	 * @throws DHMEM_BAD_ARGUMENT, DHMEM_CLOSED, DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * region.remove("field");
	 * const larger = region.array("field", { dtype: "f64", shape: [2000, 3] });
	 * ```
	 */
	remove(name: string): boolean {
		return removeObject(this.#attachment, name);
	}

	/** Name and type of each named object. */
	entries(): Entry[] {
		this.#attachment.check();
		return readEntries(this.#attachment);
	}

	/** What is in the region, at this moment more or less: it looks at every span. */
	stats(): RegionStats {
		this.#attachment.check();
		return readStats(this.#attachment);
	}

	/**
	 * What waits in a queue, looked at without taking part.
	 *
	 * @internal
	 */
	peek(name: string): Peeked {
		this.#attachment.check();
		return peekAt(this.#attachment, name);
	}

	/**
	 * The participants and queues of `stats()` alone, which cost little.
	 *
	 * @internal
	 */
	activity(): Activity {
		this.#attachment.check();
		return readActivity(this.#attachment);
	}

	/**
	 * Whether the region is sound: which of its invariants do not hold.
	 *
	 * @internal
	 */
	examine(): Examination {
		this.#attachment.check();
		return examine(this.#attachment);
	}

	/**
	 * Looks for participants that died, and gives back what they had. It also happens by itself: when somebody
	 * opens the region, waits for a dead peer, or finds no room.
	 *
	 * @returns how many there were
	 * @throws DHMEM_READ_ONLY, DHMEM_CLOSED
	 */
	recover(): number {
		this.#attachment.checkWritable();
		return this.#attachment.recover();
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Region", () => ({
			name: this.name,
			path: this.path,
			size: this.size,
			closed: this.#attachment.closed,
		}));
	}
}
