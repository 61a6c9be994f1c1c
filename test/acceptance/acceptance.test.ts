import { test } from "uvu";
import { runRow } from "./row.js";
import { rows } from "./rows.js";

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

for (const row of rows) {
	test(`${row.title}: ${row.short} ${row.unit}`, async () => {
		await runRow(row, row.short, { seed, timed: false });
	});
}

test.run();
