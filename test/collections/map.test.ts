import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Region, schema } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, count, errorOf, regionTest } from "../fixture/index.js";
import { random, runModel } from "./map-model.js";

const child = new URL("./map-child.js", import.meta.url).pathname;

function start(region: Region, job: string, count: number) {
	return spawn(process.execPath, [child, region.name, job, `${count}`], {
		stdio: ["ignore", "ignore", "inherit"],
	});
}

regionTest("a map agrees with a plain Map after any operations", (region) => {
	const map = region.map("m", { key: "string", value: "string" });
	for (const seed of [1, 2, 3]) runModel(map, `${seed}`, count(5000, 20_000), seed);
	const size = map.size;
	for (const [key] of map) assert.is(map.delete(key), true);
	assert.ok(size > 0);
	assert.is(map.size, 0);
});

regionTest("two processes change one map at random, each agreeing with its own model", async (region) => {
	const map = region.map("shared", { key: "string", value: "string" });
	const steps = Number(process.env.DHMEM_STEPS ?? count(8000, 30_000));
	const others = [start(region, "model", steps), start(region, "model", steps)];
	runModel(map, "here", steps, 7);
	assert.equal(await Promise.all(others.map((each) => once(each, "exit"))), [
		[0, null],
		[0, null],
	]);
});

regionTest("update is atomic", async (region) => {
	const map = region.map("counts", { key: "u32", value: "f64" });
	const others = [start(region, "update", 20_000), start(region, "update", 20_000)];
	for (let i = 0; i < 20_000; i++) map.update(i % 17, (old) => (old ?? 0) + 1);
	await Promise.all(others.map((each) => once(each, "exit")));
	assert.is(
		map.entries().reduce((sum, [, count]) => sum + count, 0),
		60_000,
	);
});

regionTest("an update that throws changes nothing and leaves the map usable", (region) => {
	const map = region.map("m", { key: "i64", value: "bytes" });
	map.set(-5n, Uint8Array.of(1, 2));
	assert.throws(
		() =>
			map.update(-5n, () => {
				throw new Error("no");
			}),
		/no/,
	);
	assert.is(
		codeOf(() => map.update(-5n, () => "x" as unknown as Uint8Array)),
		"DHMEM_BAD_ARGUMENT",
	);
	const { code, message } = errorOf(() =>
		map.update(-5n, (old) => {
			map.set(6n, old as Uint8Array);
			return Uint8Array.of(3);
		}),
	);
	assert.is(code, "DHMEM_BAD_ARGUMENT");
	assert.match(message, /after update/);
	assert.equal(map.get(6n), undefined);
	assert.equal(map.get(-5n), Uint8Array.of(1, 2));
});

regionTest("different keys are kept apart, and a wrong key is refused", (region) => {
	const small = region.map("small", { key: "u8", value: "i64" });
	small.set(44, -(2n ** 63n));
	assert.is(
		codeOf(() => small.get(300)),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => small.get(-1)),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => small.get(1.5)),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(small.get(44), -(2n ** 63n));
	const text = region.map("text", { key: "string", value: "f32" });
	for (const key of ["", "\0", "\ufeff", "\ufeff\ufeff", "é", "e\u0301", "🌊".repeat(256)]) text.set(key, 1);
	assert.is(text.size, 7);
	assert.is(
		codeOf(() => text.set("x".repeat(1025), 1)),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => text.set("\ud800", 1)),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => region.map("text", { key: "string", value: "f64" })),
		"DHMEM_TYPE_MISMATCH",
	);
	assert.is(
		codeOf(() => region.map("x", { key: "f64" as "u8", value: "f64" })),
		"DHMEM_BAD_ARGUMENT",
	);
	const large = region.map("large", { key: "u32", value: "bytes" });
	large.set(1, new Uint8Array(3_000_000).fill(9));
	assert.is(large.get(1)?.[2_999_999], 9);
});

