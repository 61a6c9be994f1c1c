import { spawn, spawnSync } from "node:child_process";
import { text } from "node:stream/consumers";
import { inspect } from "node:util";
import { type DType, type Fields, Region, type Struct, schema } from "dhmem";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	HEADER_HEAP,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OBJECT_NAME,
	OBJECT_TYPE,
	OBJECT_TYPE_BYTES,
	SPAN_BYTES,
} from "../../assembly/layout.js";
import { codeOf, errorOf, regionTest } from "../fixture/index.js";
import { type By, by, holds, isRefuted, type Property } from "../properties/property.js";
import { dtypes, plain, same, sameAll, stored, type Value, valuesOf, zero } from "../properties/values.js";

const child = new URL("./typed-child.js", import.meta.url).pathname;

/** The words of a named object, and where they start, which only a faulty peer changes. */
function wordsOf(region: Region, name: string): { words: Uint32Array; at: number } {
	using block = region.allocate(1);
	const { buffer } = block.bytes;
	const words = new Uint32Array(buffer);
	const heap = (words[HEADER_HEAP >> 2] ?? 0) * SPAN_BYTES;
	return { words, at: (Buffer.from(buffer).indexOf(name, heap) - OBJECT_NAME) >> 2 };
}

regionTest("a struct is found by its name, with the values it has", (region) => {
	const params = region.struct("params", { a: "f64", step: "u32" });
	assert.equal({ ...params }, { a: 0, step: 0 });
	params.a = 1.5;
	params.step++;
	assert.equal({ ...region.struct("params", { a: "f64", step: "u32" }) }, { a: 1.5, step: 1 });
	assert.equal({ ...region.struct("params") }, { a: 1.5, step: 1 });
	assert.equal(region.entries(), [{ name: "params", type: "a struct { a: f64, step: u32 }" }]);
});

regionTest("two processes share structs and arrays, 64-bit fields as bigints", (region) => {
	const params = region.struct(
		"params",
		{ a: "f64", step: "u32", seed: "u64" },
		{ initial: { a: 0.1, seed: 9n } },
	);
	const field = region.array("field", { dtype: "f64", shape: [10, 3] });
	field.set(9, 2, 7);
	const { status, stdout, stderr } = spawnSync(process.execPath, [child, region.name, "fill"]);
	assert.is(status, 0, `${stderr}`);
	assert.is(`${stdout}`, "0.1 9 7");
	assert.is(params.step, 42);
	assert.is(params.seed, 2n ** 64n - 1n);
	assert.is(field.get(9, 1), -1.5);
});

regionTest(
	"when many construct an object at once, one does, and nobody sees it half done",
	async (region) => {
		// Freed memory is used again, and must not show through.
		for (let i = 0; i < 200; i++) region.allocate(64 + i).bytes.fill(0xff);
		region.recover();
		const children = Array.from({ length: 4 }, () => {
			const args = [child, region.name, "race", "200"];
			return text(spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] }).stdout);
		});
		const [first = "", ...others] = await Promise.all(children);
		for (const other of others) assert.is(other, first);
		const winners: { a: number; b: number; c: number; numbers: number[] }[] = JSON.parse(first);
		assert.is(winners.length, 200);
		for (const { a, b, c, numbers } of winners) {
			assert.is(a, b);
			assert.is(a, c);
			assert.is(numbers.length, 1);
		}
	},
);

regionTest("opening an object as another kind names both kinds", (region) => {
	region.struct("params", { a: "f64", step: "u32" });
	region.queue("queue");
	region.array("field", { dtype: "f64", shape: [2] });
	const is = "is a struct { a: f64, step: u32 }, but was opened as ";
	for (const [body, expected] of [
		[() => region.struct("params", { a: "f32", step: "u32" }), `${is}a struct { a: f32, step: u32 }`],
		[() => region.struct("params", { step: "u32", a: "f64" }), `${is}a struct { step: u32, a: f64 }`],
		[() => region.struct("params", { a: "f64" }), `${is}a struct { a: f64 }`],
		[() => region.array("params", { dtype: "f64", shape: [1] }), `${is}an array f64[1]`],
		[() => region.queue("params"), `${is}a queue`],
		[
			() => region.struct("queue", { a: "f64" }),
			"is a queue of 1048576 bytes, but was opened as a struct { a: f64 }",
		],
		[() => region.struct("field"), "is an array f64[2], but was opened as a struct;"],
	] as const) {
		const error = errorOf(body);
		assert.is(error.code, "DHMEM_TYPE_MISMATCH");
		assert.ok(error.message.includes(expected), error.message);
	}
});

