import { HEADER, STRIDE, TOLERANCE } from "./protocol.js";

/** What happened in one iteration, over all points that made it. */
export interface Iteration {
	readonly number: number;
	points: number;
	converged: number;
	/** Sum of log10 |step| over the steps that are finite. */
	logSteps: number;
	finite: number;
}

/** Paths kept whole, for the plot: enough to see the shape, few enough to see each. */
const TRACES = 160;

/** log10 of the smallest step told apart from 0: below it is rounding, and it would only stretch the plot. */
const SMALLEST = -12;

/** The course of a run, as gathered from the progress that steer sends. */
export class Convergence {
	/** How many problems the run has. */
	problems = 0;
	/** How many have converged so far. */
	converged = 0;
	/** Entry i is iteration i + 1. Progress arrives in the order of iterations, so only the last still grows. */
	iterations: Iteration[] = [];
	/** log10 |step| per iteration for a sample of the problems, by problem. */
	traces = new Map<number, number[]>();
	#run = Number.NaN;

	add(message: Float64Array): void {
		const [run = Number.NaN, problems = 0] = message;
		if (run !== this.#run) this.#begin(run, problems);
		for (let from: number = HEADER.progress; from < message.length; from += STRIDE.progress) {
			const [problem = 0, iteration = 1, step = Number.NaN] = message.subarray(from, from + STRIDE.progress);
			this.#addStep(problem, iteration, Math.abs(step));
		}
	}

	/** Forgets what came before, which a run that was cut short has left in the queue. */
	#begin(run: number, problems: number): void {
		this.#run = run;
		this.problems = problems;
		this.converged = 0;
		this.iterations = [];
		this.traces.clear();
	}

	#addStep(problem: number, number: number, step: number): void {
		let iteration = this.iterations[number - 1];
		if (iteration === undefined) {
			iteration = { number, points: 0, converged: 0, logSteps: 0, finite: 0 };
			this.iterations[number - 1] = iteration;
		}
		iteration.points++;
		if (step < TOLERANCE) {
			iteration.converged++;
			this.converged++;
		}
		if (!Number.isFinite(step)) return;
		const log = Math.max(Math.log10(step), SMALLEST);
		iteration.logSteps += log;
		iteration.finite++;

		if (problem % Math.ceil(this.problems / TRACES) !== 0) return;
		const trace = this.traces.get(problem);
		if (trace === undefined) this.traces.set(problem, [log]);
		else trace.push(log);
	}
}
