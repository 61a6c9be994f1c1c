/** What a task's environment says: contradictions are refused, and the error names them. */
import { Task } from "dhmem/workflow";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { errorOf, placeTest } from "../fixture/index.js";

for (const [what, links, message] of [
	["a link twice", "x=a.x>b.x,y=a.x>b.x", 'A link is "a.x>b.x"; it must be listed only once'],
	["an option twice", "x=a.x>b.x;policy=latest;policy=block", "an option that is given twice"],
	[
		"a capacity where the oldest is dropped",
		"x=a.x>b.x;policy=drop-oldest;capacity=64",
		"capacity is for policy block",
	],
	["a capacity for one message", "x=a.x>b.x;policy=latest;capacity=64", "capacity is for policy block"],
	["messages to keep where it blocks", "x=a.x>b.x;keep=4", "keep for policy drop-oldest"],
	["messages to keep with latest", "x=a.x>b.x;policy=latest;keep=4", "always keeps one message"],
	["an option without a value", "x=a.x>b.x;policy", "A link's policy is"],
	["a misspelt option", "x=a.x>b.x;polcy=latest", 'A link\'s option is "polcy"'],
	["no arrow", "x=a.x-b.x", 'A link is "x=a.x-b.x"'],
	["no local name", "=a.x>b.x", 'A link is "=a.x>b.x"'],
	["a port too many", "x=a.x>b.x>c.x", "A link is"],
	["YAML", "{ from: a.x, to: b.x }", "A link is"],
] as const) {
	test(`DHMEM_LINKS with ${what} is refused`, () => {
		const variables = { DHMEM_REGION: "none", DHMEM_TASK: "a", DHMEM_LINKS: links };
		const error = errorOf(() => Task.fromEnvironment(variables));
		assert.is(error.code, "DHMEM_BAD_ARGUMENT");
		assert.match(error.message, /^DHMEM_LINKS: /);
		assert.match(error.message, message);
		assert.match(error.message, "dhmem run --print-env TASK FILE");
	});
}

placeTest("--print-env passes on the caller's trust, and refuses impossible user numbers", async (place) => {
	const file = place.write("x.json", { name: "x", tasks: { a: { command: "true" } } });
	const printed = await place.run(["run", "--print-env=a", file], { DHMEM_TRUST: "1001,12000" });
	assert.match(printed.stdout, "export DHMEM_TRUST='1001,12000'\n");
	const wrong = await place.run(["run", "--print-env=a", file], { DHMEM_TRUST: "alice" });
	assert.is(wrong.code, 2);
	assert.match(wrong.stderr, 'DHMEM_TRUST is "alice"');
	assert.not.match((await place.run(["run", "--print-env=a", file], { DHMEM_TRUST: "" })).stdout, "TRUST");
});

placeTest("--print-env has the variables of the file too", async (place) => {
	const environment = { PACE: 5, NAME: "it's", DHMEM_TASK: "b" };
	const file = place.write("x.json", { name: "x", tasks: { a: { command: "true", environment } } });
	const { stdout } = await place.run(["run", "--print-env=a", file]);
	const { stdout: read } = await place.shell(`${stdout}echo "$PACE $NAME $DHMEM_TASK"`);
	assert.is(read, "5 it's a\n");
});

for (const [what, variables, message] of [
	["nothing", null, "The environment is null"],
	[
		"a number",
		{ DHMEM_REGION: "none", DHMEM_TASK: "a", DHMEM_LINKS: 5 },
		"DHMEM_LINKS is 5; it must be a string",
	],
] as const) {
	test(`${what} instead of variables is refused`, () => {
		const error = errorOf(() => Task.fromEnvironment(variables as never));
		assert.is(error.code, "DHMEM_BAD_ARGUMENT");
		assert.match(error.message, message);
	});
}

placeTest("an empty variable counts as not set", async (place) => {
	const unset = {
		DHMEM_DIR: place.regions,
		DHMEM_TRANSPORT: "",
		DHMEM_RUNNER: "",
		DHMEM_PERMISSIONS: "",
		DHMEM_SIZE: "",
		DHMEM_TRUST: "",
	};
	const task = Task.fromEnvironment({ DHMEM_REGION: "x", DHMEM_TASK: "a", DHMEM_LINKS: "", ...unset });
	assert.is(task.region.path, `${place.regions}/x.dhmem`);
	task.region.unlink();
	task.close();
});

test.run();
