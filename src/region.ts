import { randomUUID } from "node:crypto";
import { unlinkSync } from "node:fs";
import {
	KIND_CONDITION,
	KIND_MAILBOX,
	KIND_MAP,
	KIND_MUTEX,
	KIND_QUEUE,
	KIND_RECORDS,
	KIND_VECTOR,
	MAILBOX_LARGEST,
	OBJECT_ELEMENT,
	OBJECT_KIND,
	OBJECT_REQUESTED,
	PLACE_SHIFT,
	QUEUE_LARGEST,
	QUEUE_SMALLEST,
} from "../assembly/layout.js";
import { type ArrayOptions, openArray, type SharedArray, wantedArray } from "./array.js";
import type { Attachment } from "./attachment.js";
import { Block } from "./block.js";
import { codecFor, type KeyType, keyCodecFor, type ValueType } from "./codec.js";
import { Condition } from "./condition.js";
import { describe, describeObject } from "./describe.js";
import { type Description, findObject, findOrConstruct, removeObject, typeMismatch } from "./directory.js";
import { bytesPer, checkDType, type DType, dtypeNumber } from "./dtypes.js";
import { badArgument, DhmemError } from "./errors.js";
import { attach, attachLocal, detach, listRegions, pathOf } from "./files.js";
import type { Handle } from "./handle.js";
import { SharedMap } from "./map.js";
import { Mutex } from "./mutex.js";
import type { NamedObject } from "./named.js";
import { checkCount, checkOptions, checkRegionName, optionNames, parseSize, type Size } from "./options.js";
import { Mailbox, Queue, RecordQueue } from "./queue.js";
import {
	directoryOf,
	type FolderOptions,
	fileOptions,
	folderOptionNames,
	type RegionOptions,
	regionOptionNames,
	type TemporaryOptions,
	temporaryOptionNames,
} from "./region-options.js";
import { type Loaded, load, type Saveable, save } from "./saved.js";
import { type Fields, type Schema, type Struct, toSchema } from "./schema.js";
import { isSupported } from "./shim.js";
import { type Entry, type RegionStats, readActivity, readEntries, readStats } from "./stats.js";
import { openStruct, type StructOptions, wantedStruct } from "./struct.js";
import { systemError } from "./system-error.js";
import { corrupt, typeOf, type Wanted } from "./typed.js";
import { Vector } from "./vector.js";

export interface QueueOptions {
	/** Room for messages on their way. `"1MiB"` by default; rounded up to a power of two, 64 bytes to 1 GiB. */
	capacity?: Size | undefined;
	/** What becomes of the next message when it is full: its sender waits. */
	policy?: "block" | undefined;
}

/**
 * A queue whose sender never waits: `"latest"` keeps one message, `"drop-oldest"` the last `slots`. An older one is
 * dropped and freed. So is, when a consumer leaves or dies, what it had received and not released.
 */
export type DroppingQueueOptions =
	| { policy: "latest" }
	| {
			policy: "drop-oldest";
			/** How many messages it keeps, 1 to 4096. 16 by default. */
			slots?: number | undefined;
	  };

export interface RecordQueueOptions<D extends DType> {
	/** The type of each record. */
	record: D;
	/** Room for so many; rounded up to a power of two. 4096 by default. */
	slots?: number | undefined;
}

const DEFAULT_CAPACITY = "1MiB";
const DEFAULT_SLOTS = 4096;
const DEFAULT_KEPT = 16;
const policies = '"block", "drop-oldest" or "latest"';

