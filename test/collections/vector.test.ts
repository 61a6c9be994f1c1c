import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, count, regionTest } from "../fixture/index.js";

const child = new URL("./vector-child.js", import.meta.url).pathname;

function start(region: Region, job: string, count: number) {
	const args = [child, region.name, job, `${count}`];
	return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
}

regionTest("a vector grows, shrinks and is read like an array", (region) => {
	const vector = region.vector("v", "i32");
	assert.is(vector.length, 0);
	assert.is(vector.pop(), undefined);
	assert.is(vector.at(0), undefined);
	const model: number[] = [];
	for (let i = 0; i < 10_000; i++) {
		assert.is(vector.push(i, -i), model.push(i, -i));
		if (i % 3 === 0) assert.is(vector.pop(), model.pop());
		if (i % 1000 === 0) {
			const length = (i * 7) % (model.length + 50);
			vector.resize(length);
			while (model.length < length) model.push(0);
			model.length = length;
		}
	}
	assert.equal([...vector], model);
	assert.equal(Array.from(vector.view), model);
	assert.is(vector.at(-1), model.at(-1));
	assert.is(vector.at(-model.length - 1), undefined);
	vector.set(3, 77);
	assert.is(vector.at(3), 77);
	assert.is(
		codeOf(() => vector.set(model.length, 1)),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => vector.resize(-1)),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => vector.push("x" as unknown as number) && vector.push(1n as unknown as number)),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => region.vector("v", "f32")),
		"DHMEM_TYPE_MISMATCH",
	);
});

regionTest("64-bit integers are bigints", (region) => {
	const vector = region.vector("v", "u64");
	vector.push(2n ** 63n, 1n);
	vector.resize(3);
	assert.equal([...vector], [2n ** 63n, 1n, 0n]);
	assert.is(
		codeOf(() => vector.push(1 as unknown as bigint)),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(vector.length, 3);
});

regionTest("growing frees the old memory, and a failed growth changes nothing", (region) => {
	const vector = region.vector("v", "f64");
	const before = region.stats().used;
	for (let i = 0; i < 200_000; i++) vector.push(i);
	assert.ok(region.stats().used - before < 4 * 200_000 * 8);
	assert.is(
		codeOf(() => vector.resize(2 ** 24)),
		"DHMEM_REGION_FULL",
	);
	assert.is(vector.length, 200_000);
	assert.is(vector.at(-1), 199_999);
});

regionTest("two processes that push lose nothing", async (region) => {
	const count = 20_000;
	const vector = region.vector("values", "f64");
	const pushing = [start(region, "push", count), start(region, "push", count)];
	await Promise.all(pushing.map((each) => once(each, "exit")));
	assert.is(vector.length, 2 * count);
	for (const { pid } of pushing) {
		const theirs = [...vector]
			.filter((value) => Math.floor(value) === pid)
			.map((v) => (v - (pid ?? 0)) * 2 ** 20);
		assert.equal(
			theirs,
			Array.from({ length: count }, (_, i) => i),
		);
	}
});

regionTest("a reader in another process never sees a half-moved vector", async (region) => {
	const count = 100_000;
	const vector = region.vector("values", "f64");
	const reader = start(region, "read", count);
	const lines = createInterface({ input: reader.stdout })[Symbol.asyncIterator]();
	assert.is((await lines.next()).value, "reading");
	for (let i = 0; i < count; i++) {
		vector.push(i);
		// Freed memory is used again at once, with bytes that no element has.
		if ((i & (i - 1)) === 0) {
			const blocks = Array.from({ length: 8 }, () => region.allocate(Math.max(64, i * 8)));
			for (const block of blocks) block.bytes.fill(255);
			for (const block of blocks) block.free();
		}
	}
	assert.is((await lines.next()).value, "0");
});

regionTest("a vector stays whole when processes are killed while they push", async (region) => {
	const vector = region.vector("values", "f64");
	for (let turn = 0; turn < count(3, 10); turn++) {
		const pusher = start(region, "push", 1e9);
		while (vector.length < (turn + 1) * 3000) await new Promise(setImmediate);
		pusher.kill("SIGKILL");
		await once(pusher, "exit");
		const elements = [...vector];
		const theirs = elements.filter((value) => Math.floor(value) === pusher.pid);
		assert.equal(
			theirs.map((value) => (value - (pusher.pid ?? 0)) * 2 ** 20),
			theirs.map((_, i) => i),
		);
		vector.push(0);
		assert.is(vector.length, elements.length + 1);
	}
	region.recover();
	assert.ok(region.stats().used < vector.length * 8 * 4 + 100_000);
});

test.run();
