/**
 * The workflow shapes of the original Dhmem's synthetic workloads. Every byte of every message is written and
 * checked.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import type { Contender, Job, Measure } from "../measure.js";
import { native } from "../native.js";
import { pair, type Works } from "../pair.js";
import { linksOf, type Shape, tasksOf } from "../shapes.js";

const from = import.meta.url;
const TASK = fileURLToPath(new URL("./workflow-task.js", import.meta.url));
const MIDDLE = 7;
const BYTES = 10_000_000;
const ITERATIONS = 512;

function openMpi(shape: Shape, name: string, options: readonly string[]): Contender {
	const tasks = tasksOf(linksOf(shape, MIDDLE));
	return native({
		name,
		role: "peer",
		launcher: ["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", `${tasks}`, ...options],
		program: "shapes",
		args: [shape, `${MIDDLE}`],
		count: ITERATIONS,
		size: BYTES,
	});
}

const yielding = ["--mca", "mpi_yield_when_idle", "1", "--mca", "btl", "vader,self"];

function workflow(shape: Shape, title: string, atMost: number): Measure {
	const links = linksOf(shape, MIDDLE);
	return {
		name: shape,
		title: `${title}, messages of 10 MB, verified`,
		unit: "s",
		better: "less",
		aim: { of: "ratio", atMost },
		contenders: [
			pair({ name: "dhmem", role: "dhmem", from, work: shape, count: ITERATIONS, size: BYTES }),
			openMpi(shape, "Open MPI in C, CMA", [...yielding, "--mca", "btl_vader_single_copy_mechanism", "cma"]),
			openMpi(shape, "Open MPI in C, no CMA", [
				...yielding,
				"--mca",
				"btl_vader_single_copy_mechanism",
				"none",
			]),
			native({
				name: "filling and checking in C++, two threads",
				role: "floor",
				program: "copy",
				args: ["steps", `${new Set(links.map(({ from }) => from)).size}`, `${links.length}`],
				count: ITERATIONS,
				size: BYTES,
			}),
		],
		rounds: 3,
		quick: 64,
		leavesOut:
			`Starting the tasks; the figure is of ${ITERATIONS} iterations (8 in a quick run). Open MPI runs with mpi_yield_when_idle, ` +
			"because without it more tasks than cores are much slower. CMA needs permission to read another process's memory, which " +
			"most containers lack.",
	};
}

export const wide: Measure = {
	...workflow("wide", "workflow `wide`, m = 7", 0.4),
	short: "Workflow of nine tasks, messages of 10 MB, every byte checked",
};
export const long = workflow("long", "workflow `long`, m = 7", 0.6);
export const simple = workflow("simple", "workflow `simple`", 0.6);

/** Starts a process for each task, which waits for one job after another. A size of the region saves memory, too. */
export async function startTasks(
	shape: Shape,
	place: string,
	middle = MIDDLE,
	...region: string[]
): Promise<(job: Job) => Promise<number>> {
	const tasks = Array.from({ length: tasksOf(linksOf(shape, middle)) }, (_, task) =>
		fork(TASK, [place, shape, `${middle}`, `${task}`, ...region]),
	);
	const answers = () =>
		Promise.all(
			tasks.map(async (task) => {
				const [answer] = (await once(task, "message")) as [string];
				if (answer !== "ready") throw new Error(answer);
			}),
		);
	await answers();
	return async (job) => {
		const started = performance.now();
		const done = answers();
		for (const task of tasks) task.send(job);
		await done;
		return (performance.now() - started) / 1000;
	};
}

export const works: Works = {
	simple: { measure: (place) => startTasks("simple", place) },
	long: { measure: (place) => startTasks("long", place) },
	wide: { measure: (place) => startTasks("wide", place) },
};
