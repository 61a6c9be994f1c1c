/** A name is opened as another type than it has, in this process and in another. */
import { DhmemError, Region } from "dhmem";
import * as assert from "uvu/assert";
import { type Scenario, serve } from "../fixture/index.js";
import { hear, inRegion, type Row, start } from "./row.js";

/** Types, with their descriptions, and how to open them. */
const TYPES: [description: string, open: (region: Region, name: string) => unknown][] = [
	["a struct { value: i32 }", (region, name) => region.struct(name, { value: "i32" })],
	["a struct { value: f64 }", (region, name) => region.struct(name, { value: "f64" })],
	["an array i32[2]", (region, name) => region.array(name, { dtype: "i32", shape: [2] })],
	["an array f64[2]", (region, name) => region.array(name, { dtype: "f64", shape: [2] })],
	["an array f64[2,1]", (region, name) => region.array(name, { dtype: "f64", shape: [2, 1] })],
	["a vector of i32", (region, name) => region.vector(name, "i32")],
	["a vector of f64", (region, name) => region.vector(name, "f64")],
	["a map from string to i32", (region, name) => region.map(name, { key: "string", value: "i32" })],
	["a map from string to f64", (region, name) => region.map(name, { key: "string", value: "f64" })],
	["a map from u32 to f64", (region, name) => region.map(name, { key: "u32", value: "f64" })],
	["a queue of 4096 bytes", (region, name) => region.queue(name, { capacity: 4096 })],
	["a queue of 8192 bytes", (region, name) => region.queue(name, { capacity: 8192 })],
	["a queue of i32 records", (region, name) => region.queue(name, { record: "i32" })],
	["a queue of f64 records", (region, name) => region.queue(name, { record: "f64" })],
	["a mutex", (region, name) => region.mutex(name)],
	["a condition", (region, name) => region.condition(name)],
];

interface Attempt {
	made: number;
	opened: number;
	code: string;
	message: string;
}

/** Opens each object as each kind. */
function attempts(region: Region, round: number): Attempt[] {
	return TYPES.flatMap((_, made) =>
		TYPES.map(([, open], opened) => {
			try {
				open(region, `${round}/${made}`);
				return { made, opened, code: "nothing", message: "" };
			} catch (error) {
				if (!(error instanceof DhmemError)) throw error;
				return { made, opened, code: error.code, message: error.message };
			}
		}),
	);
}

const opener: Scenario = (_, name, round) => {
	using region = Region.open(name as string, { mode: "open" });
	return attempts(region, Number(round));
};

async function run(count: number): Promise<string[]> {
	return inRegion({ size: "64MiB" }, async (region) => {
		let refused = 0;
		for (let round = 0; round < count; round++) {
			for (const [made, [, open]] of TYPES.entries()) open(region, `${round}/${made}`);
			region.struct(`${round}/0`, { value: "i32" }).value = 42;
			const { used } = region.stats();
			const child = start(import.meta.url, "opener", region.name, round);
			const there = await hear<Attempt[]>(child);
			await child.ended;
			for (const { made, opened, code, message } of [...attempts(region, round), ...there]) {
				const [is, as] = [TYPES[made]?.[0] ?? "", TYPES[opened]?.[0] ?? ""];
				if (made === opened) {
					// The control: it opens as what it is.
					assert.is(code, "nothing", `${is}: ${message}`);
					continue;
				}
				assert.is(code, "DHMEM_TYPE_MISMATCH", `${is} as ${as}`);
				assert.ok(message.includes(`is ${is}`), `${message} does not name ${is}`);
				assert.ok(message.includes(`opened as ${as}`), `${message} does not name ${as}`);
				refused++;
			}
			assert.is(region.struct(`${round}/0`, { value: "i32" }).value, 42);
			assert.is(region.stats().used, used);
		}
		return [`${refused} openings as another of ${TYPES.length} types refused, each with both types`];
	});
}

export const mismatch: Row = {
	title: "a name opened as another type is DHMEM_TYPE_MISMATCH, naming both",
	unit: "rounds",
	full: 20,
	short: 1,
	run,
};

serve(import.meta.url, { opener });
