import { readFileSync } from "node:fs";
import { DhmemError } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { chooseTransports } from "../../src/runner/choose-transport.js";
import { explain } from "../../src/runner/explain.js";
import { parseWorkflow } from "../../src/runner/workflow-file.js";
import { errorOf } from "../fixture/index.js";

const SOUND = `name: newton
tasks:
  evaluate: { command: node evaluate.js, image: newton-evaluate }
  steer:
    command: node steer.js --pace 5
    restart: on-failure
    restarts: 3
    environment: { DEBUG: 1, NAME: a b }
  visualize: { command: [node, visualize.js, "a b"] }
links:
  - { from: evaluate.values, to: steer.values }
  - { from: evaluate.values, to: visualize.values, policy: latest }
  - { from: steer.guesses, to: evaluate.guesses, capacity: 1MiB }
`;

test("a workflow file is read, in YAML and in JSON", () => {
	const workflow = parseWorkflow(SOUND, "newton.yaml");
	assert.is(workflow.name, "newton");
	const [evaluate, steer, visualize] = workflow.tasks;
	assert.equal(evaluate?.command, ["node", "evaluate.js"]);
	assert.is(evaluate?.image, "newton-evaluate");
	assert.is(evaluate?.restart, "no");
	assert.is(steer?.restarts, 3);
	assert.equal(steer?.environment, { DEBUG: "1", NAME: "a b" });
	assert.equal(visualize?.command, ["node", "visualize.js", "a b"]);
	assert.equal(
		workflow.links.map(({ policy, capacity }) => [policy, capacity]),
		[
			["block", undefined],
			["latest", undefined],
			["block", 1_048_576],
		],
	);
	const json = `{ "name": "one", "tasks": { "a": { "command": "true" } } }`;
	assert.equal(parseWorkflow(json, "one.json").links, []);
});

test("variables are as they are written, whatever YAML takes them for", () => {
	const written = {
		A: "1.10",
		B: "007",
		C: "0x1F",
		D: "12345678901234567890",
		E: "1e3",
		F: "True",
		G: ".inf",
	};
	const lines = Object.entries(written).map(([name, value]) => `      ${name}: ${value}\n`);
	const task = '{ command: run, restarts: 3, environment: { <<: *e, H: "2.0" } }';
	const text = `name: n\ntasks:\n  a:\n    command: run\n    environment: &e\n${lines.join("")}  environment: ${task}\n`;
	const [a, b] = parseWorkflow(text, "n.yaml").tasks;
	assert.equal(a?.environment, written);
	assert.equal(b?.environment, { ...written, H: "2.0" });
	assert.is(b?.restarts, 3);
});

test("keys may be merged from an anchor", () => {
	const text = "name: n\ntasks:\n  a: &task { command: run a }\n  b: { <<: *task, restart: always }\n";
	assert.equal(parseWorkflow(text, "n.yaml").tasks[1]?.command, ["run", "a"]);
});

test("aliases of aliases that would fill the memory are a mistake in the file", () => {
	const levels = ["a", "b", "c", "d"].map((name, i, all) => {
		const item = i === 0 ? "x" : `*${all[i - 1]}`;
		return `${name}: &${name} [${Array(9).fill(item).join(", ")}]\n`;
	});
	const error = errorOf(() => parseWorkflow(levels.join(""), "many.yaml"));
	assert.is(error.code, "DHMEM_BAD_ARGUMENT");
	assert.match(error.message, "many.yaml:1: Excessive alias count");
});

for (const [command, direct] of [
	["node steer.js --pace=5 ./a:b", true],
	["a | b", false],
	["node $FILE", false],
	["X=1 node a.js", false],
	["exit 3", false],
	['echo "a b"', false],
	["ls *.js", false],
] as const) {
	test(`${command} is run ${direct ? "as it is" : "by the shell"}`, () => {
		const text = `name: n\ntasks: { a: { command: ${JSON.stringify(command)} } }`;
		const words = parseWorkflow(text, "n.yaml").tasks[0]?.command;
		assert.equal(words, direct ? command.split(" ") : ["/bin/sh", "-c", command]);
	});
}

