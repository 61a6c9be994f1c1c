/** `npm run bench`: takes measures, and shows them. */
import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { measureCosts } from "./costs.js";
import { type Curve, grow } from "./curve.js";
import { curves } from "./growth/index.js";
import { type Measure, resultOf, type Taken, take } from "./measure.js";
import { measures } from "./measures/index.js";
import {
	checkMarks,
	curveTable,
	machine,
	markdown,
	putBetweenMarks,
	type Report,
	summary,
	table,
} from "./report.js";
import { Scratch } from "./scratch.js";

const COSTS = "costs";
const names = [...measures.map(({ name }) => name), ...curves.map(({ name }) => name), COSTS];

const usage = `Usage: dhmem bench [options], or in a clone: npm run bench -- [options]

  --only NAME,…    these only; measures, curves of how costs grow, and ${COSTS}:
                   ${names.join(", ")}
  --runs N         takes all measures so many times, one after another (1); curves and ${COSTS} once
  --rounds N       rounds of each measure, in turn with its peers (7); at most 3 of what takes long, and of curves
  --quick          fewer and shorter rounds, and no curves unless asked for: a look, not a measurement
  --json FILE      also writes all figures there
  --markdown FILE  also puts the table between the two marks of that document
  --short FILE     also puts the machine and the ratios, in short, between the marks of that one
  --plots DIR      also draws the curves there, as SVG`;

interface Options {
	only: readonly string[] | undefined;
	runs: number;
	rounds: number;
	quick: boolean;
	json: string | undefined;
	markdown: string | undefined;
	short: string | undefined;
	plots: string | undefined;
}

function positive(option: string, text: string): number {
	const value = Number(text);
	if (Number.isInteger(value) && value >= 1) return value;
	throw new Error(`--${option} is ${text}; a whole number of 1 or more`);
}

/** What can't be written is to be known before anything is measured. */
function checkTargets({ json, markdown, short, plots }: Options): void {
	for (const path of [markdown, short]) {
		if (path === undefined) continue;
		checkMarks(path);
		accessSync(path, constants.W_OK);
		accessSync(dirname(path), constants.W_OK);
	}
	if (json !== undefined) accessSync(existsSync(json) ? json : dirname(json), constants.W_OK);
	if (plots !== undefined) {
		mkdirSync(plots, { recursive: true });
		accessSync(plots, constants.W_OK);
	}
}

function optionsOf(args: string[]): Options {
	try {
		const { values } = parseArgs({
			args,
			options: {
				only: { type: "string" },
				runs: { type: "string", default: "1" },
				rounds: { type: "string" },
				quick: { type: "boolean", default: false },
				json: { type: "string" },
				markdown: { type: "string" },
				short: { type: "string" },
				plots: { type: "string" },
				help: { type: "boolean", short: "h" },
			},
		});
		if (values.help) {
			console.log(usage);
			process.exit(0);
		}
		const only = values.only?.split(",");
		for (const name of only ?? []) {
			if (!names.includes(name)) throw new Error(`--only has ${name}, which is none of ${names.join(", ")}`);
		}
		const runs = positive("runs", values.runs);
		const rounds = positive("rounds", values.rounds ?? (values.quick ? "3" : "7"));
		const { quick, json, markdown, short, plots } = values;
		const options = { only, runs, rounds, quick, json, markdown, short, plots };
		checkTargets(options);
		return options;
	} catch (error) {
		console.error(`${(error as Error).message}\n\n${usage}`);
		process.exit(2);
	}
}

/** What draws is not installed with the package. */
async function plots() {
	try {
		return await import("./plots.js");
	} catch (error) {
		console.error(`--plots works in a clone of dhmem only: ${(error as Error).message}`);
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
/** What fails is told in the end, and takes nothing else along. */
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
/** One that can't be written takes no other along. */
function put(path: string | undefined, write: (path: string) => void): void {
	if (path === undefined) return;
	try {
		write(path);
	} catch (error) {
		console.error(`${path} is not written: ${(error as Error).message}`);
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
