/**
 * Damage to a region with everything in it, a few words at a time, and the invariant that must notice it. Every invariant
 * is here at least once.
 */
import {
	BULK_FIRST,
	BULK_SPANS,
	BULK_TAG_SHIFT,
	CLASS_LAST,
	CLASS_OBJECT,
	CURRENT_SHIFT,
	DESCRIPTOR_KEEPER,
	DESCRIPTOR_SPANS,
	ENTRY_HASH,
	ENTRY_KEY,
	ENTRY_KEY_LENGTH,
	HANDLE_NONCE,
	HANDLE_REFERENCE,
	HEADER_BUCKET_MASK,
	HEADER_BULK_BUSY,
	HEADER_BULK_READY,
	HEADER_BULK_SPANS,
	HEADER_BULK_STATES,
	HEADER_BUSY,
	HEADER_COMMITTED,
	HEADER_LIFETIME,
	HEADER_OWNED,
	HEADER_READY,
	HEADER_SPANS,
	HEADER_VERSION,
	INTENT_BULK,
	INTENT_RUN,
	INTENT_UNSAVE,
	LOCK_HOLDER,
	LOCK_LAST,
	LOCK_WAITERS,
	MAILBOX_END,
	MAILBOX_OLDEST,
	MAP_GONE_COUNT,
	OBJECT_CAPACITY,
	OBJECT_COUNT,
	OBJECT_DATA,
	OBJECT_DATA_SEGMENT,
	OBJECT_ELEMENT,
	OBJECT_HASH,
	OBJECT_HEAD_BYTES,
	OBJECT_KIND,
	OBJECT_NAME,
	OBJECT_NEXT,
	OBJECT_PINS,
	OBJECT_REQUESTED,
	OBJECT_TYPE_BYTES,
	OWNER_FREE,
	PLACE_CLAIMED,
	PLACE_STATE,
	QUEUE_CACHED_HEAD,
	QUEUE_CACHED_TAIL,
	QUEUE_CLAIMED,
	QUEUE_CONSUMER,
	QUEUE_CONSUMER_WAITS,
	QUEUE_ENDED,
	QUEUE_ENDS,
	QUEUE_NEXT,
	QUEUE_PRODUCER,
	QUEUE_RESERVED,
	QUEUE_RESERVED_COUNT,
	QUEUE_TAIL,
	RECORD_BLOCK,
	RECORD_HEADER,
	RECORD_RELEASED,
	REFERENCE_LENGTH,
	REQUEST_PUNCH,
	SHARE_BLOCK,
	SHARE_BYTES,
	SHARE_OWNERS,
	SLEEP_PIPE,
	SLOT_CURRENT,
	SLOT_GENERATION,
	SLOT_ID,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOT_REQUEST,
	SLOT_SLEEP,
	SPAN_BYTES,
	SPAN_CLAIMED,
	SPAN_FREE,
	SPAN_RUN,
	SPAN_SHIFT,
	SPAN_SLAB,
	SPAN_TAIL,
} from "../../assembly/layout.js";
import type { Grade } from "../../src/verify/index.js";
import type { Target } from "./target.js";

export interface Damage {
	invariant: string;
	what: string;
	/** How the region is verified; "always" by default. */
	grade?: Grade;
	do(target: Target): void;
}

const damage = (invariant: string, what: string, body: (target: Target) => void): Damage => ({
	invariant,
	what,
	do: body,
});

/** Damage to what must hold at rest. */
const atRest = (invariant: string, what: string, body: (target: Target) => void): Damage => ({
	...damage(invariant, what, body),
	grade: "atRest",
});

/** Sets a field of an object. */
const field = (invariant: string, name: string, at: number, value: number, what: string): Damage =>
	damage(invariant, `${name}: ${what}`, (target) => target.set(target.object(name) + at, value));

/** Adds to a field of an object. */
const shift = (invariant: string, name: string, at: number, by: number, what: string): Damage =>
	damage(invariant, `${name}: ${what}`, (target) =>
		target.set(target.object(name) + at, target.get(target.object(name) + at) + by),
	);

