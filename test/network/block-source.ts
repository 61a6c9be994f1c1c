/** Sends three messages with blocks, or $COUNT. Its argument says what it does then. */
import { existsSync, writeFileSync } from "node:fs";
import { Task } from "dhmem/workflow";
import { fillWithPattern } from "./pattern.js";

const LENGTH = Number(process.env.LENGTH ?? 3 * 2 ** 20);
const COUNT = Number(process.env.COUNT ?? 3);
const task = Task.fromEnvironment();
const output = task.output("out");

async function send(numbers: readonly number[]): Promise<void> {
	for (const number of numbers) {
		const block = await output.allocate(LENGTH);
		fillWithPattern(block.bytes);
		await output.send(String(number), { block });
	}
}

/** As a computation does that never lets the event loop run. */
function block(milliseconds: number): void {
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const isAgain = existsSync("source-started");
writeFileSync("source-started", "");
await send(Array.from({ length: COUNT }, (_, i) => (isAgain ? COUNT + i : i)));
switch (process.argv[2]) {
	case "exits":
		process.exit(0);
		break;
	case "is killed":
		if (!isAgain) process.kill(process.pid, "SIGKILL");
		break;
	case "computes":
		while (!existsSync("received")) block(20);
		break;
}
output.end();
task.close();
