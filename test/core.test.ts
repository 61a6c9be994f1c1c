import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
// biome-ignore lint/style/useNodejsImportProtocol: without the prefix, as packages name it.
import { WASI } from "wasi";
import {
	BAD_HANDLE,
	BAD_STATE,
	BLOCK_ALIGNMENT,
	DOUBLE_FREE,
	FENCED,
	FULL,
	HEADER_BUSY,
	HEADER_OWNERS,
	HEADER_TOUCHED,
	HEADER_TOUCHED_BYTES,
	INTENT_NONE,
	KIND_QUEUE,
	NEED_COMMIT,
	NOT_A_BLOCK,
	NOT_FOUND,
	NOT_OWNER,
	OK,
	OWNER_FREE,
	OWNER_IN_FLIGHT,
	QUEUE_SENT,
	SLOT_BYTES,
	SLOT_INTENT,
	SLOTS_START,
	SPAN_BYTES,
	STATUS_LIMIT,
} from "../assembly/layout.js";
import { type Core, reading } from "../src/core/core.js";
import { coverageOf, reachedByFormatting, unreachable } from "./allocator/coverage.js";
import { sweep } from "./allocator/crash-points.js";
import { firstFailure, mutate, mutations } from "./allocator/mutations.js";
import { scenarios } from "./allocator/scenarios/index.js";
import { attach, receiveAll } from "./allocator/scenarios/messages.js";
import type { Stage } from "./allocator/scenarios/stage.js";
import { sweepAll, sweeps } from "./allocator/sweeps.js";
import { type Findings, inspect } from "./allocator/wasm.js";
import { coreBytes, type Participant, World } from "./allocator/world.js";
import { exportsThatWrite } from "./allocator/writing.js";

// ------------------------------------------------------------------------------------- the binary itself

/** What a core must not have; empty for a good one. */
function faults({ bytes, imports, dataSegments, hasStart, mutableGlobals }: Findings): string[] {
	const found = [];
	if (bytes > 32 * 1024) found.push("too large");
	if (imports.join() !== "env.memory") found.push("imports");
	if (dataSegments > 0) found.push("data segments");
	if (hasStart) found.push("a start function");
	if (mutableGlobals > 0) found.push("mutable globals");
	return found;
}

const MEMORY_IMPORT = [2, 16, 1, 3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2, 3, 1, 1];
const FUNCTION = { types: [1, 4, 1, 0x60, 0, 0], functions: [3, 2, 1, 0], code: [10, 4, 1, 2, 0, 11] };

/** A module made of these sections. */
function made(...sections: number[][]): Uint8Array {
	return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]);
}

test("the core is small, and a pure function over its memory", () => {
	const found = inspect(coreBytes);
	assert.equal(faults(found), []);
	assert.ok(found.exports.includes("memory"), "it exports its memory, as a WASI reactor does");
	assert.not(found.exports.includes("_start"));
	const declared = WebAssembly.Module.imports(new WebAssembly.Module(coreBytes));
	assert.equal(declared, [{ module: "env", name: "memory", kind: "memory" }]);
});

test("a module that breaks one of these rules is found out", () => {
	const { types, functions, code } = FUNCTION;
	const bad: [string, Uint8Array][] = [
		["imports", made(types, [2, 9, 1, 3, 101, 110, 118, 1, 102, 0, 0])],
		["data segments", made(MEMORY_IMPORT, [11, 7, 1, 0, 0x41, 0, 11, 1, 120])],
		["a start function", made(types, MEMORY_IMPORT, functions, [8, 1, 0], code)],
		["mutable globals", made(MEMORY_IMPORT, [6, 6, 1, 0x7f, 1, 0x41, 0, 11])],
		["too large", made(MEMORY_IMPORT, [0, 0x81, 0x80, 2, 0], Array(32 * 1024).fill(0))],
	];
	assert.equal(faults(inspect(made(MEMORY_IMPORT))), []);
	for (const [fault, module] of bad) {
		assert.not.throws(() => new WebAssembly.Module(module), fault);
		assert.equal(faults(inspect(module)), [fault]);
	}
	const constant = made(MEMORY_IMPORT, [6, 6, 1, 0x7f, 0, 0x41, 0, 11]);
	assert.equal(faults(inspect(constant)), []);
});

