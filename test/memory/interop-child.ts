/** The other process of `interop.test.ts`, which uses the tested libraries: nothing in it copies a column. */
import * as arrow from "apache-arrow";
import { Region } from "dhmem";
import ndarray from "ndarray";
import { loadBlock, serve } from "../fixture/index.js";

/** What was found in a table: enough to know that it was read completely, and in place. */
export interface Report {
	rows: number;
	columns: string[];
	sum: number;
	large: string;
	texts: string[];
	nulls: number;
	/** True if each column's values are in the region. */
	inPlace: boolean[];
}

/** Where the values of a column are. */
export function valuesOf<T extends arrow.DataType>(column: arrow.Vector<T> | null): ArrayBufferView {
	return column?.data[0]?.values as ArrayBufferView;
}

/** Reads the table whose IPC format is in `bytes`. */
export function report(bytes: Uint8Array): Report {
	const table = arrow.tableFromIPC(bytes);
	const columns = table.schema.names.map(String);
	const x = table.getChild("x")?.toArray() as Float64Array;
	return {
		rows: table.numRows,
		columns,
		sum: x.reduce((sum, value) => sum + value, 0),
		large: String(table.getChild("id")?.get(table.numRows - 1)),
		texts: [0, 1, 2].map((row) => `${table.getChild("text")?.get(row)} ${table.getChild("word")?.get(row)}`),
		nulls: table.getChild("count")?.nullCount ?? -1,
		inPlace: columns.map((name) => valuesOf(table.getChild(name)).buffer === bytes.buffer),
	};
}

serve(import.meta.url, {
	/** Reads a table that comes with a message, changes its first column, and hands it back. */
	async throughQueue(talk, name) {
		using region = Region.open(name as string, { mode: "open" });
		using consumer = region.queue("tables").consumer();
		using producer = region.queue("back").producer();
		const message = await consumer.receive();
		const block = message?.take();
		if (block === undefined) throw new Error("No table came");
		talk.say(report(block.bytes));
		(valuesOf(arrow.tableFromIPC(block.bytes).getChild("x")) as Float64Array).fill(0.25);
		await producer.send("changed", { block });
	},

	/** Reads a table that was saved under a token. */
	fromToken(_, name, token) {
		using region = Region.open(name as string, { mode: "open" });
		return report(loadBlock(region, token as string).bytes);
	},

	/** Writes to two arrays through views of them. */
	array(_, name) {
		using region = Region.open(name as string, { mode: "open" });
		const field = region.array("field", { dtype: "f64" });
		const grid = ndarray(field.data, [...field.shape], [...field.strides]);
		// Every second row, from the last column to the first: shapes and strides that only a view has.
		const some = grid.transpose(1, 0).lo(0, 1).step(-1, 2);
		const [columns = 0, rows = 0] = some.shape;
		for (let column = 0; column < columns; column++) {
			for (let row = 0; row < rows; row++) some.set(column, row, column * 100 + row);
		}
		const ids = region.array("ids", { dtype: "u64" });
		// The declarations of ndarray don't allow large integers in shared memory; the library does.
		const large = ids.data as BigUint64Array<ArrayBuffer>;
		const plane = ndarray(large, [...ids.shape], [...ids.strides]).pick(1, null, null);
		plane.data[Number(plane.index(2, 3))] = plane.get(0, 0) + 2n ** 63n;
		return { sizes: [columns, rows], dtypes: [grid.dtype, plane.dtype] };
	},
});