regionTest("a missing object is DHMEM_NOT_FOUND if its type is left out", (region) => {
	assert.is(
		codeOf(() => region.struct("params")),
		"DHMEM_NOT_FOUND",
	);
	assert.equal(region.entries(), []);
});

regionTest("initial values are the constructor's, and the rest is zeros", (region) => {
	const type = { a: "f64", b: "i64", c: "u8" } as const;
	for (let i = 0; i < 20; i++) {
		using block = region.allocate(128);
		block.bytes.fill(0xff);
	}
	assert.equal(
		{ ...region.struct("s", type, { initial: { b: -1n, c: undefined } }) },
		{ a: 0, b: -1n, c: 0 },
	);
	assert.equal({ ...region.struct("s", type, { initial: { a: 5 } }) }, { a: 0, b: -1n, c: 0 });
	const wrong: unknown[] = [null, 1, { d: 1 }, { a: 1n }, { b: 1 }, { a: "1" }, { toString: 1 }];
	for (const initial of wrong) {
		assert.is(
			codeOf(() => region.struct("new", type, { initial: initial as never })),
			"DHMEM_BAD_ARGUMENT",
		);
	}
	assert.is(region.entries().length, 1);
});

regionTest("a struct has its fields, and nothing else", (region) => {
	const params = region.struct("params", { a: "f64", kind: "u8", name: "i64" }, { initial: { name: 3n } });
	assert.equal(Object.keys(params), ["a", "kind", "name"]);
	assert.is(inspect(params), "{ a: 0, kind: 0, name: 3n }");
	assert.equal(params, { a: 0, kind: 0, name: 3n });
	Object.assign(params, { a: 2, kind: 300 });
	assert.is(params.kind, 44, "as in a typed array, it wraps");
	assert.is(JSON.stringify(region.struct("other", { x: "f32" }, { initial: { x: 0.5 } })), '{"x":0.5}');
	assert.throws(() => Object.assign(params, { typo: 1 }), TypeError);
	assert.throws(() => Object.assign(params, { name: 1 }), TypeError);
	assert.throws(() => delete (params as Partial<typeof params>).a, TypeError);
});

regionTest("fields of any name are fields, or refused", (region) => {
	const names = [
		"constructor",
		"toString",
		"valueOf",
		"hasOwnProperty",
		"then",
		"toJSON",
		"kind",
		"",
		" ",
		"a: f64, b",
	];
	names.push(
		'"',
		"\\",
		"}",
		"ä",
		"💧",
		"\ud800",
		"\0",
		"1",
		"01",
		"-1",
		"length",
		"prototype",
		"__defineGetter__",
	);
	const fields = Object.fromEntries(names.map((name, i) => [name, dtypes[i % dtypes.length] ?? "u8"]));
	const odd = region.struct("odd", fields);
	for (const [i, name] of Object.keys(fields).entries()) {
		odd[name] = typeof odd[name] === "bigint" ? BigInt(i) : i;
	}
	const again = region.struct("odd");
	assert.equal(Object.keys(again).sort(), [...names].sort());
	for (const [i, name] of Object.keys(fields).entries()) assert.is(Number(again[name]), i, name);
	const bad: unknown = JSON.parse('{ "__proto__": "f64", "a": "f64" }');
	for (const wrong of [bad, {}, [], ["f64"], null, 1, "f64", { a: "f128" }, { a: 1 }, { a: { b: "f64" } }]) {
		assert.is(
			codeOf(() => region.struct("wrong", wrong as Fields)),
			"DHMEM_BAD_ARGUMENT",
		);
	}
	assert.is(Object.getPrototypeOf({}), Object.prototype);
	assert.is(({} as Partial<Fields>).a, undefined);
});

