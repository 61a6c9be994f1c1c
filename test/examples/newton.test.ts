/** The Newton workflow: its roots against the closed form, however it is run, and whoever is killed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { check, closedForm } from "../../examples/newton/closed-form.js";
import { advance, type Point, pointAt } from "../../examples/newton/newton.js";
import { TOLERANCE } from "../../examples/newton/protocol.js";
import { long, type Place, placeTest, some, until } from "../fixture/index.js";
import { type Ended, environmentOf, node, processOf, ROOT } from "./programs.js";

// Runs without a file of their own for the figures would write it into the project's folder.
process.env.NEWTON_JSON = "/dev/null";

const PROBLEMS = 1203;
const WITHOUT_ROOT = 4;
const TASKS = ["evaluate", "steer", "visualize"];

for (const order of permutations(TASKS)) {
	long(placeTest)(`finds the roots when ${order.join(", ")} start 150 ms apart`, async (place) => {
		const workflow = shipped("newton");
		for (const [i, name] of order.entries()) {
			const task = taskOf(workflow, name);
			task.command = `sleep ${0.15 * i} && exec ${task.command}`;
		}
		await assertRoots(place, place.write("newton.json", workflow));
	});
}

placeTest("npm start finds the roots, and leaves no region behind", async (place) => {
	const { stdout } = await assertFinds(place, (environment) =>
		node(place, ["dist/examples/newton/main.js"], environment),
	);
	assert.match(stdout, `${PROBLEMS - WITHOUT_ROOT} of ${PROBLEMS} converged`);
});

long(placeTest)("with Perl for evaluate the results are the same, bit for bit", async (place) => {
	await assertRoots(place, join(ROOT, "examples/newton/newton-perl.yaml"));
	const foreign = readFileSync(join(place.folder, "roots.json"), "utf8");
	await assertRoots(place, join(ROOT, "examples/newton/newton.yaml"));
	assert.is(foreign, readFileSync(join(place.folder, "roots.json"), "utf8"));
});

long(placeTest)("each task runs alone, again and again, and leaves nothing in the queues", async (place) => {
	const file = join(ROOT, "examples/newton/newton.yaml");
	for (let run = 0; run < 2; run++) {
		await assertFinds(place, async (environment) => {
			const tasks = TASKS.map(async (task) => {
				const variables = { ...environment, ...(await environmentOf(place, task, file)) };
				return node(place, [`dist/examples/newton/${task}.js`], variables);
			});
			const [evaluate, steer, visualize] = await Promise.all(tasks);
			assert.is(evaluate?.code, 0, evaluate?.stderr);
			assert.is(visualize?.code, 0, visualize?.stderr);
			return steer as Ended;
		});
		using region = Region.open("newton", { mode: "open", directory: place.regions });
		for (const queue of region.stats().queues) assert.is(queue.depth, 0, `left in ${queue.name}`);
	}
	Region.unlink("newton", { directory: place.regions });
});

long(placeTest)("solves one problem from the command line, or from the environment", async (place) => {
	const results = join(place.folder, "one.json");
	const main = "dist/examples/newton/main.js";
	const svg = `--svg=${join(place.folder, "plot.svg")}`;
	const solved = await node(place, [main, "--a=1", "--b=0", "--c=-2", "--x0=1", `--results=${results}`, svg]);
	assert.is(solved.code, 0, solved.stderr);
	assert.is(Math.abs((pointsIn(results)[0]?.x ?? 0) - Math.SQRT2) < 1e-6, true);

	const problem = { NEWTON_A: "1", NEWTON_B: "0", NEWTON_C: "1", NEWTON_X0: "0.3" };
	const unsolved = await node(place, [main, svg], problem);
	assert.is(unsolved.code, 0, unsolved.stderr);
	assert.match(unsolved.stdout, "problems: 1, of which 0 converged and 1 did not");
});

long(placeTest)("a killed evaluate is replaced, and the roots are found", async (place) => {
	await assertFinds(place, async (environment) => {
		const { ended } = place.start(["run", join(ROOT, "examples/newton/newton.yaml")], {
			...environment,
			NEWTON_PACE: "20",
		});
		await progress(place);
		process.kill(processOf("evaluate.js", place), "SIGKILL");
		const outcome = await ended;
		assert.match(outcome.stderr, "evaluate was ended by SIGKILL; restarting it");
		return outcome;
	});
});

for (const task of some(["steer", "visualize"], 2)) {
	placeTest(`the killed task is named, and the others end: ${task}`, async (place) => {
		const { ended } = place.start(["run", join(ROOT, "examples/newton/newton.yaml")], { NEWTON_PACE: "100" });
		await progress(place);
		process.kill(processOf(`${task}.js`, place), "SIGKILL");
		const { code, stderr } = await ended;
		assert.is(code, 128 + 9);
		assert.match(stderr, `newton: ${task} was ended by SIGKILL; stopping the others`);
		assert.throws(() => processOf("examples/newton", place), "no such process");
	});
}

long(placeTest)("SIGTERM ends every task cleanly", async (place) => {
	const { child, ended } = place.start(["run", join(ROOT, "examples/newton/newton.yaml")], {
		NEWTON_PACE: "100",
	});
	await progress(place);
	child.kill("SIGTERM");
	const { code, stderr } = await ended;
	assert.is(code, 128 + 15);
	for (const task of TASKS) assert.match(stderr, `newton: ${task} ended with exit status 143 (SIGTERM)`);
	assert.not.match(stderr, "steer     |");
});

const refused: [string, string, string][] = [
	["an empty file", "", ":1: no problems"],
	["a header alone", "a,b,c,x0\n", ":1: no problems"],
	["a missing column", "a,b,x0\n1,2,3\n", ":1: no column c"],
	["a word for a number", "a,b,c,x0\n1,2,3,4\n\n1,two,3,4\n", ":4: b is not a number: two"],
	["an empty field", "a,b,c,x0\n1,2,,4\n", ":2: c is missing"],
	["a short row", "a,b,c,x0\n1,2,3,4\n1,2,3\n", ":3:"],
	["nothing to solve for", "a,b,c,x0\n0,0,3,4\n", ":2: a and b are both 0"],
];
for (const [what, content, message] of some(refused, 4, 2)) {
	placeTest(`refuses a CSV file with ${what}, naming the line`, async (place) => {
		const path = place.write("bad.csv", content);
		const { code, stderr } = await node(place, ["dist/examples/newton/steer.js"], { NEWTON_PROBLEMS: path });
		assert.is(code, 2, stderr);
		assert.match(stderr, `steer: ${path}${message}`);
	});
}

placeTest("a wrong call ends the whole command with exit status 2", async (place) => {
	const main = "dist/examples/newton/main.js";
	const { code, stdout, stderr } = await node(place, [main, "--problems=/nowhere.csv"]);
	assert.is(code, 2);
	assert.match(stdout + stderr, "/nowhere.csv");
	assert.match(stderr, "newton: steer ended with exit status 2");
	assert.is((await node(place, [main, "--nonsense"])).code, 2);
});

long(test)("the check finds a wrong root, a missed root and an invented one", () => {
	const simple = pointAt({ a: 1, b: -5, c: 6, x0: 10 }, 0);
	while (simple.outcome === undefined) iterate(simple);
	assert.is(check(simple).right, true);
	assert.is(check({ ...simple, x: simple.x + 1e-6 }).right, false, "a little off");
	assert.is(check({ ...simple, x: 2 }).right, false, "the root on the other side");
	assert.is(check({ ...simple, x: simple.x + simple.step }).right, false, "the last step not made");
	assert.is(check({ ...simple, outcome: "iteration-limit" }).right, false, "given up");
	const none = { a: 1, b: 0, c: 1, x0: 1 };
	assert.is(check({ problem: none, x: 0, step: 0, outcome: "converged" }).right, false, "no such root");
	assert.is(check({ problem: none, x: 0, step: Number.NaN, outcome: "no-slope" }).right, true);
});

long(test)("the closed form gives the root on the start's side", () => {
	assert.is(closedForm({ a: 1, b: -5, c: 6, x0: 2.6 }), 3);
	assert.is(closedForm({ a: 1, b: -5, c: 6, x0: 2.4 }), 2);
	assert.is(closedForm({ a: -1, b: 5, c: -6, x0: 2.6 }), 3);
	assert.is(closedForm({ a: 1, b: -5, c: 6, x0: 2.5 }), undefined, "the vertex");
	assert.is(closedForm({ a: 0, b: 2, c: -3, x0: 9 }), 1.5, "linear");
	assert.is(closedForm({ a: 1, b: -6, c: 9, x0: 0 }), 3, "double");
	assert.is(closedForm({ a: 1, b: 1e8, c: 1, x0: 0 }), -1e-8, "without cancellation");
});

test.run();

interface Workflow {
	tasks: Record<string, { command: string; directory: string }>;
}

/** A workflow file of the example, for a folder of another place. */
function shipped(name: string): Workflow {
	const workflow: Workflow = parse(readFileSync(join(ROOT, `examples/newton/${name}.yaml`), "utf8"));
	for (const task of Object.values(workflow.tasks)) task.directory = ROOT;
	return workflow;
}

