/** Opening queues: what is asked for, and which of the three kinds that is. */
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
	/** Room for messages on their way. `"1MiB"` by default; rounded up to a power of two, 64 bytes to 1 GiB. */
	capacity?: Size | undefined;
	/** What becomes of the next message when it is full: its sender waits. */
	policy?: "block" | undefined;
}

/**
 * A queue whose sender never waits: `"latest"` keeps one message, `"drop-oldest"` the last `keep`. An older one is
 * dropped and freed. So is, when a consumer leaves or dies, what it had received and not released.
 */
export type DroppingQueueOptions =
	| { policy: "latest" }
	| {
			policy: "drop-oldest";
			/** How many messages it keeps, 1 to 4096. 16 by default. */
			keep?: number | undefined;
			/** @deprecated It is called `keep`. */
			slots?: number | undefined;
	  };

export interface RecordQueueOptions<D extends DType> {
	/** The type of each record. */
	record: D;
	/** Room for so many records; rounded up to a power of two. 4096 by default. */
	capacity?: number | undefined;
	/** @deprecated It is called `capacity`. */
	slots?: number | undefined;
}

type Options = QueueOptions | DroppingQueueOptions | RecordQueueOptions<DType>;
type Dropping<Policy> = Extract<DroppingQueueOptions, { policy: Policy }>;

/** Any of the options, as a program without types may give them. */
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

/** The queue of this name. Without options it may be of any kind. */
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
	// Each is read once: it may be a getter, and give another value the next time.
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
	// Two more: for the message that comes before the oldest is dropped, and for a place that is passed over.
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
