/**
 * Torture: everything at once, by processes and worker threads that are killed, stopped and terminated at random.
 *
 * node dist/test/torture/main.js [--minutes N | --kills N | --sleepers N] [--seed N]
 *
 * With `--sleepers N`, N participants that sleep on pipes are killed.
 *
 * Rounds of several hundred kills; everything is counted after each. A seed says what is done in which order, but not
 * when, so reproducing a failure may take several runs.
 */
import { parseArgs } from "node:util";
import { median } from "../acceptance/row.js";
import { torture } from "./run.js";
import { SLICE } from "./sleeper.js";
import { killSleepers } from "./sleepers.js";

const ROUND = 200;
/** Milliseconds in which a survivor must have what the dead participant had. */
const TAKEOVER = 100;

const { values } = parseArgs({
	options: {
		minutes: { type: "string" },
		kills: { type: "string" },
		sleepers: { type: "string" },
		seed: { type: "string" },
	},
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const most = values.kills === undefined ? Number.POSITIVE_INFINITY : Number(values.kills);
const minutes =
	values.minutes === undefined && values.kills !== undefined
		? Number.POSITIVE_INFINITY
		: Number(values.minutes ?? 1);
const began = performance.now();

// What is tidied up when this process ends is also tidied up when it is told to end.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

console.log(`seed ${seed}, Node ${process.version}`);
if (values.sleepers !== undefined) {
	const { kills, notices, answers, left } = await killSleepers(seed, Number(values.sleepers));
	const worst = Math.max(...notices);
	console.log(
		`${kills} killed while all slept on pipes; whoever waited for them knew ` +
			`${worst.toFixed(1)} ms after the death at worst, ${median(notices).toFixed(2)} in the median; answers took ` +
			`${Math.max(...answers).toFixed(1)} ms at worst, ${median(answers).toFixed(2)} in the median; ` +
			`${left.length} pipes are left`,
	);
	const isRight = worst < SLICE && left.length === 0;
	console.log(isRight ? "1 passed, 0 failed" : "0 passed, 1 failed");
	process.exit(isRight ? 0 : 1);
}
let passed = 0;
let failed = 0;
let killed = 0;
const takeovers: number[] = [];
const inTime = () => performance.now() - began < minutes * 60_000;
for (let round = 0; inTime() && killed < most && failed === 0; round++) {
	const before = killed;
	const report = await torture(seed + round, (kills) => {
		return kills < ROUND && before + kills < most && inTime();
	});
	killed += report.kills + report.terminations;
	takeovers.push(...report.takeovers);
	const { left, failures } = report;
	console.log(
		`seed ${report.seed}: ${report.kills} killed, ${report.terminations} terminated, ${report.stops} stopped ` +
			`while others did ${report.meanwhile} operations; ${report.operations} operations, ` +
			`${report.messages} messages, ${report.records} records; ${left.before} bytes in use, ` +
			`${left.recovered} after recovery, ${report.orphans} saved blocks without an owner, ` +
			`${left.removed} bytes when all was removed`,
	);
	for (const failure of failures.slice(0, 20)) console.log(`\tFAILED: ${failure}`);
	if (failures.length === 0) passed++;
	else failed++;
}
const worst = Math.max(0, ...takeovers);
console.log(
	`${killed} killed in ${((performance.now() - began) / 1000).toFixed(0)} s; a survivor had what a dead one had ` +
		`${worst.toFixed(1)} ms after its lock was dropped at worst, ${median(takeovers).toFixed(2)} in the median`,
);
if (worst <= TAKEOVER) passed++;
else failed++;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
