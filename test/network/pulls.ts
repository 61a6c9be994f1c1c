/** Blocks that go from one region to another over TCP, while the message goes through the server. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { within } from "../fixture/index.js";
import { Tasks } from "../workflow/tasks.js";
import { check, type Kept, MIB, sendBlock, type Way, withKeeper } from "./kept.js";
import { pattern } from "./pattern.js";
import { Server } from "./server.js";

const RECEIVER = fileURLToPath(new URL("receives.js", import.meta.url));
const SOURCE = fileURLToPath(new URL("block-source.js", import.meta.url));
/** Milliseconds after which a test hangs. */
const LIMIT = 120_000;

const test = suite("blocks that are pulled");

function pulled(title: string, way: Way, body: (kept: Kept) => Promise<void>): void {
	test(title, () => within(LIMIT, title, withKeeper(way, body)));
}

pulled("a block of 1 MiB does not go through the server", {}, async ({ tasks, server }) => {
	const input = tasks.get("b").input("in");
	await sendBlock(tasks, "one", MIB);
	assert.ok((await server.storedBytes()) < 10_000);
	check(await input.receive(), "one", MIB);
});

pulled(
	"a message with much data and a block arrives whole, and other messages arrive before and behind it",
	{ link: "a.out>b.in;capacity=32MiB" },
	async ({ tasks }) => {
		const output = tasks.get("a").output("out");
		const data = "x".repeat(3 * MIB);
		await output.send("before");
		await sendBlock(tasks, data, 2 * MIB);
		await output.send("behind");
		output.end();
		const input = tasks.get("b").input("in");
		assert.is((await input.receive())?.text(), "before");
		check(await input.receive(), data, 2 * MIB);
		assert.is((await input.receive())?.text(), "behind");
		assert.is(await input.receive(), undefined);
	},
);

pulled(
	"a sender waits while its blocks of the link's capacity are not released, and so does its successor",
	{ link: "a.out>b.in;capacity=4MiB" },
	async ({ tasks, blocks }) => {
		for (const text of ["0", "1"]) await sendBlock(tasks, text, MIB);
		await tasks.leave("a");
		const output = tasks.get("a").output("out");
		const input = tasks.get("b").input("in");
		for (const text of ["2", "3"]) await sendBlock(tasks, text, MIB);
		const block = await output.allocate(MIB);
		block.bytes.set(pattern(MIB));
		assert.is(await output.send("4", { block, timeout: 200 }).catch(({ code }) => code), "DHMEM_TIMEOUT");
		const reason = new Error("enough");
		const controller = new AbortController();
		const aborted = output.send("4", { block, signal: controller.signal }).catch((error) => error);
		controller.abort(reason);
		assert.is(await aborted, reason);
		const sending = output.send("4", { block });
		for (const text of ["0", "1", "2", "3", "4"]) check(await input.receive(), text, MIB);
		await sending;
		while (blocks.size > 0) await new Promise(setImmediate);
	},
);

pulled(
	"a pull that is cut goes on with the next byte",
	{ way: "relay" },
	async ({ tasks, server, relay }) => {
		relay.cutAfter(MIB);
		const input = tasks.get("b").input("in");
		await sendBlock(tasks, "one", 3 * MIB);
		const message = await input.receive();
		assert.ok(relay.connections >= 3, `${relay.connections} connections`);
		assert.ok((await server.storedBytes()) < 10_000);
		check(message, "one", 3 * MIB);
	},
);

for (const [what, way] of [
	["where its sender's machine can't be reached", { way: "nowhere" }],
	["whose receiver has DHMEM_PULL=off", { own: { b: { DHMEM_PULL: "off" } } }],
] as const)
	pulled(
		`a block ${what} comes through the server, and is not stored there`,
		{ ...way, link: "a.out>b.in;capacity=16MiB" },
		async ({ tasks, server }) => {
			const input = tasks.get("b").input("in");
			for (const text of ["one", "two"]) await sendBlock(tasks, text, 3 * MIB + 7);
			await tasks.leave("a");
			for (const text of ["one", "two"]) {
				const message = await input.receive();
				assert.ok((await server.storedBytes()) < 10_000);
				check(message, text, 3 * MIB + 7);
			}
		},
	);

