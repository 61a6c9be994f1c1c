/** The Gray-Scott workflow: its numbers against a plain model, and that it does not matter where its tasks run. */
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { parse } from "csv-parse/sync";
import { Region } from "dhmem";
import { decode } from "fast-png";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { initialFields } from "../../examples/gray-scott/reaction.js";
import { ResultsFile } from "../../examples/gray-scott/results-file.js";
import { long, type Place, placeTest, until } from "../fixture/index.js";
import { environmentOf, processOf, ROOT } from "./programs.js";

const EXAMPLE = join(ROOT, "dist/examples/gray-scott");
const SIZE = 40;
const SEED = 7;
const STEPS = [50, 100, 150];
const SHORT = [`--size=${SIZE}`, "--steps=150", "--every=50", `--seed=${SEED}`];

placeTest("the fields are those of a plain model, within rounding", async (place) => {
	const lines = readResults(await runInProcesses(place));
	assert.equal(
		lines.map(({ step }) => Number(step)),
		STEPS,
	);
	const model = new PlainModel(initialFields(SIZE, SEED).u, initialFields(SIZE, SEED).v);
	for (const line of lines) {
		model.advance(STEPS[0] as number);
		for (const [field, cells] of [
			["u", model.u.flat()],
			["v", model.v.flat()],
		] as const) {
			assertClose(line[`${field} mean`], mean(cells));
			assertClose(line[`${field} least`], Math.min(...cells));
			assertClose(line[`${field} most`], Math.max(...cells));
		}
	}
});

long(placeTest)("three processes, and three threads of one process, write the same files", async (place) => {
	const apart = await runInProcesses(place, "apart");
	const together = await runInThreads(place, "together");
	assert.is(contents(together.results), contents(apart.results));
	const images = readdirSync(apart.images);
	assert.equal(
		images,
		STEPS.map((step) => `step-${String(step).padStart(6, "0")}.png`),
	);
	assert.equal(readdirSync(together.images), images);
	for (const image of images) {
		assert.is(contents(join(together.images, image)), contents(join(apart.images, image)));
	}
});

long(placeTest)("the images show the field: bright where v is, dark where it is not", async (place) => {
	const { images } = await runInProcesses(place);
	const { width, height, data, palette } = decode(readFileSync(join(images, "step-000050.png")));
	assert.equal([width, height], [SIZE, SIZE]);
	const shown = [...data].map((shade) => sum(palette?.[shade] ?? []));
	const { v } = initialFields(SIZE, SEED);
	assert.ok(mean(shown.filter((_, cell) => v[cell] !== 0)) > 200, "where the spots began");
	assert.ok(mean(shown.filter((_, cell) => v[cell] === 0)) < 100, "elsewhere");
});

long(placeTest)(
	"an analysis and a rendering that are killed are replaced, and nothing is missing",
	async (place) => {
		const long = ["--size=128", "--steps=4000", "--every=200", "--seed=7"];
		const whole = await runInProcesses(place, "whole", long);
		const { results, images } = filesOf(place, "killed");
		const { ended } = place.start(["run", place.write("killed.json", workflow(place, "killed", long))]);
		await until(() => existsSync(join(images, "step-000400.png")));
		process.kill(processOf("render.js", place), "SIGKILL");
		process.kill(processOf("analyse.js", place), "SIGKILL");
		const { code, stderr } = await ended;
		assert.is(code, 0, stderr);
		assert.match(stderr, "analyse was ended by SIGKILL; restarting it");
		assert.match(stderr, "render was ended by SIGKILL; restarting it");
		assert.is(contents(results), contents(whole.results));
		assert.equal(readdirSync(images), readdirSync(whole.images));
	},
);

long(placeTest)("a repeated step is in the results once, and a new run empties the file", async (place) => {
	const path = place.write("results.csv", "step,what\n1,old\n");
	const results = new ResultsFile(path, "step,what");
	results.begin();
	for (const step of [1, 2]) results.add(step, `line ${step}`);
	const successor = new ResultsFile(path, "step,what");
	for (const step of [2, 3]) successor.add(step, `line ${step}`);
	assert.is(contents(path), "step,what\n1,line 1\n2,line 2\n3,line 3\n");
});

