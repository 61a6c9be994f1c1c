/** `npm run bench`: runs the measures, and reports their results. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { measureCosts } from "./costs.js";
import { type Curve, grow } from "./curve.js";
import { curves } from "./growth/index.js";
import { type Measure, resultOf, type Taken, take } from "./measure.js";
import { measures } from "./measures/index.js";
import { COSTS, optionsOf } from "./options.js";
import { curveTable, machine, markdown, putBetweenMarks, type Report, summary, table } from "./report.js";
import { Scratch } from "./scratch.js";

/** The plotting packages are not installed with the package dhmem. */
async function plots() {
	try {
		return await import("./plots.js");
	} catch (error) {
		console.error(`--plots works only in a clone of dhmem: ${(error as Error).message}`);
		process.exit(2);
	}
}

const options = optionsOf(process.argv.slice(2));
const { only, quick } = options;
const where = machine();
const drawing = options.plots === undefined ? undefined : await plots();
using scratch = new Scratch();

const costs = (only?.includes(COSTS) ?? true) ? measureCosts(quick ? 100 : 1000) : [];
const chosen = measures.filter(({ name }) => only?.includes(name) ?? true);
const taken = new Map<Measure, Taken[]>(chosen.map((measure) => [measure, []]));
const failed: Report["failed"][number][] = [];
/** Runs one measure or curve. A failure is reported at the end, and the others continue. */
async function attempt<T>(title: string, task: () => Promise<T>): Promise<T | undefined> {
	try {
		return await task();
	} catch (error) {
		const reason = (error as Error).message;
		failed.push({ title, reason });
		console.error(`${title}: failed: ${reason}`);
		process.exitCode = 1;
		return undefined;
	}
}
for (let run = 1; run <= options.runs; run++) {
	for (const [measure, runs] of taken) {
		const one = await attempt(measure.title, () => take(measure, scratch, options));
		if (one === undefined) {
			taken.delete(measure);
			continue;
		}
		runs.push(one);
		console.error(
			table([resultOf(measure, runs.slice(-1))], false)
				.split("\n")
				.at(-1),
		);
	}
}
const results = [...taken].map(([measure, runs]) => resultOf(measure, runs));
const grown: Curve[] = [];
for (const curve of curves.filter(({ name }) => only?.includes(name) ?? !quick)) {
	const one = await attempt(curve.title, () => grow(curve, scratch, options));
	if (one === undefined) continue;
	grown.push(one);
	console.error(`grown: ${curve.title}`);
}
const report: Report = {
	machine: where,
	command: [
		process.env.npm_lifecycle_event === "bench" ? "npm run bench --" : "dhmem bench",
		...process.argv.slice(2),
	]
		.join(" ")
		.replace(/ --$/, ""),
	date: new Date().toISOString().slice(0, 10),
	quick,
	failed,
	results,
	curves: grown,
	costs,
};
const text = markdown(report);
console.log([text, ...grown.map(curveTable)].join("\n\n"));
/** Writes one output file. If that fails, the others are still written. */
function put(path: string | undefined, write: (path: string) => void): void {
	if (path === undefined) return;
	try {
		write(path);
	} catch (error) {
		console.error(`${path} could not be written: ${(error as Error).message}`);
		process.exitCode = 1;
	}
}

put(options.json, (path) => writeFileSync(path, `${JSON.stringify(report, null, "\t")}\n`));
put(options.markdown, (path) => putBetweenMarks(path, text));
put(options.short, (path) => putBetweenMarks(path, summary(report)));
put(options.plots, (path) => {
	for (const curve of grown)
		writeFileSync(join(path, `${curve.name}.svg`), drawing?.draw(curve, where) ?? "");
});
