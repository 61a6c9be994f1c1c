/**
 * The sweeps over all scenarios: `node dist/test/crash-points/sweeps.js [--limit N] [--again N]`. Without a
 * limit, a death is tried at every write, and a stop at every access. Ends with status 1 if anything failed.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Outcome, type Sweep, sweep } from "./crash-points.js";
import { scenarios } from "./scenarios/index.js";
import type { Scenario } from "./scenarios/stage.js";

/** What happens to the victim, as a sentence; `short` is about how many points of each scenario the tests try. */
export const sweeps: readonly { name: string; plan: Sweep; short: number }[] = [
	{ name: "a death before any write loses nothing", plan: { fate: "dies" }, short: 4 },
	{
		name: "a death in the midst of recovery loses nothing either",
		plan: { fate: "dies", again: 2 },
		short: 3,
	},
	{
		name: "one that is stopped before any access keeps nobody from going on",
		plan: { fate: "stops", intrusion: "joins" },
		short: 4,
	},
	{
		name: "one that is stopped keeps its block while another takes all",
		plan: { fate: "stops", intrusion: "grabs" },
		short: 4,
	},
	{
		name: "one that is stopped while another takes empty spans apart",
		plan: { fate: "stops", intrusion: "churns" },
		short: 3,
	},
	{
		name: "one that is stopped, and then dies",
		plan: { fate: "stops and dies", intrusion: "joins" },
		short: 4,
	},
	{
		name: "one that is stopped while another takes empty spans apart, and then dies",
		plan: { fate: "stops and dies", intrusion: "churns" },
		short: 3,
	},
];

/** Tries all scenarios, or the given ones, by one plan. */
export function sweepAll(plan: Sweep, among: readonly Scenario[] = scenarios): Outcome {
	const all: Outcome = { tried: 0, points: 0, failures: [] };
	for (const scenario of among) {
		const { tried, points, failures } = sweep(scenario, plan);
		all.tried += tried;
		all.points += points;
		all.failures.push(...failures);
	}
	return all;
}

function main(): void {
	const { values } = parseArgs({
		options: {
			limit: { type: "string", default: "1000000000" },
			again: { type: "string", default: "8" },
			only: { type: "string", default: "" },
		},
	});
	const limit = Number(values.limit);
	const chosen = scenarios.filter(({ name }) => name.includes(values.only));
	let failed = 0;
	console.log(`Node ${process.version}, ${chosen.length} scenarios`);
	for (const { name, plan } of sweeps) {
		const began = performance.now();
		// Each point of the recovery is tried for each point of the scenario, so these are few.
		const few = plan.again === undefined ? {} : { again: Number(values.again), limit: Math.min(limit, 40) };
		const { tried, points, failures } = sweepAll({ ...plan, limit, ...few }, chosen);
		const seconds = ((performance.now() - began) / 1000).toFixed(1);
		console.log(`${name}: ${tried} tried, of ${points} points; ${failures.length} failures; ${seconds} s`);
		for (const failure of failures.slice(0, 5)) console.log(`\t${failure}`);
		if (failures.length > 0) failed++;
	}
	console.log(`${sweeps.length - failed} passed, ${failed} failed`);
	process.exitCode = failed === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
