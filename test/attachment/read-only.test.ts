import { existsSync, truncateSync } from "node:fs";
import { Region, type RegionOptions } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child, codeOf, directory, eachInFolder, errorOf, loadBlock, regionTest } from "../fixture/index.js";

const module = new URL("./read-only-child.js", import.meta.url).href;
const READS = Number(process.env.DHMEM_STEPS ?? 20_000);
const modes = ["read-only", "copy-on-write"] as const;

eachInFolder();

/** One of everything that can be read, with contents. */
function fill(region: Region) {
	const params = region.struct("params", { a: "f64", step: "u32" }, { initial: { a: 1.5 } });
	const field = region.array("field", { dtype: "f64", shape: [2, 3], initial: [1, 2, 3, 4, 5, 6] });
	const vector = region.vector("vector", "u32");
	vector.push(1, 2, 3);
	const map = region.map("map", { key: "string", value: "f64" });
	map.set("k", 0.5);
	const block = region.allocate(64);
	block.bytes.fill(9);
	return { params, field, vector, map, token: String(region.save(block)) };
}

for (const mode of modes) {
	regionTest(
		`${mode}: reading a vector or map that others have removed is an error, whatever its memory contains now`,
		(region) => {
			fill(region);
			using reader = Region.open(region.name, { mode });
			const vector = reader.vector("vector");
			const map = reader.map("map");
			const reads: (() => unknown)[] = [
				() => vector.length,
				() => vector.at(0),
				() => vector.view,
				() => [...vector],
				() => map.size,
				() => map.get("k"),
				() => map.has("k"),
				() => map.entries(),
			];
			const codes = () => reads.map((read) => codeOf(read));
			assert.equal(new Set(codes()), new Set(["nothing"]));
			region.remove("vector");
			region.remove("map");
			assert.equal(new Set(codes()), new Set(["DHMEM_CLOSED"]));
			for (let i = 0; i < 200; i++) region.vector(`other ${i}`, "f64").push(i);
			assert.equal(new Set(codes()), new Set(["DHMEM_CLOSED"]));
			assert.is(
				codeOf(() => reader.vector("vector")),
				"DHMEM_NOT_FOUND",
			);
			region.vector("vector", "i8").push(-1);
			assert.equal([...reader.vector("vector")], [-1]);
		},
	);
}

