/** Sends without end, and receives nothing, until a signal ends it. */
import { Task } from "dhmem/workflow";

using task = Task.fromEnvironment();
const output = task.output("out");
for (;;) await output.send(new Uint8Array(10_000));