type Dropping<Policy> = Extract<DroppingQueueOptions, { policy: Policy }>;
const queueNames = optionNames<QueueOptions>({ capacity: true, policy: true });
const latestNames = optionNames<Dropping<"latest">>({ policy: true });
const dropOldestNames = optionNames<Dropping<"drop-oldest">>({ policy: true, slots: true });
const recordQueueNames = optionNames<RecordQueueOptions<DType>>({ record: true, slots: true });
const mapNames = optionNames<{ key: KeyType; value: ValueType }>({ key: true, value: true });

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

	private constructor(name: string, attachment: Attachment) {
		this.name = name;
		this.#attachment = attachment;
	}

	/**
	 * Opens the region of this name, or makes it. Each opening is a participant of its own.
	 *
	 * @param name 1 to 200 of `A-Z a-z 0-9 . _ -`, not starting with a dot
	 * @throws DHMEM_EXISTS, DHMEM_NOT_FOUND (also for `"read-only"` and `"copy-on-write"`), DHMEM_PERMISSION,
	 * DHMEM_NO_SPACE, DHMEM_FORMAT, DHMEM_VERSION, DHMEM_TYPE_MISMATCH (an explicit size above the region's), DHMEM_TOO_MANY_PARTICIPANTS,
	 * DHMEM_BAD_ARGUMENT, DHMEM_UNSUPPORTED
	 */
	static open(name: string, options: RegionOptions = {}): Region {
		checkRegionName(name);
		checkOptions(options, regionOptionNames, "Region.open");
		const directory = directoryOf(options);
		return new Region(name, attach(directory, pathOf(directory, name), fileOptions(options)));
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
		const name = `temporary-${process.pid}-${randomUUID()}`;
		if (isSupported()) return Region.open(name, { ...options, mode: "create", lifetime: "last-close" });
		return new Region(name, attachLocal(name, fileOptions({ size: "64MiB", ...options })));
	}

	/**
	 * Removes the name; those who have the region open keep it.
	 *
	 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION
	 */
	static unlink(name: string, options: FolderOptions = {}): void {
		checkOptions(options, folderOptionNames, "Region.unlink");
		unlink(pathOf(directoryOf(options), checkRegionName(name)));
	}

	/** The names of the regions in the folder. */
	static list(options: FolderOptions = {}): string[] {
		checkOptions(options, folderOptionNames, "Region.list");
		const directory = directoryOf(options);
		try {
			return listRegions(directory);
		} catch (error) {
			throw systemError(error, directory, "Listing");
		}
	}

	/** The file. */
	get path(): string {
		return this.#attachment.path;
	}

	/** The most it may grow to, bytes. */
	get size(): number {
		return this.#attachment.size;
	}

	/** Leaves. Pending waits are rejected with DHMEM_CLOSED; views that are left read zeros. */
	close(): void {
		detach(this.#attachment);
	}

	[Symbol.dispose](): void {
		this.close();
	}

	/** Removes the name; those who have the region open keep it. @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION */
	unlink(): void {
		unlink(this.path);
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
		return new Block(this.#attachment, this.#attachment.allocate(bytes), bytes);
	}

	/**
	 * The queue of this name, which is made if there is none: of messages in a ring, for whose room a sender waits; of the last
	 * messages; or of numbers.
	 *
	 * @throws DHMEM_TYPE_MISMATCH if it is something else, or of another explicit capacity; DHMEM_BAD_ARGUMENT,
	 * DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 */
	queue(name: string, options?: QueueOptions | DroppingQueueOptions): Queue;
	queue<D extends DType>(name: string, options: RecordQueueOptions<D>): RecordQueue<D>;
	queue(
		name: string,
		options: QueueOptions | DroppingQueueOptions | RecordQueueOptions<DType> = {},
	): Queue | RecordQueue {
		if (typeof options !== "object" || options === null)
			throw badArgument("The options", options, "an object");
		if ("record" in options) return this.#recordQueue(name, options);
		switch (options.policy) {
			case undefined:
			case "block":
				return this.#byteQueue(name, options);
			case "latest":
			case "drop-oldest":
				return this.#mailbox(name, options);
			default:
				throw badArgument("policy", (options as { policy: unknown }).policy, policies);
		}
	}

	#mailbox(name: string, options: { policy: string; slots?: number | undefined }): Mailbox {
		const { policy, slots } = options;
		checkOptions(options, policy === "latest" ? latestNames : dropOldestNames, `A ${policy} queue`);
		const [byDefault, most] = policy === "latest" ? [1, 1] : [DEFAULT_KEPT, MAILBOX_LARGEST];
		const explicit = policy === "latest" || slots !== undefined;
		const requested = checkCount("slots", slots === undefined ? byDefault : slots, 1, most);
		// Two more: for the message that comes before the oldest is dropped, and for a place that is passed over.
		const capacity = powerOfTwo(requested + 2);
		const bytes = capacity << PLACE_SHIFT;
		const prepare = (offset: number) => void this.#attachment.bytes.fill(0, offset, offset + bytes);
		return new Mailbox(
			this.#object(name, { kind: KIND_MAILBOX, requested, capacity, bytes, prepare }, explicit),
		);
	}

	#byteQueue(name: string, options: QueueOptions): Queue {
		checkOptions(options, queueNames, "A queue of messages");
		const explicit = options.capacity !== undefined;
		const requested = parseSize(
			"capacity",
			options.capacity === undefined ? DEFAULT_CAPACITY : options.capacity,
		);
		if (requested > QUEUE_LARGEST) throw badArgument("capacity", options.capacity, "at most 1 GiB");
		const capacity = powerOfTwo(Math.max(requested, QUEUE_SMALLEST));
		return new Queue(
			this.#object(name, { kind: KIND_QUEUE, element: 0, requested, capacity, bytes: capacity }, explicit),
		);
	}

	#recordQueue<D extends DType>(name: string, options: RecordQueueOptions<D>): RecordQueue<D> {
		checkOptions(options, recordQueueNames, "A queue of records");
		const dtype = checkDType(options.record) as D;
		const most = QUEUE_LARGEST / bytesPer(dtype);
		const explicit = options.slots !== undefined;
		const requested = checkCount(
			"slots",
			options.slots === undefined ? DEFAULT_SLOTS : options.slots,
			1,
			most,
		);
		const capacity = powerOfTwo(Math.max(requested, 2));
		const bytes = capacity * bytesPer(dtype);
		const element = dtypeNumber(dtype);
		return new RecordQueue(
			this.#object(name, { kind: KIND_RECORDS, element, requested, capacity, bytes }, explicit),
			dtype,
		);
	}

	/** Finds or constructs an object, and checks that it is what was asked for; a figure only if it was explicit. */
	#object(name: string, wanted: Description, explicit = false): NamedObject {
		const attachment = this.#attachment;
		const object = findOrConstruct(attachment, name, wanted);
		const alike =
			object.word(OBJECT_KIND) === wanted.kind &&
			object.word(OBJECT_ELEMENT) === (wanted.element ?? 0) &&
			(typeOf(attachment, object.at) ?? "") === (wanted.type ?? "");
		if (!alike || (explicit && object.word(OBJECT_REQUESTED) !== wanted.requested)) {
			const opened = describe(explicit ? wanted : { ...wanted, requested: 0 });
			throw typeMismatch(name, describeObject(attachment, object.at), opened);
		}
		return object;
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
		const { object, type } = this.#typed(name, wantedStruct(attachment, schema, options));
		return openStruct(object, type);
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
		const { object, type } = this.#typed(name, wantedArray(attachment, options));
		return openArray(object, type);
	}

	/** Finds or constructs an object that carries its type, and checks that it is what was asked for. */
	#typed(name: string, wanted: Wanted): { object: NamedObject; type: string } {
		const attachment = this.#attachment;
		const object = wanted.description
			? findOrConstruct(attachment, name, wanted.description)
			: findObject(attachment, name);
		if (object === undefined) {
			throw new DhmemError(
				"DHMEM_NOT_FOUND",
				`There is no ${name} in ${this.path}, and ${wanted.what} is not enough to make it; give its type in full`,
			);
		}
		const alike = object.word(OBJECT_KIND) === wanted.kind;
		const type = typeOf(attachment, object.at);
		if (alike && type === undefined) throw corrupt(name);
		if (alike && type !== undefined && wanted.accepts(type)) return { object, type };
		throw typeMismatch(name, describeObject(attachment, object.at), wanted.what);
	}

	/**
	 * The growable vector of this name, which is made, empty, if there is none.
	 *
	 * @throws DHMEM_TYPE_MISMATCH, DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 */
	vector<D extends DType>(name: string, dtype: D): Vector<D> {
		const element = dtypeNumber(checkDType(dtype));
		return new Vector(this.#object(name, { kind: KIND_VECTOR, element }), dtype);
	}

	/**
	 * The hash map of this name, which is made, empty, if there is none.
	 *
	 * @throws DHMEM_TYPE_MISMATCH, DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 * @example
	 * ```ts
	 * const best = region.map("best", { key: "string", value: "f64" });
	 * best.set("run 7", 0.25);
	 * const runs = region.map("runs", { key: "u32", value: { residual: "f64", steps: "u32" } });
	 * runs.set(7, { residual: 0.25, steps: 12 });
	 * ```
	 */
	map<K extends KeyType, V extends ValueType>(name: string, types: { key: K; value: V }): SharedMap<K, V> {
		if (typeof types !== "object" || types === null) throw badArgument("The types", types, "an object");
		checkOptions(types, mapNames, "A map");
		const key = keyCodecFor(types.key);
		const value = codecFor(types.value);
		const element = key.number | (value.number << 8);
		return new SharedMap(this.#object(name, { kind: KIND_MAP, element, type: value.type ?? "" }), key, value);
	}

	/**
	 * The mutex of this name, which is made if there is none.
	 *
	 * @throws DHMEM_TYPE_MISMATCH, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 */
	mutex(name: string): Mutex {
		return new Mutex(this.#object(name, { kind: KIND_MUTEX }));
	}

	/** The condition of this name, which is made if there is none. @throws as `mutex` */
	condition(name: string): Condition {
		return new Condition(this.#object(name, { kind: KIND_CONDITION }));
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
	 * The participants and queues of `stats()` alone, which cost little.
	 *
	 * @internal
	 */
	activity(): Pick<RegionStats, "participants" | "queues"> {
		this.#attachment.check();
		return readActivity(this.#attachment);
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
}

function unlink(path: string): void {
	try {
		unlinkSync(path);
	} catch (error) {
		throw systemError(error, path, "Removing");
	}
}

function powerOfTwo(least: number): number {
	return 2 ** Math.ceil(Math.log2(least));
}
