/**
 * Holds its first message for `HOLD` milliseconds, and prints how all begin that it receives. With `COMPUTES`, it does
 * nothing else meanwhile.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Task } from "dhmem/workflow";

const { HOLD, COMPUTES } = process.env;
using task = Task.fromEnvironment();
const input = task.input("in");
const first = await input.receive();
// Atomics.wait blocks the thread, as a long computation does.
if (COMPUTES === "yes") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(HOLD));
else await sleep(Number(HOLD));
console.log(first?.text().slice(0, 8));
first?.release();
for await (const message of input) console.log(message.text().slice(0, 8));
