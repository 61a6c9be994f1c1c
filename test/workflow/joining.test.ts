/** A task that joins a workflow by its environment. */
import { statSync } from "node:fs";
import { Region } from "dhmem";
import { Task } from "dhmem/workflow";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatLinks, parseLinks } from "../../src/workflow/links.js";
import { errorOf, Place } from "../fixture/index.js";
import { Tasks } from "./tasks.js";

const overNats = { DHMEM_TRANSPORT: "nats" };
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
	["a wrong size", { DHMEM_SIZE: "much" }, "DHMEM_BAD_ARGUMENT", "DHMEM_SIZE: size is"],
	["too large a size", { DHMEM_SIZE: "17TiB" }, "DHMEM_BAD_ARGUMENT", "DHMEM_SIZE: size is"],
	["a choice that nobody has made", { DHMEM_TRANSPORT: "auto" }, "DHMEM_BAD_ARGUMENT", ";transport=shm"],
	["no server", { ...overNats, DHMEM_NATS: "http://x" }, "DHMEM_BAD_ARGUMENT", 'DHMEM_NATS is "http://x"'],
	["no number", { ...overNats, DHMEM_NATS_REPLICAS: "9" }, "DHMEM_BAD_ARGUMENT", "DHMEM_NATS_REPLICAS"],
	["no port", { ...overNats, DHMEM_PULL: "node7" }, "DHMEM_BAD_ARGUMENT", 'DHMEM_PULL is "node7"'],
	["a wrong port", { ...overNats, DHMEM_PULL: "node7:70000" }, "DHMEM_BAD_ARGUMENT", "DHMEM_PULL is"],
	["no choice", { ...overNats, DHMEM_PULL_TLS: "on" }, "DHMEM_BAD_ARGUMENT", "DHMEM_PULL_TLS is"],
] as const) {
	test(`an environment with ${what} is refused, and the error names it and what to do`, () => {
		const error = errorOf(() => Task.fromEnvironment({ ...sound, ...change }));
		assert.is(error.code, code);
		assert.match(error.message, message);
		assert.match(error.message, /`dhmem run|set it to|must be/);
	});
}

test("the first task creates the region with the permissions that the environment gives", () => {
	const place = new Place();
	try {
		using task = Task.fromEnvironment({ ...sound, DHMEM_DIR: place.regions, DHMEM_PERMISSIONS: "0660" });
		assert.is(statSync(task.region.path).mode & 0o777, 0o660);
	} finally {
		place.remove();
	}
});

test("the first task creates the region with the size in its environment; a runner's region keeps its own", () => {
	const place = new Place();
	try {
		using task = Task.fromEnvironment({ ...sound, DHMEM_DIR: place.regions, DHMEM_SIZE: "16MiB" });
		assert.is(task.region.size, 16 * 2 ** 20);
		using runner = Region.open("run", { directory: place.regions, label: "runner", size: "1MiB" });
		const started = { DHMEM_REGION: "run", DHMEM_RUNNER: "runner" };
		// A runner passes its own environment on to tasks, but its region has the size in the workflow file.
		using other = Task.fromEnvironment({
			...sound,
			...started,
			DHMEM_DIR: place.regions,
			DHMEM_SIZE: "16MiB",
		});
		assert.is(other.region.size, runner.size);
	} finally {
		place.remove();
	}
});

test("an unknown port is refused, and the error lists the task's ports", () => {
	using tasks = new Tasks(["a.out>b.in"]);
	for (const [call, has] of [
		[() => tasks.get("a").output("ouch"), "its outputs in DHMEM_LINKS: out"],
		[() => tasks.get("a").input("in"), "its inputs in DHMEM_LINKS: none"],
	] as const) {
		const error = errorOf(call);
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
