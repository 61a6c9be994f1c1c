/** Ends its output `first`, sends to `second`, and fails the first time. */
import { existsSync, writeFileSync } from "node:fs";
import { Task } from "dhmem/workflow";

const { MARK = "" } = process.env;
using task = Task.fromEnvironment();
const first = task.output("first");
for (const text of ["one", "two"]) await first.send(text);
first.end();
// The server confirms this one after the end.
await task.output("second").send("three");
if (!existsSync(MARK)) {
	writeFileSync(MARK, "");
	process.exit(1);
}
task.output("second").end();
