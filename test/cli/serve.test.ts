/** `dhmem serve` as a process. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { long, type Place, placeTest, type Started } from "../fixture/index.js";
import { ask } from "../serve/stage.js";

/** Starts a server, and returns its address once it says it. */
async function start(place: Place, ...args: string[]): Promise<Started & { url: string }> {
	const started = place.start(["serve", "--port=0", ...args]);
	const { stdout } = started.child;
	if (stdout === null) throw new Error("There is no standard output");
	const [line] = await once(createInterface(stdout), "line");
	const [url] = /http:\/\/127\.0\.0\.1:\d+\/$/.exec(line) ?? [];
	if (url === undefined) throw new Error(`This is no address: ${line}`);
	return { ...started, url };
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
	placeTest(`it serves until ${signal}, and ends well even with open connections`, async (place) => {
		using region = Region.open("climate", { directory: place.regions, size: "1MiB" });
		const { child, ended, url } = await start(place);
		const page = await ask(url, "/");
		assert.is(page.status, 200);
		const report = JSON.parse((await ask(url, "/report.json")).body);
		assert.equal([report.directory, report.regions[0]?.name], [place.regions, "climate"]);
		// A connection that stays open, and one that has not asked anything yet.
		const open = await fetch(`${url}report.json`);
		await open.text();
		child.kill(signal);
		const { code, stderr } = await ended;
		assert.equal([code, stderr], [0, ""]);
		region.unlink();
	});
}

placeTest("--directory names another folder", async (place) => {
	const { child, ended, url } = await start(place, "--directory", place.folder);
	const report = JSON.parse((await ask(url, "/report.json")).body);
	assert.equal([report.directory, report.regions], [place.folder, []]);
	child.kill();
	await ended;
});

long(placeTest)("the error for a port in use names it", async (place) => {
	const taken = createServer().listen(0, "127.0.0.1");
	await once(taken, "listening");
	const { port } = taken.address() as AddressInfo;
	const { code, stderr } = await place.run(["serve", "--port", String(port)]);
	taken.close();
	assert.is(code, 1);
	assert.is(stderr, `dhmem: port ${port} is in use; choose another with --port\n`);
});

placeTest("a folder that is not there is an error", async (place) => {
	const { code, stderr } = await place.run(["serve", "--port=0", "--directory=/dev/shm/nowhere"]);
	assert.is(code, 1);
	assert.match(stderr, "(DHMEM_NOT_FOUND)");
});

long(placeTest)("an impossible port number exits with 2", async (place) => {
	for (const port of ["-1", "65536", "web", "", "1.5"]) {
		const { code, stderr } = await place.run(["serve", `--port=${port}`]);
		assert.is(code, 2);
		assert.match(stderr, "from 0 to 65535");
	}
});

test.run();
