/** What a measurement is, and how it is shown. */
import { cpus, release } from "node:os";

/** One figure from several rounds. */
export interface Figure {
	name: string;
	median: number;
	/** The least and the largest round. */
	least: number;
	most: number;
}

export interface Measurement {
	what: string;
	/** Of the figures: `"ns"`, `"M/s"`, … */
	unit: string;
	figure: Figure;
	/** What ran in turn with it, in the same minute: only this comparison means anything on another machine. */
	against?: Figure;
	/** The median of the rounds' own ratios, `figure` to `against`. */
	ratio?: number;
}

export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length >> 1;
	const upper = sorted[middle] ?? Number.NaN;
	return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function figureOf(name: string, rounds: readonly number[]): Figure {
	return { name, median: median(rounds), least: Math.min(...rounds), most: Math.max(...rounds) };
}

export function compare(
	what: string,
	unit: string,
	ours: readonly number[],
	peer: string,
	theirs: readonly number[],
): Measurement {
	return {
		what,
		unit,
		figure: figureOf("dhmem", ours),
		against: figureOf(peer, theirs),
		ratio: median(ours.map((value, round) => value / (theirs[round] ?? Number.NaN))),
	};
}

/** The machine and the program, as a reader needs them to judge a figure. */
export function machine(): Record<string, string | number> {
	return {
		processor: cpus()[0]?.model.trim() ?? "unknown",
		cores: cpus().length,
		architecture: process.arch,
		kernel: release(),
		node: process.version,
	};
}

const show = (value: number) => (value >= 1000 ? value.toFixed(0) : value.toPrecision(3));

function cell(figure: Figure, unit: string): string {
	return `${show(figure.median)} ${unit} (${show(figure.least)} to ${show(figure.most)})`;
}

/** A Markdown table: medians, and in brackets the least and the largest round. */
export function markdown(measurements: readonly Measurement[]): string {
	const rows = measurements.map(({ what, unit, figure, against, ratio }) => [
		what,
		cell(figure, unit),
		against === undefined ? "" : `${against.name}: ${cell(against, unit)}`,
		ratio === undefined ? "" : show(ratio),
	]);
	const lines = [["measure", "dhmem", "in turn with", "ratio"], ["---", "---", "---", "---"], ...rows];
	return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
