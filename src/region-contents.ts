import { KIND_CONDITION, KIND_MUTEX } from "../assembly/layout.js";
import { allocateBlock } from "./attachment/allocation.js";
import type { Attachment } from "./attachment/attachment.js";
import { type ArrayOptions, openArray, type SharedArray, wantedArray } from "./collections/array.js";
import type { SharedMap } from "./collections/map.js";
import type { KeyType, ValueType } from "./collections/map-codec.js";
import { type MapTypes, openMap, openVector } from "./collections/open-collections.js";
import { openStruct, type StructOptions, wantedStruct } from "./collections/struct.js";
import type { Vector } from "./collections/vector.js";
import type { Handle } from "./handles/handle.js";
import { type Loaded, load, type Saveable, save } from "./handles/save-and-load.js";
import { Block } from "./memory/block.js";
import { removeObject } from "./objects/directory.js";
import { openObject, wantedExactly } from "./objects/open-object.js";
import {
	type DroppingQueueOptions,
	openQueue,
	type QueueOptions,
	type RecordQueueOptions,
} from "./queue/open-queue.js";
import type { Queue } from "./queue/queue.js";
import type { RecordQueue, StructQueue } from "./queue/record-queue.js";
import { Condition } from "./sync/condition.js";
import { Mutex } from "./sync/mutex.js";
import { checkCount } from "./values/arguments.js";
import { checkDType, type DType } from "./values/dtypes.js";
import { type Fields, type Schema, type Struct, toSchema } from "./values/schema.js";

/** The contents of an open region: blocks, named objects and saved handles. `Region` opens and closes it. */
export abstract class RegionContents {
	readonly #attachment: Attachment;

	/** @internal */
	protected constructor(attachment: Attachment) {
		this.#attachment = attachment;
	}

