/** Workflow files that would take much work, or never end: each is refused, and soon. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseWorkflow, readWorkflow } from "../../src/runner/workflow-file.js";
import { errorOf, long, Place, some } from "../fixture/index.js";

const SOUND = "name: w\ntasks: { a: { command: x } }\n";

/** Milliseconds in which all these files are refused, on a busy machine. The first versions took minutes. */
const SOON = 60_000;

function repeated(count: number, item: (i: number) => string): string {
	return Array.from({ length: count }, (_, i) => item(i)).join("");
}

for (const [what, text, message] of some(
	[
		["uses one anchor many times", `x: &x 1\n${SOUND}y: [${"*x,".repeat(50_000)}]\n`, "1000 aliases"],
		[
			"has many anchors, each used once",
			`${SOUND}y:\n${repeated(20_000, (i) => ` - &a${i} x\n - *a${i}\n`)}`,
			"1000 aliases",
		],
		[
			"makes much of little by aliases of aliases",
			`${repeated(20, (i) => `x${i}: &x${i} [${i === 0 ? "long" : `*x${i - 1}, *x${i - 1}`}]\n`)}${SOUND}`,
			"with its aliases expanded",
		],
		[
			"repeats a long part",
			`x: &x [${"1,".repeat(5000)}]\ny: [${"*x,".repeat(99)}]\n`,
			"with its aliases expanded",
		],
		[
			"has an alias of what it is part of",
			"name: w\ntasks: &t { a: { command: x }, b: *t }\n",
			"f.yaml:2: the alias *t is inside",
		],
		["merges a map into itself", `x: &x { <<: *x }\n${SOUND}`, "f.yaml:1: the alias *x is inside"],
		["has many keys that are unknown", SOUND + repeated(40_000, (i) => `k${i}: 1\n`), "unknown key k0"],
		["has the same key often", "k: 1\n".repeat(60_000), "f.yaml:2: Map keys must be unique"],
		["lies deep in itself", `${SOUND}y: ${"[".repeat(100_000)}\n`, "nested too deeply"],
		["is a little too deep", `${SOUND}y: ${"[".repeat(201)}${"]".repeat(201)}\n`, "nested too deeply"],
		["has lists of lists on one line", `${SOUND}y:\n  ${"- ".repeat(201)}x\n`, "nested too deeply"],
		["is too long", `${SOUND}#${" ".repeat(600_000)}\n`, "can have at most 524288 bytes"],
	] as const,
	3,
)) {
	test(`a workflow file that ${what} is refused, with its line`, () => {
		const started = performance.now();
		const error = errorOf(() => parseWorkflow(text, "f.yaml"));
		assert.is(error.code, "DHMEM_BAD_ARGUMENT");
		assert.match(error.message, message);
		assert.match(error.message, /^f\.yaml:\d+: /);
		assert.ok(performance.now() - started < SOON);
	});
}

test("the first of many mistakes are listed, and the others are counted", () => {
	const links = repeated(500, (i) => `  - { from: a.p${i}, to: nobody.p }\n`);
	const lines = errorOf(() => parseWorkflow(`${SOUND}links:\n${links}`, "f.yaml")).message.split("\n");
	assert.is(lines[0], "f.yaml:4: there is no task nobody; the tasks are a");
	assert.is(lines.at(-1), "f.yaml: and 480 more mistakes");
	assert.is(lines.length, 21);
});

long(test)("a file without an end is read up to what a workflow may have", () => {
	assert.match(
		errorOf(() => readWorkflow("/dev/zero")).message,
		"/dev/zero: a workflow file can have at most 524288 bytes",
	);
});

test("a file that is not UTF-8 is refused", () => {
	const place = new Place();
	try {
		const path = join(place.folder, "latin.yaml");
		writeFileSync(path, Buffer.from(`${SOUND}# caf\u00e9\n`, "latin1"));
		assert.match(errorOf(() => readWorkflow(path)).message, "latin.yaml: the file is not UTF-8");
	} finally {
		place.remove();
	}
});

long(test)("a task may have the name of a property of Object.prototype", () => {
	const text = "name: w\ntasks: { constructor: { command: x }, toString: { command: y } }\n";
	assert.equal(
		parseWorkflow(text, "f.yaml").tasks.map(({ name }) => name),
		["constructor", "toString"],
	);
});

test.run();
