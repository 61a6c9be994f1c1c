/**
 * What happens in a trace: three participants use every export of the core, mostly as a host would. Some die in the
 * middle, someone spoils words of the memory, and some calls have arguments that make no sense.
 */
import * as layout from "../../assembly/layout.js";
import { Random } from "./random.js";
import { PAGE, Recorder } from "./recorder.js";

const PARTICIPANTS = 3;
const BULK_SPANS = 6;
const REQUEST_END = layout.SLOT_RESULT_5;

interface Named {
	at: number;
	kind: number;
	name: string;
}

interface Held {
	me: number;
	queue: number;
	position: number;
}

/** Records a trace of about `steps` steps, named by its seed. */
export function record(core: WebAssembly.Module, seed: number, steps: number): Recorder {
	const random = new Random(seed);
	const recorder = new Recorder(core, seed, 12 + random.below(40));
	const scenario = new Scenario(recorder, random);
	for (let step = 0; step < steps; step++) scenario.step();
	return recorder;
}

class Scenario {
	readonly #core: Recorder;
	readonly #random: Random;
	/** The numbers of the participants. */
	readonly #participants: number[] = [];
	/** The blocks of each. */
	readonly #blocks: number[][] = [];
	readonly #objects: Named[] = [];
	#held: Held[] = [];
	readonly #handles: { at: number; low: number; high: number }[] = [];
	#made = 0;
	readonly #steps: readonly (() => void)[];

