/** The operations of the core, used as the binding uses them, by participants that don't know of any damage. */
import {
	KIND_MUTEX,
	KIND_QUEUE,
	NEED_COMMIT,
	NEED_PUNCH,
	OBJECT_BYTES,
	OK,
	REFERENCE_BYTES,
	SLOT_BYTES,
	SLOT_RESULT,
	SLOT_RESULT_4,
	SLOTS_START,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import type { Core } from "../../src/core/core.js";
import { headOf } from "../crash-points/world.js";
import { type Contents, fillEntry, KEYS, NONCE } from "./contents.js";

/** After this many turns the host no longer commits what the core asks for. */
const COMMITS = 1000;
/** The same for recovering from one participant. */
const RECOVERIES = 1000;
/** Pieces after which the host no longer gives back. */
const PIECES = 20;

/** A participant, and the core that it calls. */
export class Actor {
	readonly contents: Contents;
	readonly core: Core;
	readonly index: 0 | 1;
	readonly me: number;

	constructor(contents: Contents, core: Core, index: 0 | 1) {
		this.contents = contents;
		this.core = core;
		this.index = index;
		this.me = contents.living[index].me;
	}

	lend(text: string): number {
		return this.contents.living[this.index].lend(Buffer.from(text));
	}

	object(name: string): number {
		return this.contents.objects[name] as number;
	}

	result(field = SLOT_RESULT): number {
		return this.contents.world.words[(SLOTS_START + this.index * SLOT_BYTES + field) >> 2] as number;
	}

	committing(operation: () => number): number {
		for (let turn = 0; turn < COMMITS; turn++) {
			const result = operation() >>> 0;
			if (result !== NEED_COMMIT) return result;
			this.core.committed(this.me);
		}
		this.core.cancel(this.me);
		return 0;
	}

	/** A block, if there is one in the region: the binding does not touch anything outside. */
	allocate(bytes: number): number {
		const block = this.committing(() => this.core.allocate(this.me, bytes));
		return block >= STATUS_LIMIT && block + bytes <= this.contents.world.bytes.length ? block : 0;
	}

	recover(slot: number): void {
		for (let turn = 0; turn < RECOVERIES; turn++) {
			if (this.core.recover(slot) >>> 0 !== 15) return;
		}
	}

	/** The queue that this one sends to, and the one that it receives from. */
	get queues(): { out: number; in: number } {
		const [out, back] = [this.object("there"), this.object("back")];
		return this.index === 0 ? { out, in: back } : { out: back, in: out };
	}

	/** The mailbox that this one puts into, and the one that it takes from. */
	get mailboxes(): { out: number; in: number } {
		const [out, back] = [this.object("post"), this.object("answer")];
		return this.index === 0 ? { out, in: back } : { out: back, in: out };
	}
}

export type Operation = (actor: Actor) => void;

const name = "more 5";
const fresh = "a new one";

/** The operations, by the names under which traps are counted. */
export const operations: Record<string, Operation> = {
	find: (a) => {
		for (const each of ["there", "map", name, "nothing"]) a.core.find(a.lend(each), each.length);
	},
	open: (a) => {
		const object = a.core.open(a.me, a.lend(name), name.length) >>> 0;
		if (object >= STATUS_LIMIT) a.core.unpin(a.me, object);
	},
	openAt: (a) => {
		a.core.isNoted(a.object("array"), NONCE, 0);
		a.core.openAt(a.me, a.object("array"), NONCE, 0);
	},
	list: (a) => {
		for (let bucket = 0; bucket < 64; bucket++) {
			const seen = new Set<number>();
			for (let object = 0; !seen.has(object); ) {
				seen.add(object);
				object = a.core.nextObject(bucket, object) >>> 0;
				if (object < STATUS_LIMIT) break;
			}
		}
	},
	construct: (a) => {
		const data = a.allocate(64);
		const object = a.committing(() => a.core.allocateObject(a.me));
		if (object < STATUS_LIMIT || object + OBJECT_BYTES > a.contents.world.bytes.length) return;
		const head = headOf(fresh, KIND_QUEUE, { capacity: 64 }, data, 0);
		const template = a.contents.living[a.index].lend(head);
		if (a.core.construct(a.me, object, template) >>> 0 === 0) return;
		a.core.freeInternal(a.me, object);
		a.core.free(a.me, data);
	},
	"construct over another": (a) => {
		const object = a.committing(() => a.core.allocateObject(a.me));
		const template = a.contents.living[a.index].lend(headOf("map", KIND_MUTEX, {}, 0, 0));
		a.core.construct(a.me, object, template);
		a.core.freeInternal(a.me, object);
	},
	remove: (a) => {
		for (const each of [fresh, name, "old", "map"]) {
			const object = a.core.remove(a.me, a.lend(each), each.length) >>> 0;
			if (object >= STATUS_LIMIT) a.core.unpin(a.me, object);
		}
	},
	"unpin removed": (a) => {
		for (let index = 8; index < 12; index++) a.core.unpin(a.me, a.object(`more ${index}`));
	},
	"allocate small": (a) => {
		for (const bytes of [1, 64, 100, 300, 1000, 5000]) a.core.free(a.me, a.allocate(bytes));
	},
	"allocate and keep": (a) => void a.allocate(50),
	"allocate spans": (a) => {
		for (const bytes of [30_000, 70_000, 200_000]) a.core.free(a.me, a.allocate(bytes));
	},
	"allocate too much": (a) => void a.allocate(3_000_000),
	"allocate all": (a) => {
		const blocks = [];
		for (let block = a.allocate(65_536); block !== 0 && blocks.length < 100; block = a.allocate(65_536)) {
			blocks.push(block);
		}
		a.allocate(20);
		for (const block of blocks) a.core.free(a.me, block);
	},
	"allocate bulk": (a) => {
		for (const bytes of [1, 3_000_000, 20_000_000]) {
			const block = a.committing(() => a.core.allocateBulk(a.me, bytes));
			if (block !== 0) a.core.free(a.me, block);
		}
		a.core.largestFreeBulk();
	},
	"without the pages of bulk": (a) => {
		if (a.core.allocateBulk(a.me, 3_000_000) >>> 0 === NEED_COMMIT) a.core.cancel(a.me);
	},
	// In a spoilt region there may always be another piece, so it is up to the host to end this loop.
	"give back": (a) => {
		for (let turn = 0; turn < PIECES; turn++) {
			if (a.core.trim(a.me) >>> 0 !== NEED_PUNCH) break;
			a.core.punched(a.me);
		}
	},
	"give back without doing it": (a) => {
		if (a.core.trim(a.me) >>> 0 === NEED_PUNCH) a.core.cancel(a.me);
	},
	"without the pages": (a) => {
		if (a.core.allocate(a.me, 100_000) >>> 0 === NEED_COMMIT) a.core.cancel(a.me);
	},
	free: (a) => {
		for (const block of a.contents.blocks[a.index]) a.core.free(a.me, block);
	},
	"free another's": (a) => {
		for (const block of a.contents.blocks[1 - a.index] as number[]) a.core.free(a.me, block);
	},
	inspect: (a) => {
		for (const place of a.contents.places) {
			a.core.bytesOf(place);
			a.core.fileOffsetOf(place);
			a.core.capacityOf(place);
			a.core.checkOwned(a.me, place);
		}
	},
	used: (a) => void a.core.used(),
	largestFree: (a) => void a.core.largestFree(a.contents.world.spans),
	reclaim: (a) => a.core.reclaim(a.me),
	share: (a) => {
		const share = a.committing(() => a.core.allocateShare(a.me));
		const reference = a.core.share(a.me, a.contents.blocks[a.index][2] as number, share) >>> 0;
		a.core.free(a.me, a.core.addReference(a.me, reference));
	},
	references: (a) => {
		const reference = a.contents.references[a.index];
		a.core.bytesOf(reference);
		a.core.free(a.me, a.core.addReference(a.me, reference));
		a.core.free(a.me, reference);
	},
	save: (a) => {
		const handle = a.committing(() => a.core.allocateHandle(a.me));
		const block = a.contents.blocks[a.index][1] as number;
		if (a.core.save(a.me, handle, 1, 2, block, 10) >>> 0 === 0) a.core.lookUp(handle, 1, 2);
		a.core.freeSaved(a.me, handle, 1, 2);
	},
	"load and free": (a) => {
		for (const handle of a.contents.handles) {
			a.core.lookUp(handle, NONCE, 0);
			a.core.freeSaved(a.me, handle, NONCE, 0);
		}
	},
	send: (a) => {
		const { out } = a.queues;
		for (const length of [0, 5, 40]) {
			if (a.core.reserve(a.me, out, length) >>> 0 < STATUS_LIMIT) a.core.abort(a.me, out);
			else a.core.commit(a.me, out, length);
		}
	},
	"send many": (a) => {
		const { out } = a.queues;
		let count = 0;
		for (let turn = 0; turn < 3; turn++) {
			if (a.core.reserve(a.me, out, 3) >>> 0 < STATUS_LIMIT) continue;
			if (a.core.stage(a.me, out, 3) >>> 0 === OK) count++;
		}
		a.core.publish(a.me, out, count);
	},
	"send many in line": (a) => {
		for (const length of [0, 7, 40]) {
			if (a.core.reserveMany(a.me, a.queues.out, length, 5) >>> 0 < STATUS_LIMIT)
				a.core.abort(a.me, a.queues.out);
			else a.core.commitMany(a.me, a.queues.out, a.result());
		}
	},
	"send a block": (a) => {
		const { out } = a.queues;
		a.core.reserve(a.me, out, REFERENCE_BYTES);
		a.core.commitBlock(a.me, out, REFERENCE_BYTES, 1, a.contents.blocks[a.index][3] as number, 1000);
	},
	"end a stream": (a) => void a.core.end(a.me, a.queues.out),
	receive: (a) => {
		for (let count = 0; count < 100; count++) {
			if (a.core.peek(a.me, a.queues.in) >>> 0 < STATUS_LIMIT) break;
			a.core.release(a.me, a.queues.in, a.result(), count & 1);
		}
	},
	"receive, and hold": (a) => {
		const positions: number[] = [];
		for (let count = 0; count < 100; count++) {
			if (a.core.peek(a.me, a.queues.in) >>> 0 < STATUS_LIMIT) break;
			positions.push(a.result());
		}
		for (const position of positions.reverse()) a.core.release(a.me, a.queues.in, position, 0);
	},
	"receive, and release at once": (a) => {
		const positions: number[] = [];
		for (let count = 0; count < 100; count++) {
			if (a.core.peek(a.me, a.queues.in) >>> 0 < STATUS_LIMIT) break;
			positions.push(a.result());
		}
		const first = positions.length > 2 ? 1 : 0;
		// Behind the first of them, then with it, and then what was released already.
		for (const from of [first, 0, 0]) {
			const [start, last] = [positions[from], positions.at(-1)];
			if (start !== undefined && last !== undefined) a.core.releaseThrough(a.me, a.queues.in, start, last);
		}
	},
	"receive many": (a) => {
		const out = a.lend("");
		if (a.core.peekMany(a.me, a.queues.in, 100, out) >>> 0 !== OK) return;
		const words = new Uint32Array(a.contents.world.memory.buffer, out, 3 * Math.min(a.result(), 100));
		const [first, last] = [words[0], words.at(-3)];
		if (first !== undefined && last !== undefined) a.core.releaseThrough(a.me, a.queues.in, first, last);
	},
	"leave and attach": (a) => {
		const { out, in: inward } = a.queues;
		a.core.detachProducer(a.me, out);
		a.core.detachConsumer(a.me, inward);
		a.core.attachProducer(a.me, out);
		a.core.attachConsumer(a.me, inward);
	},
	"attach elsewhere": (a) => {
		a.core.attachProducer(a.me, a.object("old"));
		a.core.attachConsumer(a.me, a.object("old"));
		a.core.announceProducer(a.me, a.object("old"));
		a.core.announceConsumer(a.me, a.object("old"));
		if (a.core.peek(a.me, a.object("old")) >>> 0 >= STATUS_LIMIT) {
			a.core.release(a.me, a.object("old"), a.result(), 0);
		}
	},
	put: (a) => {
		const { out } = a.mailboxes;
		for (const [length, block] of [
			[0, 0],
			[50, 0],
			[REFERENCE_BYTES, a.contents.blocks[a.index][4] as number],
		] as const) {
			const envelope = a.allocate(60);
			if (envelope !== 0) a.core.mailboxPut(a.me, out, envelope, length, block, block === 0 ? 0 : 1000);
		}
	},
	"put over all places": (a) => {
		for (let count = 0; count < 12; count++) {
			const envelope = a.allocate(20);
			if (envelope !== 0) a.core.mailboxPut(a.me, a.mailboxes.out, envelope, 5, 0, 0);
		}
	},
	"put what is not one's own": (a) => {
		for (const place of a.contents.places) a.core.mailboxPut(a.me, a.mailboxes.out, place, 5, place, 1);
	},
	"drop a message": (a) => void a.core.mailboxDrop(a.me, a.mailboxes.out),
	"end a mailbox's stream": (a) => void a.core.mailboxEnd(a.me, a.mailboxes.out),
	take: (a) => {
		for (let count = 0; count < 20; count++) {
			if (a.core.mailboxTake(a.me, a.mailboxes.in) >>> 0 < STATUS_LIMIT) break;
			const [envelope, block] = [a.result(), a.result(SLOT_RESULT_4)];
			if (block !== 0) a.core.free(a.me, block);
			a.core.free(a.me, envelope);
		}
	},
	"take over a mailbox": (a) => {
		a.core.attachConsumer(a.me, a.object("lost"));
		a.core.mailboxTake(a.me, a.object("lost"));
		a.core.detachConsumer(a.me, a.object("lost"));
	},
	"remove a mailbox": (a) => {
		const object = a.core.remove(a.me, a.lend("lost"), 4) >>> 0;
		if (object >= STATUS_LIMIT) a.core.unpin(a.me, object);
	},
	push: (a) => {
		a.core.recordsRoom(a.me, a.object("numbers"));
		a.core.recordsPublish(a.me, a.object("numbers"), 3);
		a.core.recordsEnd(a.me, a.object("numbers"));
	},
	pop: (a) => {
		a.core.recordsAvailable(a.me, a.object("numbers"));
		a.core.recordsRelease(a.me, a.object("numbers"), 3);
	},
	lock: (a) => {
		for (const each of ["mutex", "held"]) {
			a.core.tryLock(a.me, a.object(each));
			a.core.announceLock(a.me, a.object(each));
			a.core.isAnnounced(a.me, a.object(each));
			a.core.retractLock(a.me, a.object(each));
			a.core.unlock(a.me, a.object(each));
		}
	},
	notify: (a) => {
		for (let count = 0; count < 200; count++) {
			if (a.core.ringNext(a.me, a.object("condition")) >>> 0 < STATUS_LIMIT) break;
		}
	},
	"read the map": (a) => {
		const map = a.object("map");
		for (const key of [...KEYS, "none"]) a.core.mapFind(map, a.lend(key), key.length);
		const places = Math.min(a.core.mapPlaces(map) >>> 0, 1000);
		for (let place = 0; place < places; place++) a.core.mapEntry(map, place);
	},
	"change the map": (a) => {
		const map = a.object("map");
		a.core.tryLock(a.me, map);
		for (const key of ["a", "the last", "new one", "new two"]) {
			const needed = a.core.mapNeeds(map) >>> 0;
			if (needed > 0) {
				const table = a.allocate(needed);
				if (table !== 0) a.core.mapGrow(a.me, map, table);
			}
			const entry = a.allocate(64);
			if (entry === 0) break;
			fillEntry(a.contents.world, entry, key, 1);
			a.core.mapSet(a.me, map, entry);
		}
		for (const key of KEYS) a.core.mapDelete(a.me, map, a.lend(key), key.length);
		a.core.unlock(a.me, map);
	},
	"grow the map": (a) => {
		const map = a.object("map");
		a.core.tryLock(a.me, map);
		const table = a.allocate(256);
		if (table !== 0) a.core.mapGrow(a.me, map, table);
		a.core.unlock(a.me, map);
	},
	"change the vector": (a) => {
		const vector = a.object("vector");
		a.core.tryLock(a.me, vector);
		const fresh = a.allocate(400);
		if (fresh !== 0) a.core.moveVector(a.me, vector, fresh, 80);
		a.core.setVectorLength(a.me, vector, 11);
		a.core.unlock(a.me, vector);
	},
	"recover from the dead": (a) => a.recover(2),
	join: (a) => {
		a.recover(3);
		a.core.join(3);
		a.recover(3);
	},
	"recover from nobody": (a) => a.recover(5),
	leave: (a) => a.recover(a.index),
	"pages twice": (a) => {
		a.core.committed(a.me);
		a.core.cancel(a.me);
	},
};
