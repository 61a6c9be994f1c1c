/**
 * Other libraries over the region's memory, without a copy of it: tables of Apache Arrow in blocks, and
 * the n-dimensional views of ndarray over arrays.
 */
import * as arrow from "apache-arrow";
import type { Block, Region } from "dhmem";
import ndarray from "ndarray";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child, regionTest } from "../fixture/index.js";
import { type Report, report, valuesOf } from "./interop-child.js";

const child = new URL("./interop-child.js", import.meta.url).href;
const rows = 10_000;
const words = ["", "ß 水", "🌊 \ufeff"];
const x = Float64Array.from({ length: rows }, (_, row) => row / 2);

test.after.each(() => Child.killAll());

function makeTable(column: Float64Array = x): arrow.Table {
	const texts = Array.from({ length: rows }, (_, row) => words[row % 3] ?? "");
	const counts = Array.from({ length: rows }, (_, row) => (row % 5 === 0 ? null : row));
	return new arrow.Table({
		x: arrow.makeVector(column),
		id: arrow.makeVector(BigInt64Array.from({ length: rows }, (_, row) => 2n ** 60n + BigInt(row))),
		text: arrow.vectorFromArray(texts, new arrow.Utf8()),
		word: arrow.vectorFromArray(texts),
		count: arrow.vectorFromArray(counts, new arrow.Int32()),
		odd: arrow.vectorFromArray(
			counts.map((_, row) => row % 2 === 1),
			new arrow.Bool(),
		),
	});
}

/** A block with the table in its IPC format; serialising writes its bytes, once. */
function write(region: Region, table: arrow.Table, format: "stream" | "file" = "stream"): Block {
	const ipc = arrow.tableToIPC(table, format);
	const block = region.allocate(ipc.length);
	block.bytes.set(ipc);
	return block;
}

const expected: Report = {
	rows,
	columns: ["x", "id", "text", "word", "count", "odd"],
	sum: (rows * (rows - 1)) / 4,
	large: String(2n ** 60n + BigInt(rows - 1)),
	texts: words.map((word) => `${word} ${word}`),
	nulls: rows / 5,
	inPlace: Array(6).fill(true),
};

regionTest(
	"a table that comes with a message is read in place by another process, and changed",
	async (region) => {
		using producer = region.queue("tables").producer();
		using consumer = region.queue("back").consumer();
		const reader = new Child(child, "throughQueue", [region.name]);
		await producer.send("a table", { block: write(region, makeTable()) });
		assert.equal(await reader.hear(), expected);
		using block = (await consumer.receive())?.take();
		assert.ok(block);
		const table = arrow.tableFromIPC(block.bytes);
		assert.ok(
			table
				.getChild("x")
				?.toArray()
				.every((value: number) => value === 0.25),
		);
		assert.is(table.getChild("id")?.get(7), 2n ** 60n + 7n);
		assert.equal(await reader.ended, { code: 0, signal: null, errors: "" });
	},
);

for (const format of ["stream", "file"] as const) {
	regionTest(
		`a saved table is read in place by whoever has its token, as an Arrow ${format}`,
		async (region) => {
			const handle = region.save(write(region, makeTable(), format));
			const reader = new Child(child, "fromToken", [region.name, String(handle)]);
			assert.equal(await reader.hear(), expected);
			region.load(handle).free();
		},
	);
}

regionTest("writes to the block are in the table at once, and the other way round", (region) => {
	using block = write(region, makeTable());
	const column = arrow.tableFromIPC(block.bytes).getChild("x");
	const values = valuesOf(column) as Float64Array;
	assert.is(values.buffer, block.bytes.buffer);
	const place = values.byteOffset - block.bytes.byteOffset;
	block.as("f64")[place / 8 + 3] = -1.5;
	assert.is(column?.get(3), -1.5);
	assert.is(column?.toArray()[3], -1.5);
	values[4] = 1e300;
	assert.is(new DataView(block.bytes.buffer, block.bytes.byteOffset + place).getFloat64(4 * 8, true), 1e300);
});

