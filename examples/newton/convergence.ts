import { HEADER, STRIDE, TOLERANCE } from "./protocol.js";

/** Figures about one iteration, over all points that made it. */
export interface Iteration {
	readonly number: number;
	points: number;
	converged: number;
	/** The sum of log10 |step| over the finite steps. */
	logSteps: number;
	finite: number;
}

/** The number of paths kept for the plot: enough to show the shape, and few enough to see each. */
const TRACES = 160;

/**
 * log10 of the smallest step that is plotted as it is. Smaller steps are rounding, and would only stretch the
 * plot.
 */
const SMALLEST = -12;

/** The course of a run, collected from the progress messages of steer. */
export class Convergence {
	/** The number of problems in the run. */
	problems = 0;
	/** The number of problems that have converged so far. */
	converged = 0;
	/**
	 * Entry i is iteration i + 1. Progress arrives in the order of iterations, so only the last entry still
	 * grows.
	 */
	iterations: Iteration[] = [];
	/** For a sample of the problems: log10 |step| in each iteration. */
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

	/** Starts again. Earlier messages came from an interrupted run, which left them in the queue. */
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
