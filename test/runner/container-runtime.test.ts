/** How tasks are passed to Podman and Docker. */
import { chmodSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ContainerRuntime } from "../../src/runner/container-runtime.js";
import { parseWorkflow } from "../../src/runner/workflow-file.js";
import { placeTest } from "../fixture/index.js";

placeTest("the folder of regions is mounted whatever characters are in its path", async (place) => {
	const directory = join(place.regions, `a:b,c "d"`);
	mkdirSync(directory);
	place.write("podman", `#!/bin/sh\nprintf '%s\\n' "$@"\n`);
	chmodSync(join(place.folder, "podman"), 0o755);
	const { PATH, DHMEM_DIR } = process.env;
	Object.assign(process.env, { PATH: `${place.folder}:${PATH}`, DHMEM_DIR: directory });
	try {
		const workflow = parseWorkflow(
			JSON.stringify({ name: "x", tasks: { a: { image: "i" } } }),
			join(place.folder, "x.json"),
		);
		const runtime = new ContainerRuntime(workflow, "podman");
		const placement = runtime.prepare("x-1");
		assert.is(statSync(placement.directory).mode & 0o7777, 0o2770);
		const { stdout, ended } = runtime.start(workflow.tasks[0] as (typeof workflow.tasks)[0], {}, 0);
		const lines = (await text(stdout)).split("\n");
		await ended;
		placement.remove();
		const source = join(directory, "dhmem-run-x-1").replaceAll('"', '""');
		assert.ok(lines.includes(`--mount=type=bind,"source=${source}",target=/dev/shm/dhmem`), lines.join("\n"));
	} finally {
		rmSync(directory, { recursive: true });
		process.env.PATH = PATH;
		if (DHMEM_DIR === undefined) delete process.env.DHMEM_DIR;
		else process.env.DHMEM_DIR = DHMEM_DIR;
	}
});

test.run();