test("what a read-only opening calls writes nothing, nor does what that calls", () => {
	const writing = exportsThatWrite(coreBytes);
	assert.equal(
		[...reading].filter((name) => writing.has(name)),
		[],
	);
	const exported = inspect(coreBytes).exports;
	assert.ok([...reading].every((name) => exported.includes(name)));
	// What is not on that list does write, or it could be.
	const others = exported.filter((name) => name !== "memory" && !reading.has(name));
	assert.equal(
		others.filter((name) => !writing.has(name)),
		["checkOwned", "isAnnounced", "mapNeeds"],
	);
});

test("it runs as a reactor through wasi, without any host function", () => {
	const memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
	const module = new WebAssembly.Module(coreBytes);
	const [first, second] = [1, 2].map(() => {
		const instance = new WebAssembly.Instance(module, { env: { memory } });
		new WASI({ version: "preview1" }).initialize(instance);
		return instance.exports as unknown as Core;
	}) as [Core, Core];

	first.format(64, 1, 2, 0);
	const [a, b] = [first.join(0), second.join(1)];
	assert.is.not(a, b, "two instances are two participants");
	const allocate = (core: Core, me: number) => {
		let result: number;
		do {
			result = core.allocate(me, 1000) >>> 0;
			if (result === NEED_COMMIT) core.committed(me);
		} while (result === NEED_COMMIT);
		return result;
	};
	const [mine, theirs] = [allocate(first, a), allocate(second, b)];
	assert.ok(mine >= STATUS_LIMIT && theirs >= STATUS_LIMIT && mine !== theirs);
	assert.is(second.free(b, mine), NOT_OWNER);
	assert.is(first.free(a, mine), OK);
	assert.is(second.free(b, theirs), OK);
	assert.is(first.used(), 0);
});

// ----------------------------------------------------------------------------------------- the allocator

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