	/**
	 * Allocates memory that this participant owns, aligned to 64. It is not cleared: it contains what was there
	 * before. Blocks of up to 32 KiB come from size classes (after mimalloc), larger ones are whole spans of 64
	 * KiB.
	 *
	 * @param bytes 1 or more
	 * @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_BAD_ARGUMENT, DHMEM_READ_ONLY, DHMEM_CLOSED
	 * @example
	 * ```ts
	 * using block = region.allocate(4096);
	 * block.bytes.fill(0);
	 * ```
	 */
	allocate(bytes: number): Block {
		checkCount("The number of bytes", bytes, 1, Number.MAX_SAFE_INTEGER);
		const block = allocateBlock(this.#attachment, bytes);
		// In the heap a new block is where its bytes are.
		const address = this.#attachment.bulk.spans === 0 ? block : undefined;
		return new Block(this.#attachment, block, bytes, "participant", undefined, address);
	}

	/**
	 * Opens the queue of this name, or creates it. By default the sender waits while the queue is full; with
	 * `policy`, the queue drops its oldest message instead; with `record`, it carries numbers or structs. Without options,
	 * an existing queue of any kind is opened as it is. If it is a queue of records, the result is a
	 * `RecordQueue` or a `StructQueue`; `queue<RecordQueue>(name)` tells the compiler.
	 *
	 * Objects of all kinds share the names of a region: a queue and a mutex can't both be called `steps`.
	 *
	 * @param options an option that is left out accepts what exists
	 * @throws DHMEM_TYPE_MISMATCH if the object is of another kind, or has another capacity than the explicit
	 * one; DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 * @example
	 * ```ts
	 * const fields = region.queue("fields", { capacity: "8MiB" });
	 * const view = region.queue("view", { policy: "latest" });
	 * const log = region.queue("log", { policy: "drop-oldest", keep: 16 });
	 * const samples = region.queue("samples", { record: "f64", capacity: 4096 });
	 * const points = region.queue("points", { record: { id: "u32", x: "f64" }, capacity: 4096 });
	 * ```
	 */
	queue<D extends DType>(name: string, options: RecordQueueOptions<D>): RecordQueue<D>;
	/** Opens a queue of structs, or creates it. */
	queue<F extends Fields>(name: string, options: RecordQueueOptions<F>): StructQueue<F>;
	/** Opens a queue of messages, or creates it. */
	queue(name: string, options?: QueueOptions | DroppingQueueOptions): Queue;
	/** Opens an existing queue of any kind. */
	queue<Q extends Queue | RecordQueue | StructQueue>(name: string): Q;
	queue(
		name: string,
		options?: QueueOptions | DroppingQueueOptions | RecordQueueOptions<DType | Fields>,
	): Queue | RecordQueue | StructQueue {
		return openQueue(this.#attachment, name, options);
	}

	/**
	 * Opens the struct of this name, or creates it. Its fields are live: reading one reads the region, and
	 * assigning to one writes the region. A read of a 64-bit field may see half of another participant's write,
	 * and `x.step++` is two accesses, so take a mutex if other participants write too. After the region is
	 * closed, fields read as zeros and writes are lost.
	 *
	 * @param schema the fields, as a literal or from `schema()`; without it, the struct must exist
	 * @throws DHMEM_TYPE_MISMATCH if the object has another type (the message names both); DHMEM_NOT_FOUND,
	 * DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_CORRUPT
	 * @example
	 * ```ts
	 * const params = region.struct("params", { dt: "f64", step: "u32" }, { initial: { dt: 0.01 } });
	 * params.step = 7;
	 * console.log({ ...params }); // { dt: 0.01, step: 7 }
	 * ```
	 */
	struct<F extends Fields>(name: string, schema: F | Schema<F>, options?: StructOptions<F>): Struct<F>;
	/** Opens an existing struct of any type. */
	struct(name: string): Struct;
	struct(name: string, schema?: Fields | Schema, options: StructOptions<Fields> = {}): Struct {
		const attachment = this.#attachment;
		return openObject(attachment, name, wantedStruct(attachment, schema, options), openStruct);
	}

	/**
	 * Opens the n-dimensional array of this name, or creates it.
	 *
	 * @param options an option that is left out accepts what exists; to create an array, give dtype and shape
	 * @throws DHMEM_TYPE_MISMATCH if the object has another type (the message names both); DHMEM_NOT_FOUND,
	 * DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_CORRUPT
	 * @example
	 * ```ts
	 * const field = region.array("field", { dtype: "f64", shape: [1000, 3] });
	 * field.set(0, 2, 0.5);
	 * field.data.fill(0); // a Float64Array over the region
	 * ```
	 */
	array<D extends DType>(name: string, options: ArrayOptions<D>): SharedArray<D>;
	/** Opens an existing array of any dtype. */
	array(name: string, options?: { shape?: readonly number[] | undefined }): SharedArray;
	array(name: string, options: Partial<ArrayOptions<DType>> = {}): SharedArray {
		const attachment = this.#attachment;
		return openObject(attachment, name, wantedArray(attachment, options), openArray);
	}

	/**
	 * Opens the growable vector of this name, or creates an empty one.
	 *
	 * @param dtype the type of its elements; without it, the vector must exist
	 * @throws DHMEM_TYPE_MISMATCH, DHMEM_NOT_FOUND, DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 * @example
	 * ```ts
	 * const residuals = region.vector("residuals", "f64");
	 * residuals.push(0.5, 0.25);
	 * ```
	 */
	vector<D extends DType>(name: string, dtype: D): Vector<D>;
	/** Opens an existing vector of any dtype. */
	vector(name: string): Vector;
	vector(name: string, dtype?: DType): Vector {
		return openVector(this.#attachment, name, dtype);
	}

	/**
	 * Opens the hash map of this name, or creates an empty one.
	 *
	 * @param types a type that is left out accepts what exists; to create a map, give both
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
	/** Opens an existing map. */
	map<K extends KeyType = KeyType, V extends ValueType = ValueType>(
		name: string,
		types?: MapTypes<K, V>,
	): SharedMap<K, V>;
	map(name: string, types?: MapTypes<KeyType, ValueType>): SharedMap {
		return openMap(this.#attachment, name, types);
	}

	/**
	 * Opens the mutex of this name, or creates it. Give it another name than the object it guards, because
	 * objects of all kinds share the names of a region.
	 *
	 * @throws DHMEM_TYPE_MISMATCH, DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 * @example
	 * ```ts
	 * using held = region.mutex("totals.lock").lockSync({ timeout: 1000 });
	 * ```
	 */
	mutex(name: string): Mutex {
		const wanted = wantedExactly({ kind: KIND_MUTEX });
		return openObject(this.#attachment, name, wanted, (object) => new Mutex(object));
	}

	/**
	 * Opens the condition of this name, or creates it.
	 *
	 * @throws as `mutex`
	 * @example
	 * ```ts
	 * const filled = region.condition("filled");
	 * filled.notifyAll();
	 * ```
	 */
	condition(name: string): Condition {
		const wanted = wantedExactly({ kind: KIND_CONDITION });
		return openObject(this.#attachment, name, wanted, (object) => new Condition(object));
	}

	/**
	 * Returns a handle for a block, or for a named array, vector or struct. Any process can load the value with
	 * it. A saved block belongs to the region, so it outlives this participant. Freeing the block or removing
	 * the named object makes the handle invalid.
	 *
	 * @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_BAD_ARGUMENT, DHMEM_READ_ONLY; DHMEM_CLOSED if the value
	 * was freed, handed over or removed
	 * @example
	 * ```ts
	 * const block = region.allocate(8000);
	 * const handle = region.save(block);
	 * console.log(String(handle).length); // 38
	 * ```
	 */
	save<T extends Saveable>(value: T): Handle<T> {
		return save(this.#attachment, value);
	}

	/**
	 * Loads a saved value, in any process. A token does not tell the compiler the type: check the result's
	 * `kind`, or give a dtype or schema. A dtype is checked against an array or vector, a schema against a
	 * struct. A block has no type of its own, so it is returned as an array of one dimension, or as a struct
	 * over its first bytes.
	 *
	 * @throws DHMEM_BAD_HANDLE if the value was freed or removed, the token is forged, or the region is another
	 * one; DHMEM_TYPE_MISMATCH
	 * @example
	 * ```ts
	 * const token = String(region.save(region.allocate(16)));
	 * const loaded = region.load(token);
	 * if (loaded.kind === "block") console.log(loaded.length); // 16
	 * const point = region.load(token, { x: "f64", y: "f64" });
	 * point.x = 0.5;
	 * ```
	 */
	load<T extends Saveable>(handle: Handle<T>): T;
	/** Loads a value of any type. */
	load(handle: Handle | string): Loaded;
	/** Loads an array or vector of this dtype, or a block as an array. */
	load<D extends DType>(handle: Handle | string, dtype: D): SharedArray<D> | Vector<D>;
	/** Loads a struct of this type, or the beginning of a block as a struct. */
	load<F extends Fields>(handle: Handle | string, schema: F | Schema<F>): Struct<F>;
	load(handle: Handle | string, type?: DType | Fields | Schema): Loaded | Struct {
		const checked = typeof type === "object" && type !== null ? toSchema(type) : type;
		if (checked !== undefined && typeof checked !== "object") checkDType(checked);
		return load(this.#attachment, handle, checked);
	}

	/**
	 * Removes the object of this name. The name is free at once. Participants that have the object open keep
	 * it; its memory is freed when the last of them leaves the region or calls `remove` too. This participant's
	 * own references to the object end here: using them throws DHMEM_CLOSED, and views of its memory must not
	 * be used any more.
	 *
	 * @returns false if there was no such object
	 * @throws DHMEM_BAD_ARGUMENT, DHMEM_CLOSED, DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * region.array("field", { dtype: "f64", shape: [1000, 3] });
	 * region.remove("field");
	 * const larger = region.array("field", { dtype: "f64", shape: [2000, 3] });
	 * ```
	 */
	remove(name: string): boolean {
		return removeObject(this.#attachment, name);
	}
}
