/**
 * A workflow with places, exported for Kubernetes and run by Podman: two pods, and a NATS server between them. Podman 4.3
 * knows no Jobs, StatefulSets and Services, and does not replace `$(NAME)` in arguments, so the test does that.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import type { Job } from "kubernetes-types/batch/v1.js";
import type { ConfigMap, Pod, Service } from "kubernetes-types/core/v1.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseAllDocuments, stringify } from "yaml";
import { SERVER_IMAGE } from "../../src/export/kubernetes-server.js";
import { Place } from "../fixture/index.js";
import { Container, IMAGE, importImage, makeImage, PATIENCE, podman, programs } from "./podman.js";
import { APP, copyProgram, PROJECT } from "./root-file-system.js";

const LOGIN = { DHMEM_NATS_USER: "ada", DHMEM_NATS_PASSWORD: "lovelace" };
const RESULTS = ["newton.json", "newton.svg"];
const test = suite("Workflows with places");
let place: Place;
let network: ChildProcess;

test.before(async () => {
	makeImage();
	place = new Place();
	makeServerImage(join(place.folder, "server"));
	// A network of their own, in which they find each other: what pods and Services have in Kubernetes.
	network = spawn("unshare", ["--net", "sh", "-c", "ip link set lo up; echo up; exec sleep infinity"], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	if (network.stdout !== null) await once(network.stdout, "data");
});

test.after(async () => {
	await Container.removeAll();
	podman("secret", "rm", "--all");
	network.kill();
	place.remove();
});

/** The server, a shell, and what the exported command for the shell needs: what the official image has of these. */
function makeServerImage(root: string): void {
	for (const folder of ["dev", "etc", "proc", "run", "sys", "tmp", "usr/bin"]) {
		mkdirSync(join(root, folder), { recursive: true });
	}
	const find = (program: string) =>
		execFileSync("sh", ["-c", 'command -v "$0"', program], { encoding: "utf8" }).trim();
	copyProgram(root, find(process.env.NATS_SERVER ?? "nats-server"), "/usr/bin/nats-server");
	copyProgram(root, find("sh"), "/bin/sh");
	copyProgram(root, find("sleep"), "/usr/bin/sleep");
	copyProgram(root, process.execPath, "/usr/bin/node");
	writeFileSync(
		join(root, "usr/bin/nc"),
		`#!/usr/bin/node
		const [, host, port] = process.argv.slice(2);
		const socket = require("net").connect(port, host, () => process.exit()).on("error", () => process.exit(1));`,
	);
	chmodSync(join(root, "usr/bin/nc"), 0o755);
	importImage(root, SERVER_IMAGE, 'ENTRYPOINT ["/usr/bin/nats-server"]');
}

const newton = {
	name: "newton",
	region: { size: "64MiB" },
	tasks: {
		evaluate: taskOf("evaluate", "back"),
		steer: taskOf("steer", "front"),
		visualize: taskOf("visualize", "front"),
	},
	links: [
		{ from: "steer.guesses", to: "evaluate.guesses" },
		{ from: "evaluate.values", to: "steer.values" },
		{ from: "steer.progress", to: "visualize.progress" },
	],
};

function taskOf(name: string, place: string) {
	return { image: IMAGE, command: `/usr/bin/node ${APP}/dist/examples/newton/${name}.js`, place };
}

type Exported = Job | StatefulSet | Service | ConfigMap;

/** The pods that Kubernetes would make of it. */
function podsOf(objects: readonly Exported[]): Pod[] {
	return objects.flatMap((object) => {
		if (object.kind !== "Job" && object.kind !== "StatefulSet") return [];
		const { metadata, spec } = object as Job | StatefulSet;
		const pod = spec?.template.spec;
		assert.ok(pod !== undefined);
		const claims = (object as StatefulSet).spec?.volumeClaimTemplates ?? [];
		const volumes = claims.map((claim) => ({ name: claim.metadata?.name ?? "", emptyDir: {} }));
		// Podman maps no ports in a network of the host.
		const containers = pod.containers.map(({ ports: _, ...container }) => container);
		return [
			{
				apiVersion: "v1",
				kind: "Pod",
				metadata: { name: metadata?.name ?? "" },
				spec: { ...pod, containers, volumes: [...(pod.volumes ?? []), ...volumes] },
			},
		];
	});
}

/** Has Podman run a pod, in the network of this test. */
function play(pod: Pod, file: ConfigMap): void {
	const name = pod.metadata?.name ?? "";
	const text = [file, pod]
		.map((object) => stringify(object))
		.join("---\n")
		.replace(/\$\((\w+)\)/g, (_, variable: keyof typeof LOGIN) => LOGIN[variable])
		// There is no name service in that network.
		.replaceAll("nats-newton:4222", "127.0.0.1:4222")
		.replaceAll("nc -z nats-newton", "nc -z 127.0.0.1");
	const path = place.write(`${name}.yaml`, text);
	execFileSync(
		"nsenter",
		[
			`--net=/proc/${network.pid}/ns/net`,
			join(programs(), "podman"),
			...["kube", "play", "--network=host", path],
		],
		{ timeout: PATIENCE, stdio: ["ignore", "pipe", "pipe"] },
	);
}

/** The results of the same programs in one machine. */
async function resultsAlone(): Promise<Buffer[]> {
	const paths = RESULTS.map((name) => join(place.folder, name));
	const [NEWTON_JSON, NEWTON_SVG] = paths;
	const file = join(PROJECT, "examples/newton/newton.yaml");
	const { code, stderr } = await place.run(["run", file], { NEWTON_JSON, NEWTON_SVG });
	assert.is(code, 0, stderr);
	return paths.map((path) => readFileSync(path));
}

test("two pods with NATS between them have the results of one machine, bit for bit", async () => {
	const words = ["export", "kubernetes", "--with-nats", place.write("newton.json", newton)];
	const { code, stdout, stderr } = await place.run(words, LOGIN);
	assert.is(code, 0, stderr);
	assert.not.match(stdout, LOGIN.DHMEM_NATS_PASSWORD);
	const objects = parseAllDocuments(stdout, { version: "1.1" }).map((each): Exported => each.toJS());
	// As Podman 4.3 keeps a Secret of Kubernetes.
	const encoded = Object.entries(LOGIN).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
	podman(
		"secret",
		"create",
		"newton-nats",
		place.write("secret.json", JSON.stringify(Object.fromEntries(encoded))),
	);
	const pods = podsOf(objects);
	assert.equal(
		pods.map(({ metadata }) => metadata?.name),
		["nats-newton", "newton-back", "newton-front"],
	);
	const file = objects.find(({ kind }) => kind === "ConfigMap");
	for (const pod of pods) play(pod, file as ConfigMap);
	for (const container of ["newton-back-tasks", "newton-front-tasks"])
		assert.is(podman("wait", container), "0", podman("logs", container));
	const results = RESULTS.map((name) => {
		const copy = join(place.folder, `copy-${name}`);
		podman("cp", `newton-front-tasks:/${name}`, copy);
		return readFileSync(copy);
	});
	assert.equal(results, await resultsAlone());
});

test.run();
