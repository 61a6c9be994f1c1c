/** Allocating, and constructing objects that need memory. */
import { readFileSync } from "node:fs";
import type { Region, RegionOptions } from "dhmem";
import * as assert from "uvu/assert";
import { MUTEX, QUEUE } from "./expected.js";
import { type Operation, WORKED_IN } from "./operation.js";
import { SIZE, type VictimStage } from "./victim-stage.js";

/** Allocates `times` blocks of `bytes`, the first of which may find pages that a survivor has used. */
function allocating(times: number, bytes: number, size = SIZE): Operation {
	return {
		name: `allocate ${times} of ${bytes} bytes`,
		victim(stage) {
			const region = stage.open({ mode: "open", size });
			return () => {
				for (let time = 0; time < times; time++) region.allocate(bytes);
			};
		},
		survivor(stage) {
			const survivor = stage.enter({ size });
			return {
				verify({ result }) {
					const least = times * bytes - WORKED_IN;
					if (result === "done")
						assert.ok(survivor.grown >= least, `only ${survivor.grown} bytes have pages`);
					survivor.goOn();
				},
			};
		},
	};
}

/** Changes an existing named object; `check` checks that it is whole, in whatever state. */
function changing(
	name: string,
	change: (region: Region) => unknown,
	check: (region: Region, done: boolean) => void,
): Operation {
	return {
		name,
		victim(stage) {
			const region = stage.open({ mode: "open" });
			return () => change(region);
		},
		survivor(stage) {
			const survivor = stage.enter();
			return {
				verify({ result }) {
					survivor.region.recover();
					check(survivor.region, result === "done");
					survivor.region.remove("changed");
					survivor.goOn();
				},
			};
		},
	};
}

/** Gives back the memory of two of three blocks of so many mebibytes. */
function trimming(
	name: string,
	[first = 0, kept = 0, last = 0]: readonly number[],
	size: RegionOptions["size"],
): Operation {
	return {
		name,
		victim(stage) {
			const region = stage.open({ mode: "open", size });
			const blocks = [first, kept, last].map((mebibytes) => region.allocate(mebibytes * 2 ** 20));
			blocks[0]?.free();
			blocks[2]?.free();
			return () => region.trim();
		},
		survivor(stage) {
			const survivor = stage.enter({ size });
			const own = survivor.region.allocate(100_000);
			own.bytes.fill(7);
			return {
				verify({ result }) {
					const { region } = survivor;
					// What the other one kept has its pages, also after it has left.
					const most = kept * 2 ** 20 + WORKED_IN;
					if (result === "done") assert.ok(survivor.grown <= most, `${survivor.grown} bytes have pages`);
					region.recover();
					assert.ok(own.bytes.every((byte) => byte === 7));
					region.trim();
					assert.is(region.stats().trimmable, 0);
					assert.ok(survivor.grown <= WORKED_IN, `${survivor.grown} bytes have pages after a trim`);
					own.free();
					survivor.goOn();
				},
			};
		},
	};
}

/** The bytes in use, and the mappings of the file; undefined if that can't be read, because everything fails. */
function leftIn(region: Region): string | undefined {
	try {
		const maps = readFileSync("/proc/self/maps", "utf8").split("\n");
		return `${region.stats().used} bytes, ${maps.filter((line) => line.includes(region.path)).length} mappings`;
	} catch {
		return undefined;
	}
}

/** What a participant that dies holds. */
export function hold(stage: VictimStage): void {
	const region = stage.open({ mode: "open" });
	region.allocate(100_000);
	region.queue(QUEUE).producer();
	region.mutex(MUTEX).lockSync();
}

export const memory: Operation[] = [
	allocating(30, 30_000),
	allocating(1, 1_000_000),
	allocating(1, 40_000_000, "64MiB"),
	// In the bulk space, and mapped in a window.
	allocating(2, 9_000_000, "8GiB"),
	changing(
		"construct an array of 1 MiB",
		(region) => region.array("changed", { dtype: "u8", shape: [2 ** 20] }),
		(region) => assert.is(region.array("changed", { dtype: "u8", shape: [2 ** 20] }).data.length, 2 ** 20),
	),
	changing(
		"grow a vector",
		(region) => region.vector("changed", "u32").push(...Array.from({ length: 50_000 }, (_, index) => index)),
		(region, done) => {
			const vector = region.vector("changed", "u32");
			assert.ok(vector.length === 50_000 || !done);
			assert.ok(vector.view.every((value, index) => value === index));
			vector.push(1);
		},
	),
	changing(
		"grow a map",
		(region) => {
			const map = region.map("changed", { key: "u32", value: "u32" });
			for (let key = 0; key < 300; key++) map.set(key, key);
		},
		(region, done) => {
			const map = region.map("changed", { key: "u32", value: "u32" });
			const { size } = map;
			assert.ok(size === 300 || !done);
			for (let key = 0; key < size; key++) assert.is(map.get(key), key);
			map.set(1000, 1);
		},
	),
	trimming("trim", [1, 2, 1], SIZE),
	trimming("trim the bulk space", [8, 10, 8], "8GiB"),
	{
		name: "map a window",
		victim(stage) {
			const region = stage.open({ mode: "open", size: "8GiB" });
			const before = leftIn(region);
			return () => {
				try {
					region.allocate(9_000_000);
				} catch (error) {
					// What failed must be undone at once, not only when the region is closed.
					const after = leftIn(region);
					if (after !== undefined && after !== before)
						throw new Error(`it leaves something behind: ${after} instead of ${before}`);
					throw error;
				}
			};
		},
		survivor(stage) {
			const survivor = stage.enter({ size: "8GiB" });
			return { verify: () => survivor.goOn() };
		},
	},
	{
		name: "close, and give back",
		victim(stage) {
			const region = stage.open({ mode: "open", trim: "eager" });
			region.allocate(2 ** 21);
			return () => region.close();
		},
		survivor(stage) {
			const survivor = stage.enter();
			return {
				verify({ result, undisturbed }) {
					if (undisturbed && result === "done")
						assert.ok(survivor.grown <= WORKED_IN, `${survivor.grown} bytes have pages`);
					survivor.goOn();
				},
			};
		},
	},
	{
		name: "recover",
		victim(stage) {
			const region = stage.open({ mode: "open" });
			stage.perish(() => hold(stage));
			return () => region.recover();
		},
		survivor(stage) {
			const survivor = stage.enter();
			survivor.region.queue(QUEUE, { capacity: "4KiB" });
			survivor.region.mutex(MUTEX);
			return {
				verify() {
					const { region } = survivor;
					region.recover();
					// Everything that the dead participant had is free again.
					region.queue(QUEUE).producer().close();
					region.mutex(MUTEX).lockSync({ timeout: 0 }).unlock();
					region.remove(QUEUE);
					region.remove(MUTEX);
					survivor.goOn();
				},
			};
		},
	},
];
