import {
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	HEADER_BULK_STATES,
	HEADER_TOUCHED,
	HEADER_TOUCHED_BYTES,
	MAP_GONE,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OBJECT_HASH,
	OBJECT_NEXT,
	PLACE_KEPT,
	PLACE_STATE,
	QUEUE_HEAD,
	RECORD_BLOCK,
	RECORD_HEADER,
	SLOT_BYTES,
	SLOTS_START,
} from "../../assembly/layout.js";
import { Memory } from "../../src/verify/memory.js";
import type { Contents } from "../hostile/contents.js";

/** A region to damage, and the places of things in it. */
export class Target {
	readonly contents: Contents;
	readonly memory: Memory;

	constructor(contents: Contents) {
		this.contents = contents;
		this.memory = new Memory(contents.world.bytes);
	}

	get(at: number): number {
		return this.memory.word(at);
	}

	set(at: number, value: number): void {
		this.contents.world.words[at >>> 2] = value;
	}

	setByte(at: number, value: number): void {
		this.contents.world.bytes[at] = value;
	}

	object(name: string): number {
		return this.contents.objects[name] as number;
	}

	/** The first span in this state. */
	span(state: number, mask = 0xffffffff): number {
		const { memory } = this;
		for (let span = memory.heap; span < memory.ready; span++) {
			const isWanted = (memory.state(span) & mask) >>> 0 === state;
			if (isWanted && memory.hasOwners(span)) return span;
		}
		throw new Error(`no span is in state ${state}`);
	}

	state(span: number, state: number): void {
		this.set(this.memory.descriptor(span), state);
	}

	/** Flips a bit of a bitmap. */
	flip(table: number, index: number): void {
		const at = table + (index >>> 5) * 4;
		this.set(at, this.get(at) ^ (1 << (index & 31)));
	}

	touched(slot: number): number {
		return this.get(HEADER_TOUCHED) + slot * this.get(HEADER_TOUCHED_BYTES);
	}

	slot(index: number): number {
		return SLOTS_START + index * SLOT_BYTES;
	}

	get bulk(): number {
		return this.contents.bulk;
	}

	bulkState(span: number): number {
		return this.get(HEADER_BULK_STATES) + 4 * span;
	}

	/** The link that refers to an object. */
	linkTo(object: number): number {
		const bucket = this.get(object + OBJECT_HASH) & this.get(HEADER_BUCKET_MASK);
		let link = this.get(HEADER_BUCKETS) + bucket * 8;
		while ((this.get(link) & ~1) >>> 0 !== object) link = ((this.get(link) & ~1) >>> 0) + OBJECT_NEXT;
		return link;
	}

	/** Where the place of a map is that contains its entry number `index`, counted in the table. */
	place(index: number): number {
		const table = this.get(this.object("map") + OBJECT_DATA);
		let left = index;
		for (let place = table; ; place += 4) if (this.get(place) > MAP_GONE && left-- === 0) return place;
	}

	/** The first record of a ring from its head on that has a block. */
	recordWithBlock(queue: number): number {
		const ring = this.get(queue + OBJECT_DATA);
		const mask = this.get(queue + OBJECT_CAPACITY) - 1;
		for (let position = this.get(queue + QUEUE_HEAD); ; ) {
			const record = ring + (position & mask);
			if (this.get(record + 4) === RECORD_BLOCK) return record;
			position += RECORD_HEADER + ((this.get(record) + 7) & ~7);
		}
	}

	/** The first place of a mailbox that keeps a message. */
	kept(mailbox: number): number {
		for (let place = this.get(mailbox + OBJECT_DATA); ; place += 8)
			if ((this.get(place) & PLACE_STATE) === PLACE_KEPT) return place;
	}
}
