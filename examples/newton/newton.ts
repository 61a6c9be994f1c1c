import type { Problem } from "./problems.js";
import { MAX_ITERATIONS, TOLERANCE } from "./protocol.js";

/** The reason why a point's iteration ended. `"no-slope"` also covers steps that are not finite. */
export type Outcome = "converged" | "no-slope" | "iteration-limit";

/** One problem on its way to a root. */
export interface Point {
	/** The position in the list of problems. */
	readonly index: number;
	readonly problem: Problem;
	x: number;
	iterations: number;
	/** The last step; NaN before the first. */
	step: number;
	/** Undefined while the iteration continues. */
	outcome: Outcome | undefined;
}

export function pointAt(problem: Problem, index: number): Point {
	return { index, problem, x: problem.x0, iterations: 0, step: Number.NaN, outcome: undefined };
}

/**
 * Makes one Newton step, x -= y / y'. The step that shows convergence is made too: it costs nothing, and
 * squares the error once more.
 */
export function advance(point: Point, y: number, slope: number): void {
	point.iterations++;
	// At a root the step is 0, even at a double root, where the slope is 0 too.
	point.step = y === 0 ? 0 : y / slope;
	if (!Number.isFinite(point.step)) {
		point.outcome = "no-slope";
		return;
	}
	point.x -= point.step;
	if (Math.abs(point.step) < TOLERANCE) point.outcome = "converged";
	else if (point.iterations >= MAX_ITERATIONS) point.outcome = "iteration-limit";
}