long(placeTest)("a wrong size is refused, naming the option", async (place) => {
	const { code, stderr } = await place.run([
		"run",
		place.write("wrong.json", workflow(place, "wrong", ["--size=-3"])),
	]);
	assert.is(code, 2);
	assert.match(stderr, 'simulate: --size must be a whole number from 4, not "-3"');
});

test.run();

interface Files {
	readonly results: string;
	readonly images: string;
}

function filesOf(place: Place, name: string): Files {
	return { results: join(place.folder, `${name}.csv`), images: join(place.folder, name) };
}

/** Arguments of each task's program, its path first. */
function programs({ results, images }: Files, options = SHORT): Record<string, string[]> {
	const program = (task: string) => join(EXAMPLE, `${task}.js`);
	return {
		simulate: [program("simulate"), ...options],
		analyse: [program("analyse"), `--results=${results}`],
		render: [program("render"), `--images=${images}`],
	};
}

function workflow(place: Place, name: string, options = SHORT): object {
	const tasks = Object.entries(programs(filesOf(place, name), options));
	return {
		name,
		tasks: Object.fromEntries(
			tasks.map(([task, args]) => [
				task,
				{ command: [process.execPath, ...args], restart: task === "simulate" ? "no" : "on-failure" },
			]),
		),
		links: [
			{ from: "simulate.fields", to: "analyse.fields", capacity: 128 },
			{ from: "simulate.fields", to: "render.fields", capacity: 128 },
		],
	};
}

async function runInProcesses(place: Place, name = "gray-scott", options = SHORT): Promise<Files> {
	const { code, stderr } = await place.run([
		"run",
		place.write(`${name}.json`, workflow(place, name, options)),
	]);
	assert.is(code, 0, stderr);
	return filesOf(place, name);
}

/** The same programs, each in a thread, with what `dhmem run --print-env` says as its environment. */
async function runInThreads(place: Place, name: string): Promise<Files> {
	const file = place.write(`${name}.json`, workflow(place, name));
	const files = filesOf(place, name);
	const threads = Object.entries(programs(files)).map(async ([task, [program = "", ...argv]]) => {
		const env = await environmentOf(place, task, file);
		assert.is(env.DHMEM_TASK, task);
		const [code] = await once(new Worker(program, { argv, env }), "exit");
		assert.is(code, 0);
	});
	await Promise.all(threads);
	Region.unlink(name, { directory: place.regions });
	return files;
}

type Line = Record<string, string>;

function readResults({ results }: Files): Line[] {
	return parse<Line>(readFileSync(results), { columns: true });
}

function contents(path: string): string {
	return readFileSync(path, "latin1");
}

function assertClose(actual: string | undefined, expected: number): void {
	assert.ok(Math.abs(Number(actual) - expected) <= 1e-12, `${actual} is ${expected}`);
}

function sum(values: readonly number[]): number {
	return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
	return sum(values) / values.length;
}

/** Gray-Scott once more, from its equations, with nothing in common but the constants' values. */
class PlainModel {
	u: number[][];
	v: number[][];

	constructor(u: Float64Array, v: Float64Array) {
		const rows = (field: Float64Array) =>
			Array.from({ length: SIZE }, (_, y) => [...field.subarray(y * SIZE, (y + 1) * SIZE)]);
		this.u = rows(u);
		this.v = rows(v);
	}

	advance(steps: number): void {
		for (let step = 0; step < steps; step++) {
			const { u, v } = this;
			const uvv = (x: number, y: number) => at(u, x, y) * at(v, x, y) ** 2;
			this.u = grid(
				(x, y) => at(u, x, y) + 0.16 * laplacian(u, x, y) - uvv(x, y) + 0.035 * (1 - at(u, x, y)),
			);
			this.v = grid((x, y) => at(v, x, y) + 0.08 * laplacian(v, x, y) + uvv(x, y) - 0.095 * at(v, x, y));
		}
	}
}

function grid(cell: (x: number, y: number) => number): number[][] {
	return Array.from({ length: SIZE }, (_, y) => Array.from({ length: SIZE }, (_, x) => cell(x, y)));
}

/** On a torus. */
function at(field: number[][], x: number, y: number): number {
	return field.at(y % SIZE)?.at(x % SIZE) ?? Number.NaN;
}

function laplacian(field: number[][], x: number, y: number): number {
	const around = at(field, x + 1, y) + at(field, x - 1, y) + at(field, x, y + 1) + at(field, x, y - 1);
	return around - 4 * at(field, x, y);
}
