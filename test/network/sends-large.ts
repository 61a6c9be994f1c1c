/** Sends one large message after another, and never ends: a test kills it in the middle of one. */
import { Task } from "dhmem/workflow";

using task = Task.fromEnvironment();
const large = new Uint8Array(24 * 2 ** 20).fill(7);
for (;;) await task.output("out").send(large);
