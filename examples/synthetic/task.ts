/**
 * Any task of the synthetic workflows: checks each message that it receives, and then sends one if it has an
 * output.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Task } from "dhmem/workflow";
import { Pattern } from "./pattern.js";
import type { Report } from "./run.js";

const { values: options } = parseArgs({
	options: {
		/** This task's number. */
		number: { type: "string", default: "0" },
		/** The size of each message, in bytes. */
		size: { type: "string", default: "1000000" },
		iterations: { type: "string", default: "1" },
		/** The numbers of the tasks that it receives from; the first task has none. */
		from: { type: "string", default: "" },
		/** Set for tasks that send, which are all but the last. */
		sends: { type: "boolean", default: false },
		/** The file for its figures, as JSON. */
		report: { type: "string", default: "report.json" },
	},
});
const number = Number(options.number);
const size = Number(options.size);
const iterations = Number(options.iterations);

const pattern = new Pattern();
using task = Task.fromEnvironment();
const output = options.sends ? task.output("out") : undefined;
/** The number of messages received from each task, which is also the iteration of the next one. */
const received = new Map(
	options.from
		.split(",")
		.filter(Boolean)
		.map((from) => [Number(from), 0]),
);

if (received.size === 0) for (let iteration = 0; iteration < iterations; iteration++) await send(iteration);
else await relay();
output?.end();

const { user, system } = process.cpuUsage();
const messages = [...received.values()].reduce((sum, count) => sum + count, 0);
writeFileSync(options.report, JSON.stringify({ messages, user, system } satisfies Report));

async function relay(): Promise<void> {
	for await (const message of task.input("in")) {
		const [from = -1, iteration = -1] = message.as("u32");
		const expected = received.get(from);
		if (iteration !== expected)
			throw new Error(`Iteration ${iteration} of task ${from} arrived instead of ${expected}`);
		if (message.block?.length !== size)
			throw new Error(`Message of ${message.block?.length} bytes, not ${size}`);
		const wrong = pattern.mismatch(message.block.bytes, from, iteration);
		if (wrong >= 0) throw new Error(`Iteration ${iteration} of task ${from} is wrong after byte ${wrong}`);
		received.set(from, iteration + 1);
		await send(iteration);
	}
	for (const [from, count] of received) {
		if (count !== iterations) throw new Error(`${count} messages came from task ${from}, not ${iterations}`);
	}
}

/** Writes the message directly into shared memory, and hands it over to all receivers. */
async function send(iteration: number): Promise<void> {
	if (output === undefined) return;
	const block = await output.allocate(size);
	pattern.fill(block.bytes, number, iteration);
	await output.send(Uint32Array.of(number, iteration), { block });
}