for (const mode of modes) {
	regionTest(`${mode}: everything can be read, and changes by others are seen`, (region) => {
		const { params, field, vector, map, token } = fill(region);
		using reader = Region.open(region.name, { mode });
		const seen = {
			params: reader.struct("params", { a: "f64", step: "u32" }),
			field: reader.array("field"),
			vector: reader.vector("vector", "u32"),
			map: reader.map("map", { key: "string", value: "f64" }),
			block: loadBlock(reader, token),
		};
		const read = () => [
			seen.params.a,
			seen.params.step,
			seen.field.get(1, 2),
			[...seen.vector],
			seen.vector.at(-1),
			seen.map.get("k"),
			seen.map.get("other"),
			seen.map.entries().length,
			seen.block.bytes[63],
		];
		assert.equal(read(), [1.5, 0, 6, [1, 2, 3], 3, 0.5, undefined, 1, 9]);
		params.a = 2.5;
		params.step = 7;
		field.set(1, 2, -6);
		for (let i = 0; i < 5000; i++) vector.push(4);
		map.set("k", 0.25);
		map.set("other", 1);
		loadBlock(region, token).bytes.fill(8);
		assert.equal(
			[...read().slice(0, 3), seen.vector.length, ...read().slice(4)],
			[2.5, 7, -6, 5003, 4, 0.25, 1, 2, 8],
		);
		assert.is(reader.entries().length, 4);
		const { participants, objects } = reader.stats();
		assert.equal([participants.length, objects], [1, 4], "who only reads takes no slot");
		assert.is(String(reader.save(seen.field)), String(region.save(field)));
		assert.is(reader.load(region.save(vector), "u32").kind, "vector");
		// It was made after the reader came.
		region.struct("late", { b: "u8" }).b = 1;
		assert.is(reader.struct("late", { b: "u8" }).b, 1);
	});

	regionTest(`${mode}: leaving the scope of a loaded block does nothing`, (region) => {
		const { token } = fill(region);
		using reader = Region.open(region.name, { mode });
		loadBlock(reader, token)[Symbol.dispose]();
		assert.is(loadBlock(reader, token).length, 64);
	});

	regionTest(`${mode}: every change of the region is DHMEM_READ_ONLY`, async (region) => {
		const { token, field } = fill(region);
		region.queue("queue");
		region.queue("records", { record: "f64" });
		region.mutex("mutex");
		region.condition("condition");
		const handle = region.save(field);
		const before = region.stats();
		using reader = Region.open(region.name, { mode });
		const map = reader.map("map", { key: "string", value: "f64" });
		for (const change of [
			() => reader.allocate(8),
			() => reader.struct("new", { a: "f64" }),
			() => reader.array("new", { dtype: "f64", shape: [1] }),
			() => reader.vector("new", "f64"),
			() => reader.map("new", { key: "string", value: "f64" }),
			() => reader.mutex("new"),
			() => reader.queue("new"),
			() => reader.vector("vector", "u32").push(1),
			() => reader.vector("vector", "u32").pop(),
			() => reader.vector("vector", "u32").resize(1),
			() => map.set("k", 1),
			() => map.delete("k"),
			() => map.update("k", () => 1),
			() => reader.mutex("mutex").tryLock(),
			() => reader.mutex("mutex").lockSync({ timeout: 0 }),
			() => reader.condition("condition").notifyOne(),
			() => reader.queue("queue").producer(),
			() => reader.queue("queue").consumer(),
			() => reader.queue("records", { record: "f64" }).producer(),
			() => loadBlock(reader, token).free(),
			() => loadBlock(reader, token).clone(),
			() => reader.remove("map"),
			() => reader.recover(),
		]) {
			const error = errorOf(change);
			const known =
				error.code === "DHMEM_READ_ONLY" ||
				(/clone/.test(String(change)) && error.code === "DHMEM_BAD_ARGUMENT");
			assert.ok(known, `${change} gave ${error.code}`);
			assert.match(error.message, /open|free/);
		}
		await reader
			.queue("queue")
			.waitForPeer()
			.then(
				() => assert.unreachable(),
				(error) => assert.is(error.code, "DHMEM_READ_ONLY"),
			);
		for (const isTaken of [false, true]) {
			using held = isTaken ? region.mutex("mutex").lockSync() : undefined;
			using end = isTaken ? region.queue("queue").producer() : undefined;
			for (const wait of [
				() => reader.mutex("mutex").lock(),
				() => reader.queue("queue").acquireProducer(),
				() => reader.queue("queue").acquireConsumer(),
			]) {
				const code = await wait().then(String, (error) => error.code);
				assert.is(code, "DHMEM_READ_ONLY", `${wait} where it is ${held && end ? "taken" : "free"}`);
			}
		}
		assert.is(
			codeOf(() => reader.struct("absent")),
			"DHMEM_NOT_FOUND",
		);
		assert.is(
			codeOf(() => reader.struct("params", { a: "u32" })),
			"DHMEM_TYPE_MISMATCH",
		);
		assert.is(reader.load(handle).kind, "array");
		assert.equal({ ...region.stats(), participants: [] }, { ...before, participants: [] });
	});
}

regionTest(
	"read-only: fields and elements are refused, and a stray write through a view stays here",
	(region) => {
		const { params, field, vector, token } = fill(region);
		using reader = Region.open(region.name, { mode: "read-only" });
		const seen = reader.struct("params", { a: "f64", step: "u32" });
		const array = reader.array("field", { dtype: "f64" });
		const block = loadBlock(reader, token);
		for (const change of [
			() => {
				seen.a = 3;
			},
			() => Object.assign(seen, { step: 1 }),
			() => array.set(0, 0, 9),
			() => reader.vector("vector", "u32").set(0, 9),
			() => {
				const [first] = block.as({ x: "u32" });
				if (first) first.x = 1;
			},
		]) {
			assert.is(codeOf(change), "DHMEM_READ_ONLY");
		}
		array.data[0] = 99;
		block.bytes.fill(1);
		reader.vector("vector", "u32").view[0] = 99;
		assert.equal([params.a, params.step, field.get(0, 0), vector.at(0)], [1.5, 0, 1, 1]);
		assert.is(loadBlock(region, token).bytes[0], 9);
	},
);

regionTest("copy-on-write: changes of elements are private", (region) => {
	const { params, field, vector } = fill(region);
	using copier = Region.open(region.name, { mode: "copy-on-write" });
	const own = copier.struct("params", { a: "f64", step: "u32" });
	own.a = 3;
	own.step++;
	copier.array("field", { dtype: "f64" }).set(0, 0, 9);
	copier.vector("vector", "u32").set(2, 9);
	assert.equal([own.a, own.step], [3, 1]);
	assert.is(copier.array("field").get(0, 0), 9);
	assert.equal([...copier.vector("vector", "u32")], [1, 2, 9]);
	assert.equal([params.a, params.step, field.get(0, 0), [...vector]], [1.5, 0, 1, [1, 2, 3]]);
	assert.is(
		codeOf(() => copier.vector("vector", "u32").set(3, 9)),
		"DHMEM_BAD_ARGUMENT",
	);
});