regionTest("a message in the ring is aligned well enough for a table to be read where it lies", (region) => {
	using producer = region.queue("tables", { capacity: "1MiB" }).producer();
	using consumer = region.queue("tables").consumer();
	for (let turn = 0; turn < 5; turn++) {
		assert.ok(producer.trySend("x".repeat(turn)));
		consumer.tryReceive()?.release();
		assert.ok(producer.trySend(arrow.tableToIPC(makeTable())));
		using message = consumer.tryReceive();
		assert.ok(message);
		assert.equal(report(message.bytes), expected);
	}
});

regionTest("a value in the region can be told from a copy: Arrow copies what is not aligned", (region) => {
	const ipc = arrow.tableToIPC(makeTable());
	using block = region.allocate(ipc.length + 8);
	for (const shift of [1, 4, 8]) {
		const bytes = block.bytes.subarray(shift, shift + ipc.length);
		bytes.set(ipc);
		const found = report(bytes);
		assert.equal({ ...found, inPlace: expected.inPlace }, expected);
		assert.is(found.inPlace[0], shift === 8, `shifted by ${shift}`);
	}
});

regionTest("each of several batches is received in place, and only joining them copies", (region) => {
	using block = write(region, makeTable().concat(makeTable()));
	const column = arrow.tableFromIPC(block.bytes).getChild("x");
	assert.is(column?.length, 2 * rows);
	assert.equal(
		column?.data.map(({ values }) => values.buffer === block.bytes.buffer),
		[true, true],
	);
	assert.is.not(column?.toArray().buffer, block.bytes.buffer);
});

// Browsers refuse to decode shared memory. Node does not, so a text column can be read without a copy.
regionTest("text is decoded from shared memory where it lies", (region) => {
	using block = write(region, makeTable());
	const text = arrow.tableFromIPC(block.bytes).getChild("text");
	assert.ok(text);
	const { values, valueOffsets } = text.data[0] as arrow.Data<arrow.Utf8>;
	assert.is(values.buffer, block.bytes.buffer);
	assert.is(valueOffsets.buffer, block.bytes.buffer);
	assert.equal([...new Set(text)], words);
	values.set(Buffer.from("SS"), valueOffsets[1]);
	assert.is(text.get(1), "SS 水");
	assert.is(text.get(4), words[1]);
});

regionTest(
	"an array's and a vector's numbers are columns without a copy, and a column is written from them",
	(region) => {
		const array = region.array("numbers", { dtype: "f64", shape: [rows], initial: x });
		const vector = region.vector("ids", "i64");
		vector.push(1n, -1n);
		const column = arrow.makeVector(array.data);
		const ids = arrow.makeVector(vector.view);
		assert.is(valuesOf(column).buffer, array.data.buffer);
		assert.is(valuesOf(ids).buffer, array.data.buffer);
		array.set(5, 42);
		vector.set(1, -(2n ** 63n));
		assert.is(column.get(5), 42);
		assert.equal([...ids], [1n, -(2n ** 63n)]);
		using block = write(region, makeTable(array.data));
		assert.is(arrow.tableFromIPC(block.bytes).getChild("x")?.get(5), 42);
	},
);

regionTest("ndarray works on an array in place, in another process", async (region) => {
	const field = region.array("field", { dtype: "f64", shape: [8, 3] });
	const ids = region.array("ids", { dtype: "u64", shape: [2, 3, 4], initial: Array(24).fill(5n) });
	const worker = new Child(child, "array", [region.name]);
	assert.equal(await worker.hear(), { sizes: [3, 4], dtypes: ["float64", "biguint64"] });
	for (let row = 0; row < 8; row++) {
		for (let column = 0; column < 3; column++) {
			const written = row % 2 === 1 ? (2 - column) * 100 + (row - 1) / 2 : 0;
			assert.is(field.get(row, column), written, `(${row}, ${column})`);
		}
	}
	assert.is(ids.get(1, 2, 3), 2n ** 63n + 5n);
	assert.is(ids.data.filter((value) => value === 5n).length, 23);
});

regionTest("the strides are those of ndarray, for every shape", (region) => {
	for (const [number, shape] of [[5], [2, 3], [4, 1, 3], [2, 2, 2, 2], [1, 1], [3, 0, 2]].entries()) {
		const array = region.array(`array ${number}`, { dtype: "i16", shape });
		const usual = ndarray(array.data, shape);
		assert.equal(usual.stride, [...array.strides], `${shape}`);
		assert.is(usual.data, array.data);
		assert.is(usual.size, array.data.length);
	}
});

test.run();
