import { execFileSync } from "node:child_process";
import {
	copyFileSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test as uvu } from "uvu";
import * as assert from "uvu/assert";
import {
	HEADER_FEATURES,
	HEADER_FEATURES_ALL,
	HEADER_FEATURES_WRITE,
	HEADER_MAGIC,
	HEADER_SPANS,
	HEADER_VERSION,
	LAYOUT_VERSION,
} from "../assembly/layout.js";
import {
	type Block,
	type Consumer,
	type Message,
	type Producer,
	Region,
	type RegionOptions,
} from "../src/index.js";
import { loadBlock } from "./load-block.js";
import {
	Child,
	codeOf,
	codeOfLater,
	errorOf,
	makeFolder,
	regionPath,
	removeFolder,
	within,
} from "./region-child.js";
import type { Failure } from "./region-scenarios.js";

const module = new URL("./region-scenarios.js", import.meta.url).href;
const isRoot = process.getuid?.() === 0;
let directory = "";
let regions: Region[] = [];

/** A test that fails, and does not hang. */
function test(name: string, body: () => Promise<void> | void): void {
	uvu(name, () => within(60_000, name, Promise.resolve().then(body)));
}

uvu.before.each(() => {
	directory = makeFolder();
});

uvu.after.each(async () => {
	await Child.killAll();
	try {
		for (const region of regions) region.close();
	} finally {
		regions = [];
		removeFolder();
	}
});

function open(options: RegionOptions = {}, name = "region"): Region {
	const region = Region.open(name, { directory, size: "4MiB", ...options });
	regions.push(region);
	return region;
}

function start(scenario: string, parameters: (string | number)[] = [], flags: string[] = []): Child {
	return new Child(module, scenario, [directory, ...parameters], flags);
}

/** Anything, where TypeScript would not have it. */
const wrong = (value: unknown) => value as never;

const unprintable = Object.create(null) as object;
const failing = {
	toString() {
		throw new Error("no text");
	},
};

function isPending(promise: unknown): promise is Promise<unknown> {
	return promise instanceof Promise;
}

/** What `action` throws, or what the promise that it gives is rejected with. */
async function outcome(action: () => unknown): Promise<string> {
	let result: unknown;
	const code = codeOf(() => {
		result = action();
	});
	if (code !== "nothing" || !isPending(result)) return code;
	return within(5000, "settling", codeOfLater(result));
}

/** A queue's two ends, and other things to call. */
function things(region: Region) {
	const queue = region.queue("q", { capacity: 4096 });
	const records = region.queue("r", { record: "i32", capacity: 16 });
	return {
		region,
		queue,
		records,
		producer: queue.producer(),
		consumer: queue.consumer(),
		pushing: records.producer(),
		popping: records.consumer(),
		block: region.allocate(64),
	};
}

// ---------------------------------------------------------------------------------------- wrong arguments

const values: Record<string, unknown[]> = {
	names: [
		"",
		".hidden",
		"a/b",
		"../a",
		"a b",
		"ü",
		"a\0b",
		"a".repeat(201),
		5,
		null,
		undefined,
		{},
		unprintable,
	],
	objectNames: ["", "x".repeat(201), "ü".repeat(101), "\ud800", 5, null, undefined, {}, unprintable, failing],
	sizes: [
		0,
		-1,
		1.5,
		Number.NaN,
		Number.POSITIVE_INFINITY,
		2 ** 32 + 1,
		1000,
		"0",
		"-1",
		"x",
		"1 XB",
		"",
		"5 GiB",
	],
	wrongSizes: [null, {}, [], true, 10n, Symbol("s"), unprintable, () => 1],
	capacities: [0, -1, 1.5, Number.NaN, "x", "2GiB", 2 ** 30 + 1, null, {}, true, 10n, unprintable],
	dtypes: ["f16", "F64", "", 5, null, undefined, {}, "constructor", "__proto__", unprintable],
	roomy: [0, -1, 1.5, Number.NaN, 2 ** 31, "16", null, {}, 10n],
	timeouts: [-1, Number.NaN, "100", {}, 10n, true, unprintable, Number.NEGATIVE_INFINITY],
	signals: [5, "x", {}, { aborted: false }, new EventTarget(), unprintable],
	options: [5, "x", null, true, 1n],
	data: [5, null, undefined, {}, [1, 2], new ArrayBuffer(8), true, 1n, Symbol("s"), unprintable],
	counts: [0, -1, 1.5, Number.NaN, "5", null, undefined, {}, 10n, unprintable],
	handles: [5, null, undefined, {}, unprintable, new Uint8Array(28)],
	tokens: ["", "x", "A".repeat(38), "!".repeat(38), "ü".repeat(100), "A".repeat(100_000)],
};