regionTest("a reader sees whole vectors and maps while they grow, move and shrink", async (region) => {
	region.vector("vector", "f64");
	region.map("map", { key: "string", value: "string" });
	const writer = new Child(module, "change", [region.name]);
	await writer.hear();
	using reader = Region.open(region.name, { mode: "read-only" });
	const vector = reader.vector("vector", "f64");
	const map = reader.map("map", { key: "string", value: "string" });
	let differing = 0;
	let last = -1;
	// A slow writer, such as an emulated one, gets the time that it needs.
	for (let i = 0; i < READS || (differing < 2 && i < 1000 * READS); i++) {
		const values = i % 100 === 0 ? [...vector] : [vector.at(0), vector.at(1)];
		const [first = 0] = values;
		values.forEach((value, index) => {
			// It may have been emptied between two reads of single elements.
			if (i % 100 === 0) assert.is(value, first + index);
		});
		if (first !== last) differing++;
		last = first;
		if (i % 100 === 0) for (const [key, value] of map) assert.ok(key.startsWith("key ") && digits(value) > 0);
		const value = map.get(`key ${i % 100}`);
		if (value !== undefined) {
			const unit = value.slice(0, value.length / (1 + (Number(value.slice(0, digits(value))) % 50)));
			assert.is(value, unit.repeat(value.length / unit.length));
		}
	}
	assert.ok(differing > 1, "it never changed");
	await writer.kill();
});

/** The digits of the number that the text repeats. */
function digits(text: string): number {
	for (let length = 1; length <= text.length; length++) {
		const number = Number(text.slice(0, length));
		if (length * (1 + (number % 50)) === text.length && text === `${number}`.repeat(1 + (number % 50)))
			return length;
	}
	throw new Error(`${text} was never written`);
}

test("read-only and copy-on-write need an existing region, and no write permission", async () => {
	for (const mode of modes) {
		assert.is(
			codeOf(() => Region.open("absent", { directory, mode })),
			"DHMEM_NOT_FOUND",
		);
	}
	assert.is(existsSync(`${directory}/absent.dhmem`), false);
	using region = Region.temporary({ permissions: 0o644 });
	fill(region);
	for (const mode of modes) {
		const other = new Child(module, "readAs", [region.name, mode, 1000]);
		assert.equal(await other.hear(), [1.5, 4]);
		await other.ended;
	}
	using secret = Region.temporary({ permissions: 0o600 });
	for (const [name, mode] of [
		[secret.name, "read-only"],
		[region.name, "open"],
	] as const) {
		const other = new Child(module, "readAs", [name, mode, 1000]);
		const [code, message] = (await other.hear()) as [string, string];
		assert.is(code, "DHMEM_PERMISSION");
		assert.match(message, /user 0 and group 0, with mode 6[04][04].*user 1000/);
	}
});

test("a last-close region stays while somebody reads it, and goes with the last of them", () => {
	const open = (options: RegionOptions) => Region.open("region", { directory, ...options });
	const path = `${directory}/region.dhmem`;
	const writer = open({ lifetime: "last-close" });
	writer.struct("params", { a: "f64" }).a = 1;
	const readers = [open({ mode: "read-only" }), open({ mode: "copy-on-write" })];
	writer.close();
	assert.ok(existsSync(path));
	assert.equal(Region.list({ directory }), ["region"]);
	readers[0]?.close();
	assert.is(readers[1]?.struct("params", { a: "f64" }).a, 1);
	const again = open({});
	assert.is(again.struct("params", { a: "f64" }).a, 1);
	again.close();
	readers[1]?.close();
	assert.is(existsSync(path), false);
	assert.is(
		codeOf(() => readers[1]?.entries()),
		"DHMEM_CLOSED",
	);
});

test("truncating the file during a read is DHMEM_TRUNCATED", () => {
	const region = Region.open("region", { directory, size: "16MiB" });
	fill(region);
	const reader = Region.open("region", { directory, mode: "read-only" });
	const field = reader.array("field");
	truncateSync(region.path, 4096);
	void field.get(0, 0);
	assert.is(
		codeOf(() => reader.entries()),
		"DHMEM_TRUNCATED",
	);
	assert.is(
		codeOf(() => region.entries()),
		"DHMEM_TRUNCATED",
	);
});

regionTest("two hundred may read beside 128 who write", (region) => {
	fill(region);
	const readers = Array.from({ length: 200 }, () => Region.open(region.name, { mode: "read-only" }));
	assert.ok(readers.every((reader) => reader.struct("params", { a: "f64", step: "u32" }).a === 1.5));
	for (const reader of readers) reader.close();
});

test.run();
