import { getRandomValues, randomUUID } from "node:crypto";
import { unlinkSync } from "node:fs";
import { hostname } from "node:os";
import {
	BAD_HANDLE,
	HEADER_IDENTITY,
	KIND_ARRAY,
	KIND_CONDITION,
	KIND_MAP,
	KIND_MUTEX,
	KIND_QUEUE,
	KIND_RECORDS,
	KIND_STRUCT,
	KIND_VECTOR,
	LABEL_BYTES,
	OBJECT_ELEMENT,
	OBJECT_KIND,
	OBJECT_REQUESTED,
	OK,
	QUEUE_HEAD,
	QUEUE_LARGEST,
	QUEUE_RECEIVED,
	QUEUE_SENT,
	QUEUE_SMALLEST,
	QUEUE_TAIL,
	SLOT_BYTES,
	SLOT_LABEL,
	SLOT_RESULT,
	SLOT_RESULT_2,
	SLOTS,
	SLOTS_START,
} from "../assembly/layout.js";
import { type ArrayOptions, openArray, type SharedArray, wantedArray } from "./array.js";
import type { Attachment } from "./attachment.js";
import { Block } from "./block.js";
import { codecFor, codedName, type KeyType, keyCodecFor, type ValueType } from "./codec.js";
import { Condition } from "./condition.js";
import {
	type Description,
	findObject,
	findOrConstruct,
	listObjects,
	objectWord,
	typeMismatch,
} from "./directory.js";
import { bytesPer, checkDType, type DType, dtypeNumber, dtypeOf } from "./dtypes.js";
import type { QueueObject } from "./endpoint.js";
import { badArgument, DhmemError } from "./errors.js";
import {
	attach,
	attachLocal,
	detach,
	type FileOptions,
	namesIn,
	pathOf,
	removeAbandoned,
	systemError,
} from "./files.js";
import { badHandle, decodeHandle, encodeHandle, type Handle } from "./handle.js";
import { SharedMap } from "./map.js";
import { Mutex } from "./mutex.js";
import { checkCount, checkRegionName, parseRegionSize, parseSize, type Size } from "./options.js";
import { Queue, RecordQueue } from "./queue.js";
import type { Fields, Schema, Struct } from "./schema.js";
import { isSupported } from "./shim.js";
import { openStruct, type StructOptions, wantedStruct } from "./struct.js";
import { corrupt, typeOf, type Wanted } from "./typed.js";
import { Vector } from "./vector.js";

export interface RegionOptions {
	/**
	 * `"open-or-create"` (default), `"create"` (must be new), `"open"` (must exist), `"force-create"` (replaces;
	 * who has the old one keeps it).
	 */
	mode?: "open-or-create" | "create" | "open" | "force-create" | undefined;
	/** The most it may grow to: address space, not memory. `"4GiB"` by default, the most, less one page of 64 KiB. */
	size?: Size | undefined;
	/** File mode when creating, exactly: the umask does not apply. `0o600` by default. */
	permissions?: number | undefined;
	/** Where the file is. By default `$DHMEM_DIR`, else `/dev/shm`. */
	directory?: string | undefined;
	/** `"last-close"`: the region is gone once its last participant has left or died. */
	lifetime?: "persistent" | "last-close" | undefined;
	/** What others see this participant as. By default the task's name, else hostname and process id. */
	label?: string | undefined;
}

export interface QueueOptions {
	/** Room for messages on their way. `"1MiB"` by default; rounded up to a power of two, 64 bytes to 1 GiB. */
	capacity?: Size | undefined;
}

export interface RecordQueueOptions<D extends DType> {
	/** The type of each record. */
	record: D;
	/** Room for so many; rounded up to a power of two. 4096 by default. */
	slots?: number | undefined;
}

export interface RegionStats {
	/** The most the region may grow to, bytes. */
	size: number;
	/** Bytes in blocks that belong to somebody: participants, messages, objects. */
	used: number;
	/** Bytes that the file system has given it. */
	committed: number;
	/** Bytes of the largest block that could be allocated. */
	largestFree: number;
	participants: { slot: number; label: string; alive: boolean }[];
	/** How many named objects there are. */
	objects: number;
	queues: {
		name: string;
		/** Messages sent and not yet released. */
		depth: number;
		/** Bytes, or records, of the ring in use. */
		bytes: number;
		/** Messages, or records, since the queue was made, modulo 2^32. */
		sent: number;
		received: number;
	}[];
}

