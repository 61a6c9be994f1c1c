/** Sends a message, a block, and another message, and then waits: a test kills it. */
import { setTimeout as sleep } from "node:timers/promises";
import { Task } from "dhmem/workflow";

using task = Task.fromEnvironment();
const output = task.output("out");
await output.send("before");
await output.send("a block", { block: await output.allocate(8 * 2 ** 20) });
await output.send("behind");
console.log("sent");
await sleep(2 ** 31 - 1);
