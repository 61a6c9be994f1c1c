/** Workflows of separate containers, by `dhmem run --runtime podman`: each task is process 1, under a user of its own. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Region } from "dhmem";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { clock, PATIENCE, Place, type Started, until, within } from "../fixture/index.js";
import { ALICE, Container, confined, GROUP, podman, programs, python, rootFileSystem } from "./podman.js";
import { APP, PROJECT } from "./root-file-system.js";

const STEPS = 1000;
const test = suite("Workflows of containers");
let place: Place;

test.before.each(() => {
	place = new Place();
});

test.after.each(async () => {
	await Container.removeAll();
	place.remove();
});

/** How a task runs in a container, each under a user of its own. */
function contained(
	number: number,
	[program = "", ...args]: readonly string[],
	options: readonly string[] = [],
) {
	const interpreter = program.endsWith(".py") ? python() : { program: "/usr/bin/node", options: [] };
	const user = `--user=${ALICE + number}:${ALICE + number}`;
	return {
		command: [interpreter.program, `${APP}/${program}`, ...args],
		rootfs: rootFileSystem(),
		options: [user, ...confined, ...interpreter.options, ...options],
	};
}

/** Starts `dhmem run --runtime podman`; the region's folder is in `place.regions`. */
function run(workflow: object): Started {
	const PATH = `${programs()}:${process.env.PATH}`;
	return place.start(["run", "--runtime=podman", place.write("workflow.json", workflow)], { PATH });
}

/** The workflow of `steps.ts`. */
function steps() {
	const task = (number: number, extra: object = {}) => ({
		...contained(number, ["dist/test/containers/steps.js"]),
		environment: { STEPS },
		...extra,
	});
	return {
		name: "steps",
		region: { size: "16MiB", group: GROUP },
		tasks: { source: task(0), work: task(1, { restart: "on-failure" }), sink: task(2) },
		links: [
			{ from: "source.steps", to: "work.steps", capacity: "1KiB" },
			{ from: "work.results", to: "sink.results", capacity: "1KiB" },
		],
	};
}

/** Resolves when the run has printed a line that contains `words`. */
async function hear({ child }: Started, words: string): Promise<void> {
	const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
	const heard = new Promise<void>((resolve) => {
		lines.on("line", (line) => {
			if (line.includes(words)) resolve();
		});
	});
	await within(PATIENCE, `"${words}"`, heard);
}

/** The region of a run, when it is there. */
async function regionOf({ ended }: Started): Promise<Region> {
	const find = () =>
		readdirSync(place.regions, { recursive: true, encoding: "utf8" }).find((path) => path.endsWith(".dhmem"));
	await Promise.race([until(() => find() !== undefined, "the region"), ended]);
	const path = join(place.regions, find() ?? "");
	return Region.open(basename(path, ".dhmem"), { directory: dirname(path), mode: "open" });
}

/** The number of messages that were received from a queue. */
function received(region: Region, queue: string): number {
	return region.stats().queues.find(({ name }) => name === queue)?.received ?? 0;
}

/** The process id, outside, of process 1 in a task's container. */
function pidOf(task: string): number {
	const name = podman("ps", "--format={{.Names}}")
		.split("\n")
		.find((each) => each.endsWith(`-${task}`));
	return Number(podman("inspect", "--format={{.State.Pid}}", name ?? task));
}

/** The last JSON that a task of `steps.ts` has printed. */
function said(stdout: string, task: string): unknown {
	const lines = [...stdout.matchAll(/^(\w+) *\| (\{.*\})$/gm)].filter(([, name]) => name === task);
	return JSON.parse(lines.at(-1)?.[2] ?? "null");
}

/** A workflow of the same programs in processes or in containers; its results are in `results`. */
interface Example {
	name: string;
	/** The arguments of each task, its program first: a path in the package. */
	tasks(results: string): Record<string, string[]>;
	/** Its workflow file, from which the links and restarts are taken. */
	file: string;
	environment?(results: string): Record<string, string>;
}

const newton: Example = {
	name: "newton",
	tasks: () => ({
		evaluate: ["dist/examples/newton/evaluate.js"],
		steer: ["dist/examples/newton/steer.js"],
		visualize: ["dist/examples/newton/visualize.js"],
	}),
	file: "examples/newton/newton.yaml",
	environment: (results) => ({
		NEWTON_RESULTS: `${results}/roots.json`,
		NEWTON_SVG: `${results}/plot.svg`,
		NEWTON_JSON: `${results}/figures.json`,
		NEWTON_PACE: "5",
	}),
};

const newtonInPython: Example = {
	...newton,
	tasks: (results) => ({ ...newton.tasks(results), evaluate: ["examples/newton/evaluate.py"] }),
	file: "examples/newton/newton-python.yaml",
};

const grayScott: Example = {
	name: "gray-scott",
	tasks: (results) => ({
		simulate: ["dist/examples/gray-scott/simulate.js", "--size=128", "--steps=400", "--every=100"],
		analyse: ["dist/examples/gray-scott/analyse.js", `--results=${results}/results.csv`],
		render: ["dist/examples/gray-scott/render.js", `--images=${results}/images`],
	}),
	file: "examples/gray-scott/gray-scott.yaml",
};

type RawTask = Record<string, unknown>;

