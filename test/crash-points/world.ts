/** A region in plain memory of this process, and participants over it: one instance of the core each. */
import { readFileSync } from "node:fs";
import {
	BUCKET_BYTES,
	BULK_PAGES,
	CLASS_LARGEST,
	DESCRIPTOR_BYTES,
	DESCRIPTOR_STATE,
	FULL,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	HEADER_BULK_STATES,
	HEADER_COMMITTED,
	HEADER_DESCRIPTORS,
	HEADER_OWNERS,
	KIND_ARRAY,
	KIND_RECORDS,
	KIND_VECTOR,
	MORE,
	NEED_COMMIT,
	NEED_PUNCH,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OBJECT_ELEMENT,
	OBJECT_HEAD_BYTES,
	OBJECT_KIND,
	OBJECT_NAME,
	OBJECT_NAME_LENGTH,
	OBJECT_NONCE,
	OBJECT_REQUESTED,
	OBJECT_TYPE,
	OBJECT_TYPE_BYTES,
	OK,
	OWNER_FREE,
	OWNER_NONE,
	OWNERS_PER_SPAN,
	REQUEST_BULK,
	REQUEST_SPANS,
	SLOT_BYTES,
	SLOT_REQUEST,
	SLOT_REQUEST_COUNT,
	SLOT_REQUEST_FIRST,
	SLOT_REQUEST_LENGTH,
	SLOT_REQUEST_OFFSET,
	SLOT_RESULT,
	SLOTS_START,
	SPAN_BYTES,
	SPAN_SLAB,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import type { Core } from "../../src/core/core.js";
import { dtypeNumber } from "../../src/values/dtypes.js";
import { instrument, type Site } from "../core/wasm.js";

export const coreBytes = readFileSync(new URL("../../core.wasm", import.meta.url));

/** Where a participant's core calls a hook: before each write, or before each access. */
export type Hooks = "writes" | "accesses";

/** A core to run over a region: the shipped one, or a broken one. */
export class CoreModule {
	readonly plain: WebAssembly.Module;
	/** The instructions that write to memory. */
	readonly sites: readonly Site[];
	readonly #instrumented: Record<Hooks, WebAssembly.Module>;

	constructor(bytes: Uint8Array) {
		this.plain = new WebAssembly.Module(bytes);
		const writes = instrument(bytes);
		this.sites = writes.sites;
		this.#instrumented = {
			writes: new WebAssembly.Module(writes.bytes),
			accesses: new WebAssembly.Module(instrument(bytes, "accesses").bytes),
		};
	}

	instance(memory: WebAssembly.Memory): Core {
		const { exports } = new WebAssembly.Instance(this.plain, { env: { memory } });
		return exports as unknown as Core;
	}

	/** An instance that calls `hook` before each write with the number of its site, and before other accesses with -1. */
	hooked(memory: WebAssembly.Memory, hooks: Hooks, hook: (site: number) => void): Core {
		const { exports } = new WebAssembly.Instance(this.#instrumented[hooks], { env: { memory, hook } });
		return exports as unknown as Core;
	}
}

export const shipped = new CoreModule(coreBytes);

/** Thrown out of the core at the point where a participant dies. */
class Crash extends Error {}

const crash = new Crash();

/** A copy of bytes, which can be restored. */
const PAGE = 8192;

/** A region's bytes, page by page. */
export type Snapshot = readonly Uint8Array[];

export class World {
	readonly memory: WebAssembly.Memory;
	readonly bytes: Uint8Array;
	readonly words: Uint32Array;
	/** Behind the region, a page for each participant, from which the core reads its arguments. */
	readonly scratch: Uint8Array;
	/** The core as it is. It has no state of its own, so all participants without hooks can share it. */
	readonly core: Core;
	readonly spans: number;
	readonly heap: number;
	/** 1 for each span that has pages: first the spans of the heap, then the bulk spans. */
	readonly backed: Uint8Array;

	readonly #pages: Uint8Array[] = [];
	readonly module: CoreModule;
	/** 1 for each site that a participant with hooks has reached. */
	readonly reached: Uint8Array;
	/** The exports that these participants have called. */
	readonly called = new Set<string>();

	constructor(spans = 16, module = shipped, bulk = 0) {
		this.spans = spans;
		this.module = module;
		this.reached = new Uint8Array(module.sites.length);
		this.memory = new WebAssembly.Memory({ initial: spans + 1, maximum: spans + 1, shared: true });
		this.bytes = new Uint8Array(this.memory.buffer, 0, spans * SPAN_BYTES);
		this.words = new Uint32Array(this.memory.buffer, 0, this.bytes.length / 4);
		this.scratch = new Uint8Array(this.memory.buffer, this.bytes.length);
		for (let at = 0; at < this.bytes.length; at += PAGE) this.#pages.push(this.bytes.subarray(at, at + PAGE));
		this.core = module.instance(this.memory);
		this.backed = new Uint8Array(spans + bulk);
		this.#pages.push(this.backed);
		this.heap = this.core.format(spans, 1, 2, 0, bulk) >>> 0;
	}

	/** Forgets which sites were reached and which exports were called. */
	forget(): void {
		this.reached.fill(0);
		this.called.clear();
	}

	participant(slot: number, hooks?: Hooks): Participant {
		return new Participant(this, slot, hooks);
	}

	/** The number of empty spans, according to the tables. Spans of objects and handles keep their use, so they don't count. */
	emptySpans(): number {
		const word = (at: number) => this.words[at >> 2] as number;
		let empty = 0;
		for (let span = this.heap; span < this.spans; span++) {
			const state = word(word(HEADER_DESCRIPTORS) + span * DESCRIPTOR_BYTES + DESCRIPTOR_STATE);
			const owners = word(HEADER_OWNERS) + span * OWNERS_PER_SPAN;
			if (
				this.#isNobodys(owners, OWNERS_PER_SPAN) &&
				((state & 0xff) !== SPAN_SLAB || state >> 8 <= CLASS_LARGEST)
			)
				empty++;
		}
		return empty;
	}

	#isNobodys(from: number, length: number): boolean {
		for (let at = from; at < from + length; at++) {
			const owner = this.bytes[at];
			if (owner !== OWNER_FREE && owner !== OWNER_NONE) return false;
		}
		return true;
	}

	/** True if there is any object in the directory. */
	hasNames(): boolean {
		const start = this.words[HEADER_BUCKETS >> 2] as number;
		const length = ((this.words[HEADER_BUCKET_MASK >> 2] as number) + 1) * BUCKET_BYTES;
		for (let at = start; at < start + length; at += BUCKET_BYTES) {
			if (this.words[at >> 2] !== 0) return true;
		}
		return false;
	}

	/** True if any block has this owner byte. */
	owns(tag: number): boolean {
		const owners = this.words[HEADER_OWNERS >> 2] as number;
		return Buffer.from(this.memory.buffer, owners, this.spans * OWNERS_PER_SPAN).includes(tag);
	}

	/** Sets the bytes, from a multiple of four on, to `value`. Word by word, because that is faster in shared memory. */
	paint(at: number, bytes: number, value: number): void {
		const end = at + bytes;
		this.words.fill(value * 0x01010101, at >> 2, end >> 2);
		this.bytes.fill(value, end & ~3, end);
	}

	/** Sets the first and the last 64 bytes to `value`: as good as all of them, and faster. */
	fill(at: number, bytes: number, value: number): void {
		this.bytes.fill(value, at, at + Math.min(bytes, 64));
		this.bytes.fill(value, at + Math.max(bytes - 64, 0), at + bytes);
	}

	/** True if the bytes are still as `fill` has set them. */
	isFilled(at: number, bytes: number, value: number): boolean {
		const { bytes: all } = this;
		for (let i = at; i < at + Math.min(bytes, 64); i++) if (all[i] !== value) return false;
		for (let i = at + Math.max(bytes - 64, 0); i < at + bytes; i++) if (all[i] !== value) return false;
		return true;
	}

	/** The first span that is marked as having pages but has none, bulk spans last; -1 if there is none. */
	unbacked(): number {
		const word = (at: number) => this.words[at >>> 2] as number;
		const committed = word(HEADER_COMMITTED);
		const states = word(HEADER_BULK_STATES);
		return this.backed.findIndex((pages, span) => {
			if (pages === 1) return false;
			if (span < this.spans) return ((word(committed + (span >> 5) * 4) >>> (span & 31)) & 1) === 1;
			return (word(states + (span - this.spans) * 4) & BULK_PAGES) !== 0;
		});
	}

	/** A copy of all bytes. */
	snapshot(): Snapshot {
		const pages: Uint8Array[] = [];
		for (let at = 0; at < this.bytes.length; at += PAGE) pages.push(this.bytes.slice(at, at + PAGE));
		pages.push(this.backed.slice());
		return pages;
	}

	/** Restores the bytes. Comparing a page is faster than writing it, and few differ. */
	restore(snapshot: Snapshot): void {
		snapshot.forEach((before, index) => {
			const page = this.#pages[index] as Uint8Array;
			if (Buffer.compare(page, before) !== 0) page.set(before);
		});
	}
}

