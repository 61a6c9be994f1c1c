/** Curves, which show how a cost grows with a size or a number. */
import { type Contender, inTurn, QUICK, type Role } from "./measure.js";
import { type PairOptions, pair } from "./pair.js";
import type { Scratch } from "./scratch.js";

/** One line of a plot. */
export interface Line {
	/** Returns the contender for the point at `x`, which is the size of its job. */
	at(x: number): Contender;
	/** The last `x` of the line, if it is not the curve's last. */
	until?: number;
}

/** A line whose points all come from the same work. */
export function lineOf({ until, ...options }: Omit<PairOptions, "size"> & { until?: number }): Line {
	const at = (size: number) => pair({ ...options, size });
	return until === undefined ? { at } : { at, until };
}

export interface Growth {
	/** The name for `--only`. */
	readonly name: string;
	readonly title: string;
	readonly x: { label: string; values: readonly number[]; scale: "log" | "linear"; unit?: "bytes" };
	/** The unit of the figures. */
	readonly y: string;
	readonly lines: readonly Line[];
}

/** The median and the spread of one line at one `x`. */
export interface Point {
	line: string;
	role: Role;
	x: number;
	median: number;
	least: number;
	most: number;
}

export interface Curve extends Omit<Growth, "lines"> {
	points: readonly Point[];
	missing: readonly { name: string; reason: string }[];
}

/** The largest number of rounds at one `x`. */
const ROUNDS = 3;

/** Measures all lines by turns, at one `x` after another. */
export async function grow(
	{ lines, ...plain }: Growth,
	scratch: Scratch,
	{ rounds, quick }: { rounds: number; quick: boolean },
): Promise<Curve> {
	const points: Point[] = [];
	const missing = new Map<string, string>();
	for (const x of plain.x.values) {
		const here = lines.filter(({ until = Infinity }) => x <= until);
		const taken = await inTurn(
			here.map(({ at }) => at(x)),
			scratch,
			Math.min(rounds, ROUNDS),
			quick ? QUICK : 1,
		);
		for (const { name, role, median, least, most } of taken.figures) {
			points.push({ line: name, role, x, median, least, most });
		}
		for (const { name, reason } of taken.missing) missing.set(name, reason);
	}
	return { ...plain, points, missing: [...missing].map(([name, reason]) => ({ name, reason })) };
}
