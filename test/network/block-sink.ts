/** Receives messages with blocks, and says which. It is killed once, if its argument says so, with a message that it holds. */
import { existsSync, writeFileSync } from "node:fs";
import { Task } from "dhmem/workflow";
import { hasPattern } from "./pattern.js";

const LAST = process.env.LAST;
const task = Task.fromEnvironment();
const isAgain = existsSync("sink-started");
writeFileSync("sink-started", "");
for await (const message of task.input("in")) {
	const isRight = message.block !== undefined && hasPattern(message.block.bytes);
	console.log(message.text(), isRight ? "right" : "wrong");
	if (process.argv[2] === "is killed" && !isAgain && message.text() === "1")
		process.kill(process.pid, "SIGKILL");
	if (message.text() === LAST) {
		message.release();
		break;
	}
}
writeFileSync("received", "");
task.close();
