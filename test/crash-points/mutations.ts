/**
 * Removes guards of the core, one at a time. Some scenario must fail at some point; otherwise the guard is not
 * tested. `node dist/test/crash-points/mutations.js [part of a name]` tries them all, and prints which scenario
 * noticed each.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compileChanged } from "./changed.js";
import { type Sweep, sweep } from "./crash-points.js";
import { bulk } from "./mutations/bulk.js";
import { locks } from "./mutations/locks.js";
import { memory } from "./mutations/memory.js";
import type { Mutation } from "./mutations/mutation.js";
import { objects } from "./mutations/objects.js";
import { queues } from "./mutations/queues.js";
import { scenarios } from "./scenarios/index.js";
import type { Scenario } from "./scenarios/stage.js";
import { CoreModule } from "./world.js";

export const mutations: readonly Mutation[] = [...objects, ...locks, ...queues, ...memory, ...bulk];

/** The core with this change. */
export async function mutate(mutation: Mutation): Promise<CoreModule> {
	return new CoreModule(await compileChanged(mutation));
}

const PLANS: Sweep[] = [
	{ fate: "dies", limit: 12 },
	{ fate: "stops", intrusion: "joins", limit: 40 },
	{ fate: "stops and dies", intrusion: "joins", limit: 12 },
	{ fate: "dies", limit: 6, again: 3 },
	{ fate: "stops", intrusion: "churns", limit: 12 },
	{ fate: "stops", intrusion: "grabs", limit: 12 },
];

/** The scenario that fails first with this core, and how; undefined if all pass. */
export function firstFailure(core: CoreModule, likely: string): string | undefined {
	const isLikely = ({ name }: Scenario) => name.includes(likely);
	const others = scenarios.filter((scenario) => !isLikely(scenario));
	for (const group of [scenarios.filter(isLikely), others]) {
		for (const plan of PLANS) {
			for (const scenario of group) {
				const failure = failureOf(scenario, { ...plan, core });
				if (failure !== undefined) return failure;
			}
		}
	}
	return undefined;
}

function failureOf(scenario: Scenario, plan: Sweep): string | undefined {
	try {
		return sweep(scenario, plan).failures[0];
	} catch (error) {
		return `${scenario.name}, undisturbed: ${error instanceof Error ? error.message : error}`;
	}
}

if (process.argv[1] === join(import.meta.dirname, "mutations.js")) {
	const { positionals } = parseArgs({ allowPositionals: true });
	const wanted = mutations.filter(({ name }) => name.includes(positionals[0] ?? ""));
	let caught = 0;
	for (const each of wanted) {
		const failure = firstFailure(await mutate(each), each.likely);
		if (failure !== undefined) caught++;
		console.log(`${each.name}\n\t${failure ?? "NOT CAUGHT"}`);
	}
	console.log(`${caught} of ${wanted.length} caught`);
	if (caught < wanted.length) process.exitCode = 1;
}
