/** Newton's method in three tasks, in little: each finds the square roots of the numbers 1 to N. */
import { writeFileSync } from "node:fs";
import { Task } from "dhmem/workflow";

const NUMBERS = Number(process.env.NUMBERS ?? 20);

using task = Task.fromEnvironment();
const roles: Record<string, () => Promise<void>> = { evaluate, steer, visualize };
await roles[task.name]?.();

/** Answers each guess with f(x) and f'(x). */
async function evaluate(): Promise<void> {
	const values = task.output("values");
	for await (const guess of task.input("guesses")) {
		const [a = Number.NaN, x = Number.NaN] = guess.as("f64");
		await values.send(new Float64Array([a, x, x * x - a, 2 * x]));
	}
	values.end();
}

async function steer(): Promise<void> {
	const guesses = task.output("guesses");
	let open = NUMBERS;
	for (let a = 1; a <= NUMBERS; a++) await guesses.send(new Float64Array([a, a]));
	for await (const value of task.input("values")) {
		const [a = Number.NaN, x = Number.NaN, y = Number.NaN, slope = Number.NaN] = value.as("f64");
		if (Math.abs(y) > 1e-9) await guesses.send(new Float64Array([a, x - y / slope]));
		else if (--open === 0) guesses.end();
	}
	console.log(`${NUMBERS - open} roots`);
}

/** Writes the best result that it has seen for each number. */
async function visualize(): Promise<void> {
	const roots = new Map<number, number>();
	for await (const value of task.input("values")) {
		const [a = Number.NaN, x = Number.NaN] = value.as("f64");
		roots.set(a, x);
	}
	const { ROOTS } = process.env;
	if (ROOTS !== undefined) writeFileSync(ROOTS, JSON.stringify([...roots]));
}