function taskOf({ tasks }: Workflow, name: string): { command: string } {
	const task = tasks[name];
	if (task === undefined) throw new Error(`no task ${name}`);
	return task;
}

/** Runs a workflow file on the shipped problems, and compares every outcome with the closed form. */
async function assertRoots(place: Place, file: string): Promise<void> {
	await assertFinds(place, (environment) => place.run(["run", file], environment));
}

/** Compares every outcome of what `run` starts, with the variables that it is given, with the closed form. */
async function assertFinds(
	place: Place,
	run: (environment: Record<string, string>) => Promise<Ended>,
): Promise<Ended> {
	const results = join(place.folder, "roots.json");
	const svg = join(place.folder, "plot.svg");
	const figures = join(place.folder, "figures.json");
	const outcome = await run({ NEWTON_RESULTS: results, NEWTON_SVG: svg, NEWTON_JSON: figures });
	assert.is(outcome.code, 0, outcome.stderr);
	assert.match(outcome.stdout, `of which ${PROBLEMS - WITHOUT_ROOT} converged and ${WITHOUT_ROOT} did not`);
	assert.match(readFileSync(svg, "utf8"), /^<svg .*<\/svg>\n$/s);

	const points = pointsIn(results);
	assert.is(points.length, PROBLEMS);
	for (const point of points) {
		const { error, allowed, right } = check(point);
		assert.ok(right, `${JSON.stringify(point)} is off by ${error}, allowed ${allowed}`);
		assert.ok(error < TOLERANCE);
	}
	const converged = points.filter(({ outcome }) => outcome === "converged");
	assert.is(converged.length, PROBLEMS - WITHOUT_ROOT);
	const iterations = converged.reduce((sum, point) => sum + point.iterations, 0);
	assert.equal(JSON.parse(readFileSync(figures, "utf8")), {
		problems: PROBLEMS,
		converged: converged.length,
		meanIterations: iterations / converged.length,
		largestError: Math.max(...converged.map((point) => check(point).error)),
	});
	return outcome;
}

/** Until steer has had answers, and visualize has seen some of them. */
async function progress(place: Place): Promise<void> {
	const received = (name: string) => {
		const [found] = Region.list({ directory: place.regions });
		if (found === undefined) return false;
		using region = Region.open(found, { mode: "read-only", directory: place.regions });
		return region.stats().queues.some((queue) => queue.name === name && queue.received > 0);
	};
	await until(() => received("steer.progress>visualize.progress"));
}

function pointsIn(path: string): Point[] {
	return JSON.parse(readFileSync(path, "utf8"));
}

function iterate(point: Point): void {
	const { a, b, c } = point.problem;
	advance(point, (a * point.x + b) * point.x + c, 2 * a * point.x + b);
}

function permutations(items: string[]): string[][] {
	if (items.length < 2) return [items];
	return items.flatMap((item) =>
		permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
	);
}
