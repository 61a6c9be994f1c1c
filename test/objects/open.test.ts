/** Opening existing objects without their type, and openings that fail. */
import * as dhmem from "dhmem";
import { DhmemError, type MapTypes, Queue, RecordQueue, Region } from "dhmem";
import { Task } from "dhmem/workflow";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, errorOf, regionTest } from "../fixture/index.js";

regionTest("region.queue(name) takes a queue of any kind as it is", (region) => {
	region.queue("bytes", { capacity: 4096 }).producer().trySend("hello");
	region.queue("view", { policy: "latest" }).producer().trySend("newest");
	region.queue("log", { policy: "drop-oldest", keep: 3 });
	region.queue("samples", { record: "i64", capacity: 10 }).producer().push(7n);
	for (const options of [undefined, {}]) {
		assert.is(region.queue("bytes", options).capacity, 4096);
		assert.is(region.queue("view", options).capacity, 1);
		assert.is(region.queue("log", options).capacity, 3);
		assert.instance(region.queue("log", options), Queue);
	}
	using other = Region.open(region.name);
	assert.is(other.queue("bytes").consumer().tryReceive()?.text(), "hello");
	assert.is(other.queue("view").consumer().tryReceive()?.text(), "newest");
	const samples = other.queue<RecordQueue<"i64">>("samples");
	assert.instance(samples, RecordQueue);
	assert.is(samples.dtype, "i64");
	assert.is(samples.consumer().pop(), 7n);
	assert.is(other.queue("made").capacity, 2 ** 20, "what is not there is a queue of messages");
});

regionTest("a queue is of the kind that its options say", (region) => {
	region.queue("bytes");
	region.queue("view", { policy: "latest" });
	region.queue("samples", { record: "f64" });
	for (const open of [
		() => region.queue("view", { policy: "block" }),
		() => region.queue("view", { capacity: 2 ** 20 }),
		() => region.queue("samples", { capacity: 4096 }),
		() => region.queue("samples", { policy: "drop-oldest" }),
		() => region.queue("samples", { record: "f32" }),
		() => region.queue("bytes", { policy: "latest" }),
		() => region.queue("bytes", { record: "f64" }),
	]) {
		assert.is(codeOf(open), "DHMEM_TYPE_MISMATCH");
	}
	assert.is(region.queue("view", { policy: "drop-oldest" }).capacity, 1, "it may keep any number");
});

regionTest("the older names of keep and capacity are still accepted", (region) => {
	assert.is(region.queue("log", { policy: "drop-oldest", slots: 3 }).capacity, 3);
	assert.is(region.queue("samples", { record: "f64", slots: 5 }).capacity, 8);
	assert.is(
		codeOf(() => region.queue("samples", { record: "f64", capacity: 6 })),
		"DHMEM_TYPE_MISMATCH",
	);
});

regionTest("opening a map or vector without its types accepts any", (region) => {
	region.map("best", { key: "string", value: "f64" }).set("run 7", 0.25);
	region
		.map("runs", { key: "u32", value: { steps: "u32", residual: "f64" } })
		.set(7, { steps: 1, residual: 2 });
	region.map("pages", { key: "i64", value: "bytes" }).set(1n, Uint8Array.of(3));
	region.vector("residuals", "f32").push(0.5);
	using other = Region.open(region.name);
	assert.equal(other.map("best").entries(), [["run 7", 0.25]]);
	assert.equal(other.map("runs", { key: "u32" }).entries(), [[7, { steps: 1, residual: 2 }]]);
	assert.equal(other.map("pages", { value: "bytes" }).get(1n), Uint8Array.of(3));
	other.map("runs").set(8, { steps: 3, residual: 4 });
	assert.equal(region.map("runs").get(8), { steps: 3, residual: 4 });
	assert.is(other.vector("residuals").dtype, "f32");
	assert.equal([...other.vector("residuals")], [0.5]);
	const wrong: [string, MapTypes<"string" | "u32", "f64" | { steps: "u32" }>][] = [
		["best", { key: "u32" }],
		["runs", { value: "f64" }],
		["runs", { value: { steps: "u32" } }],
		["residuals", {}],
	];
	for (const [name, types] of wrong) {
		assert.is(
			codeOf(() => other.map(name, types)),
			"DHMEM_TYPE_MISMATCH",
		);
	}
});