const headers: Damage[] = [
	damage("H1", "another version", (target) => target.set(HEADER_VERSION, 99)),
	damage("H2", "a span more than there is", (target) =>
		target.set(HEADER_SPANS, target.get(HEADER_SPANS) + 1),
	),
	damage("H3", "a table in the header", (target) => target.set(HEADER_BUSY, 0)),
	damage("H4", "63 buckets", (target) => target.set(HEADER_BUCKET_MASK, 62)),
	damage("H5", "a lifetime that there is not", (target) => target.set(HEADER_LIFETIME, 7)),
	damage("H6", "more spans ready than there are", (target) =>
		target.set(HEADER_READY, target.get(HEADER_SPANS) + 1),
	),
	damage("H3", "states of bulk spans in the header", (target) => target.set(HEADER_BULK_STATES, 64)),
	damage("H7", "a reserved word", (target) => target.set(HEADER_BULK_BUSY, 1)),
	damage("H7", "ready bulk spans without a bulk space", (target) => target.set(HEADER_BULK_SPANS, 0)),
];

const participants: Damage[] = [
	damage("P1", "a participant of another generation", (target) =>
		target.set(target.slot(0) + SLOT_ID, target.get(target.slot(0) + SLOT_ID) + 256),
	),
	damage("P2", "an intent that there is not", (target) => target.set(target.slot(0) + SLOT_INTENT, 99)),
	atRest("P2", "an intent that is left", (target) => {
		target.set(target.slot(0) + SLOT_INTENT_A, target.object("map"));
		target.set(target.slot(0) + SLOT_INTENT, INTENT_UNSAVE);
	}),
	damage("P3", "an intent about a span in front of the heap", (target) => {
		target.set(target.slot(0) + SLOT_INTENT_A, 0);
		target.set(target.slot(0) + SLOT_INTENT, INTENT_RUN);
	}),
	damage("P4", "allocating from the header", (target) => target.set(target.slot(0) + SLOT_CURRENT, 1)),
	damage("P5", "a free slot that has touched something", (target) => {
		target.set(target.slot(5) + SLOT_GENERATION, 1);
		target.flip(target.touched(5), target.memory.heap);
	}),
	damage("P6", "touching the header", (target) => target.flip(target.touched(0), 0)),
	damage("P7", "a request that there is not", (target) =>
		target.set(target.slot(0) + SLOT_REQUEST, REQUEST_PUNCH + 1),
	),
	damage("P7", "a way to sleep that there is not", (target) => target.set(target.slot(0) + SLOT_SLEEP, 8)),
	damage("P7", "sleeping on a pipe that there is not", (target) =>
		target.set(target.slot(0) + SLOT_SLEEP, SLEEP_PIPE),
	),
	damage("P7", "allocating for a class that there is not", (target) =>
		target.set(target.slot(0) + SLOT_CURRENT + ((CLASS_LAST + 1) << CURRENT_SHIFT), target.memory.heap),
	),
];

const bulk: Damage[] = [
	damage("U1", "more bulk spans ready than there are", (target) =>
		target.set(HEADER_BULK_READY, target.get(HEADER_BULK_SPANS) + 1),
	),
	damage("U2", "a bulk span of a block that is none", (target) =>
		target.set(target.bulkState(7), target.memory.heap * SPAN_BYTES),
	),
	damage("U2", "a bulk span more than its block has", (target) =>
		target.set(target.bulkState(7), target.bulk),
	),
	damage("U3", "a bulk span that is claimed by one without an intent", (target) =>
		target.set(target.bulkState(7), 1 << BULK_TAG_SHIFT),
	),
	atRest("U3", "a bulk span that is still claimed", (target) => {
		target.set(target.bulkState(7), 1 << BULK_TAG_SHIFT);
		target.set(target.slot(0) + SLOT_INTENT_A, 7);
		target.set(target.slot(0) + SLOT_INTENT_B, 1);
		target.set(target.slot(0) + SLOT_INTENT, INTENT_BULK);
	}),
	damage("U4", "a bulk block that is longer than the space", (target) =>
		target.set(target.bulk + BULK_SPANS, 99),
	),
	damage("U4", "a bulk block that begins elsewhere", (target) =>
		target.set(target.bulk + BULK_FIRST, target.get(target.bulk + BULK_FIRST) + 1),
	),
	damage("U5", "a free bulk block with spans", (target) => target.set(target.bulk + 640 + BULK_SPANS, 1)),
	damage("U6", "a bulk span in use that has no pages", (target) =>
		target.set(target.bulkState(target.get(target.bulk + BULK_FIRST)), target.bulk),
	),
];