pulled(
	"a full link that can't be pulled goes on",
	{ way: "nowhere", link: "a.out>b.in;capacity=4MiB" },
	async ({ tasks }) => {
		const output = tasks.get("a").output("out");
		await sendBlock(tasks, "one", 3 * MIB);
		const sends = Array.from({ length: 12 }, (_, i) => output.send(new Uint8Array(MIB).fill(i)));
		const input = tasks.get("b").input("in");
		check(await input.receive(), "one", 3 * MIB);
		for (let i = 0; i < 12; i++) {
			using message = await input.receive();
			assert.is(message?.bytes[MIB - 1], i);
		}
		await Promise.all(sends);
	},
);

pulled("a sender may leave before its receiver comes", {}, async ({ tasks, server }) => {
	for (const text of ["one", "two"]) await sendBlock(tasks, text, MIB);
	tasks.get("a").output("out").end();
	await tasks.leave("a");
	assert.ok((await server.storedBytes()) < 10_000);
	const input = tasks.get("b").input("in");
	check(await input.receive(), "one", MIB);
	check(await input.receive(), "two", MIB);
	assert.is(await input.receive(), undefined);
});

pulled(
	"what a killed sender has sent arrives, also if it has no successor",
	{ link: "a.out>b.in;capacity=16MiB" },
	async ({ tasks, server }) => {
		const folder = mkdtempSync(join(tmpdir(), "dhmem-pulls-"));
		const environment = { ...process.env, ...tasks.environmentOf("a"), LENGTH: `${MIB}` };
		const options = { env: environment, cwd: folder, stdio: "inherit" } as const;
		const [, signal] = await once(spawn(process.execPath, [SOURCE, "is killed"], options), "exit");
		rmSync(folder, { recursive: true });
		assert.is(signal, "SIGKILL");
		assert.ok((await server.storedBytes()) < 10_000);
		const input = tasks.get("b").input("in");
		for (const text of ["0", "1", "2"]) check(await input.receive(), text, MIB);
	},
);

pulled(
	"what a killed sender has not noted is found by its successor, and what it has not sent is freed",
	{ link: "a.out>b.in;capacity=16MiB" },
	async ({ tasks, region, blocks }) => {
		for (const text of ["one", "two"]) await sendBlock(tasks, text, MIB);
		await tasks.leave("a");
		const [first] = blocks.all();
		blocks.place(first?.handle ?? "", 0);
		blocks.save(region.allocate(MIB), first?.epoch ?? 0);
		await sendBlock(tasks, "by its successor", MIB);
		while (blocks.size > 3) await new Promise(setImmediate);
		const input = tasks.get("b").input("in");
		for (const text of ["one", "two", "by its successor"]) check(await input.receive(), text, MIB);
		while (blocks.size > 0) await new Promise(setImmediate);
	},
);

pulled(
	"a sender may leave while its receiver holds a block, which comes again to the receiver's successor",
	{},
	async ({ tasks }) => {
		const input = tasks.get("b").input("in");
		await sendBlock(tasks, "one", MIB);
		const message = await input.receive();
		assert.is(message?.text(), "one");
		tasks.get("a").output("out").end();
		await tasks.leave("a");
		await tasks.leave("b");
		const again = tasks.get("b").input("in");
		check(await again.receive(), "one", MIB);
		assert.is(await again.receive(), undefined);
	},
);

pulled(
	"a receiver that is killed while it pulls has a successor that gets the block",
	{ way: "relay" },
	async ({ tasks, relay }) => {
		relay.stallAfter(MIB);
		const environment = { ...process.env, ...tasks.environmentOf("b") };
		const child = spawn(process.execPath, [RECEIVER], { env: environment, stdio: "inherit" });
		await sendBlock(tasks, "one", 8 * MIB);
		await relay.isStalled();
		child.kill("SIGKILL");
		await once(child, "exit");
		relay.stallAfter(Number.POSITIVE_INFINITY);
		check(await tasks.get("b").input("in").receive(), "one", 8 * MIB);
	},
);