test("wrong arguments are told what would be right", async () => {
	const region = open();
	const { queue, records, producer, consumer, pushing, popping, block } = things(region);
	const fresh = () => Math.random().toString(36).slice(2);
	const name = () => `other-${fresh()}`;
	const table: [string, string, (value: unknown) => unknown][] = [
		["Region.open", "names", (v) => Region.open(wrong(v), { directory })],
		["Region.unlink", "names", (v) => Region.unlink(wrong(v), { directory })],
		["size", "sizes", (v) => Region.open(name(), { directory, size: wrong(v) })],
		["size", "wrongSizes", (v) => Region.open(name(), { directory, size: wrong(v) })],
		["mode", "names", (v) => v === undefined || Region.open(name(), { directory, mode: wrong(v) })],
		["lifetime", "names", (v) => v === undefined || Region.open(name(), { directory, lifetime: wrong(v) })],
		["permissions", "roomy", (v) => v === 0 || Region.open(name(), { directory, permissions: wrong(v) })],
		["permissions", "permissions", (v) => Region.open(name(), { directory, permissions: wrong(v) })],
		["directory", "directories", (v) => Region.open(name(), { directory: wrong(v) })],
		["directory", "directories", (v) => Region.list({ directory: wrong(v) })],
		["label", "labels", (v) => Region.open(name(), { directory, label: wrong(v) })],
		["open options", "options", (v) => Region.open(name(), wrong(v))],
		["unlink options", "options", (v) => Region.unlink(name(), wrong(v))],
		["list options", "options", (v) => Region.list(wrong(v))],
		["queue name", "objectNames", (v) => region.queue(wrong(v))],
		["records name", "objectNames", (v) => region.queue(wrong(v), { record: "f64" })],
		["queue options", "options", (v) => region.queue(fresh(), wrong(v))],
		["capacity", "capacities", (v) => region.queue(fresh(), { capacity: wrong(v) })],
		["dtype", "dtypes", (v) => region.queue(fresh(), { record: wrong(v) })],
		["capacity of records", "roomy", (v) => region.queue(fresh(), { record: "f64", capacity: wrong(v) })],
		["allocate", "counts", (v) => region.allocate(wrong(v))],
		["save", "handles", (v) => region.save(wrong(v))],
		["load", "handles", (v) => region.load(wrong(v))],
		["producer defaults", "options", (v) => queue.producer(wrong(v))],
		["consumer defaults", "timeouts", (v) => queue.consumer({ timeout: wrong(v) })],
		["consumer defaults", "signals", (v) => queue.consumer({ signal: wrong(v) })],
		["peer options", "options", (v) => queue.waitForPeer(wrong(v))],
		["peer timeout", "timeouts", (v) => queue.waitForPeer({ timeout: wrong(v) })],
		["trySend", "data", (v) => producer.trySend(wrong(v))],
		["sendSync", "data", (v) => producer.sendSync(wrong(v))],
		["send", "data", (v) => producer.send(wrong(v))],
		["block", "data", (v) => v === undefined || producer.trySend("x", { block: wrong(v) })],
		["block", "data", (v) => v === undefined || producer.send("x", { block: wrong(v) })],
		["sendSync options", "options", (v) => producer.sendSync("x", wrong(v))],
		["send options", "options", (v) => producer.send("x", wrong(v))],
		["send timeout", "timeouts", (v) => producer.send("x", { timeout: wrong(v) })],
		["send signal", "signals", (v) => producer.send("x", { signal: wrong(v) })],
		["tryReserve", "lengths", (v) => producer.tryReserve(wrong(v))],
		["sendMany", "iterables", (v) => producer.sendMany(wrong(v))],
		["sendMany item", "data", (v) => producer.sendMany([wrong(v)])],
		["receiveSync timeout", "timeouts", (v) => consumer.receiveSync({ timeout: wrong(v) })],
		["receive timeout", "timeouts", (v) => consumer.receive({ timeout: wrong(v) })],
		["receive signal", "signals", (v) => consumer.receive({ signal: wrong(v) })],
		["receive options", "options", (v) => consumer.receive(wrong(v))],
		["receiveMany", "counts", (v) => consumer.receiveMany(wrong(v))],
		["batches", "counts", (v) => consumer.batches(wrong(v)).next()],
		["pushMany", "arrays", (v) => pushing.pushMany(wrong(v))],
		["popInto", "arrays", (v) => popping.popInto(wrong(v))],
		["wait timeout", "timeouts", (v) => popping.wait({ timeout: wrong(v) })],
		["waitSync timeout", "timeouts", (v) => pushing.waitSync({ timeout: wrong(v) })],
		["wait signal", "signals", (v) => pushing.wait({ signal: wrong(v) })],
		["as", "strings", (v) => block.as(wrong(v))],
	];
	values.permissions = [0o1000, 0o7777, "600"];
	values.directories = ["", "a\0b", 5, {}, true];
	values.labels = [5, null, {}, true];
	values.lengths = (values.counts ?? []).filter((v) => v !== 0);
	values.iterables = [5, null, undefined, {}, true];
	values.arrays = [
		5,
		null,
		undefined,
		{},
		[1],
		"x",
		new Float64Array(1),
		new Uint32Array(1),
		new DataView(new ArrayBuffer(4)),
	];
	values.strings = ["f16", "F64", "", 5, null, undefined, "constructor"];
	const failures: string[] = [];
	for (const [what, kind, call] of table) {
		for (const value of values[kind] ?? []) {
			const shown = `${what}: ${typeof value === "string" ? JSON.stringify(value.slice(0, 20)) : Object.prototype.toString.call(value)}`;
			let result: string;
			let skipped = 0;
			try {
				result = await outcome(() => {
					const returned = call(value);
					// Undefined, or another value that is right here.
					if (returned === true) skipped++;
					return returned;
				});
				if (skipped > 0) result = "DHMEM_BAD_ARGUMENT";
			} catch (error) {
				result = String(error);
			}
			if (result !== "DHMEM_BAD_ARGUMENT") failures.push(`${shown} gave ${result}`);
		}
	}
	assert.equal(failures, []);
	for (const token of (values.tokens ?? []) as string[]) {
		assert.is(
			codeOf(() => region.load(token)),
			"DHMEM_BAD_HANDLE",
		);
	}
	// Nothing came of any of it.
	assert.equal(readdirSync(directory), ["region.dhmem"]);
	assert.is(consumer.tryReceive(), undefined);
	assert.is(popping.pop(), undefined);
	assert.is(records.capacity, 16);
	producer.sendSync("works", { timeout: 1 });
	assert.is(consumer.tryReceive()?.text(), "works");
	assert.is(
		codeOf(() => pushing.push(5)),
		"nothing",
	);
	assert.is(popping.pop(), 5);
	block.free();
});