/** A named object: its name, and what it is. */
export interface Entry {
	name: string;
	type: string;
}

const modes = ["open-or-create", "create", "open", "force-create"] as const;
const DEFAULT_CAPACITY = "1MiB";
const DEFAULT_SLOTS = 4096;
const lifetimes = ["persistent", "last-close"] as const;

function oneOf<T extends string>(what: string, value: T | undefined, allowed: readonly T[], usual: T): T {
	if (value === undefined) return usual;
	if (allowed.includes(value)) return value;
	throw badArgument(what, value, `one of ${allowed.join(", ")}`);
}

function directoryOf(options: { directory?: string | undefined }): string {
	if (typeof options !== "object" || options === null) throw badArgument("The options", options, "an object");
	const directory = options.directory ?? (process.env.DHMEM_DIR || "/dev/shm");
	if (typeof directory === "string" && directory !== "" && !directory.includes("\0")) return directory;
	throw badArgument("directory", directory, "a folder's path");
}

function fileOptions(options: RegionOptions): FileOptions {
	const { permissions = 0o600, label } = options;
	if (label !== undefined && typeof label !== "string") throw badArgument("label", label, "a string");
	return {
		mode: oneOf("mode", options.mode, modes, "open-or-create"),
		spans: options.size === undefined ? undefined : parseRegionSize(options.size),
		permissions: checkCount("permissions", permissions, 0, 0o777),
		lifetime: oneOf("lifetime", options.lifetime, lifetimes, "persistent"),
		label: label ?? process.env.DHMEM_TASK ?? `${hostname()}:${process.pid}`,
	};
}

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
	 * @throws DHMEM_EXISTS, DHMEM_NOT_FOUND, DHMEM_PERMISSION, DHMEM_NO_SPACE, DHMEM_FORMAT, DHMEM_VERSION,
	 * DHMEM_TYPE_MISMATCH (an explicit size above the region's), DHMEM_TOO_MANY_PARTICIPANTS,
	 * DHMEM_BAD_ARGUMENT, DHMEM_UNSUPPORTED
	 */
	static open(name: string, options: RegionOptions = {}): Region {
		checkRegionName(name);
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
	static temporary(options: Omit<RegionOptions, "mode" | "lifetime"> = {}): Region {
		const name = `temporary-${process.pid}-${randomUUID()}`;
		if (isSupported()) return Region.open(name, { ...options, mode: "create", lifetime: "last-close" });
		return new Region(name, attachLocal(name, fileOptions({ size: "64MiB", ...options })));
	}

	/**
	 * Removes the name; those who have the region open keep it.
	 *
	 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION
	 */
	static unlink(name: string, options: { directory?: string | undefined } = {}): void {
		unlink(pathOf(directoryOf(options), checkRegionName(name)));
	}

	/** The names of the regions in the folder. */
	static list(options: { directory?: string | undefined } = {}): string[] {
		const directory = directoryOf(options);
		try {
			return namesIn(directory).filter((name) => !removeAbandoned(pathOf(directory, name)));
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
	 * The queue of this name, which is made if there is none.
	 *
	 * @throws DHMEM_TYPE_MISMATCH if it is something else, or of another explicit capacity; DHMEM_BAD_ARGUMENT,
	 * DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 */
	queue(name: string, options?: QueueOptions): Queue;
	queue<D extends DType>(name: string, options: RecordQueueOptions<D>): RecordQueue<D>;
	queue(name: string, options: QueueOptions | RecordQueueOptions<DType> = {}): Queue | RecordQueue {
		if (typeof options !== "object" || options === null)
			throw badArgument("The options", options, "an object");
		return "record" in options ? this.#recordQueue(name, options) : this.#byteQueue(name, options);
	}

	#byteQueue(name: string, options: QueueOptions): Queue {
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

	/** Finds or constructs a queue, and checks that it is what was asked for; a figure only if it was explicit. */
	#object(name: string, wanted: Description, explicit: boolean): QueueObject {
		const attachment = this.#attachment;
		const at = findOrConstruct(attachment, name, wanted);
		const kind = objectWord(attachment, at, OBJECT_KIND);
		const element = objectWord(attachment, at, OBJECT_ELEMENT);
		const requested = objectWord(attachment, at, OBJECT_REQUESTED);
		const alike = kind === wanted.kind && element === wanted.element;
		if (!alike || (explicit && requested !== wanted.requested)) {
			const opened = describe(wanted.kind, wanted.element, explicit ? wanted.requested : 0);
			throw typeMismatch(name, describeObject(attachment, at), opened);
		}
		return { attachment, at, name };
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
		const { at, type } = this.#typed(name, wantedStruct(attachment, schema, options));
		return openStruct(attachment, at, name, type);
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
		const { at, type } = this.#typed(name, wantedArray(attachment, options));
		return openArray(attachment, at, name, type);
	}

	/** Finds or constructs an object that carries its type, and checks that it is what was asked for. */
	#typed(name: string, wanted: Wanted): { at: number; type: string } {
		const attachment = this.#attachment;
		const at = wanted.description
			? findOrConstruct(attachment, name, wanted.description)
			: findObject(attachment, name);
		if (at === undefined) {
			throw new DhmemError(
				"DHMEM_NOT_FOUND",
				`There is no ${name} in ${this.path}, and ${wanted.what} is not enough to make it; give its type in full`,
			);
		}
		const alike = objectWord(attachment, at, OBJECT_KIND) === wanted.kind;
		const type = typeOf(attachment, at);
		if (alike && type === undefined) throw corrupt(name);
		if (alike && type !== undefined && wanted.accepts(type)) return { at, type };
		throw typeMismatch(name, describeObject(attachment, at), wanted.what);
	}

	/**
	 * The growable vector of this name, which is made, empty, if there is none.
	 *
	 * @throws DHMEM_TYPE_MISMATCH, DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 */
	vector<D extends DType>(name: string, dtype: D): Vector<D> {
		const element = dtypeNumber(checkDType(dtype));
		return new Vector(this.#object(name, { ...lockOf(KIND_VECTOR), element }, false), dtype);
	}

	/**
	 * The hash map of this name, which is made, empty, if there is none.
	 *
	 * @throws DHMEM_TYPE_MISMATCH, DHMEM_BAD_ARGUMENT, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 * @example
	 * ```ts
	 * const best = region.map("best", { key: "string", value: "f64" });
	 * best.set("run 7", 0.25);
	 * ```
	 */
	map<K extends KeyType, V extends ValueType>(name: string, types: { key: K; value: V }): SharedMap<K, V> {
		if (typeof types !== "object" || types === null) throw badArgument("The types", types, "an object");
		const key = keyCodecFor(types.key);
		const value = codecFor(types.value);
		const element = key.number | (value.number << 8);
		return new SharedMap(this.#object(name, { ...lockOf(KIND_MAP), element }, false), key, value);
	}

	/**
	 * The mutex of this name, which is made if there is none.
	 *
	 * @throws DHMEM_TYPE_MISMATCH, DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 */
	mutex(name: string): Mutex {
		return new Mutex(this.#object(name, lockOf(KIND_MUTEX), false));
	}

	/** The condition of this name, which is made if there is none. @throws as `mutex` */
	condition(name: string): Condition {
		return new Condition(this.#object(name, lockOf(KIND_CONDITION), false));
	}

	/**
	 * Gives a block to the region, so that it outlives this participant; the handle finds it again, in any
	 * process.
	 *
	 * @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_CLOSED if the block was freed or handed over
	 * @example
	 * ```ts
	 * const handle = region.save(block);
	 * spawn("node", ["other.js", String(handle)]);
	 * ```
	 */
	save(block: Block): Handle {
		if (!(block instanceof Block)) throw badArgument("What is saved", block, "a Block");
		const attachment = this.#attachment;
		const { core, me } = attachment;
		const offset = block.owned(attachment);
		const at = attachment.allocateBy(64, () => core.allocateHandle(me));
		const [low, high] = getRandomValues(new Uint32Array(2)) as unknown as [number, number];
		const status = core.save(me, at, low, high, offset, block.length) >>> 0;
		if (status !== OK) throw attachment.unexpected(status, "Saving a block");
		block.spend();
		return encodeHandle({ region: this.#identity(), at, nonce: [low, high] });
	}

	/**
	 * What was saved, in any process. Freeing it makes its handle bad.
	 *
	 * @throws DHMEM_BAD_HANDLE if it was freed, made up, or of another region
	 */
	load(handle: Handle | string): Block {
		const attachment = this.#attachment;
		attachment.check();
		const { at, region, nonce } = decodeHandle(handle);
		const [low, high] = this.#identity();
		if (region[0] !== low || region[1] !== high) throw badHandle(`is of another region than ${this.path}`);
		const { core, me } = attachment;
		const check = (status: number) => {
			if (status === BAD_HANDLE) throw badHandle("is of something that was freed, or was made up");
			if (status !== OK) throw attachment.unexpected(status, "Loading a handle");
		};
		check(core.lookUp(me, at, ...nonce) >>> 0);
		const block = attachment.result(SLOT_RESULT);
		const length = attachment.result(SLOT_RESULT_2);
		const free = () => check(core.freeSaved(me, at, ...nonce) >>> 0);
		return new Block(attachment, block, length, "region", free);
	}

	#identity(): readonly [number, number] {
		return [this.#attachment.header(HEADER_IDENTITY), this.#attachment.header(HEADER_IDENTITY + 4)];
	}

	/** Name and type of each named object. */
	entries(): Entry[] {
		this.#attachment.check();
		return Array.from(listObjects(this.#attachment), ({ name, at }) => ({
			name,
			type: describeObject(this.#attachment, at),
		}));
	}

	/** What is in the region, at this moment more or less: it looks at every span. */
	stats(): RegionStats {
		const attachment = this.#attachment;
		attachment.check();
		const objects = [...listObjects(attachment)];
		return {
			size: attachment.size,
			used: attachment.core.used(),
			committed: attachment.shim.statFile(attachment.file).committed,
			largestFree: attachment.core.largestFree(attachment.spans),
			participants: this.#participants(),
			objects: objects.length,
			queues: objects
				.filter(({ kind }) => kind === KIND_QUEUE || kind === KIND_RECORDS)
				.map(({ name, at }) => {
					const word = (field: number) => objectWord(attachment, at, field);
					const sent = word(QUEUE_SENT);
					const received = word(QUEUE_RECEIVED);
					const bytes = (word(QUEUE_TAIL) - word(QUEUE_HEAD)) >>> 0;
					return { name, depth: (sent - received) >>> 0, bytes, sent, received };
				}),
		};
	}

	#participants(): RegionStats["participants"] {
		const attachment = this.#attachment;
		const participants = [];
		for (let slot = 0; slot < SLOTS; slot++) {
			const id = attachment.slotId(slot);
			if (id === 0) continue;
			const start = SLOTS_START + slot * SLOT_BYTES + SLOT_LABEL;
			const text = Buffer.from(attachment.bytes.slice(start, start + LABEL_BYTES)).toString();
			participants.push({ slot, label: text.split("\0", 1)[0] ?? "", alive: attachment.isAlive(id) });
		}
		return participants;
	}

	/**
	 * Looks for participants that died, and gives back what they had. It also happens by itself: when somebody
	 * opens the region, waits for a dead peer, or finds no room.
	 *
	 * @returns how many there were
	 */
	recover(): number {
		this.#attachment.check();
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

/** Mutexes, conditions, empty vectors and maps are all in their object. */
function lockOf(kind: number): Description {
	return { kind, element: 0, requested: 0, capacity: 0, bytes: 0 };
}

function powerOfTwo(least: number): number {
	return 2 ** Math.ceil(Math.log2(least));
}

/** What an object that was found is, in words. */
function describeObject(attachment: Attachment, at: number): string {
	const word = (field: number) => objectWord(attachment, at, field);
	const text = typeOf(attachment, at) ?? "of a type that can't be read";
	const kind = word(OBJECT_KIND);
	if (kind === KIND_STRUCT) return `a struct ${text}`;
	if (kind === KIND_ARRAY) return `an array ${text}`;
	return describe(kind, word(OBJECT_ELEMENT), word(OBJECT_REQUESTED));
}

/** What an object is, in words. */
function describe(kind: number, element: number, requested: number): string {
	if (kind === KIND_QUEUE) return `a queue${requested === 0 ? "" : ` of ${requested} bytes`}`;
	if (kind === KIND_RECORDS) {
		return `a queue of ${dtypeOf(element) ?? "unknown"} records${requested === 0 ? "" : ` with ${requested} slots`}`;
	}
	if (kind === KIND_VECTOR) return `a vector of ${dtypeOf(element) ?? "unknown"}`;
	if (kind === KIND_MAP) return `a map from ${codedName(element & 0xff)} to ${codedName(element >> 8)}`;
	if (kind === KIND_MUTEX) return "a mutex";
	if (kind === KIND_CONDITION) return "a condition";
	return `an object of kind ${kind}`;
}
