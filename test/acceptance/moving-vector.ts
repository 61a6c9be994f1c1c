/** Vectors grow, and so move, under two readers in other processes: no element is ever read half-moved. */
import { Region, schema } from "dhmem";
import * as assert from "uvu/assert";
import { clock, type Scenario, serve, until } from "../fixture/index.js";
import { hear, inRegion, type Row, rate, start } from "./row.js";

const READERS = 2;
/** The elements of each vector, which has then moved eleven times; and how many of them the readers wait for. */
const LENGTH = 16_384;
const FIRST = 8;
/** The number of the growing vector, the number of readers, and whether it is the last vector. */
const STATE = schema({ vector: "u32", readers: "u32", over: "u32" });
/** An element's old place soon has other bytes: such a number is no element. */
const SPOILT = 255;

/** An exact number, each of whose bytes depends on the vector and the index. */
function element(vector: number, index: number): number {
	return (vector + 1) * 1e9 + index * 3 + 0.5;
}

interface Seen {
	reads: number;
	wrong: number;
	shrunk: number;
	/** The number of views from before a move that changed after it. */
	stale: number;
	vectors: number;
}

/** The number of the last vector of which each reader has seen the beginning, plus 1. */
function lookedOf(region: Region): Uint32Array {
	return region.array("looked", { dtype: "u32", shape: [READERS] }).data;
}

const read: Scenario = (_, name, which): Seen => {
	using region = Region.open(name as string, { mode: "open" });
	const state = region.struct("state", STATE);
	const looked = lookedOf(region);
	const seen = { reads: 0, wrong: 0, shrunk: 0, stale: 0, vectors: 0 };
	{
		using _held = region.mutex("mutex").lockSync();
		state.readers++;
	}
	while (state.over === 0) {
		const number = state.vector;
		const vector = region.vector(`vector ${number}`, "f64");
		let before = 0;
		let early: Float64Array | undefined;
		for (let turn = 0; state.vector === number && state.over === 0; turn++) {
			const { length } = vector;
			if (length < before) seen.shrunk++;
			before = length;
			if (length === 0) continue;
			early ??= vector.view;
			Atomics.store(looked, Number(which), number + 1);
			for (const index of [0, length - 1, (turn * 7919) % length]) {
				if (vector.at(index) !== element(number, index)) seen.wrong++;
			}
			if (vector.at(-1) === undefined) seen.wrong++;
			seen.reads += 4;
			if (turn % 16 === 0) {
				let index = 0;
				for (const each of vector) if (each !== element(number, index++)) seen.wrong++;
				if (index < length) seen.shrunk++;
				seen.reads += index;
			}
			if (turn % 16 === 8) {
				const { view } = vector;
				if (view.length < length) seen.shrunk++;
				const wrong = view.findIndex((each, index) => each !== element(number, index));
				// A view is valid until the vector moves; then its place belongs to something else.
				if (wrong >= 0 && vector.view.byteOffset === view.byteOffset) seen.wrong++;
				seen.reads += view.length;
			}
		}
		// The control: an old view shows what reading from an old place would.
		if (early?.some((each, index) => each !== element(number, index))) seen.stale++;
		seen.vectors++;
	}
	return seen;
};

async function run(count: number): Promise<string[]> {
	return inRegion({ size: "2GiB" }, async (region) => {
		const state = region.struct("state", STATE);
		const readers = Array.from({ length: READERS }, (_, which) =>
			start(import.meta.url, "read", region.name, which),
		);
		const looked = lookedOf(region);
		await until(() => state.readers === READERS, "the readers");
		const began = clock();
		let moves = 0;
		for (let number = 0; number < count; number++) {
			state.vector = number;
			const vector = region.vector(`vector ${number}`, "f64");
			for (let index = 0; index < LENGTH; ) {
				const { byteOffset } = vector.view;
				const values = Array.from({ length: Math.min(1 + (index % 5), LENGTH - index) }, (_, at) =>
					element(number, index + at),
				);
				index = vector.push(...values);
				if (index >= FIRST && index < 2 * FIRST) {
					await until(() => looked.every((_, which) => Atomics.load(looked, which) > number), "the readers");
				}
				if (vector.view.byteOffset === byteOffset) continue;
				moves++;
				// The old memory is used again at once, with bytes that no element has.
				const left = 8 * 2 ** Math.floor(Math.log2(index - 1));
				const blocks = Array.from({ length: 4 }, () => region.allocate(Math.max(64, left)));
				for (const block of blocks) block.bytes.fill(SPOILT);
				for (const block of blocks) block.free();
			}
			assert.is(vector.length, LENGTH);
		}
		const took = clock() - began;
		state.over = 1;
		const seen = await Promise.all(readers.map((each) => hear<Seen>(each)));
		const sum = (field: keyof Seen) => seen.reduce((total, each) => total + each[field], 0);
		assert.is(sum("wrong"), 0);
		assert.is(sum("shrunk"), 0);
		assert.ok(sum("stale") > 0, "what was left was never overwritten");
		return [
			`${count * LENGTH} elements pushed into ${count} vectors, which moved ${moves} times, ` +
				`${rate(count * LENGTH, took)}; ${sum("reads")} read by ${READERS} processes, 0 wrong`,
			`views from before a move that showed something else after it: ${sum("stale")} of ${sum("vectors")}`,
		];
	});
}

export const movingVector: Row = {
	title: "readers in other processes never see a half-moved vector",
	unit: "vectors",
	full: 1000,
	short: 8,
	run,
};

serve(import.meta.url, { read });
