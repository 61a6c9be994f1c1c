import { test } from "uvu";
import { some } from "../fixture/index.js";
import { runRow } from "./row.js";
import { rows } from "./rows.js";

const seed = Number(process.env.SEED ?? 1);

// Each of these is also part of another test, with smaller counts: main.ts has the table.
for (const row of some(rows, 6)) {
	test(`${row.title}: ${row.short} ${row.unit}`, async () => {
		await runRow(row, row.short, { seed, timed: false });
	});
}

test.run();