	constructor(core: Recorder, random: Random) {
		this.#core = core;
		this.#random = random;
		const [low, high] = [random.below(2 ** 31), random.below(2 ** 31)];
		core.call("format", core.spans, low, high, random.below(2), random.below(2) * BULK_SPANS);
		for (let slot = 0; slot < PARTICIPANTS; slot++) {
			this.#participants.push(core.call("join", slot) ?? 0);
			this.#blocks.push([]);
		}
		const often = (count: number, step: () => void) => Array.from({ length: count }, () => step);
		this.#steps = [
			...often(5, () => this.#allocate()),
			...often(4, () => this.#free()),
			...often(2, () => this.#bulk()),
			...often(1, () => this.#trim()),
			...often(3, () => this.#construct()),
			...often(2, () => this.#attach()),
			...often(12, () => this.#send()),
			...often(4, () => this.#sendMany()),
			...often(10, () => this.#receive()),
			...often(8, () => this.#release()),
			...often(5, () => this.#mailbox()),
			...often(5, () => this.#records()),
			...often(5, () => this.#lock()),
			...often(5, () => this.#map()),
			...often(2, () => this.#vector()),
			...often(3, () => this.#share()),
			...often(3, () => this.#save()),
			...often(2, () => this.#look()),
			...often(1, () => this.#remove()),
			...often(1, () => this.#die(this.#random.below(PARTICIPANTS))),
			...often(2, () => this.#anything()),
			...often(1, () => this.#spoil()),
		];
	}

	step(): void {
		const who = this.#random.below(PARTICIPANTS);
		this.#who = who;
		this.#random.pick(this.#steps)?.();
		// A participant whose call has trapped is dead.
		if (this.#core.trapped) this.#die(who);
	}

	#who = 0;

	get #me(): number {
		return this.#participants[this.#who] as number;
	}

	get #mine(): number[] {
		return this.#blocks[this.#who] as number[];
	}

	/** Calls an export as the participant whose turn it is. */
	#call(name: string, ...values: number[]): number | undefined {
		return this.#core.call(name, this.#me, ...values);
	}

	#die(who: number): void {
		const core = this.#core;
		for (let turn = 0; turn < 300 && core.call("recover", who) === layout.MORE; turn++);
		this.#participants[who] = core.call("join", who) ?? 0;
		this.#blocks[who] = [];
		this.#held = this.#held.filter(({ me }) => (me & 0xff) - 1 !== who);
	}

	// ---------------------------------------------------------------------------------------------- memory

	#size(): number {
		return 1 + this.#random.below(this.#random.pick([64, 1000, 5000, 40_000, 300_000]) as number);
	}

	#allocate(): void {
		const bytes = this.#size();
		if (this.#random.oneIn(10)) {
			// A host that finds no pages.
			if (this.#call("allocate", bytes) === layout.NEED_COMMIT) this.#call("cancel");
			return;
		}
		const block = this.#core.allocate("allocate", this.#me, bytes);
		if (block === 0) {
			this.#call("reclaim");
			return;
		}
		this.#mine.push(block);
		this.#core.write(block, this.#random.bytes(this.#random.below(Math.min(bytes, 24))));
	}

	#free(): void {
		const anothers = this.#random.oneIn(8);
		const from = anothers ? (this.#random.pick(this.#blocks) as number[]) : this.#mine;
		const block = this.#random.take(from);
		if (block === undefined) return;
		this.#core.call("capacityOf", block);
		this.#call("checkOwned", block);
		this.#call("free", block);
		if (this.#random.oneIn(10)) this.#call("free", block);
	}

	/** A block of the bulk space, which is freed at once, or by whoever recovers. */
	#bulk(): void {
		const bytes = 1 + this.#random.below(3 * layout.BULK_SPAN_BYTES);
		if (this.#random.oneIn(10)) {
			if (this.#call("allocateBulk", bytes) === layout.NEED_COMMIT) this.#call("cancel");
			return;
		}
		const block = this.#core.allocate("allocateBulk", this.#me, bytes);
		this.#core.call("largestFreeBulk");
		if (block === 0) return;
		this.#core.call("fileOffsetOf", block);
		this.#core.call("bytesOf", block);
		if (!this.#random.oneIn(5)) this.#call("free", block);
	}

	#trim(): void {
		for (let turn = 0; turn < 3 && this.#call("trim") === layout.NEED_PUNCH; turn++) this.#call("punched");
	}

	#share(): void {
		const block = this.#random.take(this.#mine);
		if (block === undefined) return;
		const share = this.#core.allocate("allocateShare", this.#me);
		if (share === 0) return;
		const reference = this.#call("share", block, share) ?? 0;
		if (reference < layout.STATUS_LIMIT) {
			this.#call("freeInternal", share);
			return;
		}
		const another = this.#call("addReference", reference) ?? 0;
		this.#core.call("bytesOf", reference);
		for (const each of [reference, another]) if (each >= layout.STATUS_LIMIT) this.#mine.push(each);
	}

	#save(): void {
		const known = this.#random.pick(this.#handles);
		if (known !== undefined && this.#random.oneIn(2)) {
			const { at, low, high } = known;
			this.#core.call("lookUp", at, low, this.#random.oneIn(4) ? low : high);
			if (this.#random.oneIn(3)) this.#call("freeSaved", at, low, high);
			return;
		}
		const block = this.#random.take(this.#mine);
		if (block === undefined) return;
		const at = this.#core.allocate("allocateHandle", this.#me);
		const handle = { at, low: this.#random.below(2 ** 31), high: this.#random.below(2 ** 31) };
		if (at === 0) return;
		if (this.#call("save", at, handle.low, handle.high, block, 1) === layout.OK) this.#handles.push(handle);
		else this.#call("freeInternal", at);
	}

	// --------------------------------------------------------------------------------------------- objects

	#lend(text: string): [number, number] {
		const bytes = Buffer.from(text);
		this.#core.write(this.#core.scratch, bytes);
		return [this.#core.scratch, bytes.length];
	}

	#of(...kinds: number[]): Named | undefined {
		return this.#random.pick(this.#objects.filter(({ kind }) => kinds.includes(kind)));
	}

	#construct(): void {
		const kind = this.#random.oneIn(4) ? layout.KIND_QUEUE : 1 + this.#random.below(9);
		if (this.#objects.length > 24) return;
		const name = this.#random.oneIn(5) ? "again" : `object ${this.#made++}`;
		const places = 4 << this.#random.below(3);
		const elements = 2 << this.#random.below(5);
		const capacity =
			kind === layout.KIND_QUEUE
				? 64 << this.#random.below(6)
				: kind === layout.KIND_MAILBOX
					? places
					: elements;
		const bytes = kind === layout.KIND_QUEUE ? capacity : capacity * 8;
		const hasData = [layout.KIND_QUEUE, layout.KIND_RECORDS, layout.KIND_MAILBOX].includes(kind);
		const data = hasData ? this.#core.allocate("allocate", this.#me, bytes) : 0;
		const at = this.#core.allocate("allocateObject", this.#me);
		if (at === 0 || (hasData && data === 0)) return;
		if (hasData) this.#core.write(data, new Uint8Array(bytes));
		const status = this.#call("construct", at, this.#template(kind, name, data, capacity));
		if (status === layout.OK) {
			this.#objects.push({ at, kind, name });
			return;
		}
		this.#call("freeInternal", at);
		if (data !== 0) this.#call("free", data);
	}

	/** Writes an object's head, and returns its offset. */
	#template(kind: number, name: string, data: number, capacity: number): number {
		const head = new Uint8Array(layout.OBJECT_HEAD_BYTES);
		const words = new Uint32Array(head.buffer);
		words[layout.OBJECT_KIND >> 2] = kind;
		words[layout.OBJECT_ELEMENT >> 2] = kind === layout.KIND_RECORDS ? 1 + this.#random.below(10) : 0;
		words[layout.OBJECT_REQUESTED >> 2] =
			kind === layout.KIND_MAILBOX ? 1 + this.#random.below(capacity - 2) : 0;
		words[layout.OBJECT_DATA >> 2] = data;
		words[layout.OBJECT_CAPACITY >> 2] =
			kind === layout.KIND_VECTOR || kind === layout.KIND_MAP ? 0 : capacity;
		words[layout.OBJECT_NAME_LENGTH >> 2] = name.length;
		words[layout.OBJECT_NONCE >> 2] = this.#random.below(2 ** 31);
		head.set(Buffer.from(name), layout.OBJECT_NAME);
		this.#core.write(this.#core.scratch, head);
		return this.#core.scratch;
	}

	#look(): void {
		const object = this.#random.pick(this.#objects);
		if (object === undefined) return;
		const nonce = this.#core.word(object.at + layout.OBJECT_NONCE);
		this.#call("open", ...this.#lend(object.name));
		this.#core.call("find", ...this.#lend(object.name));
		this.#core.call("isNoted", object.at, nonce, 0);
		this.#call("openAt", object.at, nonce, 0);
		this.#core.call("nextObject", this.#random.below(64), this.#random.oneIn(3) ? object.at : 0);
		this.#core.call("used");
		this.#core.call("largestFree", this.#core.spans);
	}

	#remove(): void {
		const object = this.#random.take(this.#objects);
		if (object === undefined) return;
		const removed = this.#call("remove", ...this.#lend(object.name)) ?? 0;
		if (removed >= layout.STATUS_LIMIT)
			for (const me of this.#participants) this.#core.call("unpin", me, removed);
		this.#held = this.#held.filter(({ queue }) => queue !== object.at);
	}

	// ---------------------------------------------------------------------------------------------- queues

	#attach(): void {
		const queue = this.#of(layout.KIND_QUEUE, layout.KIND_RECORDS, layout.KIND_MAILBOX);
		if (queue === undefined) return;
		this.#call("open", ...this.#lend(queue.name));
		const side = this.#random.oneIn(2) ? "Producer" : "Consumer";
		if (this.#random.oneIn(8)) this.#call(`detach${side}`, queue.at);
		else this.#call(`attach${side}`, queue.at);
		this.#call(`announce${side}`, queue.at);
	}

	/**
	 * A queue of the kind. Makes it the turn of the endpoint's holder, mostly; if there is none, the participant takes
	 * the endpoint.
	 */
	#turnAt(kind: number, side: "Producer" | "Consumer"): number | undefined {
		const queue = this.#of(kind);
		if (queue === undefined || this.#random.oneIn(12)) return queue?.at;
		const { at, name } = queue;
		const holder = side === "Producer" ? layout.QUEUE_PRODUCER : layout.QUEUE_CONSUMER;
		const index = this.#participants.indexOf(this.#core.word(at + holder));
		if (index >= 0) this.#who = index;
		else if (this.#call("open", ...this.#lend(name)) === at) this.#call(`attach${side}`, at);
		return at;
	}

	#send(): void {
		const queue = this.#turnAt(layout.KIND_QUEUE, "Producer");
		if (queue === undefined) return;
		if (this.#random.oneIn(30)) {
			this.#call("end", queue);
			return;
		}
		const block = this.#random.oneIn(4) ? this.#random.pick(this.#mine) : undefined;
		const length = (block === undefined ? 0 : layout.REFERENCE_BYTES) + this.#random.below(80);
		const payload = this.#call("reserve", queue, length) ?? 0;
		if (payload < layout.STATUS_LIMIT) return;
		this.#core.write(payload, this.#random.bytes(length));
		if (this.#random.oneIn(12)) this.#call("abort", queue);
		else if (block !== undefined) this.#commitBlock(queue, length, block);
		else if (this.#random.oneIn(4)) {
			this.#call("stage", queue, this.#random.below(length + 1));
			if (this.#random.oneIn(2)) this.#call("publish", queue, 1);
		} else this.#call("commit", queue, this.#random.below(length + 1));
	}

	#commitBlock(queue: number, length: number, block: number): void {
		const sent =
			this.#call("commitBlock", queue, length, this.#random.below(2), block, this.#random.below(64)) ?? 0;
		if (sent !== layout.OK && sent < layout.STATUS_LIMIT) this.#call("abort", queue);
		else this.#mine.splice(this.#mine.indexOf(block), 1);
	}

	#sendMany(): void {
		const queue = this.#turnAt(layout.KIND_QUEUE, "Producer");
		if (queue === undefined) return;
		const length = this.#random.below(40);
		const payload = this.#call("reserveMany", queue, length, 1 + this.#random.below(6)) ?? 0;
		if (payload < layout.STATUS_LIMIT) return;
		const count = this.#core.result(this.#me);
		this.#core.write(payload, this.#random.bytes(length));
		if (this.#random.oneIn(8)) this.#call("abort", queue);
		else this.#call("commitMany", queue, this.#random.below(count + 2));
	}

	#receive(): void {
		const queue = this.#turnAt(layout.KIND_QUEUE, "Consumer");
		if (queue === undefined) return;
		const me = this.#me;
		if (this.#random.oneIn(3)) {
			const out = this.#core.scratch + 1024;
			if (this.#call("peekMany", queue, this.#random.below(6), out) !== layout.OK) return;
			const count = Math.min(this.#core.result(me), 6);
			for (let i = 0; i < count; i++) this.#held.push({ me, queue, position: this.#core.word(out + 12 * i) });
		} else if ((this.#call("peek", queue) ?? 0) >= layout.STATUS_LIMIT) {
			this.#held.push({ me, queue, position: this.#core.result(me) });
		}
	}

	#release(): void {
		const index = this.#random.oneIn(2) ? 0 : this.#random.below(this.#held.length);
		const message = this.#held.splice(index, 1)[0];
		if (message === undefined) return;
		const { me, queue, position } = message;
		if (this.#random.oneIn(5)) {
			const others = this.#held.filter((each) => each.me === me && each.queue === queue);
			const last = others.at(-1)?.position ?? position;
			this.#core.call("releaseThrough", me, queue, position, last);
			this.#held = this.#held.filter((each) => !others.includes(each));
		} else this.#core.call("release", me, queue, position, this.#random.oneIn(4) ? 1 : 0);
	}

	#mailbox(): void {
		const isSending = this.#random.oneIn(2);
		const mailbox = this.#turnAt(layout.KIND_MAILBOX, isSending ? "Producer" : "Consumer");
		if (mailbox === undefined) return;
		if (!isSending) {
			if ((this.#call("mailboxTake", mailbox) ?? 0) < layout.STATUS_LIMIT) return;
			this.#mine.push(this.#core.result(this.#me));
			const block = this.#core.result(this.#me, layout.SLOT_RESULT_4);
			if (block !== 0) this.#mine.push(block);
			return;
		}
		if (this.#random.oneIn(15)) this.#call("mailboxEnd", mailbox);
		else if (this.#random.oneIn(10)) this.#call("mailboxDrop", mailbox);
		else {
			const length = layout.REFERENCE_BYTES + this.#random.below(40);
			const envelope = this.#core.allocate("allocate", this.#me, layout.RECORD_HEADER + length);
			const block = this.#random.oneIn(3) ? (this.#random.take(this.#mine) ?? 0) : 0;
			if (envelope !== 0) this.#call("mailboxPut", mailbox, envelope, length, block, block === 0 ? 0 : 1);
		}
	}

	#records(): void {
		const isSending = this.#random.oneIn(2);
		const queue = this.#turnAt(layout.KIND_RECORDS, isSending ? "Producer" : "Consumer");
		if (queue === undefined) return;
		const count = () => this.#random.below(this.#core.result(this.#me) + 2);
		if (!isSending) {
			if (this.#call("recordsAvailable", queue) === layout.OK) this.#call("recordsRelease", queue, count());
		} else if (this.#random.oneIn(6)) this.#call("recordsEnd", queue);
		else if (this.#call("recordsRoom", queue) === layout.OK) this.#call("recordsPublish", queue, count());
	}

	// ------------------------------------------------------------------------ mutexes, vectors and maps

	#lock(): void {
		const lock = this.#of(layout.KIND_MUTEX, layout.KIND_CONDITION, layout.KIND_VECTOR, layout.KIND_MAP);
		if (lock === undefined) return;
		this.#call("open", ...this.#lend(lock.name));
		const operations = [
			"tryLock",
			"tryLock",
			"tryLock",
			"unlock",
			"unlock",
			"abandon",
			"announceLock",
			"isAnnounced",
		];
		this.#call(this.#random.pick([...operations, "retractLock", "ringNext"]) as string, lock.at);
	}

	#map(): void {
		const map = this.#of(layout.KIND_MAP);
		if (map === undefined) return;
		this.#call("open", ...this.#lend(map.name));
		const locked = this.#call("tryLock", map.at);
		const key = `key ${this.#random.below(12)}`;
		const needed = this.#core.call("mapNeeds", map.at) ?? 0;
		if (needed > 0) {
			const table = this.#core.allocate("allocate", this.#me, needed);
			if (table !== 0 && this.#call("mapGrow", map.at, table) !== layout.OK) this.#call("free", table);
		}
		if (this.#random.oneIn(3)) this.#call("mapDelete", map.at, ...this.#lend(key));
		else {
			const entry = this.#core.allocate("allocate", this.#me, 64);
			if (entry !== 0) {
				const head = [0, 0, 0, 0, key.length, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0];
				this.#core.write(entry, [...head, ...Buffer.from(key)]);
				if (this.#call("mapSet", map.at, entry) !== layout.OK) this.#call("free", entry);
			}
		}
		this.#core.call("mapFind", map.at, ...this.#lend(key));
		const places = this.#core.call("mapPlaces", map.at) ?? 0;
		this.#core.call("mapEntry", map.at, this.#random.below(places + 1));
		if (locked === layout.OK && !this.#random.oneIn(6)) this.#call("unlock", map.at);
	}

	#vector(): void {
		const vector = this.#of(layout.KIND_VECTOR);
		if (vector === undefined) return;
		this.#call("open", ...this.#lend(vector.name));
		const locked = this.#call("tryLock", vector.at);
		const fresh = this.#core.allocate("allocate", this.#me, 64 << this.#random.below(5));
		if (fresh !== 0 && this.#call("moveVector", vector.at, fresh, this.#random.below(64)) !== layout.OK)
			this.#call("free", fresh);
		this.#call("setVectorLength", vector.at, this.#random.below(8));
		if (locked === layout.OK) this.#call("unlock", vector.at);
	}

	// ------------------------------------------------------------------------------------------- nonsense

	/** Calls any export with arguments that mean something elsewhere, or nothing. */
	#anything(): void {
		const [name, count] = this.#random.pick([...this.#core.exports]) as [string, number];
		// It would write a new header, and everything after it would be refused.
		if (name === "format") return;
		const value = () => {
			switch (this.#random.below(6)) {
				case 0:
					return this.#random.below(20);
				case 1:
					return this.#random.pick(this.#objects)?.at ?? 0;
				case 2:
					return this.#random.pick(this.#mine) ?? 0;
				case 3:
					return this.#random.below(this.#core.spans * PAGE) & ~7;
				case 4:
					return this.#core.scratch + this.#random.below(PAGE);
				default:
					return Math.imul(this.#random.below(65536), 65537) >>> 0;
			}
		};
		const values = Array.from({ length: count }, (_, index) =>
			index === 0 && !this.#random.oneIn(3) ? this.#me : value(),
		);
		this.#core.call(name, ...values);
	}

	/** Spoils a word, as a faulty peer might; seldom, because little goes well afterwards. */
	#spoil(): void {
		if (!this.#random.oneIn(6)) return;
		const object = this.#random.pick(this.#objects);
		const near =
			object !== undefined && this.#random.oneIn(2) ? object.at + this.#random.below(640) : undefined;
		const at =
			near ??
			this.#random.below(this.#random.oneIn(2) ? this.#core.spans * PAGE : layout.SLOTS_START + REQUEST_END);
		this.#core.write(at & ~3, this.#random.bytes(4));
	}
}