pulled(
	"a block whose send is given up is the caller's, and its message does not arrive",
	{},
	async ({ tasks, server }) => {
		const input = tasks.get("b").input("in");
		await sendBlock(tasks, "one", MIB);
		check(await input.receive(), "one", MIB);
		const output = tasks.get("a").output("out");
		const block = await output.allocate(2 * MIB);
		await server.freeze();
		// It is on its way, and the server stores it later.
		assert.is(await output.send("two", { block, timeout: 50 }).catch(({ code }) => code), "DHMEM_TIMEOUT");
		block.bytes.fill(1);
		block.free();
		server.signal("SIGCONT");
		await sendBlock(tasks, "three", MIB);
		check(await input.receive(), "three", MIB);
	},
);

pulled(
	"a block needs no connection if its receiver has the same region",
	{ way: "region", link: "a.out>b.in;capacity=8MiB" },
	async ({ tasks, server, relay }) => {
		const input = tasks.get("b").input("in");
		for (const text of ["one", "two"]) await sendBlock(tasks, text, 3 * MIB);
		await tasks.leave("a");
		for (const text of ["one", "two"]) check(await input.receive(), text, 3 * MIB);
		assert.is(relay.connections, 0);
		assert.ok((await server.storedBytes()) < 10_000);
	},
);

pulled(
	"a region that is full of blocks that wait for a receiver in it does not stop the link",
	{ way: "region" },
	async ({ tasks }) => {
		// The region has 64 MiB.
		for (const text of ["0", "1"]) await sendBlock(tasks, text, 20 * MIB);
		const output = tasks.get("a").output("out");
		const block = await output.allocate(20 * MIB);
		block.bytes.set(pattern(20 * MIB));
		const input = tasks.get("b").input("in");
		for (const text of ["0", "1"]) check(await input.receive(), text, 20 * MIB);
		await output.send("2", { block });
		check(await input.receive(), "2", 20 * MIB);
	},
);

pulled(
	"blocks that wait leave a full region also if the message in front of them has none",
	{ way: "region", link: "a.out>b.in;capacity=64MiB" },
	async ({ tasks }) => {
		// The region has 64 MiB.
		const data = pattern(30 * MIB);
		await tasks.get("a").output("out").send(data);
		for (const text of ["0", "1"]) await sendBlock(tasks, text, 20 * MIB);
		const input = tasks.get("b").input("in");
		const message = await input.receive();
		assert.is(Buffer.compare(message?.bytes ?? Buffer.alloc(0), data), 0);
		message?.release();
		for (const text of ["0", "1"]) check(await input.receive(), text, 20 * MIB);
	},
);

pulled(
	"a block whose keeper is gone is an error, not a hang",
	{ way: "nowhere" },
	async ({ tasks, keeper }) => {
		await sendBlock(tasks, "one", MIB);
		keeper.close();
		const error = await tasks
			.get("b")
			.input("in")
			.receive()
			.catch((error) => error);
		assert.is(error.code, "DHMEM_PEER_GONE");
		assert.match(error.message, "The runner that keeps a block of a.out>b.in is gone");
	},
);

for (const [what, own] of [
	["without a runner", undefined],
	["of a task with DHMEM_PULL=off", { a: { DHMEM_PULL: "off" } }],
] as const)
	test(`the blocks ${what} are stored on the server`, async () => {
		const send = async (tasks: Tasks, server: Server) => {
			await sendBlock(tasks, "one", 3 * MIB);
			assert.ok((await server.storedBytes()) > 3 * MIB);
			check(await tasks.get("b").input("in").receive(), "one", 3 * MIB);
		};
		if (own !== undefined) return withKeeper({ own }, ({ tasks, server }) => send(tasks, server));
		await using server = await Server.start();
		await using tasks = new Tasks(["a.out>b.in"], { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address });
		await send(tasks, server);
	});

test.run();