const spans: Damage[] = [
	damage("S1", "a state that there is not", (target) => target.state(target.span(SPAN_FREE), 9)),
	damage("S1", "a slab of a class that there is not", (target) =>
		target.state(target.span(SPAN_SLAB, 0xff), SPAN_SLAB | (40 << 8)),
	),
	damage("S1", "a tail of itself", (target) => {
		const span = target.span(SPAN_FREE);
		target.state(span, SPAN_TAIL | (span << 16));
	}),
	damage("S2", "a claim that nobody knows of", (target) =>
		target.state(target.span(SPAN_FREE), SPAN_CLAIMED | (1 << 8)),
	),
	atRest("S2", "a claim that is left", (target) => {
		const span = target.span(SPAN_FREE);
		target.set(target.slot(0) + SLOT_INTENT_A, span);
		target.set(target.slot(0) + SLOT_INTENT_B, 1);
		target.set(target.slot(0) + SLOT_INTENT, INTENT_RUN);
		target.state(span, SPAN_CLAIMED | (1 << 8));
	}),
	damage("S3", "a run that is longer than it is", (target) => {
		const at = target.memory.descriptor(target.span(SPAN_RUN)) + DESCRIPTOR_SPANS;
		target.set(at, target.get(at) + 1);
	}),
	damage("S4", "a tail of a slab", (target) => {
		const slab = target.span(SPAN_SLAB, 0xff);
		target.state(target.span(SPAN_FREE), SPAN_TAIL | (slab << 16));
	}),
	damage("S5", "a slab that was not committed", (target) =>
		target.flip(target.get(HEADER_COMMITTED), target.span(SPAN_SLAB, 0xff)),
	),
	damage("S5", "a slab without owner bytes", (target) =>
		target.flip(target.get(HEADER_OWNED), target.span(SPAN_SLAB, 0xff) >> 2),
	),
	damage("S6", "a keeper who has left", (target) =>
		target.set(target.memory.descriptor(target.span(SPAN_SLAB, 0xff)) + DESCRIPTOR_KEEPER, 0x505),
	),
	damage("S7", "the header as a span", (target) => target.flip(target.get(HEADER_COMMITTED), 0)),
];

const owners: Damage[] = [
	damage("B1", "an owner that there is not", (target) =>
		target.setByte(target.memory.ownerByte(target.contents.blocks[0][0] as number), 0x90),
	),
	damage("B1", "a block that is neither free nor anybody's", (target) =>
		target.setByte(target.memory.ownerByte(target.contents.blocks[0][0] as number), 0),
	),
	damage("B2", "an owner of no block", (target) =>
		target.setByte(target.memory.owners(target.span(SPAN_SLAB | (CLASS_OBJECT << 8))) + 1023, 1),
	),
	damage("B3", "a second owner of a run", (target) =>
		target.setByte(target.memory.owners(target.span(SPAN_RUN)) + 1, 1),
	),
	damage("B3", "a run that is free", (target) =>
		target.setByte(target.memory.owners(target.span(SPAN_RUN)), OWNER_FREE),
	),
	damage("B4", "a free block in a free span", (target) =>
		target.setByte(target.memory.owners(target.span(SPAN_FREE)), OWNER_FREE),
	),
	damage("B5", "an owner who is not there", (target) =>
		target.setByte(target.memory.ownerByte(target.contents.blocks[0][0] as number), 100),
	),
	damage("B5", "an owner who has not touched the span", (target) =>
		target.flip(target.touched(0), (target.contents.blocks[0][0] as number) >> SPAN_SHIFT),
	),
];

const references: Damage[] = [
	damage("C1", "a reference of an owner that there is not", (target) =>
		target.setByte(target.contents.references[0], 0x90),
	),
	damage("C2", "a share of nothing", (target) =>
		target.set((target.contents.references[0] & ~(SHARE_BYTES - 1)) + SHARE_BLOCK, 0),
	),
	atRest("C3", "a share without references", (target) => {
		const share = target.contents.references[1] & ~(SHARE_BYTES - 1);
		for (let at = share + SHARE_OWNERS; at < share + SHARE_BYTES; at += 4) target.set(at, 0);
	}),
	damage("K1", "a handle without a nonce", (target) =>
		target.set((target.contents.handles[0] as number) + HANDLE_NONCE, 0),
	),
	damage("K2", "a handle of nothing", (target) =>
		target.set((target.contents.handles[0] as number) + HANDLE_REFERENCE, 0),
	),
	damage("K2", "a handle of more than there is", (target) =>
		target.set((target.contents.handles[0] as number) + HANDLE_REFERENCE + REFERENCE_LENGTH, 1e6),
	),
	atRest("R1", "two that have one block", (target) =>
		target.set(target.object("vector") + OBJECT_DATA, target.get(target.object("array") + OBJECT_DATA)),
	),
	atRest("R2", "a saved block whose handle is gone", (target) =>
		target.setByte(target.memory.ownerByte(target.contents.handles[0] as number), OWNER_FREE),
	),
	atRest("R3", "a block of a message that was released", (target) =>
		target.set(target.recordWithBlock(target.object("back")) + 4, RECORD_BLOCK | RECORD_RELEASED),
	),
];

