import type { Block, Region } from "dhmem";
import fc, { type Arbitrary } from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, loadBlock } from "../fixture/index.js";
import { type By, but, by, holds, isRefuted, type Openings, type Property } from "./property.js";
import { same } from "./values.js";

const size = fc.oneof(
	{ weight: 6, arbitrary: fc.integer({ min: 1, max: 300 }) },
	fc.constantFrom(1, 63, 64, 65, 512, 513, 4096, 4097, 32_768, 65_535, 65_536, 65_537, 131_073),
	fc.integer({ min: 1, max: 200_000 }),
);
const which = fc.nat(30);
const step = fc.oneof(
	{ weight: 4, arbitrary: fc.record({ by, do: fc.constant("allocate"), size, fill: fc.nat(255) } as const) },
	{
		weight: 2,
		arbitrary: fc.record({ by, do: fc.constant("write"), which, at: fc.nat(), fill: fc.nat(255) } as const),
	},
	{ weight: 3, arbitrary: fc.record({ by, do: fc.constant("clone"), which } as const) },
	{ weight: 3, arbitrary: fc.record({ by, do: fc.constantFrom("free", "dispose"), which } as const) },
	{ weight: 2, arbitrary: fc.record({ by, do: fc.constant("save"), which } as const) },
	{ weight: 2, arbitrary: fc.record({ by, do: fc.constant("load"), which, fill: fc.nat(255) } as const) },
	{ weight: 2, arbitrary: fc.record({ by, do: fc.constant("free what was loaded"), which } as const) },
	{
		weight: 2,
		arbitrary: fc.record({ by, do: fc.constant("hand over"), which, keep: fc.boolean() } as const),
	},
	fc.record({ by, do: fc.constant("leave and come back") } as const),
);
type Step = typeof step extends Arbitrary<infer S> ? S : never;
const walks = fc.array(step, { maxLength: 60, size: "max" });

/** The expected contents of a piece of memory, for as long as something refers to it. */
interface Memory {
	contents: Uint8Array;
	references: number;
}

/** A block that a participant owns, until it is spent: freed, saved or handed over. */
interface Held {
	block: Block;
	memory: Memory;
	spent: boolean;
}

interface Saved {
	token: string;
	memory: Memory;
	freed: boolean;
}

/** A loaded block, which belongs to the region. */
interface Loaded {
	block: Block;
	saved: Saved;
	/** True if it was freed through this object. */
	spent: boolean;
}

type Change = (region: Region) => Region;

class Model {
	readonly #openings: Openings;
	readonly #change: Change;
	readonly #held: [Held[], Held[]] = [[], []];
	readonly #loaded: [Loaded[], Loaded[]] = [[], []];
	readonly #saved: Saved[] = [];
	readonly #memories = new Set<Memory>();

	constructor(openings: Openings, change: Change) {
		this.#openings = openings;
		this.#change = change;
	}

	region(each: By): Region {
		return this.#change(this.#openings.at(each));
	}

	/** One of a participant's blocks, spent or not. */
	held(each: By, which: number): Held | undefined {
		return this.#held[each][which % this.#held[each].length];
	}

	loaded(each: By, which: number): Loaded | undefined {
		return this.#loaded[each][which % this.#loaded[each].length];
	}

	saved(which: number): Saved | undefined {
		return this.#saved[which % this.#saved.length];
	}

	add(each: By, block: Block, memory: Memory): void {
		memory.references++;
		this.#memories.add(memory);
		this.#held[each].push({ block, memory, spent: false });
	}

	/** Takes a block from its owner. */
	spend(held: Held): void {
		held.spent = true;
		this.#drop(held.memory);
	}