/** What an object is made with, besides its name and kind. */
export interface Made {
	/** The length of the data in bytes, unless `bytes` says it. */
	capacity?: number;
	/** The capacity that was asked for, if it is another one. */
	requested?: number;
	/** The length of the data in bytes, which are all 0. */
	bytes?: number;
	/** The length of its type's text in bytes. */
	type?: number;
	nonce?: number;
}

const WITH_ELEMENTS: readonly number[] = [KIND_RECORDS, KIND_ARRAY, KIND_VECTOR];

/** Writes the head of an object as the binding does. Elements are bytes. */
export function headOf(name: string, kind: number, made: Made, data: number, type: number): Uint8Array {
	const { capacity = 0, nonce = 1 } = made;
	const head = new Uint8Array(OBJECT_HEAD_BYTES);
	const words = new Uint32Array(head.buffer);
	const text = Buffer.from(name);
	words[OBJECT_KIND >> 2] = kind;
	words[OBJECT_ELEMENT >> 2] = WITH_ELEMENTS.includes(kind) ? dtypeNumber("u8") : 0;
	words[OBJECT_REQUESTED >> 2] = made.requested ?? capacity;
	words[OBJECT_CAPACITY >> 2] = capacity;
	words[OBJECT_DATA >> 2] = data;
	words[OBJECT_NAME_LENGTH >> 2] = text.length;
	words[OBJECT_NONCE >> 2] = nonce;
	words[OBJECT_TYPE >> 2] = type;
	words[OBJECT_TYPE_BYTES >> 2] = type === 0 ? 0 : (made.type ?? 0);
	head.set(text, OBJECT_NAME);
	return head;
}

