/** Runs the synthetic workflows of the original Dhmem, and prints the time that they took. */
import { parseArgs } from "node:util";
import { type Result, run, workflowOf } from "./run.js";
import { SHAPES, type Shape } from "./shapes.js";
import { megabytes, refusal, type Workload } from "./workload.js";

const OPTIONS = {
	/** One of the three shapes; by default all of them. */
	shape: { type: "string" },
	/** The number of tasks between the first and the last, 1 to 32. */
	m: { type: "string", default: "7" },
	/** The size of each message, 1MB to 900MB. */
	size: { type: "string", default: "10MB" },
	iterations: { type: "string", default: "512" },
	/** Only print the workflow file. */
	print: { type: "boolean", default: false },
} as const;
const options = parsed();
const m = within("m", options.m, 1, 32);
const size = 1e6 * within("size", options.size.replace(/MB$/, ""), 1, 900);
const iterations = within("iterations", options.iterations, 1, 2 ** 31);
const workloads = shapes(options.shape).map((shape): Workload => ({ shape, m, size, iterations }));

// Checked before anything starts, so that none of them fails after hours.
for (const workload of workloads) {
	const reason = refusal(workload);
	if (reason !== undefined) refuse(reason);
}
if (options.print) {
	for (const workload of workloads) console.log(JSON.stringify(workflowOf(workload, "."), null, 2));
} else {
	const table: Record<string, object> = {};
	for (const workload of workloads) table[workload.shape] = rowOf(workload, await run(workload));
	console.table(table);
}

/**
 * Returns the same figures as the original's results, and how much was received and verified in that time.
 */
function rowOf({ shape, m, size, iterations }: Workload, { messages, real, user, system }: Result) {
	return {
		m: shape === "simple" ? "" : m,
		size: megabytes(size),
		iterations,
		"real s": rounded(real / 1e3),
		"user s": rounded(user / 1e6),
		"sys s": rounded(system / 1e6),
		messages,
		"GB/s": rounded((messages * size) / real / 1e6),
	};
}

function parsed() {
	try {
		return parseArgs({ options: OPTIONS }).values;
	} catch (error) {
		return refuse(`${(error as Error).message}. There are --${Object.keys(OPTIONS).join(", --")}`);
	}
}

function rounded(value: number): number {
	return Number(value.toFixed(2));
}

function shapes(name: string | undefined): readonly Shape[] {
	if (name === undefined) return SHAPES;
	const shape = SHAPES.find((each) => each === name);
	return shape === undefined ? refuse(`--shape must be one of ${SHAPES.join(", ")}, not "${name}"`) : [shape];
}

function within(option: string, text: string, least: number, most: number): number {
	const value = Number(text);
	if (text !== "" && Number.isInteger(value) && value >= least && value <= most) return value;
	const unit = option === "size" ? " MB" : "";
	return refuse(`--${option} must be from ${least} to ${most}${unit}, not "${text}"`);
}

function refuse(reason: string): never {
	console.error(`synthetic: ${reason}`);
	process.exit(2);
}
