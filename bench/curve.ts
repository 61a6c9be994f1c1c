/** How the cost of something grows with something else. */
import { type Contender, inTurn, QUICK, type Role } from "./measure.js";
import { type PairOptions, pair } from "./pair.js";
import type { Scratch } from "./scratch.js";

/** One line of a plot. */
export interface Line {
	/** Whom to ask at each place; `x` is the size of its job. */
	at(x: number): Contender;
	/** Where it ends, if not with the curve. */
	until?: number;
}

/** A line of the same work everywhere. */
export function lineOf({ until, ...options }: Omit<PairOptions, "size"> & { until?: number }): Line {
	const at = (size: number) => pair({ ...options, size });
	return until === undefined ? { at } : { at, until };
}

export interface Growth {
	/** As `--only` takes it. */
	readonly name: string;
	readonly title: string;
	readonly x: { label: string; values: readonly number[]; scale: "log" | "linear"; unit?: "bytes" };
	/** What a figure is, with its unit. */
	readonly y: string;
	readonly lines: readonly Line[];
}

/** The median and the spread at one place. */
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

/** The most rounds at one place. */
const ROUNDS = 3;

/** All lines in turn, place by place. */
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