/** A participant. Its core can be made to call `onAccess` before each write or access. */
export class Participant {
	readonly world: World;
	readonly core: Core;
	readonly slot: number;
	me = 0;
	/** Called before each access; the argument counts them from 1. */
	onAccess: ((count: number) => void) | undefined;
	accesses = 0;

	constructor(world: World, slot: number, hooks?: Hooks) {
		this.world = world;
		this.slot = slot;
		if (hooks === undefined) this.core = world.core;
		else {
			const hooked = world.module.hooked(world.memory, hooks, (site) => {
				this.accesses++;
				this.onAccess?.(this.accesses);
				if (site >= 0) world.reached[site] = 1;
			});
			this.core = new Proxy(hooked, {
				get: (core, name) => {
					world.called.add(String(name));
					return core[name as keyof Core];
				},
			});
		}
		this.join();
	}

	/** Takes a slot that is free. */
	join(): void {
		this.me = this.core.join(this.slot) >>> 0;
	}

	/** Runs `body`, and lets it die before its access number `count`. True if it got that far. */
	crashesAt(count: number, body: () => void): boolean {
		return this.crashesWhen((access) => access === count, body);
	}

	/** Runs `body`, and lets it die before the first access for whose number `dies` returns true. True if it died. */
	crashesWhen(dies: (access: number) => boolean, body: () => void): boolean {
		this.accesses = 0;
		this.onAccess = (access) => {
			if (dies(access)) throw crash;
		};
		try {
			body();
			return false;
		} catch (error) {
			if (error instanceof Crash) return true;
			throw error;
		} finally {
			this.onAccess = undefined;
		}
	}

	/** Allocates a block, and commits what the core asks for. Returns the block, or the status that says why not. */
	allocate(bytes: number): number {
		return this.committing(() => this.core.allocate(this.me, bytes));
	}

	committing(operation: () => number): number {
		for (let turn = 0; turn < 10_000; turn++) {
			const result = operation() >>> 0;
			if (result !== NEED_COMMIT) return result;
			this.commit();
		}
		throw new Error("the core asks for pages without end");
	}

	/** Gives back everything that can be given back. */
	trim(): void {
		for (let turn = 0; turn < 10_000; turn++) {
			const result = this.core.trim(this.me) >>> 0;
			if (result !== NEED_PUNCH) return;
			this.#punch();
			this.core.punched(this.me);
		}
		throw new Error("the core gives back without end");
	}

	/** Does what the core asks for, and tells it so. */
	commit(): void {
		const request = this.result(SLOT_REQUEST);
		if (request === REQUEST_SPANS || request === REQUEST_BULK) this.#back(1, request === REQUEST_BULK);
		this.core.committed(this.me);
	}