regionTest("a missing object can't be created without its type", (region) => {
	for (const open of [
		() => region.map("none"),
		() => region.map("none", { key: "string" }),
		() => region.map("none", { value: "f64" }),
		() => region.vector("none"),
		() => region.array("none"),
		() => region.array("none", { shape: [3] }),
		() => region.struct("none"),
	]) {
		const { code, message } = errorOf(open);
		assert.is(code, "DHMEM_NOT_FOUND");
		assert.match(message, "give its full type");
	}
	assert.equal(region.entries(), []);
});

test("an existing object is opened without its type in a read-only region, too", () => {
	using region = Region.temporary({ size: "16MiB" });
	region.map("best", { key: "string", value: "f64" }).set("run 7", 0.25);
	region.vector("residuals", "f32").push(0.5);
	region.queue("view", { policy: "latest" });
	using reader = Region.open(region.name, { mode: "read-only" });
	assert.equal(reader.map("best").entries(), [["run 7", 0.25]]);
	assert.equal([...reader.vector("residuals")], [0.5]);
	assert.is(reader.queue("view").capacity, 1);
	assert.is(
		codeOf(() => reader.vector("best")),
		"DHMEM_TYPE_MISMATCH",
	);
});

regionTest("the error for a name of another kind of object says that all kinds share the names", (region) => {
	region.queue("steps");
	const { code, message } = errorOf(() => region.mutex("steps"));
	assert.is(code, "DHMEM_TYPE_MISMATCH");
	assert.match(message, "steps is a queue of 1048576 bytes, but was opened as a mutex");
	assert.match(message, "Objects of all kinds share one set of names in a region");
});

/** How often most of the region's memory is allocated and removed, so nothing of it may stay. */
const ROUNDS = 12;

regionTest("a failed opening keeps no object open", (region) => {
	using other = Region.open(region.name);
	for (let round = 0; round < ROUNDS; round++) {
		const array = region.array("field", { dtype: "f64", shape: [2 ** 20] });
		const token = String(region.save(array));
		for (const open of [
			() => other.array("field", { dtype: "f32", shape: [1] }),
			() => other.queue("field"),
			() => other.struct("field"),
			() => other.vector("field"),
			() => other.map("field"),
			() => other.mutex("field"),
			() => other.load(token, "u8"),
			() => other.load(token, { a: "f64" }),
		]) {
			assert.is(codeOf(open), "DHMEM_TYPE_MISMATCH");
		}
		assert.is(region.remove("field"), true);
	}
	assert.is(region.stats().objects, 0);
});

regionTest("a failed opening does not close this participant's other openings", (region) => {
	using other = Region.open(region.name);
	const ours = other.array("field", { dtype: "f64", shape: [4] });
	const token = String(region.save(region.array("field")));
	assert.is(
		codeOf(() => other.queue("field")),
		"DHMEM_TYPE_MISMATCH",
	);
	assert.is(
		codeOf(() => other.load(token, "u8")),
		"DHMEM_TYPE_MISMATCH",
	);
	region.remove("field");
	const blocks = Array.from({ length: 64 }, () => region.allocate(64));
	for (const block of blocks) block.as("f64").fill(1);
	ours.data.fill(2);
	assert.ok(
		blocks.every((block) => block.as("f64").every((value) => value === 1)),
		"its memory was given to others while it was open",
	);
	assert.is(ours.get(0), 2);
});

type Constructor = new (...values: unknown[]) => unknown;

/** All exported classes, except those that users may construct. */
const classes = Object.entries<unknown>({ ...dhmem, Task }).filter(
	(entry): entry is [string, Constructor] =>
		/^[A-Z]/.test(entry[0]) && !/^(DhmemError|Schema)$/.test(entry[0]),
);

test("objects of a region can't be made with new", () => {
	assert.ok(classes.length > 15);
	for (const [name, Class] of classes) {
		for (const values of [[], [null], ["name"], [{}, {}], [{ attachment: {}, name: "x" }, "f64", [1]]]) {
			const title = `new ${name}(${values.map((value) => JSON.stringify(value))})`;
			try {
				new Class(...values);
			} catch (error) {
				assert.instance(error, DhmemError, `${title} gave ${error}`);
				assert.is((error as DhmemError).code, "DHMEM_BAD_ARGUMENT");
				continue;
			}
			assert.unreachable(`${title} made something`);
		}
	}
});

test.run();
