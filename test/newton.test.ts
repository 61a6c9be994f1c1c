import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, closedForm } from "../examples/newton/closed-form.js";
import { advance, type Point, pointAt } from "../examples/newton/newton.js";
import { TOLERANCE } from "../examples/newton/protocol.js";

const EXAMPLE = fileURLToPath(new URL("../examples/newton/", import.meta.url));
const PROBLEMS = 1203;
const WITHOUT_ROOT = 4;
const TASKS = ["evaluate", "steer", "visualize"];

const folder = mkdtempSync(join(tmpdir(), "newton-"));
test.after(() => rmSync(folder, { recursive: true }));

for (const delay of [0, 150]) {
	for (const order of permutations(TASKS)) {
		test(`finds the roots when ${order.join(", ")} start ${delay} ms apart`, async () => {
			await assertRoots([`--order=${order.join(",")}`, `--delay=${delay}`]);
		});
	}
}

test("finds the roots again and again in one region, and leaves nothing in its queues", async () => {
	const name = temporaryName();
	try {
		for (let run = 0; run < 3; run++) {
			await assertRoots([`--region=${name}`]);
			using region = Region.open(name, { mode: "open" });
			for (const queue of region.stats().queues) assert.is(queue.depth, 0, `left in ${queue.name}`);
		}
	} finally {
		Region.unlink(name);
	}
});

test("leaves no region behind", async () => {
	const before = Region.list().length;
	await assertRoots([]);
	assert.is(Region.list().length, before);
});

test("each task runs alone, and finds those that are there or come later", async () => {
	const name = temporaryName();
	try {
		const tasks = TASKS.map((task) => start(task, [`--region=${name}`]));
		const [evaluate, steer, visualize] = await Promise.all(tasks);
		assert.is(evaluate?.code, 0, evaluate?.stderr);
		assert.is(steer?.code, 0, steer?.stderr);
		assert.match(steer?.stdout ?? "", `problems: ${PROBLEMS}, of which ${PROBLEMS - WITHOUT_ROOT} converged`);
		assert.is(visualize?.code, 0, visualize?.stderr);
		assert.match(visualize?.stdout ?? "", `${PROBLEMS - WITHOUT_ROOT} of ${PROBLEMS} converged`);
	} finally {
		Region.unlink(name);
	}
});

test("solves one problem from the command line, or from the environment", async () => {
	const results = join(folder, "one.json");
	const solved = await start("main", ["--a=1", "--b=0", "--c=-2", "--x0=1", `--results=${results}`]);
	assert.is(solved.code, 0, solved.stderr);
	assert.is(Math.abs((pointsIn(results)[0]?.x ?? 0) - Math.SQRT2) < 1e-6, true);

	const environment = { NEWTON_A: "1", NEWTON_B: "0", NEWTON_C: "1", NEWTON_X0: "0.3" };
	const unsolved = await start("main", [], environment);
	assert.is(unsolved.code, 0, unsolved.stderr);
	assert.match(unsolved.stdout, "problems: 1, of which 0 converged and 1 did not");
});

test("when a task leaves without an end, the others end too, and the next run finds the roots", async () => {
	const name = temporaryName();
	try {
		const others = [start("steer", [`--region=${name}`]), start("visualize", [`--region=${name}`])];
		{
			// This process is the evaluate that leaves, once both others are there to notice.
			using region = Region.open(name);
			using guesses = region.queue("guesses").consumer();
			using _values = region.queue("values").producer();
			(await guesses.receive({ timeout: 10_000 }))?.release();
			await until(() => region.stats().participants.some(({ label }) => label === "visualize"));
		}
		for (const { code, stderr } of await Promise.all(others)) {
			assert.is(code, 1);
			assert.match(stderr, "DHMEM_PEER_GONE");
		}
		await assertRoots([`--region=${name}`]);
	} finally {
		Region.unlink(name);
	}
});

for (const task of TASKS) {
	test(`names the task that was killed, and ends the others: ${task}`, async () => {
		const name = temporaryName();
		try {
			using region = Region.open(name);
			const ended = start("main", [`--region=${name}`, "--pace=100"]);
			await until(() =>
				region.stats().queues.some((queue) => queue.name === "progress" && queue.received > 0),
			);
			process.kill(processOf(`${task}.js`, name), "SIGKILL");
			const { code, stderr } = await ended;
			assert.is(code, 1);
			assert.match(stderr, `newton: ${task} ended by SIGKILL`);
			assert.throws(() => processOf("", name), "no such process");
		} finally {
			Region.unlink(name);
		}
	});
}

