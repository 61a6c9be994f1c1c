import { writeFileSync } from "node:fs";
import { check } from "./closed-form.js";
import type { Point } from "./newton.js";

/** Writes the figures of a run as JSON. */
export function writeSummary(path: string, summary: Summary): void {
	writeFileSync(path, `${JSON.stringify(summary, undefined, "\t")}\n`);
}

/** Writes the points as JSON, each on its own line. A step that is not finite becomes null. */
export function writeResults(path: string, points: readonly Point[]): void {
	writeFileSync(path, `[\n${points.map((point) => JSON.stringify(point)).join(",\n")}\n]\n`);
}

/** The figures of a run. */
export interface Summary {
	problems: number;
	converged: number;
	/** Of the problems that converged. */
	meanIterations: number;
	/** The largest distance of a result from the closed form. */
	largestError: number;
}

/** Summarises the run, also in a few lines, and counts the outcomes that the closed form contradicts. */
export function report(points: readonly Point[]): { summary: Summary; text: string; wrong: number } {
	let converged = 0;
	let iterations = 0;
	let most = 0;
	let largest = 0;
	const wrong: string[] = [];
	for (const point of points) {
		const { error, allowed, right } = check(point);
		if (!right) wrong.push(contradiction(point, error, allowed));
		if (point.outcome !== "converged") continue;
		converged++;
		iterations += point.iterations;
		most = Math.max(most, point.iterations);
		largest = Math.max(largest, error);
	}
	const meanIterations = converged === 0 ? 0 : iterations / converged;
	const summary = { problems: points.length, converged, meanIterations, largestError: largest };
	const lines = [
		`problems: ${points.length}, of which ${converged} converged and ${points.length - converged} did not`,
		`iterations: ${meanIterations.toFixed(1)} on average, ${most} at most`,
		`largest error against the closed form: ${largest.toExponential(1)}`,
	];
	if (wrong.length > 0) lines.push(`wrong: ${wrong.length}, such as`, ...wrong.slice(0, 5));
	return { summary, text: lines.join("\n"), wrong: wrong.length };
}

function contradiction({ index, problem, x, outcome }: Point, error: number, allowed: number): string {
	const { a, b, c, x0 } = problem;
	const which = `problem ${index + 1} (a ${a}, b ${b}, c ${c}, x0 ${x0})`;
	if (outcome !== "converged") return `  ${which} has a root, but was given up: ${outcome}`;
	if (error === Number.POSITIVE_INFINITY) return `  ${which} has no root from there, yet converged to ${x}`;
	return `  ${which} converged to ${x}, off by ${error.toExponential(1)}, allowed ${allowed.toExponential(1)}`;
}
