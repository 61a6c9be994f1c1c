/**
 * Two tasks that send to one another, and receive only then. One of them works for `BUSY` before. With `GO`
 * they receive once a file with this name exists.
 */
import { existsSync } from "node:fs";
import { Task } from "dhmem/workflow";

const MESSAGES = Number(process.env.MESSAGES);
const BUSY = Number(process.env.BUSY ?? 0);

using task = Task.fromEnvironment();
const output = task.output("out");
const input = task.input("in");
const receiveAll = async () => {
	for await (const _ of input);
};
let receiving: Promise<void> | undefined;
const looking = setInterval(() => {
	if (!existsSync(process.env.GO ?? "")) return;
	clearInterval(looking);
	receiving = receiveAll();
}, 20).unref();
if (task.name === "left") {
	for (let i = 0; i < MESSAGES; i++) await output.send(new Uint8Array(1000));
} else {
	// As many as there is room for: the link is full, but nobody waits in it.
	for (let i = 0; i < MESSAGES; i++)
		await output.send(new Uint8Array(1000), BUSY > 0 ? { timeout: 0 } : {}).catch(() => {});
	const end = performance.now() + BUSY;
	while (performance.now() < end);
}
output.end();
clearInterval(looking);
await Promise.all([receiveAll(), receiving]);
