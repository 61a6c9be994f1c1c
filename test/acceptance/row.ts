/** A row of the acceptance list: how it is counted and run, and what keeps it from hanging. */
import { rmSync } from "node:fs";
import { Region, type RegionOptions } from "dhmem";
import { Child, temporaryFolder, within } from "../fixture/index.js";

export interface Conditions {
	seed: number;
	/** True if time limits are checked, which needs a machine without other work. */
	timed: boolean;
}

export interface Row {
	title: string;
	/** What is counted, and the counts in a full run and in the tests. With smaller ones, its controls may fail. */
	unit: string;
	full: number;
	short: number;
	/** Throws if something is wrong. Returns its report, line by line. */
	run(count: number, conditions: Conditions): Promise<string[]> | string[];
}

/** Milliseconds that a row may take, in a full run and in the tests; longer is a hang. */
const LONGEST = { timed: 1_800_000, untimed: 120_000 };

let fail: (error: Error) => void = () => {};

/**
 * Runs a row. It ends when the row does, or when a process that it started fails, and leaves no process. Meanwhile,
 * regions are in a folder of its own, where nobody else interferes.
 */
export function runRow(row: Row, count: number, conditions: Conditions): Promise<string[]> {
	return inFolder(async (directory) => {
		const before = process.env.DHMEM_DIR;
		process.env.DHMEM_DIR = directory;
		const failed = new Promise<never>((_, reject) => {
			fail = reject;
		});
		try {
			const run = Promise.resolve(row.run(count, conditions));
			const longest = conditions.timed ? LONGEST.timed : LONGEST.untimed;
			return await within(longest, row.title, Promise.race([run, failed]));
		} finally {
			fail = () => {};
			if (before === undefined) delete process.env.DHMEM_DIR;
			else process.env.DHMEM_DIR = before;
		}
	});
}

/** Starts a process that runs a scenario. If it ends with an error, so does the row. */
export function start(module: string, scenario: string, ...parameters: (string | number)[]): Child {
	const child = new Child(module, scenario, parameters);
	child.ended.then(({ code, errors }) => {
		if (code !== 0 && code !== null) fail(new Error(`${scenario} ended with ${code}: ${errors}`));
	});
	return child;
}

/** What the child prints next; the caller knows its type. */
export async function hear<T>(child: Child): Promise<T> {
	return (await child.hear()) as T;
}

/** Runs `body` in a region of its own. */
export function inRegion<T>(
	options: Omit<RegionOptions, "mode" | "lifetime">,
	body: (region: Region) => Promise<T>,
): Promise<T> {
	const region = Region.temporary(options);
	return leavingNothing(() => region.close(), body(region));
}

/** Runs `body` in a folder of its own in shared memory. */
export function inFolder<T>(body: (directory: string) => Promise<T>): Promise<T> {
	const directory = temporaryFolder();
	return leavingNothing(() => rmSync(directory, { recursive: true, force: true }), body(directory));
}

/** Tidies up when all processes have ended, also if this one is told to end before. */
async function leavingNothing<T>(tidy: () => void, result: Promise<T>): Promise<T> {
	process.once("exit", tidy);
	try {
		return await result;
	} finally {
		await Child.killAll();
		process.off("exit", tidy);
		tidy();
	}
}

export function median(values: number[]): number {
	return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

export function spread(milliseconds: number[]): string {
	return `median ${median(milliseconds).toFixed(1)} ms, worst ${Math.max(...milliseconds).toFixed(1)} ms`;
}

export function rate(count: number, milliseconds: number): string {
	return `${((count / milliseconds) * 1000).toFixed(0)}/s`;
}
