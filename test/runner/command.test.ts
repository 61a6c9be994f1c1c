/** A task's command: a program and its arguments, or a script for the shell, which finds `dhmem`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { argumentsOf } from "../../src/runner/command.js";
import { type Place, placeTest, some } from "../fixture/index.js";

for (const command of [
	"node a.js\nnode b.js",
	"node a.js\nnode b.js\n",
	"node a.js\r\nnode b.js",
	"\n\nnode a.js\nnode b.js",
	"node a.js\u00a0x",
	"unset HOME",
	"alias x=y",
	": nothing",
	"{ node a.js; }",
]) {
	test(`${JSON.stringify(command)} is a script for the shell, as it stands`, () => {
		assert.equal(argumentsOf(command), ["/bin/sh", "-c", command]);
	});
}

for (const command of ["node a.js --pace=5\n", "  node   a.js\t--pace=5"]) {
	test(`${JSON.stringify(command)} is a program and its arguments`, () => {
		assert.equal(argumentsOf(command), ["node", "a.js", "--pace=5"]);
	});
}

placeTest("a command of several lines runs them one after the other", async (place) => {
	const text =
		"name: x\ntasks:\n  a:\n    command: |\n      printf one\n      printf two\n      printf three\n";
	const { code, stdout, stderr } = await place.run(["run", place.write("x.yaml", text)]);
	assert.is(code, 0, stderr);
	assert.is(stdout, "a | onetwothree\n");
});

placeTest("a command of several lines ends with the status of the last", async (place) => {
	const { code, stderr } = await run(place, { a: { command: "true\nexit 9" } });
	assert.is(code, 9);
	assert.match(stderr, "a ended with exit status 9");
});

for (const [what, command] of some(
	[
		["plain words", "dhmem --help"],
		["a line for the shell", "dhmem --help | cat"],
		["a list", ["dhmem", "--help"]],
	] as const,
	2,
)) {
	placeTest(`a task knows dhmem, though nothing else does: ${what}`, async (place) => {
		const { code, stdout, stderr } = await run(place, { a: { command } }, { PATH: "/usr/bin:/bin" });
		assert.is(code, 0, stderr);
		assert.match(stdout, /^a \| Usage: dhmem /);
	});
}

placeTest("the runner's own dhmem comes before another, also in a task's own PATH", async (place) => {
	const folder = join(place.folder, "other");
	mkdirSync(folder);
	writeFileSync(join(folder, "dhmem"), "#!/bin/sh\necho impostor\n", { mode: 0o755 });
	const PATH = `${folder}:/usr/bin:/bin`;
	const tasks = {
		inherited: { command: "dhmem --help" },
		own: { command: "dhmem --help", environment: { PATH } },
	};
	const { stdout } = await run(place, tasks, { PATH });
	for (const task of ["inherited", "own      "]) assert.match(stdout, `${task} | Usage: dhmem`);
	assert.not.match(stdout, "impostor");
});

placeTest("without a PATH, programs are found in the system's default folders", async (place) => {
	const { code, stdout, stderr } = await run(place, { a: { command: "echo found" } }, { PATH: undefined });
	assert.is(code, 0, stderr);
	assert.is(stdout, "a | found\n");
});

test.run();

function run(place: Place, tasks: object, environment: NodeJS.ProcessEnv = {}) {
	return place.run(["run", place.write("run.json", { name: "x", tasks })], environment);
}
