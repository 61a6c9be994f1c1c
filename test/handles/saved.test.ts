import { Block, Region, SharedArray, schema, Vector } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child, codeOf, errorOf, regionTest } from "../fixture/index.js";

const module = new URL("./saved-child.js", import.meta.url).href;

test.after.each(Child.killAll);

regionTest(
	"arrays, vectors and structs that have a name are found by their handle in any process",
	async (region) => {
		const params = region.struct("params", { a: "f64", kind: "u32" }, { initial: { a: 1.5, kind: 7 } });
		const plain = region.struct("plain", { a: "f64" });
		const field = region.array("field", { dtype: "i16", shape: [2, 3], initial: [1, 2, 3, 4, 5, 6] });
		const vector = region.vector("vector", "u64");
		vector.push(5n);
		const tokens = [params, field, vector].map((each) => String(region.save(each)));
		assert.equal(
			tokens,
			[params, field, vector].map((each) => String(region.save(each))),
			"saving again is the same",
		);
		const other = new Child(module, "load", [region.name, ...tokens]);
		assert.equal(await other.hear(), [1.5, "array", [2, 3], 6, "vector", "5"]);
		assert.equal([params.a, field.get(1, 2), vector.at(1)], [2.5, -6, 6n], "what it changed is changed here");

		const loaded = region.load(String(region.save(plain)));
		assert.is(loaded.kind, "struct");
		assert.equal({ ...loaded }, { a: 0 }, "its kind is no field");
		assert.is(loaded, plain);
		assert.is(
			region.load(tokens[0] as string, { a: "f64", kind: "u32" }).kind,
			7,
			"unless a field is called so",
		);
		// Where only the name says what it is.
		assert.is(
			codeOf(() => region.save({ a: 1 })),
			"DHMEM_BAD_ARGUMENT",
		);
		using another = Region.open(region.name);
		assert.is(
			codeOf(() => another.save(field)),
			"DHMEM_BAD_ARGUMENT",
		);
	},
);

regionTest("loading with a type checks it, and says both", (region) => {
	const field = region.save(region.array("field", { dtype: "f32", shape: [4], initial: [1, 2, 3, 4] }));
	const vector = region.save(region.vector("vector", "f32"));
	const params = region.save(region.struct("params", { a: "f64", step: "u32" }, { initial: { step: 3 } }));
	assert.ok(region.load(field, "f32") instanceof SharedArray);
	assert.ok(region.load(vector, "f32") instanceof Vector);
	assert.is(region.load(params, { a: "f64", step: "u32" }).step, 3);
	for (const [load, is, wanted] of [
		[() => region.load(field, "f64"), /array f32\[4\]/, /f64/],
		[() => region.load(field, { a: "f64" }), /array f32\[4\]/, /\{ a: f64 \}/],
		[() => region.load(vector, "u32"), /vector of f32/, /u32/],
		[() => region.load(params, "f64"), /struct \{ a: f64, step: u32 \}/, /f64/],
		[() => region.load(params, { a: "f64" }), /struct \{ a: f64, step: u32 \}/, /\{ a: f64 \}/],
	] as const) {
		const { code, message } = errorOf(load);
		assert.is(code, "DHMEM_TYPE_MISMATCH");
		assert.match(message, is);
		assert.match(message, wanted);
	}
	assert.is(
		codeOf(() => region.load(field, "f128" as "f64")),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => region.load(field, { a: "f128" as "f64" })),
		"DHMEM_BAD_ARGUMENT",
	);
});

regionTest("a block is loaded as the requested type, if its length allows it", (region) => {
	const point = schema({ x: "f32", y: "f32" });
	const block = region.allocate(20);
	block.as("f32").set([1, 2, 3, 4, 5]);
	const handle = region.save(block);
	const array = region.load(handle, "f32");
	assert.equal([array.kind, array.kind === "array" && [...array.data]], ["array", [1, 2, 3, 4, 5]]);
	assert.equal({ ...region.load(handle, point) }, { x: 1, y: 2 });
	region.load(handle, point).y = 9;
	const plain = region.load(handle);
	assert.ok(plain instanceof Block);
	assert.is(plain.as("f32")[1], 9);
	assert.is(
		codeOf(() => region.load(handle, "f64")),
		"DHMEM_TYPE_MISMATCH",
	);
	assert.is(
		codeOf(() => region.load(handle, { a: "f64", b: "f64", c: "f64" })),
		"DHMEM_TYPE_MISMATCH",
	);
	plain.free();
	assert.is(
		codeOf(() => region.load(handle, "f32")),
		"DHMEM_BAD_HANDLE",
	);
});

regionTest(
	"the handle of a removed object is bad, also when its memory and its name are in use again",
	(region) => {
		const old: string[] = [];
		for (let round = 0; round < 50; round++) {
			const field = region.array("field", { dtype: "u8", shape: [10] });
			const token = String(region.save(field));
			assert.not(old.includes(token));
			for (const each of old)
				assert.is(
					codeOf(() => region.load(each)),
					"DHMEM_BAD_HANDLE",
				);
			assert.is(region.load(token), field);
			region.remove("field");
			assert.is(
				codeOf(() => region.load(token)),
				"DHMEM_BAD_HANDLE",
			);
			old.push(token);
		}
		assert.is(region.stats().used, 0);
		const kept = region.array("kept", { dtype: "u8", shape: [10] });
		const token = String(region.save(kept));
		using other = Region.open(region.name);
		assert.ok(other.load(token), "and another has it open");
		region.remove("kept");
		assert.is(
			codeOf(() => other.load(token)),
			"DHMEM_BAD_HANDLE",
		);
	},
);

regionTest("forged handles of named objects are detected", (region) => {
	region.struct("params", { a: "f64" });
	region.queue("queue");
	const bytes = Buffer.from(String(region.save(region.struct("params"))), "base64url");
	let tried = 0;
	for (let bit = 0; bit < bytes.length * 8; bit++) {
		const forged = Buffer.from(bytes);
		forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
		assert.is(
			codeOf(() => region.load(forged.toString("base64url"))),
			"DHMEM_BAD_HANDLE",
			`bit ${bit}`,
		);
		tried++;
	}
	assert.is(tried, 224);
	assert.ok(region.load(bytes.toString("base64url")), "as it was, it is good");
});

regionTest("a block that was loaded twice can't be read after one of them was freed", (region) => {
	const token = String(region.save(region.allocate(64)));
	const [one, other] = [region.load(token), region.load(token)] as [Block, Block];
	other.bytes.fill(1);
	one.free();
	assert.is(
		codeOf(() => other.bytes),
		"DHMEM_BAD_HANDLE",
	);
	assert.is(
		codeOf(() => other.text()),
		"DHMEM_BAD_HANDLE",
	);
	assert.is(
		codeOf(() => other.free()),
		"DHMEM_BAD_HANDLE",
	);
});

test.run();
