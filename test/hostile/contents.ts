/** A region in plain memory with everything in it, and the places of its metadata, which a hostile peer may overwrite. */
import {
	BUCKET_BYTES,
	BULK_SPAN_BYTES,
	CLASSES,
	DESCRIPTOR_BYTES,
	DESCRIPTOR_STATE,
	HEADER_AVAILABLE,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	HEADER_BULK_STATES,
	HEADER_BUSY,
	HEADER_COMMITTED,
	HEADER_DESCRIPTORS,
	HEADER_OWNED,
	HEADER_OWNERS,
	HEADER_READY,
	HEADER_TOUCHED,
	HEADER_TOUCHED_BYTES,
	KIND_ARRAY,
	KIND_CONDITION,
	KIND_MAP,
	KIND_MUTEX,
	KIND_QUEUE,
	KIND_RECORDS,
	KIND_STRUCT,
	KIND_VECTOR,
	OBJECT_BYTES,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OWNERS_PER_SPAN,
	REFERENCE_BYTES,
	SHARE_BYTES,
	SLOT_BYTES,
	SLOT_DOORBELL,
	SLOT_JOINED,
	SLOT_LABEL,
	SLOTS_START,
	SPAN_FREE,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { constructMailbox, discard, put, take } from "../crash-points/scenarios/letters.js";
import { type Participant, type Snapshot, World } from "../crash-points/world.js";

const SPANS = 40;
const BULK = 8;
const CAPACITY = 256;

export const KEYS = ["a", "key", "another key", "one that was deleted", "the last"];
export const NONCE = 7;

/** What the operations are given: offsets that participants had before the region was damaged. */
export interface Contents {
	world: World;
	/** Two live participants, and one that died in the middle of everything. */
	living: [Participant, Participant];
	dead: Participant;
	objects: Record<string, number>;
	/** Blocks, references and handles, by their owners: the live participants, and the region. */
	blocks: [number[], number[]];
	/** The bulk block of the first participant: its two spans are the first ones. */
	bulk: number;
	references: [number, number];
	handles: number[];
	/** Offsets of all metadata words, in ascending order. */
	metadata: number[];
	/** Offsets of blocks, objects and the like, which may be written into a word. */
	places: number[];
	snapshot: Snapshot;
}

/** The length of a map's entry in bytes. */
export function fillEntry(world: World, entry: number, key: string, value: number): void {
	world.words.set([0, key.length, 8, 0], entry >> 2);
	world.bytes.set(Buffer.from(key), entry + 16);
	world.words[(entry + 16 + ((key.length + 7) & ~7)) >> 2] = value;
}

export function build(): Contents {
	const world = new World(SPANS, undefined, BULK);
	const [first, second, dead] = [0, 1, 2].map((slot) => world.participant(slot)) as [
		Participant,
		Participant,
		Participant,
	];
	const { core } = world;
	const word = (at: number) => world.words[at >>> 2] as number;

	const objects: Record<string, number> = {};
	const make = (name: string, kind: number, made = {}) => {
		objects[name] = first.construct(name, kind, { nonce: NONCE, ...made });
		second.open(name);
		dead.open(name);
		return objects[name] as number;
	};
	const there = make("there", KIND_QUEUE, { capacity: CAPACITY });
	const back = make("back", KIND_QUEUE, { capacity: CAPACITY });
	const old = make("old", KIND_QUEUE, { capacity: CAPACITY });
	const numbers = make("numbers", KIND_RECORDS, { capacity: CAPACITY });
	const mutex = make("mutex", KIND_MUTEX);
	const held = make("held", KIND_MUTEX);
	const condition = make("condition", KIND_CONDITION);
	const map = make("map", KIND_MAP);
	const vector = make("vector", KIND_VECTOR);
	make("struct", KIND_STRUCT, { capacity: 64, type: 30 });
	make("array", KIND_ARRAY, { capacity: 800, type: 10 });
	// Several in each bucket.
	for (let index = 0; index < 60; index++) {
		make(`more ${index}`, KIND_STRUCT, index % 20 === 0 ? { capacity: 64 } : {});
	}

	const shareOf = (who: Participant) => {
		const block = who.allocate(300);
		const share = who.committing(() => core.allocateShare(who.me));
		return core.share(who.me, block, share) >>> 0;
	};
	const attach = (queue: number, producer: Participant, consumer: Participant) => {
		core.attachProducer(producer.me, queue);
		core.attachConsumer(consumer.me, queue);
	};
	const sendBlock = (who: Participant, queue: number, block: number, length: number) => {
		core.reserve(who.me, queue, REFERENCE_BYTES);
		core.commitBlock(who.me, queue, REFERENCE_BYTES, 0, block, length);
	};
	attach(there, first, second);
	attach(back, second, first);
	attach(old, first, dead);
	for (const [queue, producer, consumer] of [
		[there, first, second],
		[back, second, first],
		[old, first, dead],
	] as const) {
		for (let lap = 0; lap < 3; lap++) {
			for (const text of ["12345678901234567890", "", "x"]) producer.send(queue, text);
			sendBlock(producer, queue, producer.allocate(100), 100);
			if (lap === 2) break;
			while (core.peek(consumer.me, queue) >>> 0 >= 256) {
				core.release(consumer.me, queue, consumer.result(), 0);
			}
		}
		// The first is held, and the second is released before it.
		core.peek(consumer.me, queue);
		core.peek(consumer.me, queue);
		core.release(consumer.me, queue, consumer.result(), 0);
	}
	sendBlock(second, back, core.addReference(second.me, shareOf(second)) >>> 0, 300);
	core.reserve(first.me, there, 10);
	attach(numbers, first, second);
	core.recordsRoom(first.me, numbers);
	core.recordsPublish(first.me, numbers, 20);
	core.recordsAvailable(second.me, numbers);
	core.recordsRelease(second.me, numbers, 5);

	const mailboxes = (
		[
			["post", first, second],
			["answer", second, first],
			["lost", first, dead],
		] as const
	).map(([name, producer, consumer]) => {
		const mailbox = constructMailbox(first, name, 3, NONCE);
		for (const who of [second, dead]) who.open(name);
		objects[name] = mailbox;
		attach(mailbox, producer, consumer);
		for (const text of ["one+", "two", "three+"]) put(producer, mailbox, text);
		// One is given back, one is held, and one is dropped.
		discard(consumer, take(consumer, mailbox) as { envelope: number; block: number });
		take(consumer, mailbox);
		for (const text of ["four+", "five", "six", "seven+"]) put(producer, mailbox, text);
		return mailbox;
	});

	core.tryLock(dead.me, held);
	core.announceLock(first.me, held);
	core.announceLock(dead.me, condition);
	core.announceLock(second.me, condition);

	core.tryLock(first.me, map);
	core.mapGrow(first.me, map, first.allocate(64));
	for (const [value, key] of KEYS.entries()) {
		const entry = first.allocate(64);
		fillEntry(world, entry, key, value);
		core.mapSet(first.me, map, entry);
	}
	core.mapDelete(first.me, map, first.lend(Buffer.from(KEYS[3] as string)), KEYS[3]?.length as number);
	core.unlock(first.me, map);
	core.tryLock(second.me, vector);
	core.moveVector(second.me, vector, second.allocate(128), 0);
	core.setVectorLength(second.me, vector, 10);
	core.unlock(second.me, vector);

	const handles = [40, 5000, 70_000].map((bytes) => {
		const handle = first.committing(() => core.allocateHandle(first.me));
		core.save(first.me, handle, NONCE, 0, first.allocate(bytes), bytes);
		return handle;
	});
	const blocks = [first, second].map((who) =>
		[10, 10, 100, 1000, 30_000, 140_000].map((bytes) => who.allocate(bytes)),
	) as [number[], number[]];
	const references = [first, second].map(shareOf) as [number, number];
	core.addReference(first.me, references[0]);
	for (const bytes of [10, 100, 70_000]) dead.allocate(bytes);
	dead.allocate(300);
	shareOf(dead);
	const bulks = [first, second, dead].map((who) =>
		who.committing(() => core.allocateBulk(who.me, 2 * BULK_SPAN_BYTES)),
	) as [number, number, number];
	if (bulks.some((block) => block < STATUS_LIMIT)) throw new Error("there is no room for bulk blocks");
	blocks[0].splice(-1, 0, bulks[0]);
	blocks[1].splice(-1, 0, bulks[1]);
	// It is removed while others have it open.
	first.remove("more 0");
	first.remove("more 7");
	delete objects["more 0"];
	delete objects["more 7"];

	// ------------------------------------------------------------------------------------------ where all is

	const metadata = new Set<number>();
	const range = (from: number, bytes: number) => {
		for (let at = from & ~3; at < from + bytes; at += 4) metadata.add(at);
	};
	range(0, HEADER_READY + 8);
	range(word(HEADER_BULK_STATES), 4 * BULK);
	for (const block of bulks) range(block, 8);
	for (let slot = 0; slot < 4; slot++) {
		range(SLOTS_START + slot * SLOT_BYTES, SLOT_DOORBELL + 4);
		range(SLOTS_START + slot * SLOT_BYTES + 512, CLASSES * 8);
		range(SLOTS_START + slot * SLOT_BYTES + SLOT_LABEL, 8);
		range(SLOTS_START + slot * SLOT_BYTES + SLOT_JOINED, 4);
		range(word(HEADER_TOUCHED) + slot * word(HEADER_TOUCHED_BYTES), 4);
	}
	for (const table of [HEADER_BUSY, HEADER_COMMITTED, HEADER_OWNED]) range(word(table), 8);
	range(word(HEADER_BUCKETS), (word(HEADER_BUCKET_MASK) + 1) * BUCKET_BYTES);
	range(word(HEADER_DESCRIPTORS), SPANS * DESCRIPTOR_BYTES);
	for (let sizeClass = 0; sizeClass < CLASSES; sizeClass++) {
		range(word(HEADER_AVAILABLE) + sizeClass * 128, 4);
	}
	for (let span = world.heap; span < SPANS; span++) {
		if (word(word(HEADER_DESCRIPTORS) + span * DESCRIPTOR_BYTES + DESCRIPTOR_STATE) !== SPAN_FREE) {
			range(word(HEADER_OWNERS) + span * OWNERS_PER_SPAN, 16);
		}
	}
	for (const [name, object] of Object.entries(objects)) {
		if (!name.startsWith("more")) range(object, OBJECT_BYTES);
		else range(object + OBJECT_BYTES - 8, 8);
	}
	for (const queue of [there, back, old]) range(word(queue + OBJECT_DATA), CAPACITY);
	for (const mailbox of mailboxes) range(word(mailbox + OBJECT_DATA), 8 * word(mailbox + OBJECT_CAPACITY));
	for (const mailbox of mailboxes) range(word(word(mailbox + OBJECT_DATA) + 24) & ~63, 24);
	for (const reference of references) range(reference & ~(SHARE_BYTES - 1), 80);
	for (const handle of handles) range(handle, 24);
	const table = word(map + OBJECT_DATA);
	range(table, 64);
	const entries = Array.from({ length: 16 }, (_, index) => word(table + 4 * index)).filter((at) => at > 1);
	for (const entry of entries) range(entry, 48);

	return {
		world,
		living: [first, second],
		dead,
		objects,
		blocks,
		bulk: bulks[0],
		references,
		handles,
		metadata: [...metadata].sort((a, b) => a - b),
		places: [
			...Object.values(objects),
			...blocks.flat(),
			...references,
			...handles,
			...entries,
			table,
			mutex,
		],
		snapshot: world.snapshot(),
	};
}
