/** Workflows whose tasks have places: what they are in Kubernetes. `scripts/test-export.sh` has it validated. */
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import type { Job } from "kubernetes-types/batch/v1.js";
import type { ConfigMap, PodSpec } from "kubernetes-types/core/v1.js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import { exportOf } from "../../src/export/exported.js";
import { parseWorkflow } from "../../src/runner/workflow-file.js";
import { errorOf, Place } from "../fixture/index.js";
import { newton, placed, tasks } from "./workflows.js";

const SERVER = { DHMEM_NATS: "nats://nats.example:4222" };
const LOGIN = { DHMEM_NATS_USER: "ada", DHMEM_NATS_PASSWORD: "lovelace" };

type Exported = (Job | StatefulSet | ConfigMap) & { kind: string };

function exported(changes: object, variables: NodeJS.ProcessEnv, withNats = false) {
	const { objects, notes } = exportOf(
		"kubernetes",
		parseWorkflow(JSON.stringify({ ...placed, ...changes }), "newton.json"),
		variables,
		withNats,
	);
	return { objects: objects as readonly Exported[], notes };
}

function titlesOf(objects: readonly Exported[]): string[] {
	return objects.map(({ kind, metadata }) => `${kind} ${metadata?.name}`);
}

/** The pod of each Job. */
function podsOf(objects: readonly Exported[]): Record<string, PodSpec> {
	const jobs = objects.filter((object): object is Job & { kind: string } => object.kind === "Job");
	return Object.fromEntries(
		jobs.map(({ metadata, spec }) => [metadata?.name ?? "", spec?.template.spec ?? { containers: [] }]),
	);
}

test("each place is a Job, in which `dhmem run` runs its tasks, and all have one file", () => {
	const { objects } = exported({}, SERVER);
	assert.equal(titlesOf(objects), ["ConfigMap newton", "Job newton-back", "Job newton-front"]);
	const pods = podsOf(objects);
	for (const [name, only] of [
		["newton-back", "evaluate"],
		["newton-front", "steer,visualize"],
	] as const) {
		const { containers, initContainers, restartPolicy } = pods[name] ?? { containers: [] };
		assert.equal(containers[0]?.args, [
			...["dhmem", "run", "--server", SERVER.DHMEM_NATS, "--run", "newton", "--only", only],
			"/etc/dhmem/workflow/workflow.json",
		]);
		assert.is(containers.length, 1);
		assert.is(initContainers, undefined);
		assert.is(restartPolicy, "Never");
	}
});

test("the file says what the workflow's says, and how each link communicates", () => {
	const { objects } = exported({}, SERVER);
	const [{ data = {} } = {}] = objects as ConfigMap[];
	const workflow = parseWorkflow(data["workflow.json"] ?? "", "/workflow.json");
	const original = parseWorkflow(JSON.stringify(placed), "/newton.json");
	const common = ({ name, command, environment, restart, restarts }: (typeof original.tasks)[number]) => ({
		...{ name, command, environment, restart },
		restarts: restart === "no" ? 0 : restarts,
	});
	assert.equal(workflow.tasks.map(common), original.tasks.map(common));
	assert.equal(
		workflow.tasks.map(({ directory }) => directory),
		["/proc/self/cwd", "/proc/self/cwd", "/results"],
	);
	assert.equal(
		workflow.links.map(({ from, to, policy, capacity, keep }) => ({ from, to, policy, capacity, keep })),
		original.links.map(({ from, to, policy, capacity, keep }) => ({ from, to, policy, capacity, keep })),
	);
	assert.equal(
		workflow.links.map(({ requested }) => requested),
		["nats", "nats", "nats"],
	);
	assert.is(workflow.region.size, "1GiB");
});

test("tasks without a place share one, if others have one", () => {
	const some = { ...placed.tasks, evaluate: tasks.evaluate };
	const { objects } = exported({ tasks: some }, SERVER);
	assert.equal(titlesOf(objects), ["ConfigMap newton", "Job newton", "Job newton-front"]);
});

test("--with-nats adds a server with a volume, and pods wait for it", () => {
	const { objects } = exported({}, {}, true);
	assert.equal(titlesOf(objects), [
		...["ConfigMap newton", "Service nats-newton", "StatefulSet nats-newton"],
		...["Job newton-back", "Job newton-front"],
	]);
	const set = objects[2] as StatefulSet;
	assert.equal(set.spec?.template.spec?.containers[0]?.args, ["-js", "-sd", "/data"]);
	assert.is(set.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.storage, String(2 ** 30));
	for (const { initContainers, containers } of Object.values(podsOf(objects))) {
		assert.match(initContainers?.[0]?.command?.at(-1) ?? "", "nc -z nats-newton 4222");
		assert.ok(containers[0]?.args?.includes("nats://nats-newton:4222"));
	}
});

test("the volume of the server has room for the links", () => {
	const links = newton.links.slice(0, 1).map((link) => ({ ...link, capacity: "1GiB" }));
	const { objects } = exported({ links }, {}, true);
	const { spec } = objects[2] as StatefulSet;
	assert.is(spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.storage, String(2 ** 31));
});

test("a user and a password are not in the file, but in a Secret, which a comment names", () => {
	const { objects, notes } = exported({}, LOGIN, true);
	assert.not.match(JSON.stringify(objects), /\bada\b|lovelace/);
	assert.equal(notes, [
		"needs a Secret: kubectl create secret generic newton-nats --from-literal=DHMEM_NATS_USER=... " +
			"--from-literal=DHMEM_NATS_PASSWORD=...",
	]);
	const server = (objects[2] as StatefulSet).spec?.template.spec;
	const containers = [server, ...Object.values(podsOf(objects))].flatMap((pod) => pod?.containers ?? []);
	assert.equal(server?.containers[0]?.args?.slice(3), [
		...["--user", "$(DHMEM_NATS_USER)"],
		...["--pass", "$(DHMEM_NATS_PASSWORD)"],
	]);
	assert.is(containers.length, 3);
	for (const { env = [] } of containers) {
		for (const key of Object.keys(LOGIN)) {
			const { valueFrom } = env.find(({ name }) => name === key) ?? {};
			assert.equal(valueFrom, { secretKeyRef: { name: "newton-nats", key } });
		}
	}
});

