import { randomUUID } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DhmemError, Region } from "dhmem";
import { Task } from "dhmem/workflow";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatLinks, parseLinks } from "../src/workflow/links.js";
import { exchange as exchangeInRing } from "./endurance/exchange.js";
import { failure } from "./fixture.js";
import { childrenOf, newton, Place, placeTest, processEnd, program } from "./workflow/fixture.js";

// ------------------------------------------------------------------------------------------- whole runs

for (const order of permutations(["evaluate", "steer", "visualize"])) {
	placeTest(`three tasks find the roots when ${order.join(", ")} start in this order`, async (place) => {
		await assertRoots(place, newton(order));
	});
}

placeTest("a task that is not ours takes part through a pipe", async (place) => {
	const workflow = newton();
	workflow.tasks.evaluate = {
		command: `dhmem recv guesses --as f64 | ${program("evaluate-lines")} | dhmem send values --as f64`,
		environment: { PATH: `${place.bin}:${process.env.PATH}` },
	};
	await assertRoots(place, workflow);
});

for (const [what, command, status, message] of [
	["ends with a status", [process.execPath, "-e", "process.exit(7)"], 7, "steer ended with exit status 7"],
	[
		"is ended by a signal",
		[process.execPath, "-e", "process.kill(process.pid, 'SIGKILL')"],
		137,
		"steer was ended by SIGKILL",
	],
	["is not there", ["/nowhere/steer"], 127, "steer did not start: there is no program /nowhere/steer"],
] as const) {
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

placeTest("a task that ignores SIGTERM is killed", async (place) => {
	const stubborn = "process.on('SIGTERM', () => {}); console.log('ready'); setInterval(() => {}, 1000)";
	const tasks = {
		stubborn: { command: [process.execPath, "-e", stubborn] },
		failing: { command: "sleep 2; exit 3" },
	};
	const { code, stderr } = await place.run(["run", place.write("two.json", { name: "two", tasks })]);
	assert.is(code, 3);
	assert.match(stderr, "two: stubborn was ended by SIGKILL");
});

placeTest("every message arrives though every task is killed again and again", async (place) => {
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

for (const [signal, status, ending] of [
	["SIGINT", 130, "130 (SIGINT)"],
	["SIGTERM", 143, "143 (SIGTERM)"],
	["SIGHUP", 129, "143 (SIGTERM)"],
] as const) {
	placeTest(`${signal} ends all tasks, each of which could tidy up`, async (place) => {
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

placeTest("when the runner is killed its tasks end, and nothing is left", async (place) => {
	const { child, ended } = place.start(["run", place.write("newton.json", newton())], {
		NUMBERS: "1000000000",
	});
	await place.participants(4);
	child.kill("SIGKILL");
	assert.is((await ended).code, null);
	await place.participants(0);
});

placeTest("when all are killed the next run removes what they left", async (place) => {
	const file = place.write("newton.json", newton());
	const { child, ended } = place.start(["run", file], { NUMBERS: "1000000000" });
	await place.participants(4);
	const tasks = childrenOf(child);
	assert.is(tasks.length, 3);
	for (const task of tasks) process.kill(task, "SIGSTOP");
	child.kill("SIGKILL");
	for (const task of tasks) process.kill(task, "SIGKILL");
	await Promise.all([ended, ...tasks.map(processEnd)]);
	const [left] = place.left();
	assert.ok(left?.startsWith("newton-"));
	await assertRoots(place, newton());
});

placeTest("a circle of full links is named, and ends the run", async (place) => {
	const { code, stderr } = await exchange(place, { MESSAGES: "10" });
	assert.is(code, 1, stderr);
	assert.match(stderr, /deadlock: (left → right → left|right → left → right)\./);
	assert.match(stderr, "left.out>right.in (capacity 4096 bytes)");
	assert.match(stderr, "right.out>left.in (capacity 4096 bytes)");
});

placeTest(
	"a circle of full links in which somebody works for long is not taken for a deadlock",
	async (place) => {
		const { code, stderr } = await exchange(place, { MESSAGES: "10", BUSY: "8000" });
		assert.is(code, 0, stderr);
	},
);

placeTest("a task that finishes without ending its output is named, and ends the run", async (place) => {
	const workflow = newton();
	workflow.tasks.evaluate = { command: program("leave") };
	const { code, stderr } = await place.run(["run", place.write("newton.json", workflow)]);
	assert.is(code, 1, stderr);
	assert.match(
		stderr,
		"steer waits for a message of evaluate.values>steer.values, and evaluate has finished",
	);
});

test("six tasks exchange much more than the region holds", async () => {
	const region = 64 * 2 ** 20;
	const { code, errors, most } = await exchangeInRing({ bytes: 2e9, message: 1e6, region });
	assert.is(code, 0, errors);
	assert.ok(most > 0 && most <= region, `${most} bytes`);
});

function exchange(place: Place, environment: NodeJS.ProcessEnv) {
	const workflow = {
		name: "exchange",
		region: { size: "16MiB" },
		tasks: { left: { command: program("exchange") }, right: { command: program("exchange") } },
		links: [
			{ from: "left.out", to: "right.in", capacity: "4KiB" },
			{ from: "right.out", to: "left.in", capacity: "4KiB" },
		],
	};
	return place.run(["run", place.write("exchange.json", workflow)], environment);
}

// ---------------------------------------------------------------------------- tasks, several in a process

test("an input takes from several producers in turn, and ends when all have", async () => {
	using tasks = new Tasks(["a.out>sum.in", "b.out>sum.in", "c.out>sum.in"]);
	const input = tasks.get("sum").input("in");
	const producers = ["a", "b", "c"].map((name) => tasks.get(name).output("out"));
	for (const [i, producer] of producers.entries())
		for (let n = 0; n < 10; n++) await producer.send(Uint8Array.of(i));
	const counts = [0, 0, 0];
	const count = (i = Number.NaN) => counts.splice(i, 1, (counts[i] ?? 0) + 1);
	for (let n = 0; n < 15; n++) {
		using message = await input.receive();
		count(message?.bytes[0]);
	}
	assert.equal(counts, [5, 5, 5]);
	for (const producer of producers) producer.end();
	for await (const message of input) count(message.bytes[0]);
	assert.equal(counts, [10, 10, 10]);
	assert.ok(input.ended);
	assert.is(await input.receive(), undefined);
});

test("an input of several links waits for whichever comes first, and keeps what comes at once", async () => {
	using tasks = new Tasks(["a.out>sum.in", "b.out>sum.in"]);
	const input = tasks.get("sum").input("in");
	const [a, b] = ["a", "b"].map((name) => tasks.get(name).output("out"));
	const first = input.receive();
	await Promise.all([a?.send("from a"), b?.send("from b")]);
	const texts = [(await first)?.text(), (await input.receive())?.text()];
	assert.equal(texts.sort(), ["from a", "from b"]);
	assert.is(await codeOf(input.receive({ timeout: 20 })), "DHMEM_TIMEOUT");
	assert.is(await codeOf(input.receive({ timeout: 0 })), "DHMEM_TIMEOUT");
	const reason = new Error("enough");
	const controller = new AbortController();
	const waiting = input.receive({ signal: controller.signal });
	controller.abort(reason);
	assert.is(await waiting.catch((error) => error), reason);
	await a?.send("later");
	assert.is((await input.receive())?.text(), "later");
});

test("batches have what is there of all links", async () => {
	using tasks = new Tasks(["a.out>sum.in", "b.out>sum.in"]);
	const outputs = ["a", "b"].map((name) => tasks.get(name).output("out"));
	for (const output of outputs) {
		for (let n = 0; n < 5; n++) await output.send(Uint8Array.of(n));
		output.end();
	}
	const sizes = [];
	for await (const batch of tasks.get("sum").input("in").batches(4)) sizes.push(batch.length);
	assert.equal(sizes, [4, 4, 2]);
});

test("every consumer of an output gets every message, and a reference of its own to a block", async () => {
	using tasks = new Tasks(["sim.field>a.in", "sim.field>b.in", "sim.field>c.in"]);
	const sim = tasks.get("sim");
	const output = sim.output("field");
	const inputs = ["a", "b", "c"].map((name) => tasks.get(name).input("in"));
	const before = sim.region.stats().used;
	const large = new Uint8Array(2_000_000).fill(7);
	for (let round = 0; round < 20; round++) {
		const block = sim.region.allocate(1_000_000);
		block.bytes.fill(round);
		await output.send("beside", { block });
		assert.is(failure(() => block.bytes).code, "DHMEM_CLOSED");
		await output.send(large);
		for (const input of inputs) {
			using message = await input.receive();
			assert.is(message?.text(), "beside");
			assert.is(message?.block?.bytes[999_999], round);
			using whole = await input.receive();
			assert.is(whole?.length, large.length);
			assert.is(whole?.bytes[1_999_999], 7);
			assert.is(whole?.block, undefined);
		}
	}
	output.end();
	for (const input of inputs) assert.is(await input.receive(), undefined);
	assert.is(sim.region.stats().used, before);
});

test("what is large is in memory once, however many get it", async () => {
	using tasks = new Tasks(["sim.field>a.in", "sim.field>b.in", "sim.field>c.in"]);
	const sim = tasks.get("sim");
	const output = sim.output("field");
	const before = sim.region.stats().used;
	await output.send(new Uint8Array(8_000_000));
	const more = sim.region.stats().used - before;
	assert.ok(more > 8_000_000 && more < 9_000_000, `${more}`);
});

test("each consumer has its own back-pressure, and a send that fails leaves the block the sender's", async () => {
	using tasks = new Tasks(["sim.field>fast.in;capacity=4096", "sim.field>slow.in;capacity=4096"]);
	const sim = tasks.get("sim");
	const output = sim.output("field");
	const fast = tasks.get("fast").input("in");
	let sent = 0;
	for (;;) {
		const block = sim.region.allocate(1000);
		const code = await codeOf(output.send(new Uint8Array(500), { block, timeout: 50 }));
		fast.tryReceive()?.release();
		if (code === "") {
			sent++;
			continue;
		}
		assert.is(code, "DHMEM_TIMEOUT");
		block.free();
		break;
	}
	assert.ok(sent >= 2 && sent < 10, `${sent}`);
	const slow = tasks.get("slow").input("in");
	for (let i = 0; i < sent; i++) (await slow.receive())?.release();
	await output.send("there is room again");
});

test("where the oldest is dropped a slow consumer has the last, and the sender never waits", async () => {
	using tasks = new Tasks([
		"sim.field>all.in",
		"sim.field>last.in;policy=drop-oldest;keep=3",
		"sim.field>newest.in;policy=latest",
	]);
	const sim = tasks.get("sim");
	const output = sim.output("field");
	const inputs = ["all", "last", "newest"].map((name) => tasks.get(name).input("in"));
	const before = sim.region.stats().used;
	for (let step = 0; step < 10; step++) {
		const block = await output.allocate(100_000);
		block.bytes.fill(step);
		await output.send(`${step}`, { block });
	}
	output.end();
	const seen = [];
	for (const input of inputs) {
		const steps = [];
		for await (const message of input) {
			assert.is(message.block?.bytes[99_999], Number(message.text()));
			steps.push(message.text());
		}
		seen.push(steps.join(""));
	}
	assert.equal(seen, ["0123456789", "789", "9"]);
	assert.is(sim.region.stats().used, before);
});

test("large messages go to consumers of every policy", async () => {
	using tasks = new Tasks([
		"sim.field>a.in",
		"sim.field>b.in",
		"sim.field>last.in;policy=drop-oldest;keep=2",
		"sim.field>newest.in;policy=latest",
	]);
	const output = tasks.get("sim").output("field");
	const inputs = ["a", "b", "last", "newest"].map((name) => tasks.get(name).input("in"));
	for (let step = 0; step < 3; step++) await output.send(new Uint8Array(3_000_000).fill(step));
	output.end();
	const seen = [];
	for (const input of inputs) {
		const steps = [];
		for await (const { bytes } of input) steps.push(bytes.length === 3_000_000 ? bytes[2_999_999] : "cut");
		seen.push(steps.join(""));
	}
	assert.equal(seen, ["012", "012", "12", "2"]);
});

test("an output waits for memory until a consumer releases some, and not for what can't come", async () => {
	using tasks = new Tasks(["sim.field>a.in", "sim.field>b.in"]);
	const output = tasks.get("sim").output("field");
	const inputs = ["a", "b"].map((name) => tasks.get(name).input("in"));
	const size = 20_000_000;
	for (let n = 0; n < 3; n++) await output.send("", { block: await output.allocate(size) });
	assert.is(await codeOf(output.allocate(size, { timeout: 20 })), "DHMEM_TIMEOUT");
	const waiting = output.allocate(size);
	const large = output.send(new Uint8Array(size));
	for (const input of inputs) {
		for (let n = 0; n < 3; n++) (await input.receive())?.release();
	}
	(await waiting).free();
	await large;
	for (const input of inputs) assert.is((await input.receive())?.length, size);
	assert.is(await codeOf(output.allocate(100_000_000)), "DHMEM_MESSAGE_TOO_LARGE");
});

test("inputs and outputs wait for a peer that has gone, and go on with the next", async () => {
	using tasks = new Tasks(["a.out>b.in;capacity=64"]);
	const input = tasks.get("b").input("in");
	await tasks.get("a").output("out").send("one");
	tasks.leave("a");
	assert.is((await input.receive())?.text(), "one");
	const waiting = input.receive();
	assert.is(await Promise.race([waiting, sleep(200, "still waiting")]), "still waiting");
	const output = tasks.get("a").output("out");
	await output.send("two");
	assert.is((await waiting)?.text(), "two");
	tasks.leave("b");
	await output.send(new Uint8Array(16)).catch(() => {});
	const blocked = output.send(new Uint8Array(16));
	const again = tasks.get("b").input("in");
	// What was not released comes again.
	const texts = [await again.receive(), await again.receive()].map((message) => message?.text());
	assert.equal(texts, ["one", "two"]);
	tasks.leave("b");
	const third = tasks.get("b").input("in");
	for await (const message of third) {
		if (message.length === 16) break;
	}
	await blocked;
});

test("an end of a queue is patient or not", () => {
	using region = Region.temporary({ size: "16MiB" });
	const patient = "very" as unknown as boolean;
	assert.is(failure(() => region.queue("q").producer({ patient })).code, "DHMEM_BAD_ARGUMENT");
	assert.is(failure(() => region.queue("q").consumer({ patient })).code, "DHMEM_BAD_ARGUMENT");
	region.queue("q").producer({ patient: true });
});

test("closing a task does not end its outputs", async () => {
	using tasks = new Tasks(["a.out>b.in"]);
	tasks.get("a").output("out");
	tasks.leave("a");
	assert.is(await codeOf(tasks.get("b").input("in").receive({ timeout: 100 })), "DHMEM_TIMEOUT");
});

// ------------------------------------------------------------------------------------- the environment

const sound = {
	DHMEM_REGION: "sound",
	DHMEM_TASK: "evaluate",
	DHMEM_LINKS: "values=evaluate.values>steer.values",
};

for (const [what, change, code, message] of [
	["no task", { DHMEM_TASK: undefined }, "DHMEM_NOT_FOUND", "has no DHMEM_TASK"],
	["no region", { DHMEM_REGION: "" }, "DHMEM_NOT_FOUND", "has no DHMEM_REGION"],
	["no links", { DHMEM_LINKS: undefined }, "DHMEM_NOT_FOUND", "has no DHMEM_LINKS"],
	["a wrong task", { DHMEM_TASK: "a.b" }, "DHMEM_BAD_ARGUMENT", 'DHMEM_TASK is "a.b"'],
	["a wrong region", { DHMEM_REGION: "../x" }, "DHMEM_BAD_ARGUMENT", "DHMEM_REGION: "],
	["a link of others", { DHMEM_LINKS: "x=a.x>b.x" }, "DHMEM_BAD_ARGUMENT", "a link from a to b"],
	[
		"half a link",
		{ DHMEM_LINKS: "x=evaluate.x" },
		"DHMEM_BAD_ARGUMENT",
		'DHMEM_LINKS: A link is "x=evaluate.x"',
	],
	["a wrong policy", { DHMEM_LINKS: "x=evaluate.x>b.x;policy=newest" }, "DHMEM_BAD_ARGUMENT", "policy"],
	["a wrong capacity", { DHMEM_LINKS: "x=evaluate.x>b.x;capacity=much" }, "DHMEM_BAD_ARGUMENT", "capacity"],
	["wrong keep", { DHMEM_LINKS: "x=evaluate.x>b.x;keep=0" }, "DHMEM_BAD_ARGUMENT", "keep"],
	["an unknown option", { DHMEM_LINKS: "x=evaluate.x>b.x;speed=9" }, "DHMEM_BAD_ARGUMENT", '"speed"'],
	["a wrong transport", { DHMEM_TRANSPORT: "pigeon" }, "DHMEM_BAD_ARGUMENT", "DHMEM_TRANSPORT"],
	["wrong permissions", { DHMEM_PERMISSIONS: "rw" }, "DHMEM_BAD_ARGUMENT", "DHMEM_PERMISSIONS"],
	["the network", { DHMEM_TRANSPORT: "network" }, "DHMEM_UNSUPPORTED", "DHMEM_TRANSPORT is network"],
] as const) {
	test(`an environment with ${what} is refused, and the error names it and what to do`, () => {
		const error = failure(() => Task.fromEnvironment({ ...sound, ...change }));
		assert.is(error.code, code);
		assert.match(error.message, message);
		assert.match(error.message, /`dhmem run|set it to|must be/);
	});
}

test("a task that is the first makes the region with the permissions that the environment says", () => {
	const place = new Place();
	try {
		using task = Task.fromEnvironment({ ...sound, DHMEM_DIR: place.regions, DHMEM_PERMISSIONS: "0660" });
		assert.is(statSync(task.region.path).mode & 0o777, 0o660);
	} finally {
		place.remove();
	}
});

test("a port that a task has not is refused, with those that it has", () => {
	using tasks = new Tasks(["a.out>b.in"]);
	for (const [call, has] of [
		[() => tasks.get("a").output("ouch"), "gives it out"],
		[() => tasks.get("a").input("in"), "gives it none"],
	] as const) {
		const error = failure(call);
		assert.is(error.code, "DHMEM_NOT_FOUND");
		assert.match(error.message, has);
	}
});

test("links survive being written and read", () => {
	const text =
		"values=a.values>b.x;policy=latest,v=a.v>c.x;policy=drop-oldest;keep=3,in=d.x>a.in;capacity=4096";
	assert.is(formatLinks(parseLinks(text)), text);
});

test.run();

// ------------------------------------------------------------------------------------------------ helpers

/** Tasks of this process, in a region of their own. */
class Tasks {
	readonly #place = new Place();
	readonly #links: string[];
	readonly #region: Region;
	readonly #tasks = new Map<string, Task>();

	/** @param links as in `DHMEM_LINKS`, without the local names, which are those of the ports */
	constructor(links: string[]) {
		this.#links = links;
		this.#region = Region.open(`tasks-${randomUUID()}`, { directory: this.#place.regions, size: "64MiB" });
	}

	get(name: string): Task {
		const known = this.#tasks.get(name);
		if (known !== undefined) return known;
		const links = this.#links.flatMap((text) => {
			const [, from, fromPort, to, toPort] = /^(\w+)\.(\w+)>(\w+)\.(\w+)/.exec(text) ?? [];
			return [
				...(from === name ? [`${fromPort}=${text}`] : []),
				...(to === name ? [`${toPort}=${text}`] : []),
			];
		});
		const task = Task.fromEnvironment({
			DHMEM_REGION: this.#region.name,
			DHMEM_DIR: this.#place.regions,
			DHMEM_TASK: name,
			DHMEM_LINKS: links.join(","),
		});
		this.#tasks.set(name, task);
		return task;
	}

	/** The task ends, and may be begun again. */
	leave(name: string): void {
		this.#tasks.get(name)?.close();
		this.#tasks.delete(name);
	}

	[Symbol.dispose](): void {
		for (const name of [...this.#tasks.keys()]) this.leave(name);
		this.#region.unlink();
		this.#region.close();
		this.#place.remove();
	}
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

/** The code of the error that a promise is rejected with, "" if it is not. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
	try {
		await promise;
		return "";
	} catch (error) {
		return error instanceof DhmemError ? error.code : String(error);
	}
}

function permutations<T>(items: readonly T[]): T[][] {
	if (items.length < 2) return [[...items]];
	return items.flatMap((item) =>
		permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
	);
}
