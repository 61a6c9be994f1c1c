/**
 * Acceptance: what must hold where the original Dhmem had faults, with full or scaled counts, and a report.
 * `npm run test:long` runs the same with smaller counts, the least ones, and `npm test` a third of them.
 *
 * node dist/test/acceptance/main.js [--scale F] [--only WORDS] [--seed N]
 *
 * Where each fault of the original is looked for, and what its structures promise:
 *
 * | in the original | here | and in |
 * | --- | --- | --- |
 * | killed with a mutex: the next hangs | `killed-holder` | `locks.test` |
 * | killed while allocating: others hang | `killed-allocators`, `killed-with-memory` | `recovery.test` |
 * | empty or half-created segments | `planted` | `no-region.test`, `file.test` |
 * | any exit unlinks the name | `exits` | `lifetime.test` |
 * | a wrong order of starting hangs |  | `newton.test`: every order of three |
 * | 10 MiB messages torn or skipped | `large-messages` | `endurance/`: every way |
 * | another type gives the same bytes | `mismatch` | `struct.test`, `array.test` |
 * | a bad handle segfaults | `tokens` | `tokens.test`, `saved.test` |
 * | constructor arguments |  | `struct.test`, `array.test` |
 * | `make_shared` | `killed-clone-holders` | `clone.test` |
 * | a second user cannot open | `second-user` | `no-region.test` |
 * | `open_read_only`, then an access crashes |  | `read-only.test` |
 * | fixed size, exhaustion aborts | `capacity` | `full-region.test` |
 * | readers overwritten | `held-messages` | `endurance/`, `releasing.test` |
 * | mutex | `mutual-exclusion` | `locks.test` |
 * | condition | `ping-pong` | `locks.test` |
 * | map | `map-entries`, `map-cost` | `map.test` |
 * | vector | `moving-vector` | `vector.test` |
 */
import { parseArgs } from "node:util";
import { Assertion } from "uvu/assert";
import { Child } from "../fixture/index.js";
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

// Processes that work without end would outlive this one, unless they are ended.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
	process.once(signal, async () => {
		await Child.killAll();
		process.exit(1);
	});
}

console.log(`seed ${seed}, scale ${scale}, Node ${process.version}`);
let failed = 0;
const chosen = rows.filter(({ title }) => title.includes(values.only));
for (const row of chosen) {
	const count = Math.max(row.short, Math.ceil(row.full * scale));
	console.log(`\n${row.title} (${count} ${row.unit})`);
	const began = performance.now();
	try {
		for (const line of await runRow(row, count, { seed, timed: true })) console.log(`\t${line}`);
	} catch (error) {
		failed++;
		console.log(`\tFAILED: ${error instanceof Error ? error.stack : error}`);
		// The actual and the expected value, if an assertion failed.
		if (error instanceof Assertion && error.details) console.log(error.details);
	}
	console.log(`\t${((performance.now() - began) / 1000).toFixed(1)} s`);
}
console.log(`\n${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 && chosen.length > 0 ? 0 : 1;