const directory: Damage[] = [
	damage("D1", "a bucket that leads nowhere", (target) =>
		target.set(target.linkTo(target.object("map")), target.memory.heap * SPAN_BYTES + 64),
	),
	damage("D1", "a list that is a circle", (target) =>
		target.set(target.object("map") + OBJECT_NEXT, target.object("map")),
	),
	damage("D2", "an object that was freed", (target) =>
		target.setByte(target.memory.ownerByte(target.object("map")), OWNER_FREE),
	),
	damage("D2", "an object in another bucket", (target) => {
		const at = target.object("map") + OBJECT_HASH;
		target.set(at, target.get(at) ^ 1);
	}),
	damage("D3", "another name", (target) => target.setByte(target.object("map") + OBJECT_NAME, 0x4d)),
	damage("D4", "two of one name", (target) => {
		for (const object of Object.values(target.contents.objects)) {
			const behind = (target.get(object + OBJECT_NEXT) & ~1) >>> 0;
			if (behind === 0) continue;
			target.contents.world.bytes.copyWithin(object, behind, behind + OBJECT_HEAD_BYTES);
			return;
		}
	}),
	atRest("D5", "an object that no list leads to", (target) =>
		target.set(target.linkTo(target.object("map")), 0),
	),
	damage("D6", "a pin of nobody", (target) => target.flip(target.object("map") + OBJECT_PINS, 50)),
	field("O1", "map", OBJECT_KIND, 77, "a kind that there is not"),
	field("O2", "struct", OBJECT_DATA, 0x40, "data in the header"),
	atRest("O2", "data that are somebody's", (target) =>
		target.setByte(target.memory.ownerByte(target.get(target.object("array") + OBJECT_DATA)), 1),
	),
	field("O3", "struct", OBJECT_TYPE_BYTES, 100_000, "a type that is longer than its block"),
	field("O3", "struct", OBJECT_DATA_SEGMENT, 1, "another segment"),
	field("A1", "struct", OBJECT_ELEMENT, 1, "elements"),
	field("A1", "array", OBJECT_ELEMENT, 99, "elements of no dtype"),
];

const queues: Damage[] = [
	field("E1", "there", QUEUE_PRODUCER, 12345, "a producer who is not there"),
	field("E1", "post", QUEUE_CONSUMER, 12345, "a consumer who is not there"),
	field("E2", "numbers", QUEUE_CONSUMER_WAITS, 2, "a consumer that waits twice"),
	field("E3", "there", QUEUE_ENDED, 1e6, "an end by a producer to come"),
	field("Q1", "there", OBJECT_CAPACITY, 100, "a capacity that is no power of two"),
	field("Q1", "there", OBJECT_CAPACITY, 2 ** 20, "a capacity beyond its block"),
	shift("Q2", "there", QUEUE_TAIL, 8192, "a tail beyond its room"),
	shift("Q3", "there", QUEUE_NEXT, -4096, "reading before the head"),
	shift("Q3", "there", QUEUE_CACHED_TAIL, 4096, "a tail that the consumer made up"),
	shift("Q4", "there", QUEUE_CLAIMED, -4096, "claimed before the tail"),
	damage("Q5", "a record of no kind", (target) =>
		target.set(target.recordWithBlock(target.object("there")) + 4, 9),
	),
	damage("Q5", "a record longer than what is sent", (target) =>
		target.set(target.recordWithBlock(target.object("there")), 4000),
	),
	damage("Q6", "a message whose block is free", (target) => {
		const block = target.get(target.recordWithBlock(target.object("there")) + RECORD_HEADER);
		target.setByte(target.memory.ownerByte(block), OWNER_FREE);
	}),
	field("Q7", "there", QUEUE_RESERVED, 0x40, "a reservation in the header"),
	atRest("Q7", "a reservation where nothing is claimed", (target) => {
		const queue = target.object("there");
		const first = target.get(queue + OBJECT_DATA) + RECORD_HEADER;
		const now = target.get(queue + QUEUE_RESERVED);
		target.set(queue + QUEUE_RESERVED, now === first ? first + 8 : first);
	}),
	atRest("Q9", "a reservation for more messages than the ring has room for", (target) =>
		target.set(target.object("there") + QUEUE_RESERVED_COUNT, 1e9),
	),
	shift("Q8", "there", QUEUE_CACHED_HEAD, 4096, "a head that the producer made up"),
	field("N1", "numbers", OBJECT_ELEMENT, 99, "records of no dtype"),
	shift("N2", "numbers", QUEUE_CACHED_TAIL, 1000, "a tail that the consumer made up"),
	shift("N3", "numbers", QUEUE_CACHED_HEAD, 1000, "a head that the producer made up"),
	field("N4", "numbers", QUEUE_ENDS, 2, "an end that is neither there nor not"),
];