test("files for the server come from the Secret, too", () => {
	const given = {
		DHMEM_NATS: "tls://ada:lovelace@nats.example:4222",
		DHMEM_NATS_CA: "ca.pem",
		DHMEM_NATS_CREDS: "me.creds",
		DHMEM_NATS_DOMAIN: "hub",
		DHMEM_NATS_REPLICAS: "3",
		DHMEM_PULL: "off",
		DHMEM_PULL_TLS: "off",
	};
	const { objects, notes } = exported({}, given);
	assert.not.match(JSON.stringify(objects), /\bada\b|lovelace|me\.creds/);
	assert.match(notes[0] ?? "", "--from-file=DHMEM_NATS_CREDS=me.creds --from-file=DHMEM_NATS_CA=ca.pem");
	for (const { containers, volumes = [] } of Object.values(podsOf(objects))) {
		const [{ args = [], env = [], volumeMounts = [] } = {}] = containers;
		assert.ok(args.includes("tls://nats.example:4222"));
		const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]));
		assert.is(variables.DHMEM_NATS_CA, "/etc/dhmem/nats/DHMEM_NATS_CA");
		assert.equal(
			[
				variables.DHMEM_NATS_DOMAIN,
				variables.DHMEM_NATS_REPLICAS,
				variables.DHMEM_PULL,
				variables.DHMEM_PULL_TLS,
			],
			["hub", "3", "off", "off"],
		);
		const items = ["DHMEM_NATS_CREDS", "DHMEM_NATS_CA"].map((key) => ({ key, path: key }));
		assert.equal(volumes.find(({ name }) => name === "nats")?.secret, { secretName: "newton-nats", items });
		assert.is(volumeMounts.find(({ name }) => name === "nats")?.mountPath, "/etc/dhmem/nats");
	}
});

const other = { ...placed.tasks.steer, image: "another" };
for (const [what, changes, variables, withNats, message] of [
	["without a server", {}, {}, false, "set DHMEM_NATS to the address that they reach it at, or add one"],
	[
		"with shared memory between places",
		{ transport: "shm" },
		SERVER,
		false,
		"but evaluate and steer have different places; let it be auto or nats, or give them the same place",
	],
	[
		"with two images in a place",
		{ tasks: { ...placed.tasks, steer: other } },
		SERVER,
		false,
		"different images",
	],
	[
		"of a task without a command",
		{ tasks: { ...placed.tasks, steer: { image: "x", place: "front" } } },
		SERVER,
		false,
		"task steer has no command",
	],
	[
		"with the name of another place",
		{ tasks: { ...placed.tasks, steer: { ...placed.tasks.steer, place: "BACK" } } },
		SERVER,
		false,
		"two places would have the same name in Kubernetes",
	],
	["with a name that is too long", { name: "n".repeat(48) }, {}, true, "at most 52 characters"],
	["with one address to pull from", {}, { ...SERVER, DHMEM_PULL: "a:7000" }, false, "let it be off"],
	["with half a login", {}, { DHMEM_NATS_USER: "ada" }, true, "only DHMEM_NATS_USER is set"],
	["with TLS", {}, { DHMEM_NATS_CA: "ca.pem" }, true, "DHMEM_NATS_CA is set; unset it"],
	["with a domain", {}, { DHMEM_NATS_DOMAIN: "hub" }, true, "DHMEM_NATS_DOMAIN is hub"],
	["with replicas", {}, { DHMEM_NATS_REPLICAS: "3" }, true, "adds one server"],
	["without places", { tasks: newton.tasks }, {}, true, "leave it out"],
	[
		"over NATS without places",
		{ tasks: newton.tasks, transport: "nats" },
		SERVER,
		false,
		"is to communicate over NATS, because the workflow file says so, but the exported tasks share memory",
	],
] as const) {
	test(`an impossible export is refused: ${what}`, () => {
		const error = errorOf(() => exported(changes, variables, withNats));
		assert.is(error.code, "DHMEM_BAD_ARGUMENT");
		assert.ok(error.message.includes(message), error.message);
	});
}

test("the command writes one YAML file, and a wrong call exits with 2", async () => {
	const place = new Place();
	try {
		const file = place.write("newton.json", placed);
		const { code, stdout, stderr } = await place.run(["export", "kubernetes", "--with-nats", file], LOGIN);
		assert.is(code, 0, stderr);
		assert.match(stdout, "\n# needs a Secret: kubectl create secret generic newton-nats ");
		const documents = parseAllDocuments(stdout, { version: "1.1" });
		const { objects } = exported({}, LOGIN, true);
		assert.equal(
			documents.map((each) => each.toJS()),
			JSON.parse(JSON.stringify(objects)),
		);
		// In a Compose file, tasks share memory wherever their places are, and need no server.
		const compose = await place.run(["export", "compose", file]);
		assert.is(compose.code, 0, compose.stderr);
		assert.not.match(compose.stdout, "nats");
		const refused = await place.run(["export", "compose", "--with-nats", file]);
		assert.is(refused.code, 2);
		assert.match(refused.stderr, "--with-nats is for Kubernetes");
	} finally {
		place.remove();
	}
});

test.run();