regionTest("a thousand fields are as good as one", (region) => {
	const fields = Object.fromEntries(
		Array.from({ length: 1500 }, (_, i) => [`f${i}`, dtypes[i % 10] ?? "u8"]),
	);
	const many = region.struct("many", fields);
	for (const name of Object.keys(fields)) many[name] = typeof many[name] === "bigint" ? 100n : 100;
	for (const value of Object.values(region.struct("many"))) assert.is(Number(value), 100);
	const tooMany = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`field${i}`, "u8" as const]));
	assert.is(
		codeOf(() => region.struct("too many", tooMany)),
		"DHMEM_BAD_ARGUMENT",
	);
});

test("a schema lays fields out aligned, and knows its size", () => {
	assert.is(schema({ a: "u8" }).size, 1);
	assert.is(schema({ a: "u8", b: "f64", c: "u8" }).size, 24);
	assert.is(schema({ b: "f64", a: "u8", c: "u8" }).size, 16);
	assert.is(schema({ a: "u8", b: "u16", c: "u8" }).size, 6);
	assert.is(schema({ a: "f32", b: "u8" }).alignment, 4);
	assert.is(`${schema({ a: "u8", "b c": "f64" })}`, '{ a: u8, "b c": f64 }');
	assert.is(schema({ a: "u8" }), schema({ a: "u8" }));
	const changing: { a: DType } = { a: "u8" };
	const fixed = schema(changing);
	changing.a = "f64";
	assert.is(fixed.size, 1);
	assert.throws(() => Object.assign(fixed.fields, { a: "f64" }), TypeError);
});

regionTest("a block viewed as structs has as many as fit, and they are live", (region) => {
	const particle = schema({ x: "f64", id: "u64", kind: "u8" });
	using block = region.allocate(particle.size * 10 + 23);
	block.bytes.fill(0);
	const particles = block.as(particle);
	assert.is(particles.length, 10);
	for (const [i, it] of particles.entries()) {
		it.x = i / 2;
		it.id = BigInt(i);
		it.kind = i;
	}
	assert.is(particles[3], particles[3]);
	assert.is(particles[3]?.x, 1.5);
	assert.is(particles.at(-1)?.id, 9n);
	assert.is(particles[10], undefined);
	assert.is(
		particles.findIndex(({ kind }) => kind === 4),
		4,
	);
	assert.equal(
		block.as("f64").slice(0, 5),
		Float64Array.of(0, 0, 0, 0.5, new Float64Array(BigUint64Array.of(1n).buffer)[0] ?? 0),
	);
	const copies = block.as({ x: "f64", id: "u64", kind: "u8" }).map((it) => ({ ...it }));
	assert.ok(Array.isArray(copies));
	assert.equal(copies[9], { x: 4.5, id: 9n, kind: 9 });
	assert.equal(particles, copies);
	assert.is(JSON.stringify(block.as({ n: "u8" }).slice(0, 2)), '[{"n":0},{"n":0}]');
	assert.is(Object.keys(block.as(particle)).length, 10);
	assert.ok("9" in particles && !("10" in particles) && !("" in particles) && !("01" in particles));
	assert.throws(() => Object.assign(particles, { 0: {} }), TypeError);
	assert.throws(() => Array.prototype.push.call(particles, {}), TypeError);
	assert.is(region.allocate(3).as({ a: "u32" }).length, 0);
	assert.is(
		codeOf(() => block.as({ a: "f128" } as never)),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => block.as(undefined as never)),
		"DHMEM_BAD_ARGUMENT",
	);
	block.free();
	assert.is(
		codeOf(() => block.as(particle)),
		"DHMEM_CLOSED",
	);
});

regionTest("messages are written and read as structs", (region) => {
	const step = schema({ residual: "f64", index: "u32" });
	using producer = region.queue("steps").producer();
	using consumer = region.queue("steps").consumer();
	for (let i = 0; i < 100; i++) {
		const slot = producer.tryReserve(step.size);
		assert.ok(slot);
		Object.assign(slot.as(step)[0] ?? {}, { residual: 1 / i, index: i });
		slot.commit();
	}
	for (let i = 0; i < 100; i++) {
		using message = consumer.tryReceive();
		assert.equal({ ...message?.as(step)[0] }, { residual: 1 / i, index: i });
	}
});

