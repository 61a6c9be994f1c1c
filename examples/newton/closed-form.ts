import type { Point } from "./newton.js";
import type { Problem } from "./problems.js";

/**
 * The relative rounding error of a sum of a few terms, coefficients included: some units in the last place.
 */
const ROUNDING = 8 * Number.EPSILON;

/** The result of comparing a point with the closed form. */
export interface Verdict {
	/** The distance to the root; 0 if there is no root and the point did not converge. */
	readonly error: number;
	/** The largest allowed distance. */
	readonly allowed: number;
	readonly right: boolean;
}

/**
 * Returns the root that Newton's method finds from x0. A quadratic is monotone on either side of its vertex,
 * and convex or concave, so this is the root on x0's side, if there is one. Undefined if there is no real
 * root, or if x0 is the vertex itself and not a root, since the method then moves to neither side.
 */
export function closedForm({ a, b, c, x0 }: Problem): number | undefined {
	if (a === 0) return -c / b;
	const slope = 2 * a * x0 + b;
	if (slope === 0) return (a * x0 + b) * x0 + c === 0 ? x0 : undefined;
	const root = discriminantRoot(a, b, c);
	if (root === undefined) return undefined;

	// -b and the square root never cancel here; the other root follows from the product of the two, c / a.
	const q = -(b + (b < 0 ? -root : root)) / 2;
	const first = q / a;
	const second = q === 0 ? 0 : c / q;
	return slope / a > 0 ? Math.max(first, second) : Math.min(first, second);
}

/**
 * Compares a point with the closed form.
 *
 * If x is at distance e from its root r, and the other root at distance D beyond r, a step is
 * s = e (e + D) / (2e + D) and leaves the error e² / (2e + D). If e and D have the same sign, as from the
 * first step on, this error is at most |s|, and at most s² / |D|: with e = φD the quotients are φ / (1 + φ)
 * and (1 + 2φ) / (1 + φ)², both at most 1. The same holds for a start between the roots. So the last step
 * bounds the error, at a double root too, apart from rounding.
 */
export function check(point: Pick<Point, "problem" | "x" | "step" | "outcome">): Verdict {
	const { a, b, c } = point.problem;
	const root = closedForm(point.problem);
	if (point.outcome !== "converged") return { error: 0, allowed: 0, right: root === undefined };
	if (root === undefined) return { error: Number.POSITIVE_INFINITY, allowed: 0, right: false };

	const step = Math.abs(point.step);
	const slope = Math.abs(2 * a * root + b);
	const distance = slope / Math.abs(a);
	const reach = Math.abs(root) + 2 * step;
	const noise = ROUNDING * ((Math.abs(a) * reach + Math.abs(b)) * reach + Math.abs(c));
	// The distance δ that x must move for y to change by the noise: the solution of slope · δ + |a| δ² = noise.
	const rounding = quotient(2 * noise, slope + Math.sqrt(slope ** 2 + 4 * Math.abs(a) * noise));
	const allowed = quotient(step ** 2, Math.max(step, distance)) + rounding;
	const error = Math.abs(point.x - root);
	return { error, allowed, right: error <= allowed };
}

/** Returns √(b² - 4ac); undefined if the difference is negative by more than the rounding of its terms. */
function discriminantRoot(a: number, b: number, c: number): number | undefined {
	const discriminant = b * b - 4 * a * c;
	if (discriminant < -ROUNDING * b * b) return undefined;
	return Math.sqrt(Math.max(discriminant, 0));
}

/** Divides two numbers that are not negative. 0 / 0 is 0; the divisor is never 0 otherwise. */
function quotient(dividend: number, divisor: number): number {
	return dividend === 0 ? 0 : dividend / divisor;
}
