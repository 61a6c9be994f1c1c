/**
 * Acceptance: what must hold where Dhmem had its faults, at full counts, with a report.
 *
 * node dist/test/acceptance/main.js [--scale F] [--only WORDS] [--seed N]
 */
import { parseArgs } from "node:util";
import { runRow } from "./row.js";
import { rows } from "./rows.js";

const { values } = parseArgs({
	options: {
		scale: { type: "string", default: "1" },
		only: { type: "string", default: "" },
		seed: { type: "string" },
	},
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const scale = Number(values.scale);

console.log(`seed ${seed}, scale ${scale}, Node ${process.version}`);
let failed = 0;
const chosen = rows.filter(({ title }) => title.includes(values.only));
for (const row of chosen) {
	const count = Math.max(1, Math.ceil(row.full * scale));
	console.log(`\n${row.title} (${count} ${row.unit})`);
	const began = performance.now();
	try {
		for (const line of await runRow(row, count, { seed, timed: true })) console.log(`\t${line}`);
	} catch (error) {
		failed++;
		console.log(`\tFAILED: ${error instanceof Error ? error.stack : error}`);
	}
	console.log(`\t${((performance.now() - began) / 1000).toFixed(1)} s`);
}
console.log(`\n${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 && chosen.length > 0 ? 0 : 1;
