/** A workflow that `dhmem export kubernetes` has written, run by `podman kube play`. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Place } from "../workflow/fixture.js";
import { IMAGE, makeImage, podman } from "./podman.js";
import { APP } from "./root-file-system.js";

const STEPS = 300;
const test = suite("A pod");

test("what is exported for Kubernetes runs as a pod, and every step is answered", async () => {
	makeImage();
	const place = new Place();
	try {
		const task = {
			image: IMAGE,
			command: `/usr/bin/node ${APP}/dist/test/containers/steps.js`,
			environment: { STEPS },
		};
		const workflow = place.write("steps.json", {
			name: "steps",
			region: { size: "16MiB" },
			tasks: { source: task, work: task, sink: task },
			links: [
				{ from: "source.steps", to: "work.steps", capacity: "1KiB" },
				{ from: "work.results", to: "sink.results", capacity: "1KiB" },
			],
		});
		const { code, stdout, stderr } = await place.run(["export", "kubernetes", workflow]);
		assert.is(code, 0, stderr);
		const pod = place.write("pod.yaml", stdout);
		podman("kube", "play", "--network=none", pod);
		for (const name of ["source", "work", "sink"]) assert.is(podman("wait", `steps-${name}`), "0", name);
		const [who = "", , outcome = ""] = podman("logs", "steps-sink").split("\n");
		assert.is(JSON.parse(who).pid, 1);
		assert.equal(JSON.parse(outcome), { answered: STEPS, again: 0, wrong: 0 });
		podman("kube", "down", pod);
	} finally {
		place.remove();
	}
});

test.run();