test("a number where a record is a bigint is a TypeError, and harms nothing", () => {
	const queue = open().queue("r", { record: "u64", capacity: 4 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	assert.throws(() => producer.push(wrong(5)), TypeError);
	assert.throws(() => producer.push(wrong(undefined)), TypeError);
	assert.is(consumer.pop(), undefined);
	assert.ok(producer.push(5n));
	assert.is(consumer.pop(), 5n);
});

/** Views that aren't what they say, over `bytes` bytes each of which is 7. */
function liars(bytes: number): [string, ArrayBufferView][] {
	class Short extends Uint8Array {
		override get length(): number {
			return 4;
		}
	}
	const lying = (value: unknown) => Object.defineProperty(new Uint8Array(bytes), "length", { value });
	const figures = { buffer: new ArrayBuffer(1), byteOffset: 8, byteLength: 3, length: 3 };
	const wide = new Float64Array(bytes / 8);
	for (const [name, value] of Object.entries(figures)) Object.defineProperty(wide, name, { value });
	const views: [string, ArrayBufferView][] = [["a subclass", new Short(bytes)]];
	for (const value of [0, 4, 100_000, -1, 2.5, Number.NaN, "9", {}]) views.push([`${value}`, lying(value)]);
	views.push(["Float64Array", wide]);
	for (const [, view] of views) Uint8Array.prototype.fill.call(view, wrong(7));
	return views;
}

for (const policy of ["block", "drop-oldest"] as const) {
	test(`a view that lies about itself is sent as it is where the policy is ${policy}`, async () => {
		const region = open();
		const queue = policy === "block" ? region.queue("q") : region.queue("q", { policy, keep: 64 });
		const producer = queue.producer();
		const consumer = queue.consumer();
		for (const bytes of [8, 64, 4096]) {
			for (const [what, view] of liars(bytes)) {
				producer.trySend("before");
				producer.trySend(view);
				producer.sendMany([view, "after"]);
				await producer.send(view);
				const lengths = consumer.receiveMany(10).map((message) => {
					if (message.length === bytes && what !== "Float64Array") assert.is(message.bytes[bytes - 1], 7);
					message.release();
					return message.length;
				});
				assert.equal(lengths, [6, bytes, bytes, 5, bytes], `${what} of ${bytes}`);
			}
		}
	});
}

/** What passes for a typed array at a glance, or whose memory has gone. */
function shams(dtype: Float64ArrayConstructor | Uint8ArrayConstructor): [string, unknown][] {
	const detached = new dtype(64);
	structuredClone(detached.buffer, { transfer: [detached.buffer] });
	const shrunk = new ArrayBuffer(64, wrong({ maxByteLength: 64 }));
	const outside = new dtype(shrunk, 0, 64 / dtype.BYTES_PER_ELEMENT);
	(shrunk as ArrayBuffer & { resize(bytes: number): void }).resize(4);
	const revoked = Proxy.revocable(new dtype(4), {});
	revoked.revoke();
	const angry = () => {
		throw new Error("not to be asked");
	};
	return [
		["a proxy", new Proxy(new dtype(4), {})],
		["a proxy that answers", new Proxy(new dtype(600), { get: (of, name) => Reflect.get(of, name) })],
		["a proxy that throws", new Proxy(new dtype(4), { get: angry, getPrototypeOf: angry, has: angry })],
		["a revoked proxy", revoked.proxy],
		["a prototype", Object.create(dtype.prototype)],
		["an object", { constructor: dtype, length: 3, 0: 1, 1: 2, 2: 3 }],
		["a detached one", detached],
		["one outside of its buffer", outside],
	];
}

test("what is no typed array, or has no memory, is DHMEM_BAD_ARGUMENT, and nothing comes of it", async () => {
	const region = open();
	const ends = [region.queue("ring"), region.queue("box", { policy: "latest" })].map(
		(queue) => [queue.producer(), queue.consumer()] as const,
	);
	const records = region.queue("numbers", { record: "f64", capacity: 64 });
	const pushing = records.producer();
	const popping = records.consumer();
	const map = region.map("map", { key: "string", value: "bytes" });
	const view = new DataView(new ArrayBuffer(8));
	structuredClone(view.buffer, { transfer: [view.buffer] });
	const { used } = region.stats();
	pushing.pushMany(Float64Array.of(1, 2, 3));
	const gave: string[] = [];
	const expectRefusal = async (what: string, action: () => unknown) => {
		const result = await outcome(action).catch(String);
		if (result !== "DHMEM_BAD_ARGUMENT") gave.push(`${what} gave ${result}`);
	};
	for (const [what, sham] of [...shams(Uint8Array), ["a detached DataView", view] as const]) {
		for (const [producer] of ends) {
			await expectRefusal(`${what}: trySend`, () => producer.trySend(wrong(sham)));
			await expectRefusal(`${what}: sendSync`, () => producer.sendSync(wrong(sham)));
			await expectRefusal(`${what}: send`, () => producer.send(wrong(sham)));
			await expectRefusal(`${what}: sendMany`, () => producer.sendMany([wrong(sham)]));
		}
		await expectRefusal(`${what}: set`, () => map.set("key", wrong(sham)));
	}
	for (const [what, sham] of shams(Float64Array)) {
		await expectRefusal(`${what}: pushMany`, () => pushing.pushMany(wrong(sham)));
		await expectRefusal(`${what}: popInto`, () => popping.popInto(wrong(sham)));
		await expectRefusal(`${what}: trySend`, () => ends[0]?.[0].trySend(wrong(sham)));
	}
	for (const length of [2, 1e6, -1, 0.5, Number.NaN]) {
		const liar = Object.defineProperty(new Float64Array(4), "length", { value: length });
		await expectRefusal(`length ${length}: pushMany`, () => pushing.pushMany(liar));
		await expectRefusal(`length ${length}: popInto`, () => popping.popInto(liar));
	}
	assert.equal(gave, []);
	for (const [, consumer] of ends) assert.is(consumer.tryReceive(), undefined);
	const popped = new Float64Array(4);
	assert.is(popping.popInto(popped), 3);
	assert.equal([...popped], [1, 2, 3, 0]);
	assert.is(map.size, 0);
	assert.is(region.stats().used, used);
});

test("a buffer that is given away while its message waits for room is DHMEM_BAD_ARGUMENT", async () => {
	const queue = open().queue("q", { capacity: 1024 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	while (producer.trySend(new Uint8Array(100)));
	const bytes = new Uint8Array(200);
	const sent = codeOfLater(producer.send(bytes));
	structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
	for (const message of consumer.receiveMany(100)) message.release();
	assert.is(await sent, "DHMEM_BAD_ARGUMENT");
	producer.trySend("after");
	assert.is(consumer.tryReceive()?.text(), "after");
});

test("an object is no record, whatever it becomes", () => {
	const queue = open().queue("r", { record: "f64", capacity: 4 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	const pushing = {
		valueOf() {
			producer.push(7);
			return 8;
		},
	};
	for (const value of [pushing, () => 1, new Date(0), null]) {
		assert.is(
			codeOf(() => producer.push(wrong(value))),
			"DHMEM_BAD_ARGUMENT",
		);
	}
	assert.is(consumer.pop(), undefined);
});

test("long paths and folders that are none", () => {
	assert.is(
		codeOf(() => open({ directory: join(directory, "missing") })),
		"DHMEM_NOT_FOUND",
	);
	writeFileSync(join(directory, "file"), "");
	assert.is(
		codeOf(() => open({ directory: join(directory, "file") })),
		"DHMEM_NOT_FOUND",
	);
	assert.is(
		codeOf(() => Region.list({ directory: join(directory, "file") })),
		"DHMEM_NOT_FOUND",
	);
	assert.is(
		codeOf(() => open({ directory: "/x".repeat(3000) })),
		"DHMEM_BAD_ARGUMENT",
	);
	const error = errorOf(() => open({ directory: join(directory, "missing") }));
	assert.match(error.message, join(directory, "missing"));
	assert.is(
		codeOf(() => open({}, "a".repeat(200))),
		"nothing",
	);
});

// --------------------------------------------------------------------------------------- not a region

/** A region's file with a word of its header changed. */
function patched(name: string, field: number, change: (word: number) => number): void {
	copyFileSync(regionPath("region"), regionPath(name));
	const bytes = readFileSync(regionPath(name));
	bytes.writeUInt32LE(change(bytes.readUInt32LE(field)) >>> 0, field);
	writeFileSync(regionPath(name), bytes);
}

test("what is no region is refused, in every mode, and left as it is", () => {
	open({ size: "1MiB" }).close();
	const make: Record<string, [string, (path: string) => void]> = {
		empty: ["DHMEM_FORMAT", (path) => writeFileSync(path, "")],
		text: ["DHMEM_FORMAT", (path) => writeFileSync(path, "hello, this is a text file\n")],
		zeros: ["DHMEM_FORMAT", (path) => writeFileSync(path, new Uint8Array(1 << 20))],
		short: ["DHMEM_FORMAT", (path) => copyFileSync(regionPath("region"), path)],
		"magic only": [
			"DHMEM_FORMAT",
			(path) => writeFileSync(path, readFileSync(regionPath("region")).subarray(0, 8)),
		],
		long: ["DHMEM_FORMAT", (path) => copyFileSync(regionPath("region"), path)],
		magic: ["DHMEM_FORMAT", () => patched("magic", HEADER_MAGIC, (word) => word ^ 1)],
		"no spans": ["DHMEM_FORMAT", () => patched("no-spans", HEADER_SPANS, () => 0)],
		"more spans": ["DHMEM_FORMAT", () => patched("more-spans", HEADER_SPANS, (word) => word + 1)],
		"many spans": ["DHMEM_FORMAT", () => patched("many-spans", HEADER_SPANS, () => 0xffffffff)],
		older: ["DHMEM_VERSION", () => patched("older", HEADER_VERSION, (word) => word - 1)],
		newer: ["DHMEM_VERSION", () => patched("newer", HEADER_VERSION, (word) => word + 1)],
		"feature for all": ["DHMEM_VERSION", () => patched("feature-for-all", HEADER_FEATURES_ALL, () => 4)],
		"feature for writers": [
			"DHMEM_VERSION",
			() => patched("feature-for-writers", HEADER_FEATURES_WRITE, () => 4),
		],
		symlink: ["DHMEM_FORMAT", (path) => symlinkSync(regionPath("region"), path)],
		dangling: ["DHMEM_FORMAT", (path) => symlinkSync(join(directory, "nothing"), path)],
		folder: ["DHMEM_FORMAT", (path) => mkdirSync(path)],
		fifo: ["DHMEM_FORMAT", (path) => execFileSync("mkfifo", [path])],
	};
	for (const [what, [code, prepare]] of Object.entries(make)) {
		const name = what.replaceAll(" ", "-");
		const path = regionPath(name);
		prepare(path);
		if (what === "short") truncateSync(path, 512 * 1024);
		if (what === "long") truncateSync(path, 2 * 1024 * 1024);
		for (const mode of ["open", "open-or-create"] as const) {
			const error = errorOf(() => open({ size: "64KiB", mode }, name));
			assert.is(error.code, code, `${what}, ${mode}: ${error.message}`);
			assert.match(error.message, name);
			if (code === "DHMEM_VERSION") assert.match(error.message, String(LAYOUT_VERSION));
		}
		assert.is(
			codeOf(() => open({ mode: "create" }, name)),
			"DHMEM_EXISTS",
			what,
		);
		// Listing looks into none of them, and stumbles over none.
		assert.ok(Region.list({ directory }).includes("region"), what);
		// Replacing is what was asked for; but a folder can't be.
		const replacing = codeOf(() => open({ mode: "force-create" }, name).close());
		assert.is(replacing, what === "folder" ? "DHMEM_FORMAT" : "nothing", `${what}: ${replacing}`);
		rmSync(path, { recursive: true });
	}
	// Features that any reader may ignore are ignored.
	patched("optional", HEADER_FEATURES, () => 0xffffffff);
	assert.is(
		codeOf(() => open({ size: undefined, mode: "open" }, "optional")),
		"nothing",
	);
	// And the region that was linked to and copied is as it was.
	assert.is(open({ size: undefined, mode: "open" }).size, 2 ** 20);
	assert.equal(readdirSync(directory).sort(), ["optional.dhmem", "region.dhmem"]);
});

test("a header that was spoilt at random gives an error, or a region, and neither a crash nor a hang", async () => {
	const region = open({ size: "1MiB" });
	const producer = region.queue("q", { capacity: 1024 }).producer();
	for (let i = 0; i < 5; i++) producer.trySend(`message ${i}`);
	region.close();
	const child = start("spoilt", [400]);
	const codes = (await within(50_000, "the spoilt ones", child.hear())) as Record<string, number>;
	const odd = Object.keys(codes).filter((code) => !/^(nothing|DHMEM_[A-Z_]+)$/.test(code));
	assert.equal(odd, []);
	// The control: some were found out, and some words don't matter.
	assert.ok((codes.nothing ?? 0) > 0 && Object.keys(codes).length > 2, JSON.stringify(codes));
	assert.is((await child.ended).code, 0);
});

// ------------------------------------------------------------------------------------------- permission

test("an ordinary user is told whose the region is, and who they are", async () => {
	assert.ok(isRoot, "this test needs root, to become somebody else");
	const { chmodSync } = await import("node:fs");
	chmodSync(directory, 0o1777);
	open({ size: "1MiB" });
	open({ size: "1MiB", permissions: 0o644 }, "readable");
	open({ size: "1MiB", permissions: 0o666 }, "everybody");
	for (const [name, mode, code] of [
		["region", "open", "DHMEM_PERMISSION"],
		["region", "open-or-create", "DHMEM_PERMISSION"],
		["region", "create", "DHMEM_EXISTS"],
		["region", "force-create", "DHMEM_PERMISSION"],
		["readable", "open", "DHMEM_PERMISSION"],
		["everybody", "open", "nothing"],
		["of-my-own", "create", "nothing"],
	] as const) {
		const result = (await start("ordinary", [name, mode]).hear()) as Failure & { list: string[] };
		assert.is(result.code, code, `${name}, ${mode}: ${result.message}`);
		if (code === "DHMEM_PERMISSION") {
			assert.match(result.message, /user 0\b/);
			assert.match(result.message, /group 0\b/);
			// Replacing is a matter of the folder; opening, of the file.
			const reason =
				mode === "force-create" ? /mode 1777.*sticky/ : name === "region" ? /mode 600/ : /mode 644/;
			assert.match(result.message, reason);
			assert.match(result.message, /65534/);
			assert.match(result.message, regionPath(name));
		}
		// Other people's regions are listed, whoever may open them.
		assert.ok(result.list.includes("region") && result.list.includes("readable"), String(result.list));
	}
	chmodSync(directory, 0o755);
	const folder = (await start("ordinary", ["new", "open-or-create"]).hear()) as Failure;
	assert.is(folder.code, "DHMEM_PERMISSION");
	assert.match(folder.message, directory);
	chmodSync(directory, 0o700);
	const closed = (await start("ordinary", ["region", "open"]).hear()) as Failure;
	assert.is(closed.code, "DHMEM_PERMISSION");

	// The last one in a region that is to go can't remove what isn't theirs, and that is no error.
	chmodSync(directory, 0o1777);
	const going = open({ mode: "force-create", lifetime: "last-close", permissions: 0o666 });
	const child = start("lastButNotOwner");
	const hearing = child.hear();
	assert.is(((await hearing) as Failure).code, "nothing");
	// One that nobody is in any more, which they can't remove either: it counts as absent, but its name is taken.
	const { copyFileSync } = await import("node:fs");
	copyFileSync(going.path, regionPath("abandoned"));
	chmodSync(regionPath("abandoned"), 0o666);
	for (const [mode, code] of [
		["open", "DHMEM_NOT_FOUND"],
		["open-or-create", "DHMEM_PERMISSION"],
	] as const) {
		assert.is(((await start("ordinary", ["abandoned", mode]).hear()) as Failure).code, code);
	}
	going.close();
	assert.not(readdirSync(directory).includes("region.dhmem"));
});

// ------------------------------------------------------------------------------------------------ space

/** A small file system of its own. */
async function onSmallDisk(body: (folder: string) => void | Promise<void>): Promise<void> {
	assert.ok(isRoot, "this test needs root, to mount a file system");
	const folder = join(directory, "disk");
	mkdirSync(folder);
	execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m,mode=777", "dhmem-test", folder]);
	try {
		await body(folder);
	} finally {
		for (const region of regions) region.close();
		regions = [];
		await Child.killAll();
		execFileSync("umount", [folder]);
	}
}

/** Leaves less than `left` bytes. */
function fillDisk(folder: string, left = 0): string {
	const path = join(folder, "filler");
	const step = 4096;
	try {
		for (;;) writeFileSync(path, new Uint8Array(step), { flag: "a" });
	} catch (error) {
		assert.is((error as NodeJS.ErrnoException).code, "ENOSPC");
	}
	const { length } = readFileSync(path);
	truncateSync(path, Math.max(0, length - left));
	return path;
}

function drain(consumer: Consumer): Message[] {
	return consumer.receiveMany(10_000);
}

test("a full file system is DHMEM_NO_SPACE, and loses nothing", async () => {
	await onSmallDisk(async (folder) => {
		// Far more than there is: only what is used needs room.
		const region = open({ directory: folder, size: "1GiB" });
		const queue = region.queue("q", { capacity: "64KiB" });
		const producer = queue.producer();
		const consumer = queue.consumer();
		const { used } = region.stats();
		for (let i = 0; i < 100; i++) assert.ok(producer.trySend(`message ${i}`));
		const kept = region.allocate(1000);
		kept.bytes.fill(42);
		const filler = fillDisk(folder);

		const error = errorOf(() => region.allocate(1_000_000));
		assert.is(error.code, "DHMEM_NO_SPACE");
		assert.match(error.message, region.path);
		assert.is(
			codeOf(() => region.queue("another", { capacity: "1MiB" })),
			"DHMEM_NO_SPACE",
		);
		assert.is(
			codeOf(() => region.queue("records", { record: "f64", capacity: 100_000 })),
			"DHMEM_NO_SPACE",
		);
		assert.equal(
			region.entries().map(({ name }) => name),
			["q"],
		);
		// A message that needs memory waits for what is sent to be released; with nothing sent it's an error.
		assert.is(producer.trySend(new Uint8Array(500_000)), false);
		assert.is(await codeOfLater(producer.send(new Uint8Array(500_000), { timeout: 100 })), "DHMEM_TIMEOUT");
		assert.is(producer.tryReserve(500_000), undefined);
		// Who joins needs a little, too.
		const joining = codeOf(() => open({ directory: folder, size: "1GiB" }).close());
		assert.ok(joining === "nothing" || joining === "DHMEM_NO_SPACE", joining);

		const messages = drain(consumer);
		assert.equal(
			messages.map((message) => message.text()),
			Array.from({ length: 100 }, (_, i) => `message ${i}`),
		);
		for (const message of messages) message.release();
		assert.is(
			codeOf(() => producer.trySend(new Uint8Array(500_000))),
			"DHMEM_NO_SPACE",
		);
		assert.is(
			codeOf(() => producer.sendSync(new Uint8Array(500_000))),
			"DHMEM_NO_SPACE",
		);
		assert.is(await codeOfLater(producer.send(new Uint8Array(500_000))), "DHMEM_NO_SPACE");
		assert.is(
			codeOf(() => producer.tryReserve(500_000)),
			"DHMEM_NO_SPACE",
		);
		// What has its memory already goes on.
		for (let i = 0; i < 5000; i++) {
			assert.ok(producer.trySend(`more ${i}`));
			const message = consumer.tryReceive();
			assert.is(message?.text(), `more ${i}`);
			message?.release();
		}
		assert.ok(kept.bytes.every((byte) => byte === 42));

		// Creating, in every mode, and nothing left of it.
		const before = readdirSync(folder).sort();
		for (const mode of ["create", "open-or-create", "force-create"] as const) {
			const failure = errorOf(() => open({ directory: folder, mode, size: "1MiB" }, "new"));
			assert.is(failure.code, "DHMEM_NO_SPACE");
		}
		assert.equal(readdirSync(folder).sort(), before);

		// With room again all of it works.
		rmSync(filler);
		const block = region.allocate(1_000_000);
		block.bytes.fill(1);
		producer.sendSync(new Uint8Array(500_000).fill(3));
		const large = consumer.tryReceive();
		assert.ok(large?.length === 500_000 && large.bytes.every((byte) => byte === 3));
		large?.release();
		block.free();
		assert.ok(kept.bytes.every((byte) => byte === 42));
		kept.free();
		assert.is(region.stats().used, used);
	});
});

test("allocating on a small file system goes as far as it will, and comes all the way back", async () => {
	await onSmallDisk((folder) => {
		const region = open({ directory: folder, size: "64MiB" });
		const { used } = region.stats();
		for (const size of [100, 5000, 70_000, 1_000_000]) {
			const blocks: Block[] = [];
			let code = "nothing";
			while (code === "nothing") {
				code = codeOf(() => {
					const block = region.allocate(size);
					block.bytes.fill(size);
					blocks.push(block);
				});
			}
			assert.is(code, "DHMEM_NO_SPACE");
			assert.ok(blocks.length * size > 1.5 * 2 ** 20, `${blocks.length} blocks of ${size}`);
			for (const block of blocks) assert.ok(block.bytes.every((byte) => byte === (size & 0xff)));
			for (const block of blocks) block.free();
			assert.is(region.stats().used, used, `after blocks of ${size}`);
		}
		// Someone may join all the same, or is told why not.
		const code = codeOf(() => open({ directory: folder, size: "64MiB" }));
		assert.ok(code === "nothing" || code === "DHMEM_NO_SPACE", code);
	});
});

test("a page that a full file system can't give does not kill, and is DHMEM_NO_SPACE", async () => {
	await onSmallDisk(async (folder) => {
		const child = new Child(module, "hole", [folder]);
		const results = (await child.hear()) as Record<string, unknown>;
		assert.equal(results, { sum: 0, allocate: "DHMEM_NO_SPACE", stats: "DHMEM_NO_SPACE", close: "nothing" });
		assert.is((await child.ended).code, 0);
	});
});

test("a full region is DHMEM_REGION_FULL, and freeing makes room", async () => {
	const region = open({ size: "2MiB" });
	const { used } = region.stats();
	const blocks: Block[] = [];
	let code = "nothing";
	while (code === "nothing") {
		code = codeOf(() => {
			blocks.push(region.allocate(100_000));
		});
	}
	assert.is(code, "DHMEM_REGION_FULL");
	assert.ok(blocks.length >= 8, `${blocks.length} blocks`);
	assert.is(
		codeOf(() => region.queue("q")),
		"DHMEM_REGION_FULL",
	);
	assert.is(
		codeOf(() => region.allocate(region.size)),
		"DHMEM_REGION_FULL",
	);
	assert.is(
		codeOf(() => region.allocate(Number.MAX_SAFE_INTEGER)),
		"DHMEM_REGION_FULL",
	);
	blocks.pop()?.free();
	blocks.pop()?.free();
	const queue = region.queue("q", { capacity: 4096 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	while (codeOf(() => blocks.push(region.allocate(60_000))) === "nothing");
	assert.is(
		codeOf(() => producer.trySend(new Uint8Array(300_000))),
		"DHMEM_REGION_FULL",
	);
	assert.is(
		codeOf(() => producer.sendSync(new Uint8Array(300_000))),
		"DHMEM_REGION_FULL",
	);
	assert.is(await codeOfLater(producer.send(new Uint8Array(300_000))), "DHMEM_REGION_FULL");
	// The refused one left no reservation behind.
	assert.ok(producer.trySend("small"));
	const message = consumer.tryReceive();
	assert.is(message?.text(), "small");
	// With something sent and not released, there is something to wait for.
	assert.is(producer.trySend(new Uint8Array(300_000)), false);
	assert.is(producer.tryReserve(300_000), undefined);
	message?.release();
	for (const block of blocks) block.free();
	assert.ok(producer.trySend(new Uint8Array(300_000)));
	consumer.tryReceive()?.release();
	assert.ok(region.stats().used - used < 32 * 1024);
});

test("a message larger than the region is DHMEM_MESSAGE_TOO_LARGE", async () => {
	const region = open({ size: "1MiB" });
	const queue = region.queue("q", { capacity: 4096 });
	const producer = queue.producer();
	const data = new Uint8Array(2 ** 20);
	const code = "DHMEM_MESSAGE_TOO_LARGE";
	const error = errorOf(() => producer.trySend(data));
	assert.is(error.code, code);
	assert.match(error.message, "1048576");
	assert.is(
		codeOf(() => producer.sendSync(data)),
		code,
	);
	assert.is(await codeOfLater(producer.send(data)), code);
	assert.is(
		codeOf(() => producer.tryReserve(2 ** 20)),
		code,
	);
	assert.is(
		codeOf(() => producer.sendMany(["a", data, "b"])),
		code,
	);
	const block = region.allocate(100);
	assert.is(
		codeOf(() => producer.trySend(new Uint8Array(4096), { block })),
		code,
	);
	block.free();
	const consumer = queue.consumer();
	// What came before the large one was sent.
	assert.is(consumer.tryReceive()?.text(), "a");
	assert.is(consumer.tryReceive(), undefined);
	assert.ok(producer.trySend(new Uint8Array(200_000)));
});

// -------------------------------------------------------------------------------------------- endpoints

test("a second producer or consumer is refused, and told who has it", async () => {
	const region = open();
	const other = open();
	const bytes = region.queue("q");
	const records = region.queue("r", { record: "f64" });
	const ends: [() => { close(): void }, () => { close(): void }][] = [
		[() => bytes.producer(), () => other.queue("q").producer()],
		[() => bytes.consumer(), () => other.queue("q").consumer()],
		[() => records.producer(), () => other.queue("r", { record: "f64" }).producer()],
		[() => records.consumer(), () => other.queue("r", { record: "f64" }).consumer()],
	];
	for (const [ours, theirs] of ends) {
		const end = ours();
		for (const second of [ours, theirs]) {
			const error = errorOf(second);
			assert.is(error.code, "DHMEM_ENDPOINT_TAKEN");
			assert.match(error.message, /queue [qr]\b/i);
		}
		end.close();
		theirs().close();
		ours().close();
	}
	// A dead one's end is free.
	const child = start("receive", ["held"]);
	assert.is(await child.hear(), "ready");
	const held = region.queue("held");
	assert.is(
		codeOf(() => held.consumer()),
		"DHMEM_ENDPOINT_TAKEN",
	);
	await child.kill();
	assert.is(
		codeOf(() => held.consumer()),
		"nothing",
	);
});

test("after end() sending is DHMEM_QUEUE_ENDED, and a new producer begins the next stream", async () => {
	const { queue, producer, consumer, records, pushing, popping } = things(open());
	producer.trySend("a");
	producer.end();
	producer.end();
	assert.is(
		codeOf(() => producer.trySend("b")),
		"DHMEM_QUEUE_ENDED",
	);
	assert.is(
		codeOf(() => producer.sendSync("b")),
		"DHMEM_QUEUE_ENDED",
	);
	assert.is(await codeOfLater(producer.send("b")), "DHMEM_QUEUE_ENDED");
	assert.is(
		codeOf(() => producer.sendMany(["b"])),
		"DHMEM_QUEUE_ENDED",
	);
	assert.is(
		codeOf(() => producer.tryReserve(5)),
		"DHMEM_QUEUE_ENDED",
	);
	pushing.push(1);
	pushing.end();
	assert.is(
		codeOf(() => pushing.push(1)),
		"DHMEM_QUEUE_ENDED",
	);
	assert.is(
		codeOf(() => pushing.pushMany(new Int32Array(2))),
		"DHMEM_QUEUE_ENDED",
	);
	assert.is(await codeOfLater(pushing.wait()), "DHMEM_QUEUE_ENDED");
	assert.is(consumer.receiveSync()?.text(), "a");
	assert.is(consumer.receiveSync(), undefined);
	assert.is(popping.pop(), 1);
	assert.is(popping.waitSync(), false);
	producer.close();
	pushing.close();
	assert.ok(queue.producer().trySend("next"));
	assert.ok(records.producer().push(2));
});

test("a reservation that is open is in the way, and is used once", () => {
	const { producer, consumer } = things(open());
	const slot = producer.tryReserve(100);
	assert.ok(slot);
	for (const action of [
		() => producer.trySend("x"),
		() => producer.sendMany(["x"]),
		() => producer.tryReserve(1),
		() => producer.end(),
		() => slot?.commit(101),
		() => slot?.commit(-1),
		() => slot?.commit(1.5),
		() => slot?.commit(wrong("5")),
	]) {
		assert.is(codeOf(action), "DHMEM_BAD_ARGUMENT");
	}
	slot?.bytes.fill(5);
	slot?.commit(3);
	assert.is(slot?.open, false);
	assert.is(
		codeOf(() => slot?.commit(3)),
		"DHMEM_CLOSED",
	);
	assert.is(
		codeOf(() => slot?.bytes),
		"DHMEM_CLOSED",
	);
	slot?.abort();
	assert.equal([...(consumer.tryReceive()?.bytes ?? [])], [5, 5, 5]);
	assert.is(consumer.tryReceive(), undefined);
});

// ---------------------------------------------------------------------------------- blocks and messages

test("freeing twice, and using what was given away", () => {
	const region = open();
	const { producer, consumer } = things(region);
	const { used } = region.stats();
	const freed = region.allocate(100);
	freed.free();
	assert.is(
		codeOf(() => freed.free()),
		"DHMEM_DOUBLE_FREE",
	);
	freed[Symbol.dispose]();
	const sent = region.allocate(100);
	producer.trySend("x", { block: sent });
	const saved = region.allocate(100);
	const handle = region.save(saved);
	for (const block of [freed, sent, saved]) {
		assert.is(
			codeOf(() => block.free()),
			"DHMEM_DOUBLE_FREE",
		);
		block[Symbol.dispose]();
		assert.is(
			codeOf(() => block.bytes),
			"DHMEM_CLOSED",
		);
		assert.is(
			codeOf(() => block.text()),
			"DHMEM_CLOSED",
		);
		assert.is(
			codeOf(() => block.as("u8")),
			"DHMEM_CLOSED",
		);
		assert.is(
			codeOf(() => region.save(block)),
			"DHMEM_CLOSED",
		);
		assert.is(
			codeOf(() => producer.trySend("x", { block })),
			"DHMEM_CLOSED",
		);
	}
	const message = consumer.tryReceive();
	// The message owns it until it is released, or the block taken.
	const { block } = message as Message;
	assert.is(
		codeOf(() => block?.free()),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => producer.trySend("x", { block })),
		"DHMEM_BAD_ARGUMENT",
	);
	block?.[Symbol.dispose]();
	assert.is(block?.bytes.length, 100);
	const taken = message?.take();
	assert.is(
		codeOf(() => message?.take()),
		"DHMEM_CLOSED",
	);
	assert.is(
		codeOf(() => message?.bytes),
		"DHMEM_CLOSED",
	);
	assert.is(
		codeOf(() => block?.bytes),
		"DHMEM_CLOSED",
	);
	message?.release();
	taken?.free();
	assert.is(
		codeOf(() => taken?.free()),
		"DHMEM_DOUBLE_FREE",
	);
	// Another's region's block.
	const other = open({}, "other");
	assert.is(
		codeOf(() => other.save(region.allocate(1))),
		"DHMEM_BAD_ARGUMENT",
	);
	// Without a block there is none to take.
	producer.trySend("plain");
	const plain = consumer.tryReceive();
	assert.is(
		codeOf(() => plain?.take()),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(plain?.block, undefined);
	plain?.release();
	plain?.release();
	loadBlock(region, handle).free();
	assert.is(region.stats().used, used + 64, "but for the block that was refused");
});

test("a message is over when its consumer has left, and harms the next one in no way", () => {
	const region = open();
	const { queue, producer, consumer } = things(region);
	producer.trySend("first");
	producer.trySend("second");
	const block = region.allocate(100);
	producer.trySend("with block", { block });
	const [old, , withBlock] = consumer.receiveMany(3);
	consumer.close();
	assert.is(
		codeOf(() => old?.text()),
		"DHMEM_CLOSED",
	);
	assert.is(
		codeOf(() => withBlock?.take()),
		"DHMEM_CLOSED",
	);
	const next = queue.consumer();
	const again = next.receiveMany(3);
	assert.equal(
		again.map((message) => message.text()),
		["first", "second", "with block"],
	);
	old?.release();
	withBlock?.release();
	assert.is(
		codeOf(() => withBlock?.take()),
		"DHMEM_CLOSED",
	);
	assert.is(again[2]?.block?.bytes.length, 100);
	for (const message of again) message.release();
	assert.is(region.stats().queues.find(({ name }) => name === "q")?.depth, 0);
});

// ---------------------------------------------------------------------------------------- after closing

/** Public members that only say what is known, or may be called at any time. */
const quiet: Record<string, string[]> = {
	Region: ["name", "path", "size", "close", "dispose", "unlink"],
	Queue: ["name"],
	RecordQueue: ["name", "dtype"],
	// The streams are had, and fail when they are used.
	RingProducer: ["close", "closed", "dispose", "toJSON", "writable"],
	RingConsumer: ["close", "closed", "dispose", "ended", "toJSON", "readable"],
	Mailbox: ["name"],
	MailboxProducer: ["close", "closed", "dispose", "toJSON", "writable"],
	MailboxConsumer: ["close", "closed", "dispose", "ended", "toJSON", "readable"],
	RecordProducer: ["close", "closed", "dispose", "toJSON"],
	RecordConsumer: ["close", "closed", "dispose", "ended", "toJSON"],
	Block: ["dispose", "length"],
	Message: ["dispose", "length", "release", "released", "block"],
	Reservation: ["abort", "dispose", "length", "open"],
	Vector: ["name", "dtype"],
	SharedMap: ["name"],
	Mutex: ["name"],
	Condition: ["name"],
	HeldLock: ["mutex", "held", "unlock", "dispose", "abandoned"],
	SharedArray: ["name", "dtype", "shape", "strides", "data", "length", "get", "set", "kind"],
};
/**
 * Members that aren't for users: internal ones, and protected ones, which JavaScript has like all others. `custom` is
 * what `console.log` calls, and always gives a text: `inspect.test.ts` covers it.
 */
const internal =
	/^(constructor|custom|owned|spend|offset|share|attempt|releaseRun|give|take|giveBack|lend|suspend|resume|resuming|suspended|endings|waitTo|waiters|holder|check\w*|beforeClose|waitFor|waitForSync|seeEndAgain|peekInto|discard|unexpected|unread|put|putBlock|putMany|reserve|tryAllocate|finish|wake|next)$/;
const internalData =
	/^(inline|hold|wakeOrThrow|what|hasContents|object|queue|attachment|at|defaults|ring|mask|kind|element)$/;

function isNotForUsers(type: string, member: string): boolean {
	if (`${type}.${member}` === "Region.queue" || `${type}.${member}` === "Vector.at") return false;
	if (`${type}.${member}` === "Message.take") return false;
	return internal.test(member) || internalData.test(member);
}

/** What the members are called with, where something must be given. */
const parameters: Record<string, unknown[]> = {
	allocate: [8],
	queue: ["x"],
	struct: ["x", { a: "f64" }],
	array: ["x", { dtype: "f64", shape: [2] }],
	vector: ["x", "f64"],
	map: ["x", { key: "string", value: "f64" }],
	mutex: ["x"],
	condition: ["x"],
	remove: ["x"],
	trySend: ["x"],
	sendSync: ["x"],
	send: ["x"],
	sendMany: [["x"]],
	tryReserve: [8],
	receiveMany: [5],
	batches: [5],
	push: [1],
	pushMany: [new Int32Array(2)],
	popInto: [new Int32Array(2)],
	as: ["u8"],
	resize: [5],
	at: [0],
	has: ["k"],
	delete: ["k"],
};
const special: Record<string, unknown[]> = {
	"SharedMap.get": ["k"],
	"SharedMap.set": ["k", 1],
	"SharedMap.update": ["k", () => 1],
	"SharedArray.get": [0],
	"SharedArray.set": [0, 1],
	"Vector.set": [0, 1],
};

for (const closing of ["the region", "the end"]) {
	test(`every member of every class is DHMEM_CLOSED once ${closing} is closed, or quiet`, async () => {
		const region = open();
		const all = things(region);
		const { producer, consumer, pushing, popping, block } = all;
		for (let i = 0; i < 5; i++) producer.trySend(`message ${i}`);
		for (let i = 1; i <= 10; i++) pushing.push(i);
		popping.pop();
		const message = consumer.tryReceive() as Message;
		const slot = producer.tryReserve(100) as NonNullable<ReturnType<Producer["tryReserve"]>>;
		const mailbox = region.queue("mailbox", { policy: "drop-oldest" });
		const putting = mailbox.producer();
		const taking = mailbox.consumer();
		for (let i = 0; i < 5; i++) putting.trySend(`message ${i}`);
		const letter = taking.tryReceive() as Message;
		const vector = region.vector("v", "f64");
		vector.push(1, 2, 3);
		const map = region.map("m", { key: "string", value: "f64" });
		map.set("k", 1);
		const mutex = region.mutex("mutex");
		const held = mutex.lockSync();
		const condition = region.condition("condition");
		const handle = region.save(region.allocate(8));
		const objects: object[] =
			closing === "the end"
				? [producer, consumer, pushing, popping, putting, taking, slot, message, letter]
				: [
						region,
						all.queue,
						all.records,
						mailbox,
						producer,
						consumer,
						pushing,
						popping,
						putting,
						taking,
						block,
						slot,
						message,
						letter,
						vector,
						map,
						mutex,
						held,
						condition,
						region.array("a", { dtype: "f64", shape: [3] }),
					];
		if (closing === "the region") region.close();
		else for (const end of [producer, consumer, pushing, popping, putting, taking]) end.close();
		const failures: string[] = [];
		let called = 0;
		for (const object of objects) {
			const name = object.constructor.name;
			const names = new Set<string | symbol>(Object.getOwnPropertyNames(object));
			for (
				let type = Object.getPrototypeOf(object);
				type !== Object.prototype;
				type = Object.getPrototypeOf(type)
			) {
				for (const member of Reflect.ownKeys(type)) names.add(member);
			}
			for (const member of names) {
				const text = typeof member === "symbol" ? String(member.description).replace(/.*[. ]/, "") : member;
				if (isNotForUsers(name, text)) continue;
				called++;
				let result: string;
				try {
					result = await outcome(() => {
						const value = (object as Record<string | symbol, unknown>)[member];
						if (typeof value !== "function") return value;
						let given = special[`${name}.${text}`] ?? parameters[text] ?? [];
						if (text === "save") given = [block];
						if (text === "load") given = [handle];
						if (name === "Condition") given = [held, { until: () => true }];
						const returned: unknown = value.apply(object, given);
						const iterator = returned as { next?: () => unknown } | undefined;
						return typeof iterator?.next === "function" ? iterator.next() : returned;
					});
				} catch (error) {
					result = String(error);
				}
				const expected = quiet[name]?.includes(text) ? "nothing" : "DHMEM_CLOSED";
				if (result !== expected) failures.push(`${name}.${text} gave ${result}`);
			}
		}
		assert.equal(failures, []);
		assert.ok(called > (closing === "the end" ? 40 : 100), `${called} members`);
	});
}

/** What Node calls its permission model depends on its age. */
const permission =
	Number.parseInt(process.versions.node, 10) < 24 ? "--experimental-permission" : "--permission";

for (const [flags, expected, word] of [
	[["--disallow-code-generation-from-strings"], "nothing", ""],
	[["--jitless"], "DHMEM_UNSUPPORTED", "--jitless"],
	[["--no-addons"], "DHMEM_UNSUPPORTED", "--no-addons"],
	[[permission, "--allow-fs-read=*"], "DHMEM_UNSUPPORTED", "--allow-addons"],
	[[permission, "--allow-fs-read=*", "--allow-addons"], "DHMEM_PERMISSION", "--allow-fs-write"],
	[[permission, "--allow-fs-read=*", "--allow-fs-write=*", "--allow-addons"], "nothing", ""],
] as const) {
	test(`with ${flags.join(" ")} a region gives ${expected}`, async () => {
		const { code, message } = (await start("use", [], [...flags]).hear()) as Failure;
		assert.is(code, expected);
		assert.ok(message.includes(word), message);
	});
}

test("a bundle that took dhmem in is told to leave it outside", async () => {
	const source = new URL("../src/host/parts.js", import.meta.url);
	const text = readFileSync(source, "utf8").replace("../errors.js", new URL("../errors.js", source).href);
	for (const url of ["undefined", '"file:///bundle/out.js"']) {
		const bundle = join(directory, `bundle-${url.length}.mjs`);
		writeFileSync(bundle, text.replaceAll("import.meta.url", url));
		const { pathOfPart } = (await import(bundle)) as typeof import("../src/host/parts.js");
		const { code, message } = errorOf(() => pathOfPart("shim.node"));
		assert.is(code, "DHMEM_UNSUPPORTED");
		assert.ok(message.includes("bundle, leave it outside"), message);
	}
});

test("views that are kept after closing read zeros and never fault, also after collecting", async () => {
	const child = start("keepViews", [], ["--expose-gc"]);
	const result = (await child.hear()) as { views: number };
	assert.equal(result, { views: 80, nonzero: 0, changed: false, fresh: false, collected: true });
	const { code, signal } = await child.ended;
	assert.equal([code, signal], [0, null]);
});

test("a file that is cut under a running process is DHMEM_TRUNCATED, and views read zeros", async () => {
	for (const where of [0, 4096, 65536, 1 << 20, 3 << 20]) {
		const child = start("cut", [where]);
		const results = (await within(10_000, "the cut", child.hear())) as Record<string, unknown>;
		const { code, signal, errors } = await child.ended;
		assert.equal([code, signal, errors], [0, null, ""], `cut to ${where}`);
		const { sum, view, reopen, close, ...operations } = results;
		// Cut behind all that is in use, it may take until something reaches there.
		if (where < 1 << 20) {
			assert.equal([sum, view], [0, 0], `cut to ${where}`);
			for (const [what, result] of Object.entries(operations)) {
				assert.is(result, "DHMEM_TRUNCATED", `cut to ${where}: ${what}`);
			}
		} else {
			for (const [what, result] of Object.entries(operations)) {
				assert.match(
					String(result),
					/^(nothing|DHMEM_(TRUNCATED|CLOSED|BAD_ARGUMENT))$/,
					`cut to ${where}: ${what}`,
				);
			}
		}
		assert.is(reopen, "DHMEM_FORMAT", `cut to ${where}`);
		assert.is(close, "nothing", `cut to ${where}`);
		rmSync(regionPath("region"));
	}
});

uvu.run();
