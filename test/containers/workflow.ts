/** Workflows of separate containers, by `dhmem run --runtime podman`: every task is process 1, and of another user. */
import { chmodSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Region } from "dhmem";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { clock, PATIENCE, until } from "../acceptance/row.js";
import { within } from "../region-child.js";
import { newton, Place, type Started } from "../workflow/fixture.js";
import { ALICE, Container, confined, GROUP, podman, programs, rootFileSystem } from "./podman.js";
import { APP } from "./root-file-system.js";

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

/** What a task is in a container: each of a user of its own. */
function contained(number: number, program: string, options: readonly string[] = []) {
	return {
		command: `/usr/bin/node ${APP}/dist/test/${program}.js`,
		rootfs: rootFileSystem(),
		options: [`--user=${ALICE + number}:${ALICE + number}`, ...confined, ...options],
	};
}

/** `dhmem run --runtime podman`; the region's folder is in `place.regions`. */
function run(workflow: object): Started {
	const PATH = `${programs()}:${process.env.PATH}`;
	return place.start(["run", "--runtime=podman", place.write("workflow.json", workflow)], { PATH });
}

/** The workflow of `steps.ts`. */
function steps() {
	const task = (number: number, extra: object = {}) => ({
		...contained(number, "containers/steps"),
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

/** Resolves when the run has written a line in which `words` are. */
async function hear({ child }: Started, words: string): Promise<void> {
	const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
	const heard = new Promise<void>((resolve) => {
		lines.on("line", (line) => {
			if (line.includes(words)) resolve();
		});
	});
	await within(PATIENCE, `"${words}"`, heard);
}

/** The number that process 1 of a task's container has outside. */
function pidOf(task: string): number {
	const name = podman("ps", "--format={{.Names}}")
		.split("\n")
		.find((each) => each.endsWith(`-${task}`));
	return Number(podman("inspect", "--format={{.State.Pid}}", name ?? task));
}

/** What JSON a task of `steps.ts` has written last. */
function said(stdout: string, task: string): unknown {
	const lines = [...stdout.matchAll(/^(\w+) *\| (\{.*\})$/gm)].filter(([, name]) => name === task);
	return JSON.parse(lines.at(-1)?.[2] ?? "null");
}

test("Newton's method finds the same roots in containers as in processes, bit for bit", async () => {
	const inProcesses = join(place.folder, "processes");
	const ended = await place.run(["run", place.write("newton.json", newton())], { ROOTS: inProcesses });
	assert.is(ended.code, 0, ended.stderr);

	const results = join(place.folder, "results");
	mkdirSync(results);
	chmodSync(results, 0o777);
	const { tasks, ...rest } = newton();
	const options = [`--volume=${results}:/results`];
	const workflow = {
		...rest,
		region: { size: "16MiB", group: GROUP },
		tasks: Object.fromEntries(
			Object.keys(tasks).map((name, i) => [
				name,
				{ ...contained(i, "workflow/newton", options), environment: { ROOTS: "/results/roots" } },
			]),
		),
	};
	const { code, stderr } = await run(workflow).ended;
	assert.is(code, 0, stderr);
	assert.equal(readFileSync(join(results, "roots")), readFileSync(inProcesses));
	assert.equal(readdirSync(place.regions), []);
});

test("every task is process 1, of a user of its own, and every step is answered", async () => {
	const { code, stdout, stderr } = await run(steps()).ended;
	assert.is(code, 0, stderr);
	assert.equal(said(stdout, "source"), { pid: 1, user: ALICE });
	assert.equal(said(stdout, "work"), { pid: 1, user: ALICE + 1 });
	assert.equal(said(stdout, "sink"), { answered: STEPS, again: 0, wrong: 0 });
	assert.equal(readdirSync(place.regions), []);
});

test("a container that is killed is noticed within a second, and its successor goes on", async () => {
	const running = run(steps());
	await hear(running, "a quarter");
	const folder = join(place.regions, readdirSync(place.regions)[0] ?? "");
	const [name = ""] = Region.list({ directory: folder });
	using region = Region.open(name, { directory: folder, mode: "open" });
	const isThere = () => region.stats().participants.some(({ label, alive }) => alive && label === "work");
	const pid = pidOf("work");
	assert.ok(isThere());
	const killed = clock();
	process.kill(pid, "SIGKILL");
	await until("the others to notice", () => !isThere());
	const noticed = clock() - killed;
	assert.ok(noticed < 1000, `noticed after ${noticed} ms`);
	region.close();
	const { code, stdout, stderr } = await running.ended;
	assert.is(code, 0, stderr);
	assert.match(stderr, /work ended with exit status 137 \(SIGKILL\); restarting it/);
	const { answered, again, wrong } = said(stdout, "sink") as Record<string, number>;
	assert.equal({ answered, wrong }, { answered: STEPS, wrong: 0 });
	// What it had answered and not released it was given again.
	assert.ok((again as number) <= 1, `${again} steps were answered again`);
	assert.equal(readdirSync(place.regions), []);
});

test("SIGTERM ends every task as it should be, though each is process 1", async () => {
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
