/** Sweeps operations and prints how each came out. */
import type { Operation } from "./operation.js";
import type { Mode } from "./steps.js";
import type { Sweep } from "./sweep.js";

const all: readonly Mode[] = ["kill-before", "kill-after", "stop", "fail-once", "fail-always"];

/** The modes of an argument, MODE,…; all without one. */
export function modesAmong(text: string | undefined): readonly Mode[] {
	return all.filter((mode) => text?.split(",").includes(mode) ?? true);
}

/** Sweeps these, prints the report, and ends the sweep. `chosen` may leave tries out. */
export async function sweepAloud(
	sweep: Sweep,
	operations: readonly Operation[],
	modes: readonly Mode[],
	chosen?: () => boolean,
): Promise<void> {
	const { report } = sweep;
	let said = 0;
	for (const operation of operations) {
		const before = { ...report.tries };
		const steps = report.steps;
		await sweep.sweep(operation, modes, chosen);
		const tries = modes.map((mode) => `${report.tries[mode] - before[mode]} ${mode}`).join(", ");
		console.log(`${operation.name}: ${report.steps - steps} steps; ${tries}`);
		for (; said < report.failures.length; said++) console.log(`\tFAILED: ${report.failures[said]}`);
	}
	await sweep.end();
	console.log(`\nslowest survivor after a death: ${report.slowest.toFixed(0)} ms`);
	console.log(`${Object.values(report.tries).reduce((sum, times) => sum + times, 0)} tries, ${said} failed`);
}
