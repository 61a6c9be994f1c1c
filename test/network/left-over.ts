/** What killed runs leave on a server, and `dhmem clean --server`. */
import { once } from "node:events";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Place, program } from "../fixture/index.js";
import { Server } from "./server.js";

const test = suite("what is left on a NATS server");

const workflow = {
	name: "left",
	region: { size: "16MiB" },
	tasks: { stuck: { command: program("streams") }, again: { command: program("streams") } },
	links: [
		{ from: "stuck.out", to: "again.in", transport: "nats" },
		{ from: "again.out", to: "stuck.in", transport: "nats" },
	],
};

test("clean --server removes what a killed run has left, and nothing of a run that goes on", async () => {
	await using server = await Server.start();
	const place = new Place();
	try {
		const start = () =>
			place.start(["run", place.write("left.json", workflow)], { DHMEM_NATS: server.address });
		const clean = async (...words: string[]) => {
			const { code, stdout, stderr } = await place.run(["clean", "--server", server.address, ...words]);
			assert.is(code, 0, stderr);
			return stdout;
		};
		const { child, ended } = start();
		// The runner and both tasks are there.
		await place.participants(3);
		assert.is(await clean(), "");
		child.kill("SIGKILL");
		const { stderr } = await ended;
		// They notice that it is gone.
		await place.participants(0);
		const left = await server.streams();
		assert.is(left.length, 3, `${left}: ${stderr}`);
		assert.match(await clean("--dry-run"), /^left-[0-9a-f]{8}: would be removed \(3 streams, /);
		const [finding] = JSON.parse(await clean("--dry-run", "--json"));
		assert.equal([...finding.streams].sort(), left.sort());
		assert.equal((await server.streams()).sort(), left);
		const other = start();
		while ((await server.streams()).length < 6) await new Promise((resolve) => setTimeout(resolve, 20));
		assert.match(await clean(), /^left-[0-9a-f]{8}: removed \(3 streams, [^\n]*\n$/);
		assert.is((await server.streams()).length, 3);
		other.child.kill("SIGTERM");
		await once(other.child, "exit");
		assert.equal(await server.streams(), []);
		await other.ended;
		await place.emptied();
	} finally {
		place.remove();
	}
});

test("clean --server without a server says where it looked", async () => {
	const place = new Place();
	try {
		const { code, stderr } = await place.run(["clean", "--server"], { DHMEM_NATS: "nats://127.0.0.1:1" });
		assert.is(code, 1);
		assert.match(stderr, "No NATS server answers at nats://127.0.0.1:1");
		assert.is((await place.run(["clean", "--server", "pigeon://x"])).code, 2);
	} finally {
		place.remove();
	}
});

test.run();