regionTest("keys and values of any length come back, whatever characters they have", (region) => {
	const map = region.map("m", { key: "string", value: "string" });
	for (const length of [0, 1, 23, 24, 25, 31, 64, 511, 512, 65_535, 65_536, 65_537]) {
		for (const last of ["a", "é", "水", "🌊", "\0", "\ufeff"]) {
			const text = "x".repeat(length) + last;
			const key = text.slice(-250);
			map.set(key, text);
			assert.is(map.get(key), text);
			assert.is(
				map.update(key, (old) => `${old}${last}`),
				text + last,
			);
			assert.is(map.get(key), text + last);
			assert.ok(map.delete(key));
			assert.not.ok(map.has(key));
		}
	}
	for (const key of ["é".repeat(513), "x".repeat(70_000), `${"x".repeat(30)}\ud800`]) {
		assert.is(
			codeOf(() => map.get(key)),
			"DHMEM_BAD_ARGUMENT",
		);
		assert.is(
			codeOf(() => map.set("key", `${key}\udc00x\ud800`)),
			"DHMEM_BAD_ARGUMENT",
		);
	}
});

regionTest("a hundred thousand entries come and go, and their memory with them", (region) => {
	const map = region.map("m", { key: "u32", value: "u32" });
	const next = random(11);
	const model = new Map<number, number>();
	const before = region.stats().used;
	for (let i = 0; i < 200_000; i++) {
		const key = Math.floor(next() * 150_000);
		if (next() < 0.7) {
			map.set(key, i);
			model.set(key, i);
		} else assert.is(map.delete(key), model.delete(key));
	}
	assert.equal(new Map(map), model);
	for (const key of model.keys()) map.delete(key);
	// The table and the key's scratch block stay.
	assert.ok(region.stats().used - before < 2_000_000);
});

regionTest("processes killed in the middle leave the map whole", async (region) => {
	const map = region.map("endless", { key: "string", value: "string" });
	const next = random(5);
	for (let turn = 0; turn < count(8, 30); turn++) {
		const other = start(region, "endless", 0);
		while (region.stats().participants.length < 2) await new Promise(setImmediate);
		for (let wait = next() * 400; wait > 0; wait--) await new Promise(setImmediate);
		other.kill("SIGKILL");
		await once(other, "exit");
		const entries = map.entries();
		assert.is(entries.length, map.size);
		for (const [key, value] of entries) assert.is(value.split(":")[0], key.slice(4));
	}
	for (const [key] of map) map.delete(key);
	region.recover();
	assert.ok(region.stats().used < 20_000, `${region.stats().used} bytes are left over`);
});

regionTest("values may be structs, which go in and come out as plain objects", (region) => {
	const runs = region.map("runs", { key: "u32", value: { residual: "f64", steps: "u32", id: "i64" } });
	const run = { residual: 0.25, steps: 12, id: -1n };
	runs.set(7, run);
	const got = runs.get(7);
	assert.equal(got, run);
	run.steps = 13;
	if (got) got.steps = 14;
	assert.is(runs.get(7)?.steps, 12, "copies");
	assert.is(runs.update(7, (old) => ({ ...(old ?? run), steps: 99 })).steps, 99);
	assert.equal([...runs], [[7, { residual: 0.25, steps: 99, id: -1n }]]);
	const refusal = (value: object) => errorOf(() => runs.set(8, value as never)).message;
	assert.match(refusal({ ...run, othr: 1 }), /A name in the value is "othr"/);
	assert.match(refusal({ residual: 1, steps: 1 }), /id in the value is undefined; it must be a bigint/);
	for (const wrong of [{ residual: 1, steps: 1 }, { ...run, other: 1 }, { ...run, id: 1 }, null, 5]) {
		assert.is(
			codeOf(() => runs.set(7, wrong as typeof run)),
			"DHMEM_BAD_ARGUMENT",
		);
	}
	assert.is(runs.get(7)?.steps, 99);
	const type = schema({ residual: "f64", steps: "u32", id: "i64" });
	assert.is(region.map("runs", { key: "u32", value: type }).get(7)?.id, -1n);
	const error = errorOf(() => region.map("runs", { key: "u32", value: { residual: "f32" } }));
	assert.is(error.code, "DHMEM_TYPE_MISMATCH");
	assert.match(error.message, /\{ residual: f64, steps: u32, id: i64 \}.*\{ residual: f32 \}/);
	assert.is(
		codeOf(() => region.map("runs", { key: "u32", value: "f64" })),
		"DHMEM_TYPE_MISMATCH",
	);
});

test.run();
