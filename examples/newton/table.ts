import type { Convergence, Iteration } from "./convergence.js";

const HEADING = "iteration  points  converged  typical |step|";
const BAR_WIDTH = 32;

/** Prints a line for each iteration when it is over. */
export class Table {
	#printed = 0;

	update(convergence: Convergence): void {
		this.#printTo(convergence.iterations.length - 1, convergence);
	}

	finish(convergence: Convergence): void {
		this.#printTo(convergence.iterations.length, convergence);
		console.log(`${convergence.converged} of ${convergence.problems} converged`);
	}

	#printTo(end: number, convergence: Convergence): void {
		// There are fewer iterations if steer was restarted and began a new run.
		if (this.#printed > convergence.iterations.length) this.#printed = 0;
		for (const iteration of convergence.iterations.slice(this.#printed, end)) {
			if (iteration.number === 1) console.log(HEADING);
			console.log(lineOf(iteration, convergence));
		}
		this.#printed = Math.max(this.#printed, end);
	}
}

/**
 * Formats one iteration. The bar shows the share of problems still in progress, its solid part those that
 * converged.
 */
function lineOf(
	{ number, points, converged, logSteps, finite }: Iteration,
	{ problems }: Convergence,
): string {
	const typical = finite === 0 ? "-" : (10 ** (logSteps / finite)).toExponential(1);
	const solid = Math.round((BAR_WIDTH * converged) / problems);
	const whole = Math.ceil((BAR_WIDTH * points) / problems);
	const figures = [
		String(number).padStart(9),
		String(points).padStart(6),
		String(converged).padStart(9),
		typical.padStart(14),
	];
	return `${figures.join("  ")}  ${"█".repeat(solid)}${"░".repeat(Math.max(0, whole - solid))}`;
}