/** The workflow of an example; `more` says where each task runs. */
function workflowOf(
	{ name, file, tasks }: Example,
	results: string,
	more: (args: string[], i: number) => RawTask,
) {
	const shipped: { tasks: Record<string, RawTask>; links: object[] } = parse(
		readFileSync(join(PROJECT, file), "utf8"),
	);
	const placed = Object.entries(tasks(results)).map(([task, args], i) => {
		const { restart = "no" } = shipped.tasks[task] ?? {};
		return [task, { restart, ...more(args, i) }];
	});
	return { name, region: { group: GROUP }, tasks: Object.fromEntries(placed), links: shipped.links };
}

function inProcesses(example: Example, results: string): Started {
	mkdirSync(results);
	const workflow = workflowOf(example, results, ([program = "", ...args]) => ({
		command: [process.execPath, join(PROJECT, program), ...args],
	}));
	return place.start(["run", place.write("processes.json", workflow)], example.environment?.(results));
}

function inContainers(example: Example, results: string): Started {
	mkdirSync(results);
	chmodSync(results, 0o777);
	const workflow = workflowOf(example, "/results", (args, number) => ({
		...contained(number, args, [`--volume=${results}:/results`]),
		environment: example.environment?.("/results") ?? {},
	}));
	return run(workflow);
}

/** All files in a folder and below it, by their paths in it. */
function filesIn(folder: string): Map<string, Buffer> {
	const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
	const files = paths.filter((path) => statSync(join(folder, path)).isFile());
	return new Map(files.map((path) => [path, readFileSync(join(folder, path))]));
}

function assertSameFiles(actual: string, expected: string): void {
	const files = filesIn(expected);
	assert.ok(files.size > 0);
	assert.equal([...filesIn(actual).keys()], [...files.keys()]);
	for (const [path, content] of filesIn(actual)) assert.ok(files.get(path)?.equals(content), path);
}

for (const example of [newton, grayScott]) {
	test(`${example.name} has the same results in containers as in processes, bit for bit`, async () => {
		const [apart, together] = [join(place.folder, "containers"), join(place.folder, "processes")];
		for (const { ended } of [inProcesses(example, together), inContainers(example, apart)]) {
			const { code, stderr } = await ended;
			assert.is(code, 0, stderr);
		}
		assertSameFiles(apart, together);
		assert.equal(readdirSync(place.regions), []);
	});
}

test("newton with evaluate in Python has the same results in containers as without Python, bit for bit", async () => {
	const [apart, together] = [join(place.folder, "containers"), join(place.folder, "processes")];
	for (const { ended } of [inProcesses(newton, together), inContainers(newtonInPython, apart)]) {
		const { code, stderr } = await ended;
		assert.is(code, 0, stderr);
	}
	assertSameFiles(apart, together);
	assert.equal(readdirSync(place.regions), []);
});

for (const [language, example] of Object.entries({ TypeScript: newton, Python: newtonInPython })) {
	test(`Newton has the same results, bit for bit, when a container with ${language} is killed in mid-run`, async () => {
		const [apart, together] = [join(place.folder, "containers"), join(place.folder, "processes")];
		const undisturbed = await inProcesses(newton, together).ended;
		assert.is(undisturbed.code, 0, undisturbed.stderr);

		const running = inContainers(example, apart);
		using region = await regionOf(running);
		await until(() => received(region, "evaluate.values>steer.values") > 3, "steer to be answered");
		process.kill(pidOf("evaluate"), "SIGKILL");
		region.close();
		const { code, stderr } = await running.ended;
		assert.is(code, 0, stderr);
		assert.match(stderr, /evaluate ended with exit status 137 \(SIGKILL\); restarting it/);
		assertSameFiles(apart, together);
		assert.equal(readdirSync(place.regions), []);
	});
}

test("every task is process 1, of a user of its own, and every step is answered", async () => {
	const { code, stdout, stderr } = await run(steps()).ended;
	assert.is(code, 0, stderr);
	assert.equal(said(stdout, "source"), { pid: 1, user: ALICE });
	assert.equal(said(stdout, "work"), { pid: 1, user: ALICE + 1 });
	assert.equal(said(stdout, "sink"), { answered: STEPS, again: 0, wrong: 0 });
	assert.equal(readdirSync(place.regions), []);
});

test("a killed container is noticed within a second, and its successor continues", async () => {
	const running = run(steps());
	await hear(running, "a quarter");
	using region = await regionOf(running);
	const isThere = () => region.stats().participants.some(({ label, alive }) => alive && label === "work");
	const pid = pidOf("work");
	assert.ok(isThere());
	const killed = clock();
	process.kill(pid, "SIGKILL");
	await until(() => !isThere(), "the others to notice");
	const noticed = clock() - killed;
	assert.ok(noticed < 1000, `noticed after ${noticed} ms`);
	region.close();
	const { code, stdout, stderr } = await running.ended;
	assert.is(code, 0, stderr);
	assert.match(stderr, /work ended with exit status 137 \(SIGKILL\); restarting it/);
	const { answered, again, wrong } = said(stdout, "sink") as Record<string, number>;
	assert.equal({ answered, wrong }, { answered: STEPS, wrong: 0 });
	// What it had answered and not released was delivered to it again.
	assert.ok((again as number) <= 1, `${again} steps were answered again`);
	assert.equal(readdirSync(place.regions), []);
});

test("SIGTERM ends every task cleanly, although each is process 1", async () => {
	const running = run(steps());
	await hear(running, "a quarter");
	running.child.kill("SIGTERM");
	const { code, stdout, stderr } = await running.ended;
	assert.is(code, 128 + 15, stderr);
	assert.is(stdout.match(/\| asked to end$/gm)?.length, 3, stdout);
	assert.equal(podman("ps", "--all", "--format={{.Names}}"), "");
	assert.equal(readdirSync(place.regions), []);
});

test.run();