test("a double free, and what is no block of one's own, are found out", () => {
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

test("pages are asked for before they are handed out, and what is cancelled is free again", () => {
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
	// Another request gives up the one before.
	assert.is(me.core.allocate(me.me, SPAN_BYTES) >>> 0, NEED_COMMIT);
	const run = me.allocate(2 * SPAN_BYTES);
	assert.is(me.free(run), OK);
	assert.is(me.core.largestFree(600), all);
	// Committed once is committed for good; at most 16 MiB at a time.
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

test("who was declared dead is fenced off, and its slot is given out under another number", () => {
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
		// What its host was about to tell must not reach the next one in the slot.
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

// --------------------------------------------------------------------------------------------- the queue

test("after an end the producer still waits for what was not read", () => {
	const world = new World();
	const producer = world.participant(0);
	const consumer = world.participant(1);
	const queue = producer.construct("queue", KIND_QUEUE, { capacity: 64 });
	attach(producer, queue, "producer");
	attach(consumer, queue, "consumer");
	for (const text of ["a".repeat(16), "b".repeat(16)]) producer.send(queue, text);
	receiveAll(consumer, queue, true);
	for (let stream = 0; stream < 3; stream++) {
		assert.is(producer.core.end(producer.me, queue), OK);
		assert.equal(receiveAll(consumer, queue, true), ["end"]);
	}
	const texts = ["one", "two", "three", "four", "five"].filter((text) => producer.send(queue, text));
	assert.equal(texts, ["one", "two", "three"], "what there is room for");
	assert.equal(receiveAll(consumer, queue, true), texts);
});

test("what is published counts as sent, and more than was staged is refused", () => {
	const world = new World();
	const producer = world.participant(0);
	const queue = producer.construct("queue", KIND_QUEUE, { capacity: 256 });
	attach(producer, queue, "producer");
	const { core, me } = producer;
	const sent = () => world.words[(queue + QUEUE_SENT) >> 2];
	for (let i = 0; i < 3; i++) {
		core.reserve(me, queue, 0);
		core.stage(me, queue, 0);
	}
	assert.is(core.publish(me, queue, 4), BAD_STATE);
	assert.is(sent(), 0);
	assert.is(core.publish(me, queue, 3), OK);
	assert.is(core.publish(me, queue, 1), BAD_STATE, "they were published");
	producer.send(queue, "four");
	assert.is(core.end(me, queue), OK);
	assert.is(sent(), 4, "an end is no message");
	assert.equal(receiveAll(producer, queue), ["", "", "", "four", "end"]);
});

// ------------------------------------------------------------------------------- crash and stopping points

for (const { name, plan, short } of sweeps) {
	test(name, () => {
		const limit = Number(process.env.CRASH_POINTS ?? short);
		const { points, tried, failures } = sweepAll({ ...plan, limit });
		assert.ok(points > 5000 && tried > 2 * scenarios.length, `${tried} of ${points} points`);
		assert.is(failures.length, 0, `${failures.length} of ${tried}:\n${failures.slice(0, 5).join("\n")}`);
	});
}

test("the scenarios call every export, and reach every write of the core but those that make a region and two that no state leads to", () => {
	// What makes a region runs before anybody else can see it: who dies there leaves a file without a name.
	assert.is(reachedByFormatting().size, 18);
	const { uncalled, unreached } = coverageOf(scenarios, 5);
	assert.equal([...uncalled], []);
	assert.equal([...unreached], unreachable());
	const less = coverageOf(
		scenarios.filter(({ name }) => !/shared/.test(name)),
		1,
	);
	assert.ok(less.uncalled.has("share") && less.unreached.size > 0, "what no scenario does is noticed");
});

/** How many points fail where recovery is spoilt. */
function failuresWith(sabotage: (stage: Stage) => void): number {
	return scenarios
		.map((scenario) => sweep(scenario, { fate: "dies", limit: 2, sabotage }).failures.length)
		.reduce((sum, count) => sum + count);
}

test("where recovery goes wrong, the sweep finds it", () => {
	const start = ({ slot }: Participant) => SLOTS_START + slot * SLOT_BYTES;
	const forgetIntent = ({ world, victim }: Stage) => {
		world.words[(start(victim) + SLOT_INTENT) >> 2] = INTENT_NONE;
	};
	const forgetTouched = ({ world, victim }: Stage) => {
		const length = world.words[HEADER_TOUCHED_BYTES >> 2] as number;
		const bitmap = (world.words[HEADER_TOUCHED >> 2] as number) + victim.slot * length;
		world.bytes.fill(0, bitmap, bitmap + length);
	};
	const loseBlock = ({ world }: Stage) => {
		const owners = world.words[HEADER_OWNERS >> 2] as number;
		const taken = world.bytes.indexOf(OWNER_FREE, owners);
		if (taken >= 0) world.bytes[taken] = OWNER_IN_FLIGHT;
	};
	for (const sabotage of [forgetIntent, forgetTouched, loseBlock]) {
		assert.ok(failuresWith(sabotage) > 10, `${sabotage.name}: ${failuresWith(sabotage)} failures`);
	}
	assert.is(
		failuresWith(() => {}),
		0,
	);
});

test("every guard that can be taken away is in the core, once", () => {
	const folder = new URL("../../assembly/", import.meta.url);
	for (const { name, file, text } of mutations) {
		const source = readFileSync(new URL(file, folder), "utf8");
		assert.is(source.split(text).length, 2, name);
	}
});

test("where a guard of the core is taken away, a scenario notices", async () => {
	const some = ["replacing has no intent", "a dead holder's mutex is simply free", "links have no version"];
	const taken = mutations.filter(({ name }) => some.includes(name));
	assert.is(taken.length, some.length);
	for (const mutation of taken) {
		const failure = firstFailure(await mutate(mutation), mutation.likely);
		assert.ok(failure, `${mutation.name} was not noticed`);
	}
});

test.run();
