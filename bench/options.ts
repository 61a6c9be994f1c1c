/** The command-line options of `npm run bench`. */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { curves } from "./growth/index.js";
import { measures } from "./measures/index.js";
import { checkMarks } from "./report.js";

/** The name for `--only` of all measurements inside one process. */
export const COSTS = "costs";
const names = [...measures.map(({ name }) => name), ...curves.map(({ name }) => name), COSTS];

const usage = `Usage: dhmem bench [options], or in a clone: npm run bench -- [options]

  --only NAME,…    run only these measures and curves, or ${COSTS}:
                   ${names.join(", ")}
  --runs N         run all measures N times, one after another (1); curves and ${COSTS} only once
  --rounds N       rounds of each measure, by turns with its peers (7); at most 3 for slow measures and curves
  --quick          fewer and shorter rounds, and only the curves named by --only: a first look, not a measurement
  --json FILE      also write all figures to this file
  --markdown FILE  also put the table between the two marks of this document
  --short FILE     also put the ratios that the README shows between the two marks of this document
  --plots DIR      also draw the curves as SVG files in this folder`;

export interface Options {
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
	throw new Error(`--${option} is ${text}; it must be a whole number, 1 or more`);
}

/** Checks before measuring that the output files can be written. */
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

/** Parses the options. Exits with status 2 if they are wrong. */
export function optionsOf(args: string[]): Options {
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
			if (!names.includes(name)) throw new Error(`--only has ${name}, but the names are ${names.join(", ")}`);
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
