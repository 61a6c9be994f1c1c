/**
 * The host's steps with full counts: each operation is cut off at each of its system calls, in each way. Then the
 * controls, which leave steps out or change their order, and must be found.
 *
 * node dist/test/host-steps/main.js [--operation NAME] [--modes MODE,…]
 */
import { parseArgs } from "node:util";
import { missedControls } from "./controls.js";
import { swept } from "./operations.js";
import type { Mode } from "./steps.js";
import { Sweep } from "./sweep.js";

const { values } = parseArgs({
	options: { operation: { type: "string" }, modes: { type: "string" } },
});
const all: readonly Mode[] = ["kill-before", "kill-after", "stop", "fail-once", "fail-always"];
const modes = all.filter((mode) => values.modes?.split(",").includes(mode) ?? true);

const sweep = await Sweep.start();
const { report } = sweep;
let said = 0;
const chosen = swept.filter(({ name }) => name === (values.operation ?? name));
for (const operation of chosen) {
	const before = { ...report.tries };
	const steps = report.steps;
	await sweep.sweep(operation, modes);
	const tries = modes.map((mode) => `${report.tries[mode] - before[mode]} ${mode}`).join(", ");
	console.log(`${operation.name}: ${report.steps - steps} steps; ${tries}`);
	for (; said < report.failures.length; said++) console.log(`\tFAILED: ${report.failures[said]}`);
}
await sweep.end();
console.log(`\nslowest survivor after a death: ${report.slowest.toFixed(0)} ms`);
console.log(`${Object.values(report.tries).reduce((sum, times) => sum + times, 0)} tries, ${said} failed`);
const missed = values.operation === undefined ? missedControls() : 0;
process.exitCode = missed + said === 0 && chosen.length > 0 ? 0 : 1;
