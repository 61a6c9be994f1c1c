/** Allocating, and constructing what needs memory. */
import type { Region } from "dhmem";
import * as assert from "uvu/assert";
import { MUTEX, QUEUE } from "./expected.js";
import { type Operation, WORKED_IN } from "./operation.js";
import { SIZE, type VictimStage } from "./victim-stage.js";

/** `times` blocks of `bytes`, of which the first may find pages that a survivor used before. */
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

/** Changes a named object that is there; `check` looks whether it is whole, in whatever state. */
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

/** What a participant holds that dies of it. */
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
					// What the dead one had can be had.
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