regionTest("after the region was closed, fields read zeros, and nothing can be opened", (region) => {
	const other = Region.open(region.name);
	const params = other.struct("params", { a: "f64" }, { initial: { a: 1 } });
	const field = other.array("field", { dtype: "u8", shape: [1], initial: [1] });
	other.close();
	assert.is(params.a, 0);
	params.a = 5;
	assert.is(field.get(0), 0);
	assert.is(
		codeOf(() => other.struct("params", { a: "f64" })),
		"DHMEM_CLOSED",
	);
	assert.is(
		codeOf(() => other.array("field")),
		"DHMEM_CLOSED",
	);
	assert.is(region.struct("params", { a: "f64" }).a, 1);
});

regionTest("values written by a broken peer are checked before they are used", (region) => {
	const spoil = (name: string, change: (words: Uint32Array, at: number) => void) => {
		region.struct(name, { a: "f64", step: "u32" });
		const { words, at } = wordsOf(region, name);
		change(words, at);
		using other = Region.open(region.name);
		return codeOf(() => other.struct(name, { a: "f64", step: "u32" }));
	};
	for (const [i, value] of [0, 1, 64, 65536, 0x7fffffff, 0xffffffc0, 0xffffffff].entries()) {
		for (const field of [OBJECT_DATA, OBJECT_TYPE, OBJECT_TYPE_BYTES, OBJECT_CAPACITY]) {
			const found = spoil(`spoilt-${field}-${i}`, (words, at) => {
				words[at + (field >> 2)] = value;
			});
			assert.ok(["DHMEM_CORRUPT", "DHMEM_TYPE_MISMATCH"].includes(found), found);
		}
	}
	for (const type of [
		"{ a: f64, a: u32 }",
		"{ b: f65, st: u32 }",
		"{ __proto__: f64, }",
		"\0",
		"{ a: f64,step: u32}",
	]) {
		const name = `text-${Buffer.from(type).toString("hex")}`;
		spoil(name, (words, at) => {
			const bytes = new Uint8Array(
				words.buffer,
				words[at + (OBJECT_TYPE >> 2)],
				words[at + (OBJECT_TYPE_BYTES >> 2)],
			);
			bytes.fill(0x20);
			bytes.set(Buffer.from(type).subarray(0, bytes.length));
		});
		using other = Region.open(region.name);
		assert.is(
			codeOf(() => other.struct(name)),
			"DHMEM_CORRUPT",
		);
	}
	assert.ok(region.entries().every(({ type }) => type.startsWith("a struct")));
});

const fieldsOf: fc.Arbitrary<Fields> = fc
	.dictionary(
		fc.oneof(
			fc.string({ unit: "binary", maxLength: 12 }),
			fc.constantFrom("constructor", "toString", "kind"),
		),
		fc.constantFrom(...dtypes),
		{ minKeys: 1, maxKeys: 40, size: "max", noNullPrototype: true },
	)
	.filter((fields) => !Object.hasOwn(fields, "__proto__"));

interface Assignments {
	fields: Fields;
	/** Steps by turns, each by one of two participants. */
	changes: { by: By; name: string; value: Value }[];
}

const assignments: fc.Arbitrary<Assignments> = fieldsOf.chain((fields) => {
	const change = fc
		.constantFrom(...Object.keys(fields))
		.chain((name) => fc.record({ by, name: fc.constant(name), value: valuesOf(fields[name] ?? "u8") }));
	return fc.record({
		fields: fc.constant(fields),
		changes: fc.array(change, { maxLength: 60, size: "max" }),
	});
});

function likeAPlainObject(change: (struct: Struct) => Struct = (struct) => struct): Property<Assignments> {
	return (openings, { fields, changes }) => {
		const structs = ([0, 1] as const).map((each) => change(openings.at(each).struct("struct", fields)));
		const model = new Map(Object.entries(fields).map(([name, dtype]) => [name, zero(dtype)]));
		for (const { by: each, name, value } of changes) {
			(structs[each] as Struct)[name] = value;
			model.set(name, stored(fields[name] ?? "u8", value));
			for (const struct of structs) same(struct[name], model.get(name), name);
		}
		for (const struct of [...structs, openings.at(0).struct("struct")]) {
			sameAll(Object.keys(struct), model.keys(), "the names");
			sameAll(Object.values(struct), model.values(), "the values");
		}
	};
}

