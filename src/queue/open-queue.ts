/** Opens queues of the three kinds: messages in a ring, mailboxes, and records. */
import {
	KIND_MAILBOX,
	KIND_QUEUE,
	KIND_RECORDS,
	MAILBOX_LARGEST,
	MAILBOX_SPARE,
	OBJECT_ELEMENT,
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
import { bytesPer, checkDType, type DType, dtypeNumber, dtypeOf } from "../values/dtypes.js";
import { Mailbox, Queue, RecordQueue } from "./queue.js";

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

export interface RecordQueueOptions<D extends DType> {
	/** The type of each record. */
	record: D;
	/** The number of records that fit the queue, rounded up to a power of two. 4096 by default. */
	capacity?: number | undefined;
	/** @deprecated Use `capacity`. */
	slots?: number | undefined;
}

type Options = QueueOptions | DroppingQueueOptions | RecordQueueOptions<DType>;
type Dropping<Policy> = Extract<DroppingQueueOptions, { policy: Policy }>;

/** The options of all kinds together, as a program without types may combine them. */
interface Given {
	record?: DType | undefined;
	policy?: unknown;
	capacity?: Size | undefined;
	keep?: number | undefined;
	slots?: number | undefined;
}

const names = {
	messages: optionNames<QueueOptions>({ capacity: true, policy: true }),
	latest: optionNames<Dropping<"latest">>({ policy: true }),
	dropOldest: optionNames<Dropping<"drop-oldest">>({ policy: true, keep: true, slots: true }),
	records: optionNames<RecordQueueOptions<DType>>({ record: true, capacity: true, slots: true }),
};

const DEFAULT_CAPACITY = "1MiB";
const DEFAULT_RECORDS = 4096;
const DEFAULT_KEEP = 16;

/** Opens or creates the queue of this name. Without options, an existing queue of any kind is accepted. */
export function openQueue(attachment: Attachment, name: string, options?: Options): Queue | RecordQueue {
	return openObject(attachment, name, wantedQueue(attachment, options), queueOf);
}

function queueOf(object: NamedObject): Queue | RecordQueue {
	switch (object.word(OBJECT_KIND)) {
		case KIND_QUEUE:
			return new Queue(object);
		case KIND_MAILBOX:
			return new Mailbox(object);
		default: {
			const dtype = dtypeOf(object.word(OBJECT_ELEMENT));
			if (dtype === undefined) throw corrupt(object.name);
			return new RecordQueue(object, dtype);
		}
	}
}

function wantedQueue(attachment: Attachment, options: Options | undefined): Wanted {
	if (options !== undefined && (typeof options !== "object" || options === null))
		throw badArgument("The options", options, "an object");
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
	const dtype = checkDType(record);
	const asked = capacity === undefined ? slots : capacity;
	const requested = checkCount(
		"capacity",
		asked === undefined ? DEFAULT_RECORDS : (asked as number),
		1,
		QUEUE_LARGEST / bytesPer(dtype),
	);
	const room = powerOfTwo(Math.max(requested, 2));
	const description: Description = {
		kind: KIND_RECORDS,
		element: dtypeNumber(dtype),
		requested,
		capacity: room,
		bytes: room * bytesPer(dtype),
	};
	return wantedExactly(description, asked !== undefined);
}

function powerOfTwo(least: number): number {
	return 2 ** Math.ceil(Math.log2(least));
}
