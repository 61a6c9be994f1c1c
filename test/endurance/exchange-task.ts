/** One of the tasks of `exchange.ts`: sends its share to the next task, and checks what the previous one sends. */
import { Task } from "dhmem/workflow";

const BYTES = Number(process.env.BYTES);
const MESSAGE = Number(process.env.MESSAGE);

using task = Task.fromEnvironment();
const output = task.output("out");
const input = task.input("in");
const messages = Math.ceil(BYTES / MESSAGE);

async function send(): Promise<void> {
	for (let number = 0; number < messages; number++) {
		const block = await output.allocate(MESSAGE);
		block.as("u32").fill(number);
		await output.send("", { block });
	}
	output.end();
}

async function receive(): Promise<void> {
	let expected = 0;
	for await (const { block } of input) {
		const words = block?.as("u32") ?? new Uint32Array();
		if (words.length * 4 !== MESSAGE) throw new Error(`message ${expected} has ${words.length} words`);
		for (const word of words) if (word !== expected) throw new Error(`${word} stands in message ${expected}`);
		expected++;
	}
	if (expected !== messages) throw new Error(`${expected} messages came of ${messages}`);
}

await Promise.all([send(), receive()]);