for (const [what, content, message] of [
	["an empty file", "", ":1: no problems"],
	["a header alone", "a,b,c,x0\n", ":1: no problems"],
	["a missing column", "a,b,x0\n1,2,3\n", ":1: no column c"],
	["a word for a number", "a,b,c,x0\n1,2,3,4\n\n1,two,3,4\n", ":4: b is not a number: two"],
	["an empty field", "a,b,c,x0\n1,2,,4\n", ":2: c is missing"],
	["a short row", "a,b,c,x0\n1,2,3,4\n1,2,3\n", ":3:"],
	["nothing to solve for", "a,b,c,x0\n0,0,3,4\n", ":2: a and b are both 0"],
]) {
	test(`refuses a CSV file with ${what}, naming the line`, async () => {
		const path = join(folder, "bad.csv");
		writeFileSync(path, content ?? "");
		const { code, stderr } = await start("steer", [`--problems=${path}`]);
		assert.is(code, 2, stderr);
		assert.match(stderr, `steer: ${path}${message}`);
	});
}

test("a wrong call of the whole ends all of it, with exit status 2", async () => {
	const { code, stderr } = await start("main", ["--problems=/nowhere.csv"]);
	assert.is(code, 2);
	assert.match(stderr, "/nowhere.csv");
	assert.match(stderr, "newton: steer ended with exit status 2");
	assert.is((await start("main", ["--order=steer,steer,steer"])).code, 2);
	assert.is((await start("main", ["--nonsense"])).code, 2);
});

test("the check finds a wrong root, a missed root and an invented one", () => {
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

test("the closed form gives the root on the start's side", () => {
	assert.is(closedForm({ a: 1, b: -5, c: 6, x0: 2.6 }), 3);
	assert.is(closedForm({ a: 1, b: -5, c: 6, x0: 2.4 }), 2);
	assert.is(closedForm({ a: -1, b: 5, c: -6, x0: 2.6 }), 3);
	assert.is(closedForm({ a: 1, b: -5, c: 6, x0: 2.5 }), undefined, "the vertex");
	assert.is(closedForm({ a: 0, b: 2, c: -3, x0: 9 }), 1.5, "linear");
	assert.is(closedForm({ a: 1, b: -6, c: 9, x0: 0 }), 3, "double");
	assert.is(closedForm({ a: 1, b: 1e8, c: 1, x0: 0 }), -1e-8, "without cancellation");
});

test.run();

/** Runs the whole on the shipped problems, and compares every outcome with the closed form. */
async function assertRoots(args: string[]): Promise<void> {
	const results = join(folder, `${randomUUID()}.json`);
	const svg = `${results}.svg`;
	const { code, stdout, stderr } = await start("main", [...args, `--results=${results}`, `--svg=${svg}`]);
	assert.is(code, 0, stderr);
	assert.is(stderr, "");
	assert.match(stdout, `of which ${PROBLEMS - WITHOUT_ROOT} converged and ${WITHOUT_ROOT} did not`);
	assert.match(readFileSync(svg, "utf8"), /^<svg .*<\/svg>\n$/s);

	const points = pointsIn(results);
	assert.is(points.length, PROBLEMS);
	for (const point of points) {
		const { error, allowed, right } = check(point);
		assert.ok(right, `${JSON.stringify(point)} is off by ${error}, allowed ${allowed}`);
		assert.ok(error < TOLERANCE);
	}
	assert.is(points.filter(({ outcome }) => outcome !== "converged").length, WITHOUT_ROOT);
}

interface Ended {
	code: number | null;
	stdout: string;
	stderr: string;
}

/** Starts a script of the example, which is killed if it takes too long. */
async function start(script: string, args: string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
	const child = spawn(process.execPath, [join(EXAMPLE, `${script}.js`), ...args], {
		cwd: folder,
		env: { ...process.env, ...environment },
		stdio: ["ignore", "pipe", "pipe"],
		timeout: 20_000,
		killSignal: "SIGKILL",
	});
	const output = Promise.all([text(child.stdout), text(child.stderr)]);
	const [code]: (number | null)[] = await once(child, "exit");
	const [stdout, stderr] = await output;
	return { code: code ?? null, stdout, stderr };
}

/** Polls for what no promise tells. */
async function until(condition: () => boolean): Promise<void> {
	const deadline = performance.now() + 10_000;
	while (!condition()) {
		assert.ok(performance.now() < deadline, `in vain: ${condition}`);
		await sleep(10);
	}
}

/** The id of the process that runs `script` in the region. */
function processOf(script: string, region: string): number {
	for (const id of readdirSync("/proc").map(Number)) {
		if (!(id > 0) || id === process.pid) continue;
		const command = commandLineOf(id);
		if (command.includes(region) && command.includes(script)) return id;
	}
	throw new Error("no such process");
}

function commandLineOf(id: number): string {
	try {
		return readFileSync(`/proc/${id}/cmdline`, "utf8");
	} catch {
		return ""; // gone in the meantime
	}
}

function pointsIn(path: string): Point[] {
	return JSON.parse(readFileSync(path, "utf8"));
}

function iterate(point: Point): void {
	const { a, b, c } = point.problem;
	advance(point, (a * point.x + b) * point.x + c, 2 * a * point.x + b);
}

function temporaryName(): string {
	return `newton-test-${randomUUID()}`;
}

function permutations(items: string[]): string[][] {
	if (items.length < 2) return [items];
	return items.flatMap((item) =>
		permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
	);
}
