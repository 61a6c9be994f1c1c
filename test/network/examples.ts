/** The examples, for runs that are to have the same results wherever their tasks are. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import type { Place } from "../fixture/index.js";

export const NEWTON = fileURLToPath(new URL("../../../examples/newton/newton.yaml", import.meta.url));
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const GRAY_SCOTT = fileURLToPath(new URL("../../examples/gray-scott", import.meta.url));

/** One run of an example, which writes its results into a folder of its own. */
export interface Example {
	readonly file: string;
	readonly environment: NodeJS.ProcessEnv;
	/** The contents of everything that it has written. */
	results(): Buffer;
}

export interface SplitExample {
	readonly name: string;
	/** The tasks of two machines. */
	readonly parts: readonly [string, string];
	/** @param way what carries the links; with `mixed`, the file says NATS for one of them, and auto for the others */
	prepare(place: Place, run: string, way?: Way): Example;
}

/** What carries the links: the variable that says so, and whether memory and NATS have some. */
export const ways = {
	shm: { variables: { DHMEM_TRANSPORT: "shm" }, memory: true, nats: false },
	nats: { variables: { DHMEM_TRANSPORT: "nats" }, memory: false, nats: true },
	mixed: { variables: {}, memory: true, nats: true },
	auto: { variables: { DHMEM_TRANSPORT: "auto" }, memory: true, nats: false },
} as const;

export type Way = keyof typeof ways;

export const allWays = Object.keys(ways) as Way[];

/** Checks what `dhmem run --explain` says of what carries the links. */
export async function checkWay(place: Place, example: Example, way: Way): Promise<void> {
	const { variables, memory, nats } = ways[way];
	const { stdout } = await place.run(["run", "--explain", example.file], {
		...example.environment,
		...variables,
	});
	assert.is(stdout.includes("through shared memory"), memory, stdout);
	assert.is(stdout.includes("over NATS"), nats, stdout);
}

function exampleIn(folder: string, file: string, environment: NodeJS.ProcessEnv): Example {
	return {
		file,
		environment,
		results: () => {
			const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
				.filter((each) => each.isFile())
				.map(({ parentPath, name }) => join(parentPath, name));
			return Buffer.concat(paths.sort().map((path) => readFileSync(path)));
		},
	};
}

export const examples: readonly SplitExample[] = [
	{
		name: "Newton's method",
		parts: ["evaluate", "steer,visualize"],
		prepare: (place, run, way) => {
			const folder = join(place.folder, run);
			mkdirSync(folder);
			const environment = {
				NEWTON_JSON: join(folder, "newton.json"),
				NEWTON_SVG: join(folder, "newton.svg"),
			};
			if (way !== "mixed") return exampleIn(folder, NEWTON, environment);
			const text = readFileSync(NEWTON, "utf8")
				.replaceAll("../..", ROOT)
				.replace("to: evaluate.guesses", "to: evaluate.guesses, transport: nats");
			return exampleIn(folder, place.write(`${run}.yaml`, text), environment);
		},
	},
	{
		name: "Gray-Scott",
		parts: ["simulate,analyse", "render"],
		prepare: (place, run, way) => {
			const folder = join(place.folder, run);
			mkdirSync(folder);
			const task = (name: string, ...words: string[]) => ({
				command: [process.execPath, join(GRAY_SCOTT, `${name}.js`), ...words],
			});
			const file = place.write(`${run}.json`, {
				name: "gray-scott",
				region: { size: "64MiB" },
				tasks: {
					simulate: task("simulate", "--size=40", "--steps=150", "--every=50", "--seed=7"),
					analyse: task("analyse", `--results=${join(folder, "results.csv")}`),
					render: task("render", `--images=${join(folder, "images")}`),
				},
				links: [
					{ from: "simulate.fields", to: "analyse.fields", capacity: 128 },
					{
						from: "simulate.fields",
						to: "render.fields",
						capacity: 128,
						...(way === "mixed" ? { transport: "nats" } : {}),
					},
				],
			});
			return exampleIn(folder, file, {});
		},
	},
];
