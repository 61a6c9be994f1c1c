/** Opens queues of the three kinds: messages in a ring, mailboxes, and records. */
import {
	KIND_MAILBOX,
	KIND_QUEUE,
	KIND_RECORDS,
	MAILBOX_LARGEST,
	MAILBOX_SPARE,
	OBJECT_KIND,
	PLACE_SHIFT,
	QUEUE_LARGEST,
	QUEUE_SMALLEST,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { badArgument } from "../errors.js";
import type { Description } from "../objects/directory.js";
import type { NamedObject } from "../objects/named-object.js";
import { corrupt } from "../objects/object-type.js";
import { openObject, type Wanted, wantedExactly } from "../objects/open-object.js";
import { checkCount, checkOptions, optionNames, parseSize, type Size } from "../values/arguments.js";
import { STRUCT } from "../values/coded-types.js";
import { checkDType, type DType, dtypeNumber } from "../values/dtypes.js";
import { type Fields, type Schema, toSchema } from "../values/schema.js";
import { Mailbox, Queue } from "./queue.js";
import { RecordQueue, StructQueue } from "./record-queue.js";
import { recordTypeAt, sizeOf } from "./record-type.js";

/**
 * The options of a queue of messages whose sender waits while the queue is full.
 *
 * @example
 * ```ts
 * region.queue("fields", { capacity: "8MiB" });
 * ```
 */
export interface QueueOptions {
	/**
	 * Room for messages that are sent and not yet released, 64 bytes to 1 GiB, rounded up to a power of two.
	 * `"1MiB"` by default.
	 */
	capacity?: Size | undefined;
	/** The sender waits while the queue is full. This is the default. */
	policy?: "block" | undefined;
}

/**
 * A queue whose sender never waits: `"latest"` keeps one message, `"drop-oldest"` the last `keep`. Older
 * messages are dropped and freed. When a consumer leaves or dies, messages that it had received and not
 * released are freed too.
 *
 * @example
 * ```ts
 * region.queue("view", { policy: "latest" });
 * region.queue("log", { policy: "drop-oldest", keep: 100 });
 * ```
 */
export type DroppingQueueOptions =
	| { policy: "latest" }
	| {
			policy: "drop-oldest";
			/** The number of messages that the queue keeps, 1 to 4096. 16 by default. */
			keep?: number | undefined;
			/** @deprecated Use `keep`. */
			slots?: number | undefined;
	  };

/**
 * The options of a queue of numbers, or of structs.
 *
 * @example
 * ```ts
 * region.queue("numbers", { record: "f64", capacity: 65536 });
 * region.queue("points", { record: { id: "u32", x: "f64", y: "f64" } });
 * ```
 */
export interface RecordQueueOptions<R extends DType | Fields> {
	/** The type of each record: a dtype, or a struct's fields. */
	record: R | (R extends Fields ? Schema<R> : R);
	/** The number of records that fit the queue, rounded up to a power of two. 4096 by default. */
	capacity?: number | undefined;
	/** @deprecated Use `capacity`. */
	slots?: number | undefined;
}

type Options = QueueOptions | DroppingQueueOptions | RecordQueueOptions<DType | Fields>;
type Dropping<Policy> = Extract<DroppingQueueOptions, { policy: Policy }>;

/** The options of all kinds together, as a program without types may combine them. */
interface Given {
	record?: DType | Fields | Schema | undefined;
	policy?: unknown;
	capacity?: Size | undefined;
	keep?: number | undefined;
	slots?: number | undefined;
}

const names = {
	messages: optionNames<QueueOptions>({ capacity: true, policy: true }),
	latest: optionNames<Dropping<"latest">>({ policy: true }),
	dropOldest: optionNames<Dropping<"drop-oldest">>({ policy: true, keep: true, slots: true }),
	records: optionNames<RecordQueueOptions<DType | Fields>>({ record: true, capacity: true, slots: true }),
};

const DEFAULT_CAPACITY = "1MiB";
const DEFAULT_RECORDS = 4096;
const DEFAULT_KEEP = 16;

/** Opens or creates the queue of this name. Without options, an existing queue of any kind is accepted. */
export function openQueue(
	attachment: Attachment,
	name: string,
	options?: Options,
): Queue | RecordQueue | StructQueue {
	return openObject(attachment, name, wantedQueue(attachment, options), queueOf);
}

function queueOf(object: NamedObject): Queue | RecordQueue | StructQueue {
	switch (object.word(OBJECT_KIND)) {
		case KIND_QUEUE:
			return new Queue(object);
		case KIND_MAILBOX:
			return new Mailbox(object);
		default: {
			const type = recordTypeAt(object.attachment, object.at);
			if (type === undefined) throw corrupt(object.name);
			return typeof type === "string" ? new RecordQueue(object, type) : new StructQueue(object, type);
		}
	}
}

function wantedQueue(attachment: Attachment, options: Options | undefined): Wanted {
	if (options !== undefined && (typeof options !== "object" || options === null))
		throw badArgument("The argument options", options, "an object");
	// Each option is read once, because it may be a getter that returns another value the next time.
	const { record, policy, capacity, keep, slots } = (options ?? {}) as Given;
	const given: Given = { record, policy, capacity, keep, slots };
	if (record !== undefined) {
		checkOptions(options, names.records, "A queue of records");
		return wantedRecords(given);
	}
	switch (policy) {
		case undefined:
		case "block":
			checkOptions(options, names.messages, "A queue of messages");
			return wantedRing(given);
		case "latest":
			checkOptions(options, names.latest, "A latest queue");
			return wantedMailbox(attachment, 1, true);
		case "drop-oldest": {
			checkOptions(options, names.dropOldest, "A drop-oldest queue");
			const kept = keep === undefined ? slots : keep;
			return wantedMailbox(
				attachment,
				checkCount("keep", kept === undefined ? DEFAULT_KEEP : kept, 1, MAILBOX_LARGEST),
				kept !== undefined,
			);
		}
		default:
			throw badArgument("policy", policy, '"block", "drop-oldest" or "latest"');
	}
}

function wantedRing({ policy, capacity }: Given): Wanted {
	const requested = parseSize("capacity", capacity === undefined ? DEFAULT_CAPACITY : capacity);
	if (requested > QUEUE_LARGEST) throw badArgument("capacity", capacity, "at most 1 GiB");
	const room = powerOfTwo(Math.max(requested, QUEUE_SMALLEST));
	const description = { kind: KIND_QUEUE, requested, capacity: room, bytes: room };
	if (policy !== undefined || capacity !== undefined)
		return wantedExactly(description, capacity !== undefined);
	return {
		kinds: [KIND_QUEUE, KIND_MAILBOX, KIND_RECORDS],
		what: "a queue",
		accepts: () => true,
		description,
	};
}

function wantedMailbox(attachment: Attachment, requested: number, explicit: boolean): Wanted {
	// MAILBOX_SPARE is two: one place for a message that is put before the oldest is dropped, one for a skipped
	// position.
	const capacity = powerOfTwo(requested + MAILBOX_SPARE);
	const bytes = capacity << PLACE_SHIFT;
	const prepare = (offset: number) => void attachment.bytes.fill(0, offset, offset + bytes);
	return wantedExactly({ kind: KIND_MAILBOX, requested, capacity, bytes, prepare }, explicit);
}

function wantedRecords({ record, capacity, slots }: Given): Wanted {
	const type = typeof record === "object" && record !== null ? toSchema(record) : checkDType(record);
	const asked = capacity === undefined ? slots : capacity;
	const requested = checkCount(
		"capacity",
		asked === undefined ? DEFAULT_RECORDS : (asked as number),
		1,
		Math.floor(QUEUE_LARGEST / sizeOf(type)),
	);
	const room = powerOfTwo(Math.max(requested, 2));
	const description: Description = {
		kind: KIND_RECORDS,
		...(typeof type === "string" ? { element: dtypeNumber(type) } : { element: STRUCT, type: String(type) }),
		requested,
		capacity: room,
		bytes: room * sizeOf(type),
	};
	return wantedExactly(description, asked !== undefined);
}

function powerOfTwo(least: number): number {
	return 2 ** Math.ceil(Math.log2(least));
}
