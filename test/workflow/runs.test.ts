/** Whole runs of workflow files: tasks that end, fail, hang and are killed. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { exchange as exchangeInRing } from "../endurance/exchange.js";
import {
	childrenOf,
	count,
	long,
	newton,
	type Place,
	placeTest,
	processEnd,
	program,
	some,
} from "../fixture/index.js";

for (const order of some(permutations(["evaluate", "steer", "visualize"]), 6, 1)) {
	placeTest(`three tasks find the roots when ${order.join(", ")} start in this order`, async (place) => {
		await assertRoots(place, newton(order));
	});
}

placeTest("a foreign program takes part through a pipe", async (place) => {
	const workflow = newton();
	workflow.tasks.evaluate = {
		command: `dhmem recv guesses --as f64 | ${program("evaluate-lines")} | dhmem send values --as f64`,
		environment: { PATH: `${place.bin}:${process.env.PATH}` },
	};
	await assertRoots(place, workflow);
});

const failing = [
	["ends with a status", [process.execPath, "-e", "process.exit(7)"], 7, "steer ended with exit status 7"],
	[
		"is ended by a signal",
		[process.execPath, "-e", "process.kill(process.pid, 'SIGKILL')"],
		137,
		"steer was ended by SIGKILL",
	],
	["is not there", ["/nowhere/steer"], 127, "steer did not start: there is no program /nowhere/steer"],
] as const;
for (const [what, command, status, message] of some(failing, 3)) {
	placeTest(`names the task that ${what}, stops the others, and exits with its status`, async (place) => {
		const workflow = newton();
		workflow.tasks.steer = { command };
		const { code, stderr } = await place.run(["run", place.write("newton.json", workflow)]);
		assert.is(code, status, stderr);
		assert.match(stderr, `newton: ${message}; stopping the others`);
		assert.match(stderr, /newton: evaluate (has finished|ended|was ended)/);
		assert.match(stderr, /newton: visualize (has finished|ended|was ended)/);
	});
}

long(placeTest)("a task that ignores SIGTERM is killed", async (place) => {
	const stubborn =
		"process.on('SIGTERM', () => {}); require('fs').writeFileSync('ready', ''); setInterval(() => {}, 1000)";
	const tasks = {
		stubborn: { command: [process.execPath, "-e", stubborn] },
		failing: { command: "until [ -e ready ]; do sleep 0.1; done; exit 3" },
	};
	const { code, stderr } = await place.run(["run", place.write("two.json", { name: "two", tasks })]);
	assert.is(code, 3);
	assert.match(stderr, "two: stubborn was ended by SIGKILL");
});

long(placeTest)("every message arrives though every task is killed again and again", async (place) => {
	const again = { command: program("lives"), restart: "on-failure", restarts: 20 };
	const workflow = {
		name: "lives",
		region: { size: "16MiB" },
		tasks: { source: again, relay: again, sink: again },
		links: [
			{ from: "source.numbers", to: "relay.numbers", capacity: "4KiB" },
			{ from: "relay.onward", to: "sink.onward", capacity: "4KiB" },
		],
	};
	const environment = { NUMBERS: "3000", LIFE: "1000" };
	const { code, stdout, stderr } = await place.run(["run", place.write("lives.json", workflow)], environment);
	assert.is(code, 0, stderr);
	assert.match(stdout, "all 3000 came, few of them twice");
	for (const task of ["source", "relay", "sink"])
		assert.match(stderr, `${task} was ended by SIGKILL; restarting it (3`);
});

placeTest("gives up a task that fails more often than it may", async (place) => {
	const tasks = { failing: { command: "exit 9", restart: "on-failure", restarts: 2 } };
	const { code, stderr } = await place.run(["run", place.write("f.json", { name: "f", tasks })]);
	assert.is(code, 9);
	assert.match(stderr, "failing ended with exit status 9 after 2 restarts");
});

const endings = [
	["SIGINT", 130, "130 (SIGINT)"],
	["SIGTERM", 143, "143 (SIGTERM)"],
	["SIGHUP", 129, "143 (SIGTERM)"],
] as const;
for (const [signal, status, ending] of some(endings, 3, 1)) {
	placeTest(`${signal} ends all tasks, and each had time to clean up`, async (place) => {
		const { child, ended } = place.start(["run", place.write("newton.json", newton())], {
			NUMBERS: "1000000000",
		});
		await place.participants(4);
		child.kill(signal);
		const { code, stderr } = await ended;
		assert.is(code, status, stderr);
		for (const task of ["evaluate", "steer", "visualize"]) {
			assert.match(stderr, `${task} ended with exit status ${ending}`);
		}
		assert.not.match(stderr, " at ", "no stacks");
	});
}

long(placeTest)("when the runner is killed its tasks end, and nothing is left", async (place) => {
	const { child, ended } = place.start(["run", place.write("newton.json", newton())], {
		NUMBERS: "1000000000",
	});
	await place.participants(4);
	child.kill("SIGKILL");
	assert.is((await ended).code, null);
	await place.emptied();
});

long(placeTest)("when all are killed the next run removes what they left", async (place) => {
	const file = place.write("newton.json", newton());
	const { child, ended } = place.start(["run", file], { NUMBERS: "1000000000" });
	await place.participants(4);
	const tasks = childrenOf(child);
	assert.is(tasks.length, 3);
	for (const task of tasks) process.kill(task, "SIGSTOP");
	child.kill("SIGKILL");
	for (const task of tasks) process.kill(task, "SIGKILL");
	await Promise.all([ended, ...tasks.map(processEnd)]);
	const left = place.left().find((name) => !name.startsWith("."));
	assert.ok(left?.startsWith("newton-"));
	await assertRoots(place, newton());
});

placeTest("a circle of full links is named, and ends the run if asked to", async (place) => {
	const subscriber = new URL("./stuck-subscriber.js", import.meta.url).href;
	const environment = { MESSAGES: "10", NODE_OPTIONS: `--import=${subscriber}` };
	const { code, stderr } = await exchange(place, environment, ["--stop-when-stuck"]).ended;
	assert.is(code, 1, stderr);
	assert.match(stderr, /^published: .*\/exchange-.*\.dhmem: deadlock: /m);
	assert.match(stderr, /deadlock: (left → right → left|right → left → right)\./);
	assert.match(stderr, "left.out>right.in (capacity 4096 bytes)");
	assert.match(stderr, "right.out>left.in (capacity 4096 bytes)");
});

placeTest(
	"a run goes on in which tasks wait for each other, because they may wait for more",
	async (place) => {
		const GO = join(place.folder, "go");
		const { child, ended } = exchange(place, { MESSAGES: "10", GO });
		child.stderr?.on("data", (text: Buffer) => {
			if (text.includes("The run goes on")) writeFileSync(GO, "");
		});
		const { code, stderr } = await ended;
		assert.is(code, 0, stderr);
		assert.is(stderr.match(/deadlock: /g)?.length, 1, stderr);
	},
);

long(placeTest)(
	"a circle of full links in which somebody works for long is not taken for a deadlock",
	async (place) => {
		const { code, stderr } = await exchange(place, { MESSAGES: "10", BUSY: "8000" }, ["--stop-when-stuck"])
			.ended;
		assert.is(code, 0, stderr);
	},
);

long(placeTest)(
	"a task that finishes without ending its output is named, and ends the run if asked to",
	async (place) => {
		const workflow = newton();
		workflow.tasks.evaluate = { command: program("leave") };
		const { code, stderr } = await place.run([
			"run",
			"--stop-when-stuck",
			place.write("newton.json", workflow),
		]);
		assert.is(code, 1, stderr);
		// Both other tasks wait for it, and the run ends when the first of them has waited for long enough.
		assert.match(
			stderr,
			/(steer|visualize) waits for a message of evaluate\.values>\1\.values, but evaluate has finished/,
		);
	},
);

long(test)("six tasks exchange much more than the region holds", async () => {
	const region = 64 * 2 ** 20;
	const { code, errors, most } = await exchangeInRing({ bytes: count(3e8, 2e9), message: 1e6, region });
	assert.is(code, 0, errors);
	assert.ok(most > 0 && most <= region, `${most} bytes`);
});

function exchange(place: Place, environment: NodeJS.ProcessEnv, options: readonly string[] = []) {
	const workflow = {
		name: "exchange",
		region: { size: "16MiB" },
		tasks: { left: { command: program("exchange") }, right: { command: program("exchange") } },
		links: [
			{ from: "left.out", to: "right.in", capacity: "4KiB" },
			{ from: "right.out", to: "left.in", capacity: "4KiB" },
		],
	};
	return place.start(["run", ...options, place.write("exchange.json", workflow)], environment);
}

/** Runs a workflow of `newton.ts`, and checks the roots that it wrote. */
async function assertRoots(place: Place, workflow: object): Promise<void> {
	const ROOTS = join(place.folder, "roots.json");
	const { code, stdout, stderr } = await place.run(["run", place.write("newton.json", workflow)], { ROOTS });
	assert.is(code, 0, stderr);
	assert.match(stdout, "steer     | 20 roots");
	const roots: [number, number][] = JSON.parse(readFileSync(ROOTS, "utf8"));
	assert.is(roots.length, 20);
	for (const [a, x] of roots) assert.ok(Math.abs(x * x - a) < 1e-9, `${x} is the root of ${a}`);
}

function permutations<T>(items: readonly T[]): T[][] {
	if (items.length < 2) return [[...items]];
	return items.flatMap((item) =>
		permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
	);
}

test.run();
