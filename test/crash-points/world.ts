/** A region in plain memory of this process, and participants over it: one instance of the core each. */
import { readFileSync } from "node:fs";
import {
	BUCKET_BYTES,
	CLASS_LARGEST,
	DESCRIPTOR_BYTES,
	DESCRIPTOR_STATE,
	FULL,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	HEADER_DESCRIPTORS,
	HEADER_OWNERS,
	KIND_ARRAY,
	KIND_RECORDS,
	KIND_VECTOR,
	MORE,
	NEED_COMMIT,
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
	SLOT_BYTES,
	SLOT_REQUEST_COUNT,
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

/** A core to put over a region: the shipped one, or one that was spoilt. */
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

	/** An instance that calls `hook` with the number of the site before each write; with -1 before other accesses. */
	hooked(memory: WebAssembly.Memory, hooks: Hooks, hook: (site: number) => void): Core {
		const { exports } = new WebAssembly.Instance(this.#instrumented[hooks], { env: { memory, hook } });
		return exports as unknown as Core;
	}
}

export const shipped = new CoreModule(coreBytes);

/** Thrown out of the core where a participant is made to die. */
class Crash extends Error {}

const crash = new Crash();

/** Bytes that are put back together. */
const PAGE = 8192;

/** A region's bytes, page by page. */
export type Snapshot = readonly Uint8Array[];

export class World {
	readonly memory: WebAssembly.Memory;
	readonly bytes: Uint8Array;
	readonly words: Uint32Array;
	/** Behind the region, a page for each participant: where the core reads what it is given. */
	readonly scratch: Uint8Array;
	/** The core as it is, which has no state of its own, so all participants without hooks can share it. */
	readonly core: Core;
	readonly spans: number;
	readonly heap: number;

	readonly #pages: Uint8Array[] = [];
	readonly module: CoreModule;
	/** The sites that were reached by participants whose cores have hooks, 1 for each that was. */
	readonly reached: Uint8Array;
	/** The exports that they called. */
	readonly called = new Set<string>();

	constructor(spans = 16, module = shipped) {
		this.spans = spans;
		this.module = module;
		this.reached = new Uint8Array(module.sites.length);
		this.memory = new WebAssembly.Memory({ initial: spans + 1, maximum: spans + 1, shared: true });
		this.bytes = new Uint8Array(this.memory.buffer, 0, spans * SPAN_BYTES);
		this.words = new Uint32Array(this.memory.buffer, 0, this.bytes.length / 4);
		this.scratch = new Uint8Array(this.memory.buffer, this.bytes.length);
		for (let at = 0; at < this.bytes.length; at += PAGE) this.#pages.push(this.bytes.subarray(at, at + PAGE));
		this.core = module.instance(this.memory);
		this.heap = this.core.format(spans, 1, 2, 0) >>> 0;
	}

	/** Forgets what was reached and called. */
	forget(): void {
		this.reached.fill(0);
		this.called.clear();
	}

	participant(slot: number, hooks?: Hooks): Participant {
		return new Participant(this, slot, hooks);
	}

	/** Spans that nothing is left in, by the tables; those of objects and handles stay what they are. */
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

	/** Whether any object is in the directory. */
	hasNames(): boolean {
		const start = this.words[HEADER_BUCKETS >> 2] as number;
		const length = ((this.words[HEADER_BUCKET_MASK >> 2] as number) + 1) * BUCKET_BYTES;
		for (let at = start; at < start + length; at += BUCKET_BYTES) {
			if (this.words[at >> 2] !== 0) return true;
		}
		return false;
	}

	/** Whether any block has this owner byte. */
	owns(tag: number): boolean {
		const owners = this.words[HEADER_OWNERS >> 2] as number;
		return Buffer.from(this.memory.buffer, owners, this.spans * OWNERS_PER_SPAN).includes(tag);
	}

	/** Makes the bytes, from a multiple of four on, `value`. By words, which is quicker in shared memory. */
	paint(at: number, bytes: number, value: number): void {
		const end = at + bytes;
		this.words.fill(value * 0x01010101, at >> 2, end >> 2);
		this.bytes.fill(value, end & ~3, end);
	}

	/** Makes the first and the last 64 of the bytes `value`: as good as all, and quicker. */
	fill(at: number, bytes: number, value: number): void {
		this.bytes.fill(value, at, at + Math.min(bytes, 64));
		this.bytes.fill(value, at + Math.max(bytes - 64, 0), at + bytes);
	}

	/** Whether `fill` did that, and nobody has written there since. */
	isFilled(at: number, bytes: number, value: number): boolean {
		const { bytes: all } = this;
		for (let i = at; i < at + Math.min(bytes, 64); i++) if (all[i] !== value) return false;
		for (let i = at + Math.max(bytes - 64, 0); i < at + bytes; i++) if (all[i] !== value) return false;
		return true;
	}

	/** What all the bytes are. */
	snapshot(): Snapshot {
		const pages: Uint8Array[] = [];
		for (let at = 0; at < this.bytes.length; at += PAGE) pages.push(this.bytes.slice(at, at + PAGE));
		return pages;
	}

	/** Makes the bytes what they were. To compare a page is quicker than to write it, and few differ. */
	restore(snapshot: Snapshot): void {
		snapshot.forEach((before, index) => {
			const page = this.#pages[index] as Uint8Array;
			if (Buffer.compare(page, before) !== 0) page.set(before);
		});
	}
}

/** What an object is made with beside its name and kind. */
export interface Made {
	/** Bytes of data, if `bytes` does not say how many. */
	capacity?: number;
	/** The capacity that was asked for, if another. */
	requested?: number;
	/** Bytes of data, which are all 0. */
	bytes?: number;
	/** Bytes of its type's text. */
	type?: number;
	nonce?: number;
}

const WITH_ELEMENTS: readonly number[] = [KIND_RECORDS, KIND_ARRAY, KIND_VECTOR];

/** The head of an object, as the binding writes it. Elements are bytes. */
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

/** Somebody attached. Its core can be made to call `onAccess` before each write or access. */
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

	/** Takes its slot, which nobody has. */
	join(): void {
		this.me = this.core.join(this.slot) >>> 0;
	}

	/** Runs `body`, which dies before its access number `count`; whether it did. */
	crashesAt(count: number, body: () => void): boolean {
		return this.crashesWhen((access) => access === count, body);
	}

	/** Runs `body`, which dies before the first access, by its number, of which `dies` says so; whether it did. */
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

	/** A block, or the status that says why not; what is to be committed, is. */
	allocate(bytes: number): number {
		return this.committing(() => this.core.allocate(this.me, bytes));
	}

	committing(operation: () => number): number {
		for (let turn = 0; turn < 10_000; turn++) {
			const result = operation() >>> 0;
			if (result !== NEED_COMMIT) return result;
			this.core.committed(this.me);
		}
		throw new Error("the core asks for pages without end");
	}

	free(block: number): number {
		return this.core.free(this.me, block) >>> 0;
	}

	result(field = SLOT_RESULT): number {
		return this.world.words[(SLOTS_START + this.slot * SLOT_BYTES + field) >> 2] as number;
	}

	/** How many spans the request names. */
	get requested(): number {
		return this.result(SLOT_REQUEST_COUNT);
	}

	/** Puts bytes where the core reads them; their offset. */
	lend(bytes: Uint8Array): number {
		const { scratch } = this.world;
		const start = this.slot * 4096;
		scratch.set(bytes, start);
		return scratch.byteOffset + start;
	}

	/** The object of this name, or a status; not opened. */
	find(name: string): number {
		const bytes = Buffer.from(name);
		return this.core.find(this.lend(bytes), bytes.length) >>> 0;
	}

	/** The object of this name, which this participant has open from now on; or a status. */
	open(name: string): number {
		const bytes = Buffer.from(name);
		return this.core.open(this.me, this.lend(bytes), bytes.length) >>> 0;
	}

	/** Has the object at an offset open, as whoever uses it must. */
	use(object: number): void {
		const [low, high] = [OBJECT_NONCE, OBJECT_NONCE + 4].map(
			(field) => this.world.words[(object + field) >> 2],
		);
		this.core.openAt(this.me, object, low as number, high as number);
	}

	/** Removes the object of this name; OK, or another status. */
	remove(name: string): number {
		const bytes = Buffer.from(name);
		const object = this.core.remove(this.me, this.lend(bytes), bytes.length) >>> 0;
		if (object < STATUS_LIMIT) return object;
		this.core.unpin(this.me, object);
		return OK;
	}

	/** The object of this name, which is opened, or made if there is none; FULL. */
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

	/** Makes `object`, a block for one, the object of this name: OK, TAKEN or FULL. */
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

	/** Writes `text` as a message; whether there was room. */
	send(queue: number, text: string): boolean {
		const bytes = Buffer.from(text);
		const payload = this.core.reserve(this.me, queue, bytes.length) >>> 0;
		if (payload < STATUS_LIMIT) return false;
		this.world.bytes.set(bytes, payload);
		this.core.commit(this.me, queue, bytes.length);
		return true;
	}

	/** Recovers from whoever was in `slot`; the last status, and how many calls it took. */
	recover(slot: number): { status: number; calls: number } {
		for (let calls = 1; calls < 1000; calls++) {
			const status = this.core.recover(slot) >>> 0;
			if (status !== MORE) return { status, calls };
		}
		throw new Error("recovery does not end");
	}
}