test("a struct behaves as a plain object whose values have a dtype", () =>
	holds(assignments, likeAPlainObject()));

function assigning(struct: Struct, assign: (name: string, value: Value) => Value): Struct {
	return new Proxy(struct, {
		get: (_, name) => Reflect.get(struct, name),
		set: (_, name, value: Value) => Reflect.set(struct, name, assign(String(name), value)),
	});
}

const faults: [string, (struct: Struct) => Struct][] = [
	["loses the sign of zero", (struct) => assigning(struct, (_, value) => (value === 0 ? 0 : value))],
	[
		"takes nothing above a limit",
		(struct) =>
			assigning(struct, (_, value) => (typeof value === "number" ? Math.min(value, 2 ** 33) : value)),
	],
	[
		"assigns to one field only the first time",
		(struct) => {
			const [first = ""] = Object.keys(struct);
			return assigning(struct, (name, value) => (name === first && struct[name] ? struct[name] : value));
		},
	],
];

for (const [fault, change] of faults) {
	test(`a struct that ${fault} is detected`, () => isRefuted(fault, assignments, likeAPlainObject(change)));
}

/** Where each field is by the rules of C: one after another, each at a multiple of its size. */
function layoutOf(fields: Fields): { offsets: Map<string, number>; size: number; alignment: number } {
	const offsets = new Map<string, number>();
	let end = 0;
	let alignment = 1;
	for (const [name, dtype] of Object.entries(fields)) {
		const bytes = plain(dtype, 0).BYTES_PER_ELEMENT;
		while (end % bytes !== 0) end++;
		offsets.set(name, end);
		end += bytes;
		alignment = Math.max(alignment, bytes);
	}
	while (end % alignment !== 0) end++;
	return { offsets, size: end, alignment };
}

/** A number as it is in memory, read without the code for structs. */
function read(bytes: Uint8Array, offset: number, dtype: DType): Value {
	const cell = plain(dtype, 1);
	new Uint8Array(cell.buffer).set(bytes.subarray(offset, offset + cell.BYTES_PER_ELEMENT));
	return cell[0] as Value;
}

function laidOutLikeC(layout: typeof layoutOf = layoutOf): Property<Assignments> {
	return (openings, { fields, changes }) => {
		const { offsets, size, alignment } = layout(fields);
		const type = schema(fields);
		same(type.size, size, "the size");
		same(type.alignment, alignment, "the alignment");
		const count = 3;
		using block = openings.at(0).allocate(size * count + size - 1);
		block.bytes.fill(0);
		const structs = block.as(type);
		same(structs.length, count, "how many fit");
		const used = new Uint8Array(block.length);
		for (const [index, { name, value }] of changes.entries()) {
			const dtype = fields[name] ?? "u8";
			const at = (index % count) * size + (offsets.get(name) ?? 0);
			(structs[index % count] as Struct)[name] = value;
			same(read(block.bytes, at, dtype), stored(dtype, value), name);
			used.fill(1, at, at + plain(dtype, 0).BYTES_PER_ELEMENT);
		}
		same(
			block.bytes.findIndex((byte, at) => byte !== 0 && used[at] === 0),
			-1,
			"what was written beside them",
		);
	};
}

test("fields of any number and order lie where a C compiler would put them, and nothing beside them is touched", () =>
	holds(assignments, laidOutLikeC()));

test("a layout that packs its fields, or one that orders them by size, is detected", async () => {
	await isRefuted(
		"packs",
		assignments,
		laidOutLikeC((fields) => ({ ...layoutOf(fields), size: sizesOf(fields).reduce((a, b) => a + b) })),
	);
	const sorted = (fields: Fields) =>
		Object.fromEntries(
			Object.entries(fields).sort(
				([, a], [, b]) => plain(b, 0).BYTES_PER_ELEMENT - plain(a, 0).BYTES_PER_ELEMENT,
			),
		);
	await isRefuted(
		"orders",
		assignments,
		laidOutLikeC((fields) => layoutOf(sorted(fields))),
	);
});

function sizesOf(fields: Fields): number[] {
	return Object.values(fields).map((dtype) => plain(dtype, 0).BYTES_PER_ELEMENT);
}

test.run();
