import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runWorkflow } from "../dhmem.js";
import { linksOf, tasksOf } from "./shapes.js";
import { QUEUE_BYTES, regionBytes, type Workload } from "./workload.js";

const TASK = fileURLToPath(new URL("./task.js", import.meta.url));

/** The figures of one task. */
export interface Report {
	/** The number of messages received, each of them verified. */
	readonly messages: number;
	/** CPU time in microseconds. */
	readonly user: number;
	readonly system: number;
}

/** The figures of all tasks together. */
export interface Result extends Report {
	/** Milliseconds from the start of `dhmem run` to its end. */
	readonly real: number;
}

/** Returns the workflow file as an object. The tasks write their reports into `folder`. */
export function workflowOf(workload: Workload, folder: string): object {
	const { shape, m, size, iterations } = workload;
	const links = linksOf(shape, m);
	const tasks = tasksOf(links);
	const commandOf = (task: string) => [
		process.execPath,
		TASK,
		`--number=${tasks.indexOf(task)}`,
		`--size=${size}`,
		`--iterations=${iterations}`,
		`--from=${links.filter(({ to }) => to === task).map(({ from }) => tasks.indexOf(from))}`,
		`--report=${join(folder, `${task}.json`)}`,
		...(links.some(({ from }) => from === task) ? ["--sends"] : []),
	];
	return {
		name: shape,
		region: { size: regionBytes(workload) },
		tasks: Object.fromEntries(tasks.map((task) => [task, { command: commandOf(task) }])),
		links: links.map(({ from, to }) => ({ from: `${from}.out`, to: `${to}.in`, capacity: QUEUE_BYTES })),
	};
}

/** Runs a workload. Throws unless every message has arrived as it was sent. */
export async function run(workload: Workload): Promise<Result> {
	const folder = mkdtempSync(join(tmpdir(), "dhmem-synthetic-"));
	try {
		const file = join(folder, "workflow.json");
		writeFileSync(file, JSON.stringify(workflowOf(workload, folder), null, "\t"));
		const start = performance.now();
		const status = await runWorkflow(file);
		const real = performance.now() - start;
		if (status !== 0) throw new Error(`${workload.shape} ended with exit status ${status}`);

		const links = linksOf(workload.shape, workload.m);
		const reports = tasksOf(links).map((task): Report => {
			return JSON.parse(readFileSync(join(folder, `${task}.json`), "utf8"));
		});
		const sum = (figure: keyof Report) => reports.reduce((total, report) => total + report[figure], 0);
		const messages = sum("messages");
		const expected = links.length * workload.iterations;
		if (messages !== expected) throw new Error(`${messages} messages arrived, not ${expected}`);
		return { messages, real, user: sum("user"), system: sum("system") };
	} finally {
		rmSync(folder, { recursive: true });
	}
}
