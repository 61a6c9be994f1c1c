/** Blocks and participants, only by calls of the core. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	BAD_HANDLE,
	BLOCK_ALIGNMENT,
	DOUBLE_FREE,
	FENCED,
	FULL,
	HEADER_BUSY,
	NEED_COMMIT,
	NOT_A_BLOCK,
	NOT_FOUND,
	NOT_OWNER,
	OK,
	SPAN_BYTES,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { World } from "../crash-points/world.js";

test("a block of every size has room for it, is aligned, and overlaps no other", () => {
	const world = new World(64);
	const me = world.participant(0);
	let blocks: { at: number; end: number; bytes: number }[] = [];
	const check = () => {
		blocks.sort((a, b) => a.at - b.at);
		for (let i = 1; i < blocks.length; i++) {
			const [before, after] = [blocks[i - 1], blocks[i]];
			if ((before?.end ?? 0) > (after?.at ?? 0))
				assert.unreachable(`${before?.bytes} and ${after?.bytes} overlap`);
		}
		for (const { at } of blocks) assert.is(me.free(at), OK);
		blocks = [];
	};
	for (let bytes = 1; bytes <= 70_000; bytes += bytes < 40_000 ? 1 : 97) {
		let at = me.allocate(bytes);
		if (at === FULL) {
			check();
			at = me.allocate(bytes);
		}
		const capacity = me.core.capacityOf(at) >>> 0;
		if (at % BLOCK_ALIGNMENT !== 0 || capacity < bytes || at + capacity > world.bytes.length) {
			assert.unreachable(`${bytes} bytes gave ${capacity} at ${at}`);
		}
		// Classes are a quarter of a doubling apart, then what divides a span.
		if (bytes > 512 && bytes <= 16384) assert.ok(capacity <= bytes * 1.25 + 64, `${capacity} for ${bytes}`);
		blocks.push({ at, end: at + capacity, bytes });
	}
	check();
	assert.is(me.core.used(), 0);
});

test("half the region can be one block, and all of it several", () => {
	const world = new World(64);
	const me = world.participant(0);
	const half = me.allocate(32 * SPAN_BYTES);
	assert.ok(half >= STATUS_LIMIT);
	assert.is(me.allocate(32 * SPAN_BYTES), FULL);
	const rest = me.allocate((64 - world.heap - 32) * SPAN_BYTES);
	assert.ok(rest >= STATUS_LIMIT);
	assert.is(me.allocate(1), FULL);
	assert.is(me.core.largestFree(64), 0);
	assert.is(me.free(half), OK);
	assert.is(me.core.largestFree(64), 32 * SPAN_BYTES);
	assert.is(me.free(rest), OK);
	assert.is(me.core.largestFree(64), (64 - world.heap) * SPAN_BYTES);
	assert.is(me.allocate(0xffff_ffff), FULL);
});

test("a double free, and freeing a foreign block, are noticed", () => {
	const world = new World();
	const me = world.participant(0);
	const other = world.participant(1);
	for (const bytes of [1, 100, 5000, SPAN_BYTES, 3 * SPAN_BYTES]) {
		const block = me.allocate(bytes);
		assert.is(other.free(block), NOT_OWNER, `${bytes}: another's`);
		for (const wrong of [1, 8, 63, 65]) {
			assert.is(me.free(block + wrong), NOT_A_BLOCK, `${bytes}: ${wrong} bytes in it`);
		}
		assert.is(me.free(block), OK);
		assert.is(me.free(block), DOUBLE_FREE, `${bytes}: twice`);
	}
	const run = me.allocate(3 * SPAN_BYTES);
	assert.is(me.free(run + SPAN_BYTES), NOT_A_BLOCK, "in the middle of a run");
	const handle = me.committing(() => me.core.allocateHandle(me.me));
	assert.is(me.free(handle), NOT_A_BLOCK, "not a user's block");
	for (const wrong of [0, 1, HEADER_BUSY, 4096, world.bytes.length, world.bytes.length + 64, 0xffff_ffff]) {
		assert.is(me.free(wrong), NOT_A_BLOCK, `at ${wrong}`);
	}
	assert.is(me.core.lookUp(12345, 1, 2), BAD_HANDLE);
});

test("pages are committed before they are handed out, and cancelled memory is free again", () => {
	const world = new World(600);
	const me = world.participant(0);
	const other = world.participant(1);
	const all = me.core.largestFree(600);
	for (const bytes of [1, SPAN_BYTES, 5 * SPAN_BYTES]) {
		let asked = 0;
		// First for the tables, then for the block's own pages.
		while (me.core.allocate(me.me, bytes) >>> 0 === NEED_COMMIT && asked === 0) {
			if (me.core.largestFree(600) === all) me.core.committed(me.me);
			else asked++;
		}
		assert.is(asked, 1, "the pages are claimed");
		assert.is(me.core.used(), 0, "and nobody's");
		me.core.cancel(me.me);
		assert.is(other.core.largestFree(600), all);
	}
	// A new request replaces the previous one.
	assert.is(me.core.allocate(me.me, SPAN_BYTES) >>> 0, NEED_COMMIT);
	const run = me.allocate(2 * SPAN_BYTES);
	assert.is(me.free(run), OK);
	assert.is(me.core.largestFree(600), all);
	// What was committed stays committed; at most 16 MiB at a time.
	assert.ok(me.core.allocate(me.me, 2 * SPAN_BYTES) >>> 0 >= STATUS_LIMIT);
	let requests = 0;
	while (me.core.allocate(me.me, 500 * SPAN_BYTES) >>> 0 === NEED_COMMIT) {
		assert.ok(me.requested <= 256);
		me.core.committed(me.me);
		requests++;
	}
	assert.is(requests, 2);
	assert.is(other.recover(0).status, OK);
	assert.is(other.core.largestFree(600), all);
});

test("a participant that was declared dead is fenced off, and its slot gets another number", () => {
	const world = new World();
	const dead = world.participant(0);
	const other = world.participant(1);
	const block = dead.allocate(100);
	assert.is(other.recover(0).status, OK);
	assert.is(other.core.used(), 0);
	assert.is(other.recover(0).status, NOT_FOUND);
	for (let turn = 0; turn < 2; turn++) {
		assert.is(dead.allocate(100), FENCED);
		assert.is(dead.allocate(3 * SPAN_BYTES), FENCED);
		assert.is(dead.free(block), FENCED);
		assert.is(dead.open("x"), FENCED);
		assert.is(dead.remove("x"), FENCED);
		assert.is(dead.core.openAt(dead.me, block, 1, 2), FENCED);
		// What its host was about to report must not reach the next participant in the slot.
		if (turn > 0) continue;
		const next = world.participant(0);
		assert.is.not(next.me, dead.me);
		assert.is(next.core.allocate(next.me, 3 * SPAN_BYTES) >>> 0, NEED_COMMIT);
		const free = other.core.largestFree(16);
		dead.core.committed(dead.me);
		assert.is(next.core.allocate(next.me, 3 * SPAN_BYTES) >>> 0, NEED_COMMIT, "nobody has committed");
		dead.core.cancel(dead.me);
		assert.is(other.core.largestFree(16), free, "nobody has cancelled");
		next.core.cancel(next.me);
	}
});

test.run();
