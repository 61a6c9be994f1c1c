/**
 * Is this tree as fast as an earlier one? Builds the earlier one in a temporary folder, and runs the same measures of both by
 * turns; this tree takes part twice, which shows how much is noise. Run it on an idle machine, from a clone:
 *
 * `node dist/bench/before.js [COMMIT] [ROUNDS]`
 *
 * By default the commit is the last one without a bulk space, to which regions of up to 4 GiB are compared.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Figure, inTurn, median, type Role } from "./measure.js";
import { pair } from "./pair.js";
import { Scratch } from "./scratch.js";

const ROOT = join(import.meta.dirname, "../..");
const WITHOUT_BULK = "b56efb3";
const [commit = WITHOUT_BULK, rounds = "15"] = process.argv.slice(2);

interface Measured {
	module: string;
	work: string;
	unit: string;
	count: number;
	size?: number;
}

const MIB = 2 ** 20;
const measured: readonly Measured[] = [
	{ module: "messages", work: "messages", unit: "M/s", count: 2 ** 20 },
	{ module: "batches", work: "batches", unit: "M/s", count: 2 ** 20 },
	{ module: "records", work: "record-batches", unit: "M/s", count: 2 ** 23 },
	{ module: "stream", work: "sized", unit: "µs", count: 2 ** 10, size: MIB },
	{ module: "stream", work: "sized", unit: "µs", count: 2 ** 8, size: 16 * MIB },
	{ module: "hand-over", work: "hand-over", unit: "µs", count: 2 ** 15, size: MIB },
	{ module: "allocate", work: "allocate", unit: "ns", count: 2 ** 20 },
	{ module: "open", work: "open", unit: "ms", count: 2 ** 8 },
	{ module: "open", work: "fresh", unit: "KiB", count: 1 },
];

/** Builds the tree of the commit in `folder`, with the packages of this one. */
function build(folder: string): void {
	const run = (command: string, ...args: string[]) =>
		execFileSync(command, args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
	execFileSync("sh", ["-c", 'git archive "$0" | tar -x -C "$1"', commit, folder], { cwd: ROOT });
	symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
	run("npx", "asc", "assembly/index.ts", "--target", "release");
	run(process.execPath, "scripts/build-shim.mjs");
	if (existsSync(join(folder, "scripts/build-schema.mjs"))) run(process.execPath, "scripts/build-schema.mjs");
	run("npx", "tsc", "-p", "tsconfig.json", "--noCheck");
}

/** The median of the ratios of each round, and the least and the largest of them. */
function ratio(ours: Figure, theirs: Figure): string {
	const ratios = ours.rounds.map((figure, round) => figure / (theirs.rounds[round] ?? Number.NaN));
	const text = [median(ratios), Math.min(...ratios), Math.max(...ratios)].map((each) => each.toFixed(3));
	return `${text[0]} (${text[1]} to ${text[2]})`;
}

const folder = mkdtempSync(join(tmpdir(), "dhmem-before-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
build(folder);
using scratch = new Scratch();
console.log(
	`| measure | this tree | ratio to ${commit} | ratio of this tree to itself |\n| --- | --- | --- | --- |`,
);
for (const { module, work, unit, ...job } of measured) {
	const of = (name: string, role: Role, root: string) => {
		const from = pathToFileURL(join(root, `dist/bench/measures/${module}.js`)).href;
		return pair({ name, role, from, work, ...job });
	};
	const contenders = [of("now", "dhmem", ROOT), of("before", "dhmem", folder), of("again", "dhmem", ROOT)];
	const { figures } = await inTurn(contenders, scratch, Number(rounds), 1);
	const [now, before, again] = figures as [Figure, Figure, Figure];
	const what = job.size === undefined ? work : `${work}, ${job.size / MIB} MiB`;
	console.log(
		`| ${module}: ${what} | ${now.median.toPrecision(3)} ${unit} | ${ratio(now, before)} | ${ratio(now, again)} |`,
	);
}