	/** Takes the pages away: a hole reads as zeros. */
	#punch(): void {
		const offset = this.result(SLOT_REQUEST_OFFSET);
		const length = this.result(SLOT_REQUEST_LENGTH);
		this.#back(0, length === 0);
		this.world.bytes.fill(0, offset, offset + length);
	}

	/** Gives pages to the spans of the request, or takes them away. */
	#back(pages: 0 | 1, bulk: boolean): void {
		const { backed, spans } = this.world;
		const first = this.result(SLOT_REQUEST_FIRST) + (bulk ? spans : 0);
		backed.fill(pages, first, first + this.requested);
	}

	free(block: number): number {
		return this.core.free(this.me, block) >>> 0;
	}

	result(field = SLOT_RESULT): number {
		return this.world.words[(SLOTS_START + this.slot * SLOT_BYTES + field) >> 2] as number;
	}

	/** The number of spans in the request. */
	get requested(): number {
		return this.result(SLOT_REQUEST_COUNT);
	}

	/** Puts bytes where the core reads them, and returns their offset. */
	lend(bytes: Uint8Array): number {
		const { scratch } = this.world;
		const start = this.slot * 4096;
		scratch.set(bytes, start);
		return scratch.byteOffset + start;
	}

	/** Finds the object of this name without opening it. Returns the object or a status. */
	find(name: string): number {
		const bytes = Buffer.from(name);
		return this.core.find(this.lend(bytes), bytes.length) >>> 0;
	}

	/** Opens the object of this name. Returns the object or a status. */
	open(name: string): number {
		const bytes = Buffer.from(name);
		return this.core.open(this.me, this.lend(bytes), bytes.length) >>> 0;
	}

	/** Opens the object at an offset, as a participant must before it uses it. */
	use(object: number): void {
		const [low, high] = [OBJECT_NONCE, OBJECT_NONCE + 4].map(
			(field) => this.world.words[(object + field) >> 2],
		);
		this.core.openAt(this.me, object, low as number, high as number);
	}

	/** Removes the object of this name. Returns OK or another status. */
	remove(name: string): number {
		const bytes = Buffer.from(name);
		const object = this.core.remove(this.me, this.lend(bytes), bytes.length) >>> 0;
		if (object < STATUS_LIMIT) return object;
		this.core.unpin(this.me, object);
		return OK;
	}

	/** Opens the object of this name, or makes it if there is none. Returns the object or FULL. */
	construct(name: string, kind: number, made: Made = {}): number {
		const { core, me } = this;
		for (;;) {
			const found = this.open(name);
			if (found >= STATUS_LIMIT) return found;
			const object = this.committing(() => core.allocateObject(me));
			if (object < STATUS_LIMIT) return FULL;
			const status = this.place(object, name, kind, made);
			if (status === OK) return object;
			core.freeInternal(me, object);
			if (status === FULL) return FULL;
		}
	}

	/** Gives the block `object` its name in the directory. Returns OK, TAKEN or FULL. */
	place(object: number, name: string, kind: number, made: Made): number {
		const blocks: number[] = [];
		const allocate = (bytes = 0) => {
			if (bytes === 0) return 0;
			const block = this.allocate(bytes);
			if (block >= STATUS_LIMIT) blocks.push(block);
			return block;
		};
		const data = allocate(made.bytes ?? made.capacity);
		if (made.bytes !== undefined && data >= STATUS_LIMIT) this.world.bytes.fill(0, data, data + made.bytes);
		const type = data === FULL ? FULL : allocate(made.type);
		const head = headOf(name, kind, made, data, type);
		const status = type === FULL ? FULL : this.core.construct(this.me, object, this.lend(head)) >>> 0;
		if (status !== OK) for (const block of blocks) this.core.free(this.me, block);
		return status;
	}

	/** Sends `text` as a message. False if there is no room. */
	send(queue: number, text: string): boolean {
		const bytes = Buffer.from(text);
		const payload = this.core.reserve(this.me, queue, bytes.length) >>> 0;
		if (payload < STATUS_LIMIT) return false;
		this.world.bytes.set(bytes, payload);
		this.core.commit(this.me, queue, bytes.length);
		return true;
	}

	/** Recovers from the participant in `slot`. Returns the last status, and the number of calls. */
	recover(slot: number): { status: number; calls: number } {
		for (let calls = 1; calls < 1000; calls++) {
			const status = this.core.recover(slot) >>> 0;
			if (status !== MORE) return { status, calls };
		}
		throw new Error("recovery does not end");
	}
}