for (const [what, change, line, message] of [
	["no name", ["name: newton", "x-name: newton"], 1, "name is missing"],
	[
		"an unknown key",
		["name: newton", "name: newton\nversion: 3"],
		2,
		"unknown key version; the known keys are name, region",
	],
	[
		"an unknown key of a task",
		["restart: on-failure", "retry: 5"],
		6,
		"unknown key retry; the known keys are command, image",
	],
	[
		"a wrong restart policy",
		["on-failure", "sometimes"],
		6,
		'"sometimes" must be one of no, on-failure, always',
	],
	[
		"a task without a command",
		['command: [node, visualize.js, "a b"]', "directory: x"],
		9,
		"a command or an image",
	],
	[
		"a name that programs take for an option",
		["name: newton", "name: -newton"],
		1,
		"beginning with a letter or a digit",
	],
	["a name with a dot", ["  visualize:", "  vis.ualize:"], 9, '"vis.ualize"'],
	["a link without a port", ["to: steer.values", "to: steer"], 11, '"steer" must be task.port'],
	[
		"a link from nowhere",
		["from: steer.guesses", "from: stear.guesses"],
		13,
		"there is no task stear; the tasks are evaluate",
	],
	["a link without an end", [", to: steer.values", ""], 11, "to is missing"],
	["the same link twice", ["to: visualize.values, policy: latest", "to: steer.values"], 12, "already"],
	["a link to itself", ["to: steer.values", "to: evaluate.more"], 11, "from evaluate to itself"],
	["a wrong policy", ["policy: latest", "policy: newest"], 12, '"newest" must be one of block'],
	["a wrong capacity", ["1MiB", "1 apple"], 13, 'capacity is "1 apple"'],
	["a capacity that no queue has", ["1MiB", "2GiB"], 13, "at most 1 GiB"],
	["a blank command", ["node evaluate.js", '"  "'], 3, '"  " must be a command'],
	[
		"a capacity for one message",
		["policy: latest", "policy: latest, capacity: 1MiB"],
		12,
		"has no capacity in bytes",
	],
	["keep for one message", ["policy: latest", "policy: latest, keep: 3"], 12, "leave keep out"],
	["keep for a link that blocks", ["capacity: 1MiB", "keep: 3"], 13, "keep is for policy drop-oldest"],
	["a wrong transport", ["capacity: 1MiB", "transport: pigeon"], 13, "one of auto, shm, nats"],
	["a number for a name", ["name: newton", "name: 7"], 1, "7 must be a name"],
	["a key twice", ["  steer:", "  evaluate:"], 4, "unique"],
	[
		"a key as a number and as text",
		["    restart:", '    1: a\n    "1": b\n    restart:'],
		7,
		'there already is a key "1"',
	],
	["a second document", ["links:", "---\nlinks:"], 10, "a single document"],
	["a broken list", ["[node, visualize.js", "[node, visualize.js ]]"], 9, ""],
] as const) {
	test(`a workflow file with ${what} is refused, with the line and what to do`, () => {
		const text = SOUND.replace(change[0], change[1]);
		assert.is.not(text, SOUND);
		const error = errorOf(() => parseWorkflow(text, "newton.yaml"));
		assert.is(error.code, "DHMEM_BAD_ARGUMENT");
		assert.ok(
			error.message
				.split("\n")
				.some((each) => each.startsWith(`newton.yaml:${line}: `) && each.includes(message)),
			error.message,
		);
	});
}

test("mistakes are listed with their lines, in order", () => {
	const text = SOUND.replace("on-failure", "sometimes").replace("latest", "newest").replace("1MiB", "-1");
	const { message } = errorOf(() => parseWorkflow(text, "n.yaml"));
	const lines = Array.from(message.matchAll(/^n\.yaml:(\d+):/gm), ([, line]) => line);
	assert.equal(lines, ["6", "12", "13"]);
});

for (const text of ["", "[]", "just words", "name: x\ntasks: {}\n", "\u0000", "tasks: *nowhere"]) {
	test(`${JSON.stringify(text)} is refused as a workflow file`, () => {
		assert.instance(
			errorOf(() => parseWorkflow(text, "x.yaml")),
			DhmemError,
		);
	});
}

test("an explanation says what each task does and how each link communicates", () => {
	const text = explain(parseWorkflow(SOUND, "newton.yaml"), "process");
	assert.match(
		text,
		"steer runs node steer.js --pace 5, receives values, sends guesses, and is restarted when it fails",
	);
	assert.match(text, "evaluate.values>visualize.values: through shared memory");
	assert.match(text, "visualize always gets the newest");
});

test("the schema is published", () => {
	const path = new URL(import.meta.resolve("dhmem/workflow.schema.json"));
	assert.is(JSON.parse(readFileSync(path, "utf8")).title, "A workflow of dhmem");
});

test("a file has no more tasks than a region has participants beside the runner", () => {
	const file = (count: number) => {
		const tasks = Array.from({ length: count }, (_, i) => [`t${i}`, { command: "true" }]);
		return JSON.stringify({ name: "many", tasks: Object.fromEntries(tasks) });
	};
	assert.is(parseWorkflow(file(127), "many.json").tasks.length, 127);
	assert.match(errorOf(() => parseWorkflow(file(128), "many.json")).message, "a map of 1 to 127 tasks");
});

test("a link's own transport comes before DHMEM_TRANSPORT, that before the file's, and auto is shared memory", () => {
	const carriers = (text: string, DHMEM_TRANSPORT?: string) =>
		chooseTransports(parseWorkflow(text, "newton.yaml"), { DHMEM_TRANSPORT }, () => undefined).links.map(
			({ transport }) => transport,
		);
	const own = SOUND.replace("capacity: 1MiB", "transport: nats");
	const all = `transport: nats\n${SOUND.replace("policy: latest", "policy: latest, transport: auto")}`;
	assert.equal(carriers(SOUND), ["shm", "shm", "shm"]);
	assert.equal(carriers(SOUND, "nats"), ["nats", "nats", "nats"]);
	assert.equal(carriers(own), ["shm", "shm", "nats"]);
	assert.equal(carriers(own, "shm"), ["shm", "shm", "nats"]);
	assert.equal(carriers(all), ["nats", "shm", "nats"]);
	assert.equal(carriers(all, "shm"), ["shm", "shm", "shm"]);
	assert.equal(carriers(all, "auto"), ["shm", "shm", "shm"]);
	assert.is(errorOf(() => carriers(SOUND, "pigeon")).code, "DHMEM_BAD_ARGUMENT");
});

test("what explains a workflow says for each link how it communicates, and why", () => {
	const workflow = parseWorkflow(SOUND.replace("capacity: 1MiB", "transport: nats"), "newton.yaml");
	const text = explain(
		chooseTransports(workflow, {}, () => undefined),
		"process",
	);
	assert.match(text, /steer.guesses>evaluate.guesses: over NATS at .*, because the link says so/);
	assert.match(
		text,
		"evaluate.values>steer.values: through shared memory, because both tasks see the same region",
	);
});

test.run();