	#drop(memory: Memory): void {
		if (--memory.references === 0) this.#memories.delete(memory);
	}

	save(held: Held, token: string): void {
		held.memory.references++;
		this.spend(held);
		this.#saved.push({ token, memory: held.memory, freed: false });
	}

	load(each: By, saved: Saved, block: Block): void {
		this.#loaded[each].push({ block, saved, spent: false });
	}

	freeSaved(saved: Saved): void {
		saved.freed = true;
		this.#drop(saved.memory);
	}

	reopen(each: By): void {
		this.#openings.reopen(each);
		for (const held of this.#held[each].splice(0)) {
			const { block } = held;
			same(
				codeOf(() => block.bytes),
				"DHMEM_CLOSED",
				"reading after it left",
			);
			same(
				codeOf(() => block.free()),
				"DHMEM_CLOSED",
				"freeing after it left",
			);
			block[Symbol.dispose]();
			if (!held.spent) this.spend(held);
		}
		this.#loaded[each] = [];
	}

	/** Every reference shows the expected contents, and at least that much memory is in use. */
	check(): void {
		for (const { block, memory, spent } of this.#held.flat()) {
			if (!spent) sameBytes(block, memory);
			else
				same(
					codeOf(() => block.bytes),
					"DHMEM_CLOSED",
					"reading what was spent",
				);
		}
		for (const { block, saved } of this.#loaded.flat()) if (!saved.freed) sameBytes(block, saved.memory);
		const needed = [...this.#memories].reduce((sum, { contents }) => sum + contents.length, 0);
		assert.ok(this.#openings.host.stats().used >= needed, "memory in use is free");
	}

	/** Frees everything. */
	finish(): void {
		for (const held of this.#held.flat()) {
			if (held.spent) continue;
			same(
				codeOf(() => held.block.free()),
				"nothing",
				"freeing what is left",
			);
			this.spend(held);
		}
		for (const saved of this.#saved) {
			const expected = saved.freed ? "DHMEM_BAD_HANDLE" : "nothing";
			same(
				codeOf(() => loadBlock(this.region(0), saved.token).free()),
				expected,
				"freeing by the token",
			);
		}
	}
}

function sameBytes(block: Block, { contents }: Memory): void {
	same(
		codeOf(() => block.bytes),
		"nothing",
		"reading what is somebody's",
	);
	same(block.length, contents.length, "the length");
	if (Buffer.compare(block.bytes, contents) !== 0) assert.equal(block.bytes.slice(), contents);
}

function keepContents(change: Change = (region) => region): Property<Step[]> {
	return (openings, steps) => {
		for (const name of ["from 0", "from 1"]) openings.host.queue(name, { capacity: 64 });
		const { used } = openings.host.stats();
		const model = new Model(openings, change);
		for (const step of steps) take(model, step);
		model.finish();
		same(openings.host.stats().used, used, "the bytes in use at the end");
	};
}

function take(model: Model, step: Step): void {
	const region = model.region(step.by);
	switch (step.do) {
		case "allocate": {
			const contents = Uint8Array.from({ length: step.size }, (_, i) => step.fill + i * 7);
			const block = region.allocate(step.size);
			block.bytes.set(contents);
			same(block.bytes.byteOffset % 64, 0, "the alignment");
			model.add(step.by, block, { contents, references: 0 });
			break;
		}
		case "load": {
			const saved = model.saved(step.which);
			if (saved === undefined) break;
			const blocks: Block[] = [];
			const found = codeOf(() => blocks.push(loadBlock(region, saved.token)));
			same(found, saved.freed ? "DHMEM_BAD_HANDLE" : "nothing", step.do);
			for (const block of blocks) {
				saved.memory.contents[0] = step.fill;
				block.bytes[0] = step.fill;
				same(
					codeOf(() => block.clone()),
					"DHMEM_BAD_ARGUMENT",
					"cloning what is the region's",
				);
				same(
					codeOf(() => region.save(block)),
					"DHMEM_BAD_ARGUMENT",
					"saving what is the region's",
				);
				model.load(step.by, saved, block);
			}
			break;
		}
		case "free what was loaded": {
			const loaded = model.loaded(step.by, step.which);
			if (loaded === undefined) break;
			const { block, saved, spent } = loaded;
			const stale = spent ? "DHMEM_DOUBLE_FREE" : "DHMEM_BAD_HANDLE";
			same(
				codeOf(() => block.free()),
				saved.freed ? stale : "nothing",
				step.do,
			);
			if (saved.freed) break;
			loaded.spent = true;
			model.freeSaved(saved);
			break;
		}
		case "leave and come back":
			model.reopen(step.by);
			break;
		default: {
			const held = model.held(step.by, step.which);
			if (held !== undefined) withHeld(model, region, step, held);
		}
	}
	model.check();
}

/** A step with a block that a participant has or had. */
function withHeld(model: Model, region: Region, step: Step & { which: number }, held: Held): void {
	const { block, memory, spent } = held;
	const expected = spent ? "DHMEM_CLOSED" : "nothing";
	switch (step.do) {
		case "write": {
			const at = step.at % memory.contents.length;
			const written = codeOf(() => {
				block.bytes[at] = step.fill;
			});
			same(written, expected, step.do);
			if (!spent) memory.contents[at] = step.fill;
			break;
		}
		case "clone": {
			const clones: Block[] = [];
			same(
				codeOf(() => clones.push(block.clone())),
				expected,
				step.do,
			);
			for (const clone of clones) model.add(step.by, clone, memory);
			break;
		}
		case "free":
			same(
				codeOf(() => block.free()),
				spent ? "DHMEM_DOUBLE_FREE" : "nothing",
				step.do,
			);
			if (!spent) model.spend(held);
			break;
		case "dispose":
			block[Symbol.dispose]();
			if (!spent) model.spend(held);
			break;
		case "save": {
			let token = "";
			const saved = codeOf(() => {
				token = String(region.save(block));
			});
			same(saved, expected, step.do);
			if (!spent) model.save(held, token);
			break;
		}
		case "hand over": {
			const to = step.by === 0 ? 1 : 0;
			using producer = region.queue(`from ${step.by}`).producer();
			same(
				codeOf(() => assert.ok(producer.trySend("", { block }))),
				expected,
				step.do,
			);
			if (spent) break;
			using consumer = model.region(to).queue(`from ${step.by}`).consumer();
			const message = consumer.tryReceive();
			assert.ok(message?.block, "no block came");
			sameBytes(message.block, memory);
			if (step.keep) model.add(to, message.take(), memory);
			else message.release();
			model.spend(held);
		}
	}
}

test("blocks, clones and saved blocks keep their contents as long as anybody has them, and no longer", () =>
	holds(walks, keepContents()));

/** A region that changes every block that is allocated or cloned. */
function changed(region: Region, change: (block: Block) => Partial<Block>): Region {
	const wrapped = (block: Block): Block =>
		but(block, { clone: () => wrapped(block.clone()), ...change(block) });
	return but(region, { allocate: (bytes) => wrapped(region.allocate(bytes)) });
}

const faults: [string, Change][] = [
	[
		"are cloned by copying",
		(region) =>
			changed(region, (block) => ({
				clone() {
					const copy = region.allocate(block.length);
					copy.bytes.set(block.bytes);
					return copy;
				},
			})),
	],
	[
		"are freed twice without a word",
		(region) =>
			changed(region, (block) => ({
				free: () => block[Symbol.dispose](),
			})),
	],
	[
		"leave a reference behind when cloned",
		(region) =>
			changed(region, (block) => ({
				clone() {
					block.clone();
					return block.clone();
				},
			})),
	],
	[
		"are given out again as their own clones",
		(region) => but(region, { allocate: (bytes) => sameAgain(region.allocate(bytes)) }),
	],
	["are not freed when disposed", (region) => changed(region, () => ({ [Symbol.dispose]: () => {} }))],
	[
		"are loaded from a region whose handles go stale unnoticed",
		(region) => but(region, { load: ((handle: string) => lenient(region, handle)) as Region["load"] }),
	],
];

function sameAgain(block: Block): Block {
	const again: Block = but(block, { clone: () => again });
	return again;
}

/** The block that a handle refers to, or another one. */
function lenient(region: Region, token: string): Block {
	try {
		return loadBlock(region, token);
	} catch {
		return region.load(region.save(region.allocate(1)));
	}
}

for (const [fault, change] of faults) {
	test(`blocks that ${fault} are detected`, () => isRefuted(fault, walks, keepContents(change)));
}

test.run();
