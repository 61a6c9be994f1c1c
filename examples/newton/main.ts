/** Runs the workflow: three tasks, each a process of its own, that share a region. */
import { randomUUID } from "node:crypto";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Region } from "dhmem";
import { fail, InputError } from "./cli.js";
import { milliseconds, steerOptions, visualizeOptions } from "./options.js";
import { TASKS, TaskGroup, type TaskName } from "./processes.js";

try {
	await main();
} catch (error) {
	fail("newton", error);
}

async function main(): Promise<void> {
	const { values: options } = parseArgs({
		options: {
			...steerOptions,
			...visualizeOptions,
			/** Kept at the end, if named; else there is one for this run alone. */
			region: { type: "string" },
			order: { type: "string", default: TASKS.join(",") },
			/** Milliseconds between one task's start and the next one's. */
			delay: { type: "string", default: "0" },
		},
	});
	const order = taskOrder(options.order);
	const delay = milliseconds("delay", options.delay);
	const name = options.region ?? process.env.NEWTON_REGION;
	// Without a name of the user's, the region goes with the last of us, even if that is killed.
	using region =
		name === undefined
			? Region.open(`newton-${randomUUID()}`, { lifetime: "last-close" })
			: Region.open(name);

	const passOn = (names: readonly (keyof typeof options)[]) =>
		names.flatMap((option) => (options[option] === undefined ? [] : `--${option}=${options[option]}`));
	const args = {
		evaluate: [],
		steer: passOn(["a", "b", "c", "x0", "problems", "results", "pace"]),
		visualize: passOn(["svg"]),
	};

	const group = new TaskGroup();
	for (const signal of ["SIGINT", "SIGTERM"] as const) {
		process.on(signal, () => {
			process.exitCode = 128 + constants.signals[signal];
			group.stop(signal);
		});
	}
	const outputs: Promise<string>[] = [];
	for (const [i, task] of order.entries()) {
		if (i > 0) await sleep(delay, undefined, { signal: group.stopping }).catch(() => {});
		if (group.stopping.aborted) break;
		// The table belongs to visualize while it runs; what the others print comes after it.
		const stdout = task === "visualize" ? "inherit" : "pipe";
		outputs.push(group.run(task, [`--region=${region.name}`, ...args[task]], stdout));
	}
	process.stdout.write((await Promise.all(outputs)).join(""));
	if (group.failure === undefined || process.exitCode !== undefined) return;
	console.error(`newton: ${group.failure.message}`);
	process.exitCode = group.failure.exitCode;
}

function taskOrder(list: string): TaskName[] {
	const order = list.split(",").map((name) => TASKS.find((task) => task === name));
	const tasks = order.filter((task) => task !== undefined);
	if (new Set(tasks).size === TASKS.length && order.length === TASKS.length) return tasks;
	throw new InputError(`--order is ${TASKS.join(",")} in some order, not "${list}"`);
}
