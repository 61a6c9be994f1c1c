import { clearScreenDown, moveCursor } from "node:readline";
import type { WriteStream } from "node:tty";
import type { Convergence, Iteration } from "./convergence.js";

/** Shows a run as it goes on. */
export interface View {
	update(convergence: Convergence): void;
	finish(convergence: Convergence): void;
}

const HEADING = "iteration  points  converged  typical |step|";
const BAR_WIDTH = 32;
const REDRAW_INTERVAL = 50;

/** A table that is drawn anew in place where there is a terminal, else a line for each iteration once it is over. */
export function viewOn(stream: WriteStream): View {
	return stream.isTTY ? new LiveView(stream) : new PlainView();
}

class LiveView implements View {
	readonly #stream: WriteStream;
	#height = 0;
	#drawn = Number.NEGATIVE_INFINITY;

	constructor(stream: WriteStream) {
		this.#stream = stream;
	}

	update(convergence: Convergence): void {
		if (performance.now() - this.#drawn < REDRAW_INTERVAL) return;
		// What has scrolled out of the terminal cannot be drawn over: show the last iterations that fit.
		this.#draw(convergence, Math.max(1, (this.#stream.rows || 24) - 3));
		this.#drawn = performance.now();
	}

	finish(convergence: Convergence): void {
		this.#draw(convergence, convergence.iterations.length);
	}

	#draw(convergence: Convergence, rows: number): void {
		const iterations = convergence.iterations.slice(-rows);
		const lines = iterations.map((iteration) => lineOf(iteration, convergence));
		const table = [HEADING, ...lines, statusOf(convergence)];
		moveCursor(this.#stream, 0, -this.#height);
		clearScreenDown(this.#stream);
		this.#stream.write(`${table.join("\n")}\n`);
		this.#height = table.length;
	}
}

class PlainView implements View {
	#printed = 0;

	update(convergence: Convergence): void {
		this.#printTo(convergence.iterations.length - 1, convergence);
	}

	finish(convergence: Convergence): void {
		this.#printTo(convergence.iterations.length, convergence);
		console.log(statusOf(convergence));
	}

	#printTo(end: number, convergence: Convergence): void {
		for (const iteration of convergence.iterations.slice(this.#printed, end)) {
			if (iteration.number === 1) console.log(HEADING);
			console.log(lineOf(iteration, convergence));
		}
		this.#printed = Math.max(this.#printed, end);
	}
}

/** One iteration: the bar is the share of all problems still under way, its solid part those that converged. */
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

function statusOf({ converged, problems }: Convergence): string {
	return `${converged} of ${problems} converged`;
}
