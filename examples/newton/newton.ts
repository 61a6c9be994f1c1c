import type { Problem } from "./problems.js";
import { MAX_ITERATIONS, TOLERANCE } from "./protocol.js";

/** Why a point is no longer iterated; `"no-slope"` also stands for steps beyond floating point. */
export type Outcome = "converged" | "no-slope" | "iteration-limit";

/** One problem on its way to a root. */
export interface Point {
	/** Position in the list of problems. */
	readonly index: number;
	readonly problem: Problem;
	x: number;
	iterations: number;
	/** The step last made; NaN before the first. */
	step: number;
	/** Undefined while there is more to do. */
	outcome: Outcome | undefined;
}

export function pointAt(problem: Problem, index: number): Point {
	return { index, problem, x: problem.x0, iterations: 0, step: Number.NaN, outcome: undefined };
}

/**
 * One Newton step, x -= y / y'. The step that shows convergence is still made: it costs nothing, and squares
 * the error once more.
 */
export function advance(point: Point, y: number, slope: number): void {
	point.iterations++;
	// On a root there is nothing left to do, even where the slope is 0 as well, which is at a double root.
	point.step = y === 0 ? 0 : y / slope;
	if (!Number.isFinite(point.step)) {
		point.outcome = "no-slope";
		return;
	}
	point.x -= point.step;
	if (Math.abs(point.step) < TOLERANCE) point.outcome = "converged";
	else if (point.iterations >= MAX_ITERATIONS) point.outcome = "iteration-limit";
}
