/**
 * Numbers from `source` through `relay` to `sink`. Each is killed after a number of messages ($LIFE), again and again, and
 * continues where its predecessor was, because what it has done is noted in the region. Or it is killed at any time, in
 * $LIVES of its lives. With $LARGE, a block of so many bytes that repeats the number goes with it.
 */
import type { Message } from "dhmem";
import { type Output, Task } from "dhmem/workflow";

const NUMBERS = Number(process.env.NUMBERS);
const LARGE = Number(process.env.LARGE ?? 0);
const LIVES = Number(process.env.LIVES ?? 0);
/** Milliseconds of the longest of these lives. */
const LONGEST = 1000;
let life = Number(process.env.LIFE);

using task = Task.fromEnvironment();
const next = task.region.array(`done by ${task.name}`, { dtype: "u32", shape: [1] }).data;

const lives = task.region.array(`lives of ${task.name}`, { dtype: "u32", shape: [1] }).data;
lives[0] = (lives[0] as number) + 1;
if (lives[0] <= LIVES) setTimeout(() => process.kill(process.pid, "SIGKILL"), Math.random() * LONGEST);

/** Counts one message off its life. */
function age(): void {
	if (--life === 0) process.kill(process.pid, "SIGKILL");
}

async function send(output: Output, number: number): Promise<void> {
	if (LARGE === 0) return output.send(Uint32Array.of(number));
	const block = await output.allocate(LARGE);
	block.as("u32").fill(number);
	await output.send(Uint32Array.of(number), { block });
}

function numberOf(message: Message): number {
	const [number = Number.NaN] = message.as("u32");
	if (LARGE > 0 && !message.block?.as("u32").every((each) => each === number))
		throw new Error(`the block of ${number} has other contents`);
	return number;
}

const roles: Record<string, () => Promise<void>> = {
	source: async () => {
		const numbers = task.output("numbers");
		while ((next[0] as number) < NUMBERS) {
			await send(numbers, next[0] as number);
			age();
			next[0] = (next[0] as number) + 1;
		}
		numbers.end();
	},
	relay: async () => {
		const onward = task.output("onward");
		for await (const message of task.input("numbers")) {
			await send(onward, numberOf(message));
			age();
		}
		onward.end();
	},
	sink: async () => {
		let repeated = 0;
		for await (const message of task.input("onward")) {
			const number = numberOf(message);
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