const others: Damage[] = [
	field("M1", "post", OBJECT_REQUESTED, 0, "keeping nothing"),
	shift("M2", "post", MAILBOX_OLDEST, -100, "an oldest that is older than what is kept"),
	damage("M3", "a place of another position", (target) => {
		const place = target.kept(target.object("post"));
		target.set(place + 4, target.get(place + 4) + 1);
	}),
	damage("M4", "a message that was dropped", (target) => {
		const mailbox = target.object("post");
		const place = target.kept(mailbox);
		target.set(place + 4, target.get(place + 4) - target.get(mailbox + OBJECT_CAPACITY));
	}),
	damage("M5", "an envelope that is free", (target) => {
		const envelope = target.get(target.kept(target.object("post"))) & ~PLACE_STATE;
		target.setByte(target.memory.ownerByte(envelope), OWNER_FREE);
	}),
	atRest("M6", "a message that is half received", (target) => {
		const place = target.kept(target.object("post"));
		target.set(place, (target.get(place) & ~PLACE_STATE) | PLACE_CLAIMED);
	}),
	damage("M7", "an end behind the tail", (target) => {
		const mailbox = target.object("post");
		target.set(mailbox + MAILBOX_END, 1);
		target.set(mailbox + MAILBOX_END + 4, target.get(mailbox + QUEUE_TAIL) + 5);
	}),
	field("L1", "mutex", LOCK_HOLDER, 5555, "a holder who is not there"),
	field("L2", "condition", LOCK_LAST, 200, "a slot that there is not"),
	damage("L3", "a waiter who is not there", (target) => target.flip(target.object("map") + LOCK_WAITERS, 60)),
	field("V1", "vector", OBJECT_COUNT, 1e6, "more elements than there is room for"),
	damage("T1", "a place that leads nowhere", (target) => target.set(target.place(0), 0x1234)),
	damage("T2", "an entry of another hash", (target) => {
		const entry = target.get(target.place(0));
		target.set(entry + ENTRY_HASH, target.get(entry + ENTRY_HASH) ^ 0x10000);
	}),
	damage("T3", "an entry where nobody looks", (target) => {
		const table = target.get(target.object("map") + OBJECT_DATA);
		const from = target.place(0);
		const home = target.get(target.get(from) + ENTRY_HASH) & 15;
		const entry = target.get(from);
		target.set(from, 0);
		target.set(table + home * 4, 0);
		target.set(table + ((home + 1) & 15) * 4, entry);
	}),
	damage("T4", "two entries of one key", (target) => {
		const { bytes } = target.contents.world;
		const [one, two] = [0, 1].map((index) => target.get(target.place(index))) as [number, number];
		const length = target.get(one + ENTRY_KEY_LENGTH);
		bytes.copyWithin(two, one, one + ENTRY_KEY + length);
	}),
	shift("T5", "map", MAP_GONE_COUNT, -1, "one gone too few"),
	{ ...shift("T5", "map", OBJECT_COUNT, 1, "an entry that is not there"), grade: "atRest" },
];

export const damages: readonly Damage[] = [
	...headers,
	...participants,
	...bulk,
	...spans,
	...owners,
	...references,
	...directory,
	...queues,
	...others,
];
