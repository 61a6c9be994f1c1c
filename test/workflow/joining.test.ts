/** A task that joins a workflow by its environment. */
import { statSync } from "node:fs";
import { Task } from "dhmem/workflow";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatLinks, parseLinks } from "../../src/workflow/links.js";
import { errorOf, Place } from "../fixture/index.js";
import { Tasks } from "./tasks.js";

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
		const error = errorOf(() => Task.fromEnvironment({ ...sound, ...change }));
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
