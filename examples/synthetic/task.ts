/** Any task of the synthetic workflows: checks what it receives, and then sends a message of its own, if it has to. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Task } from "dhmem/workflow";
import { Pattern } from "./pattern.js";
import type { Report } from "./run.js";

const { values: options } = parseArgs({
	options: {
		/** This task's number. */
		number: { type: "string", default: "0" },
		/** Bytes of each message. */
		size: { type: "string", default: "1000000" },
		iterations: { type: "string", default: "1" },
		/** The numbers of the tasks that it receives from; none: it begins. */
		from: { type: "string", default: "" },
		/** Whether it sends; without, it is at the end. */
		sends: { type: "boolean", default: false },
		/** Where to write what it did, as JSON. */
		report: { type: "string", default: "report.json" },
	},
});
const number = Number(options.number);
const size = Number(options.size);
const iterations = Number(options.iterations);

const pattern = new Pattern();
using task = Task.fromEnvironment();
const output = options.sends ? task.output("out") : undefined;
/** Messages received from each task, which is also the iteration of the next. */
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
			throw new Error(`Iteration ${iteration} of task ${from} came instead of ${expected}`);
		if (message.block?.length !== size)
			throw new Error(`Message of ${message.block?.length} bytes, not ${size}`);
		const wrong = pattern.mismatch(message.block.bytes, from, iteration);
		if (wrong >= 0) throw new Error(`Iteration ${iteration} of task ${from} is wrong behind byte ${wrong}`);
		received.set(from, iteration + 1);
		await send(iteration);
	}
	for (const [from, count] of received) {
		if (count !== iterations) throw new Error(`${count} messages of task ${from}, not ${iterations}`);
	}
}

/** Writes the message where it is to be read, and hands it over to everybody. */
async function send(iteration: number): Promise<void> {
	if (output === undefined) return;
	const block = await output.allocate(size);
	pattern.fill(block.bytes, number, iteration);
	await output.send(Uint32Array.of(number, iteration), { block });
}
