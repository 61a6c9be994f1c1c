/**
 * The steps of the library for C, as ../main.ts sweeps those of the shim: the survivors are the same, in Node. Then the
 * controls.
 *
 * node dist/test/host-steps/c/main.js --package FOLDER [--every TRIES] [--seed SEED] [--operation NAME] [--modes MODE,…]
 *
 * FOLDER is a source package of the library, built by `make`. With TRIES, one of so many tries is made, chosen at random,
 * and one of five controls.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../../../conformance/traces/random.js";
import { missedControls } from "../controls.js";
import { unknownImports } from "../imports.js";
import { swept } from "../operations.js";
import { modesAmong, sweepAloud } from "../reporting.js";
import { Sweep } from "../sweep.js";
import { controls, spoilPackage } from "./controls.js";
import { buildProgram, operationsOf } from "./program.js";

const { values } = parseArgs({
	options: {
		package: { type: "string" },
		every: { type: "string", default: "1" },
		seed: { type: "string" },
		operation: { type: "string" },
		modes: { type: "string" },
	},
});
const sources = values.package;
if (sources === undefined) throw new Error("--package is missing: the folder of the library for C, built");

const unknown = unknownImports(join(sources, "build/libdhmem.so"), true);
if (unknown.length > 0)
	throw new Error(
		`The library calls ${unknown.join()}: count it in calls.c, or say in imports.ts why it need not be`,
	);

const every = Number(values.every);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const random = new Random(seed);
if (every > 1) console.log(`one of ${every} tries, seed ${seed}`);

let all = swept;
const sweep = await Sweep.start((folder) => {
	const program = buildProgram(sources, folder);
	all = operationsOf(program);
	return program;
});
const chosen = all.filter(({ name }) => name === (values.operation ?? name));
await sweepAloud(sweep, chosen, modesAmong(values.modes), () => random.oneIn(every));
if (values.operation === undefined) {
	const turn = random.below(5);
	const tried = every === 1 ? controls : controls.filter((_, index) => index % 5 === turn);
	if (missedControls(tried, (control) => spoilPackage(sources, control)) > 0) process.exitCode = 1;
}
if (sweep.report.failures.length > 0 || chosen.length === 0) process.exitCode = 1;
