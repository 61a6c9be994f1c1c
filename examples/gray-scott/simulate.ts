/** The task `simulate`: runs the model, and hands its fields over every `--every` steps. */
import { parseArgs } from "node:util";
import type { Block } from "dhmem";
import { Task } from "dhmem/workflow";
import { bytesOfFields, type Fields, fieldsIn, frameHeader, privateFields } from "./fields.js";
import { advance, initialFields } from "./reaction.js";

const { values: options } = parseArgs({
	options: {
		/** The number of cells along each side of the grid. */
		size: { type: "string", default: "256" },
		steps: { type: "string", default: "8000" },
		/** The number of steps between fields that are handed over. */
		every: { type: "string", default: "400" },
		/** The seed of the generator that places the first spots of v. */
		seed: { type: "string", default: "1" },
	},
});
const size = wholeNumber("size", options.size, 4);
const steps = wholeNumber("steps", options.steps, 1);
const every = wholeNumber("every", options.every, 1);
const seed = wholeNumber("seed", options.seed, 0);

using task = Task.fromEnvironment();
const output = task.output("fields");
const scratch: [Fields, Fields] = [privateFields(size), privateFields(size)];
let fields = initialFields(size, seed);
/** A second reference to the block that was sent last. The next steps start from the fields in it. */
let sent: Block | undefined;

for (let step = every; step <= steps; step += every) {
	const block = await output.allocate(bytesOfFields(size));
	// The last of these steps is written straight into the region, where analyse and render read it.
	advance(fields, fieldsIn(block, size), every, scratch);
	sent?.free();
	sent = block.clone();
	fields = fieldsIn(sent, size);
	await output.send(frameHeader(step, every, size), { block });
}
sent?.free();
output.end();

function wholeNumber(option: string, text: string, least: number): number {
	const value = Number(text);
	if (Number.isInteger(value) && value >= least && value < 2 ** 31) return value;
	console.error(`simulate: --${option} must be a whole number from ${least}, not "${text}"`);
	process.exit(2);
}
