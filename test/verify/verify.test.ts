/** The invariants as code: damage is found by the invariant that it breaks, and nothing else is reported. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MAGIC_HIGH, MAGIC_LOW, OBJECT_BYTES, OWNER_NONE, SLAB_LARGEST } from "../../assembly/layout.js";
import { type Grade, verify } from "../../src/verify/index.js";
import { Memory } from "../../src/verify/memory.js";
import { mutations } from "../crash-points/mutations.js";
import { World } from "../crash-points/world.js";
import { count, PATIENCE, randomFrom } from "../fixture/index.js";
import { build } from "../hostile/contents.js";
import { damages } from "./damage.js";
import { Target } from "./target.js";

const FUZZ = Number(process.env.VERIFY_FUZZ ?? count(300, 1000));
const root = join(import.meta.dirname, "../../..");
const contents = build();
const { world } = contents;
// The largest block comes last, so that there are free spans.
contents.living[0].free(contents.blocks[0].pop() as number);
const snapshot = world.snapshot();

function found(grade: Grade): string[] {
	return verify(world.bytes, grade).map(({ invariant, text }) => `${invariant}: ${text}`);
}

test("in a region with everything in it every invariant holds, and looking writes nothing", () => {
	assert.equal(found("always"), []);
	assert.equal(found("atRest"), []);
	assert.equal(world.snapshot(), snapshot);
});

test("every invariant holds after the recovery from dead participants", () => {
	contents.living[0].recover(contents.dead.slot);
	assert.equal(found("always"), []);
	assert.equal(found("atRest"), []);
	world.restore(snapshot);
});

for (const { invariant, what, grade = "always", do: spoil } of damages) {
	test(`${invariant} finds ${what}`, () => {
		spoil(new Target(contents));
		const has = (when: Grade) => verify(world.bytes, when).some((finding) => finding.invariant === invariant);
		assert.ok(has(grade), `found is ${found(grade).join("\n")}`);
		if (grade === "always") assert.ok(has("atRest"), "what holds always holds at rest");
		else assert.not(has("always"), "it holds at rest alone");
		world.restore(snapshot);
	});
}

/** The numbers of invariants in the comments that state them. */
function documented(): string[] {
	const folder = join(root, "src/verify");
	const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
	const numbers = texts.flatMap((text) =>
		[...text.matchAll(/^ \* {2}([A-Z]\d) {2}/gm)].map(([, number]) => number),
	);
	return numbers.map(String).sort();
}

test("each invariant has a number of its own, and something is damaged that breaks it", () => {
	const numbers = documented();
	assert.ok(numbers.length > 50);
	assert.equal([...new Set(numbers)], numbers);
	assert.equal([...new Set(damages.map(({ invariant }) => invariant))].sort(), numbers);
});

test("the handbook lists each invariant, and the mutations that it names are there", () => {
	const handbook = readFileSync(join(root, "docs/maintaining.md"), "utf8");
	const rows = Array.from(handbook.matchAll(/^\| ([A-Z]\d) \| .* \| (.*) \|$/gm));
	assert.equal(rows.map(([, number]) => number).sort(), documented());
	const known = mutations.map(({ name }) => name);
	const named = rows.flatMap(([, number, names]) =>
		number?.startsWith("H") ? [] : (names?.split("; ") ?? []),
	);
	assert.ok(named.length > 30);
	assert.equal(
		named.filter((name) => name !== "—" && !known.includes(name)),
		[],
	);
});

test("blocks have the size and the owner that the core reports", () => {
	const memory = new Memory(world.bytes);
	verify(world.bytes, "always");
	const { core } = world;
	for (let at = memory.heap * 65536; at < world.bytes.length; at += 64) {
		if (memory.owner(at) === OWNER_NONE) continue;
		assert.is(memory.isObject(at) ? OBJECT_BYTES : sizeOf(at), core.capacityOf(at) >>> 0, `at ${at}`);
	}

	/** Only `verify` knows the size of a run. */
	function sizeOf(at: number): number {
		return memory.classOf(at >>> 16) >= 0 ? memory.capacity(at) : core.capacityOf(at) >>> 0;
	}
	const other = new World();
	const who = other.participant(0);
	for (let bytes = 64; bytes <= SLAB_LARGEST; bytes += 64) {
		const block = who.allocate(bytes);
		assert.is(new Memory(other.bytes).capacity(block), other.core.capacityOf(block) >>> 0, `${bytes} bytes`);
		who.free(block);
	}
});

/** Verifies garbage. Taking as long as ten thousand good regions would be far too long. */
function survives(what: string): void {
	const began = performance.now();
	for (const grade of ["always", "atRest"] as const) assert.ok(verify(world.bytes, grade).length <= 100);
	assert.ok(performance.now() - began < PATIENCE, `${what} took ${performance.now() - began} ms`);
}

test("overwritten words of the region are noticed or not, but never followed without end", () => {
	const random = randomFrom(7);
	const { metadata, places } = contents;
	const pick = (from: readonly number[]) => from[random(from.length)] as number;
	let noticed = 0;
	for (let round = 0; round < FUZZ; round++) {
		for (let count = 1 + random(6); count > 0; count--) {
			const at = pick(metadata);
			const value = [
				random(2 ** 32),
				random(300),
				pick(places),
				(world.words[at >> 2] as number) + 8,
				0xffffffff,
			];
			world.words[at >> 2] = pick(value);
		}
		survives(`round ${round}`);
		if (verify(world.bytes, "atRest").length > 0) noticed++;
		world.restore(snapshot);
	}
	assert.ok(noticed > FUZZ / 4, `${noticed} of ${FUZZ} were noticed`);
});

test("random bytes are reported as unsound, quickly and without an exception", () => {
	const random = randomFrom(11);
	const fill = (from: number, below: number) => {
		for (let at = from; at < world.words.length; at++) world.words[at] = random(below);
	};
	for (let round = 0; round < 20; round++) {
		// First the header stays as it is, then nothing does.
		world.restore(snapshot);
		fill(33, [2 ** 32, 256, 65536, 2][round % 4] as number);
		survives(`behind a header, round ${round}`);
		fill(0, 2 ** 32);
		world.words[0] = MAGIC_LOW;
		world.words[1] = MAGIC_HIGH;
		survives(`from the beginning, round ${round}`);
	}
	for (const value of [0, 1, 0xff]) {
		world.bytes.fill(value);
		survives(`bytes of ${value}`);
		world.restore(snapshot);
		world.bytes.fill(value, 4096 + 131072);
		survives(`tables of ${value}`);
		world.restore(snapshot);
	}
});

test("a file shorter than a header is not a region", () => {
	for (const length of [0, 4, 64, 4096, 65536])
		assert.is.not(verify(new Uint8Array(length), "always").length, 0, `${length} bytes`);
});

test.run();
