/**
 * Numbers from `source` through `relay` to `sink`. Each is killed after a number of messages, again and again, and
 * continues where its predecessor was, because what it has done is noted in the region.
 */
import { Task } from "dhmem/workflow";

const NUMBERS = Number(process.env.NUMBERS);
let life = Number(process.env.LIFE);

using task = Task.fromEnvironment();
const next = task.region.array(`done by ${task.name}`, { dtype: "u32", shape: [1] }).data;

/** Counts one message off its life. */
function age(): void {
	if (--life === 0) process.kill(process.pid, "SIGKILL");
}

const roles: Record<string, () => Promise<void>> = {
	source: async () => {
		const numbers = task.output("numbers");
		while ((next[0] as number) < NUMBERS) {
			await numbers.send(Uint32Array.of(next[0] as number));
			age();
			next[0] = (next[0] as number) + 1;
		}
		numbers.end();
	},
	relay: async () => {
		const onward = task.output("onward");
		for await (const message of task.input("numbers")) {
			await onward.send(message.bytes);
			age();
		}
		onward.end();
	},
	sink: async () => {
		let repeated = 0;
		for await (const message of task.input("onward")) {
			const [number = Number.NaN] = message.as("u32");
			const expected = next[0] as number;
			// Killed between doing and noting that it is done, each may do one thing twice.
			if (number < expected) repeated++;
			else if (number > expected) throw new Error(`${number} came, and ${expected} did not`);
			else next[0] = number + 1;
			age();
		}
		if (next[0] !== NUMBERS) throw new Error(`the stream ended after ${next[0]}`);
		console.log(`all ${NUMBERS} came, ${repeated > 20 ? "many" : "few"} of them twice`);
	},
};
await roles[task.name]?.();
