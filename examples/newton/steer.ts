/** The task `steer`: holds the problems, sends `evaluate` batches of guesses, and makes the steps. */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Task } from "dhmem/workflow";
import { InputError, program } from "./cli.js";
import { advance, type Point, pointAt } from "./newton.js";
import { loadProblems } from "./problems.js";
import * as protocol from "./protocol.js";
import { report, writeResults, writeSummary } from "./results.js";

const { HEADER, STRIDE } = protocol;

await program("steer", async () => {
	const { NEWTON_PACE = "0", NEWTON_RESULTS, NEWTON_JSON = "newton.json" } = process.env;
	const pace = milliseconds(NEWTON_PACE);
	const points = loadProblems(process.env).map(pointAt);

	using task = Task.fromEnvironment();
	await solve(task, points, pace);

	if (NEWTON_RESULTS !== undefined) writeResults(NEWTON_RESULTS, points);
	const { summary, text, wrong } = report(points);
	writeSummary(NEWTON_JSON, summary);
	console.log(text);
	if (wrong > 0) process.exitCode = 1;
});

/** @throws {InputError} unless `text` is a number of milliseconds that a timer takes. */
function milliseconds(text: string): number {
	const value = Number(text);
	if (text.trim() !== "" && value >= 0 && value < 2 ** 31) return value;
	throw new InputError(`--pace (or NEWTON_PACE) must be a number of milliseconds, not "${text}"`);
}

/** Iterates the points, in place, until each has an outcome. */
async function solve(task: Task, points: readonly Point[], pace: number): Promise<void> {
	const guesses = task.output("guesses");
	const values = task.input("values");
	const progress = task.output("progress");

	// First in, first out, so no point is an iteration ahead of one that still waits.
	const waiting = [...points];
	const inFlight = new Map<number, Point[]>();
	// Batches are numbered from a random start, which tells this run's answers from those to a killed
	// predecessor.
	const run = randomInt(2 ** 47);
	let next = run;

	const ask = async () => {
		while (waiting.length > 0 && inFlight.size < protocol.BATCHES_IN_FLIGHT) {
			const batch = waiting.splice(0, protocol.POINTS_PER_BATCH);
			inFlight.set(next, batch);
			await guesses.send(guessesOf(next++, batch));
		}
		if (inFlight.size === 0) guesses.end();
	};

	await ask();
	for await (const message of values) {
		const answer = message.as("f64");
		const [number = Number.NaN] = answer;
		const batch = inFlight.get(number);
		if (batch === undefined) continue;
		inFlight.delete(number);

		for (const [i, point] of batch.entries()) {
			const from = HEADER.values + i * STRIDE.values;
			const [y = Number.NaN, slope = Number.NaN] = answer.subarray(from, from + STRIDE.values);
			advance(point, y, slope);
		}
		await progress.send(progressOf(run, points.length, batch));
		for (const point of batch) if (point.outcome === undefined) waiting.push(point);
		if (pace > 0)
			await sleep(pace, undefined, { signal: task.signal }).catch(() => task.signal.throwIfAborted());
		await ask();
	}
	if (inFlight.size > 0) throw new Error("evaluate ended its values before it had answered every batch");
	progress.end();
}

function guessesOf(number: number, batch: readonly Point[]): Float64Array {
	const message = new Float64Array(HEADER.guesses + batch.length * STRIDE.guesses);
	message[0] = number;
	for (const [i, { problem, x }] of batch.entries()) {
		message.set([problem.a, problem.b, problem.c, x], HEADER.guesses + i * STRIDE.guesses);
	}
	return message;
}

function progressOf(run: number, problems: number, batch: readonly Point[]): Float64Array {
	const message = new Float64Array(HEADER.progress + batch.length * STRIDE.progress);
	message.set([run, problems]);
	for (const [i, { index, iterations, step }] of batch.entries()) {
		message.set([index, iterations, step], HEADER.progress + i * STRIDE.progress);
	}
	return message;
}
