/** Tasks for workflows in containers: numbered steps go through `work`, and `sink` accounts for each. */
import { setTimeout as sleep } from "node:timers/promises";
import { Task } from "dhmem/workflow";

const STEPS = Number(process.env.STEPS);
/** Milliseconds for each step. */
const PACE = 1;

using task = Task.fromEnvironment();
const roles: Record<string, () => Promise<void>> = { source, work, sink };
console.log(JSON.stringify({ pid: process.pid, user: process.getuid?.() }));
try {
	await roles[task.name]?.();
} catch (error) {
	if (!task.signal.aborted) throw error;
	console.log("asked to end");
}

async function source(): Promise<void> {
	const steps = task.output("steps");
	for (let step = 0; step < STEPS; step++) await steps.send(new Uint32Array([step]));
	steps.end();
}

/** Answers each step. A successor answers the last one again if it can't know that it was answered. */
async function work(): Promise<void> {
	const results = task.output("results");
	for await (const message of task.input("steps")) {
		const [step = Number.NaN] = message.as("u32");
		await sleep(PACE, undefined, { signal: task.signal });
		await results.send(new Float64Array([step, step * step]));
	}
	results.end();
}

async function sink(): Promise<void> {
	const answers = new Map<number, number>();
	let again = 0;
	for await (const message of task.input("results")) {
		const [step = Number.NaN, square = Number.NaN] = message.as("f64");
		if (answers.has(step)) again++;
		answers.set(step, square);
		if (answers.size === STEPS / 4) console.log("a quarter");
	}
	const wrong = [...answers].filter(([step, square]) => square !== step * step).length;
	console.log(JSON.stringify({ answered: answers.size, again, wrong }));
}
