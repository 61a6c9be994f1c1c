/** Blocks that go from task to task over TCP, while the message goes through the server. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import type { Message } from "dhmem";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { within } from "../fixture/index.js";
import { Tasks } from "../workflow/tasks.js";
import { Relay } from "./relay.js";
import { Server } from "./server.js";

const BLOCK_SENDER = fileURLToPath(new URL("sends-block.js", import.meta.url));
const RECEIVER = fileURLToPath(new URL("receives.js", import.meta.url));
const MIB = 2 ** 20;
/** Milliseconds after which a test hangs. */
const LIMIT = 120_000;
/** Another address of this machine, where nobody listens but the test. */
const ELSEWHERE = "127.0.0.2";

const test = suite("blocks that are pulled");

/** The period of `pattern`: no power of two, so that a chunk at a wrong place is noticed. */
const period = Uint8Array.from({ length: 65_521 }, (_, i) => (i * 31 + (i >> 8)) & 255);

function pattern(length: number): Uint8Array {
	return Buffer.alloc(length, period);
}

interface Given {
	readonly tasks: Tasks;
	readonly server: Server;
	/** Between a receiver and the sender `a`, if the way is not direct. */
	readonly relay: Relay;
}

/**
 * @param way `direct`; through a relay; or to a place where nobody listens
 * @param isRun true as if `dhmem run` had started the tasks
 */
function pulled(
	title: string,
	{
		way = "direct",
		link = "a.out>b.in",
		isRun = false,
	}: { way?: "direct" | "relay" | "nowhere"; link?: string; isRun?: boolean },
	body: (given: Given) => Promise<void>,
): void {
	test(title, () =>
		within(
			LIMIT,
			title,
			(async () => {
				await using server = await Server.start();
				const port = await freePort();
				await using relay = await Relay.to(port, { host: ELSEWHERE, port: way === "relay" ? port : 0 });
				await using tasks = new Tasks([link], {
					DHMEM_TRANSPORT: "nats",
					DHMEM_NATS: server.address,
					DHMEM_PULL: way === "direct" ? "on" : `${ELSEWHERE}:${port}`,
					...(isRun ? { DHMEM_RUNNER: "runner" } : {}),
				});
				using _runner = tasks.open("runner");
				await server.prepare(tasks.run);
				await body({ tasks, server, relay });
			})(),
		),
	);
}

async function freePort(): Promise<number> {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	server.close();
	await once(server, "close");
	return port;
}

/** Sends a block with a text. */
async function sendBlock(tasks: Tasks, text: string, length: number): Promise<void> {
	const output = tasks.get("a").output("out");
	const block = await output.allocate(length);
	block.bytes.set(pattern(length));
	await output.send(text, { block });
}

/** Checks that it is the message that `sendBlock` has sent, and releases it. */
function check(message: Message | undefined, text: string, length: number): void {
	assert.is(message?.text(), text);
	assert.is(message?.block?.length, length);
	assert.is(Buffer.compare(message?.block?.bytes ?? Buffer.alloc(0), pattern(length)), 0);
	message?.release();
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
	"a sender waits while its blocks of the link's capacity are not released",
	{ link: "a.out>b.in;capacity=4MiB" },
	async ({ tasks }) => {
		const output = tasks.get("a").output("out");
		const input = tasks.get("b").input("in");
		for (const text of ["0", "1", "2", "3"]) await sendBlock(tasks, text, MIB);
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

pulled(
	"blocks of a sender that can't be reached go through the server",
	{ way: "nowhere", link: "a.out>b.in;capacity=8MiB" },
	async ({ tasks, server }) => {
		const input = tasks.get("b").input("in");
		for (const text of ["one", "two"]) await sendBlock(tasks, text, 3 * MIB);
		check(await input.receive(), "one", 3 * MIB);
		check(await input.receive(), "two", 3 * MIB);
		// It knows that now.
		await sendBlock(tasks, "three", 3 * MIB);
		assert.ok((await server.storedBytes()) > 3 * MIB);
		check(await input.receive(), "three", 3 * MIB);
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

pulled(
	"a block needs no connection in a run whose tasks have one region",
	{ way: "nowhere", isRun: true },
	async ({ tasks, server }) => {
		using region = tasks.open("looks");
		const input = tasks.get("b").input("in");
		const output = tasks.get("a").output("out");
		await output.send("first");
		(await input.receive())?.release();
		const { used } = region.stats();
		for (const text of ["one", "two"]) {
			await sendBlock(tasks, text, 3 * MIB);
			const message = await input.receive();
			assert.ok((await server.storedBytes()) < 10_000);
			check(message, text, 3 * MIB);
		}
		await tasks.leave("a");
		await tasks.leave("b");
		assert.ok(region.stats().used <= used);
	},
);

pulled("a sender may leave before its receiver comes", {}, async ({ tasks }) => {
	for (const text of ["one", "two"]) await sendBlock(tasks, text, MIB);
	tasks.get("a").output("out").end();
	await tasks.leave("a");
	const input = tasks.get("b").input("in");
	check(await input.receive(), "one", MIB);
	check(await input.receive(), "two", MIB);
	assert.is(await input.receive(), undefined);
});

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
	"what a killed sender held counts as not sent, and so does what it sent after that",
	{ way: "relay" },
	async ({ tasks, relay }) => {
		relay.stallAfter(MIB);
		const environment = { ...process.env, ...tasks.environmentOf("a") };
		const child = spawn(process.execPath, [BLOCK_SENDER], {
			env: environment,
			stdio: ["ignore", "pipe", "inherit"],
		});
		const input = tasks.get("b").input("in");
		assert.is((await input.receive())?.text(), "before");
		// It has sent a block and another message by then.
		await once(child.stdout, "data");
		await relay.isStalled();
		child.kill("SIGKILL");
		await once(child, "exit");
		// The relay's connection to it has stopped, and would not notice.
		relay.hold();
		relay.go();
		const output = tasks.get("a").output("out");
		await output.send("by its successor");
		output.end();
		assert.is((await input.receive())?.text(), "by its successor");
		assert.is(await input.receive(), undefined);
	},
);

pulled(
	"a region that is full of blocks that wait for their receiver does not stop the link",
	{},
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
	{ link: "a.out>b.in;capacity=64MiB" },
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

test("what was sent is on the server, without DHMEM_PULL", async () => {
	await using server = await Server.start();
	await using tasks = new Tasks(["a.out>b.in"], { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address });
	await sendBlock(tasks, "one", 3 * MIB);
	assert.ok((await server.storedBytes()) > 3 * MIB);
	check(await tasks.get("b").input("in").receive(), "one", 3 * MIB);
});

for (const off of ["a", "b"])
	test(`blocks go through the server if task ${off} has DHMEM_PULL=off`, async () => {
		await using server = await Server.start();
		const common = { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address, DHMEM_PULL: "on" };
		await using tasks = new Tasks(["a.out>b.in"], common, { [off]: { DHMEM_PULL: "off" } });
		const input = tasks.get("b").input("in");
		await sendBlock(tasks, "one", 3 * MIB);
		const message = await input.receive();
		// The parts are acknowledged with their message.
		while ((await server.storedBytes()) < 3 * MIB) await new Promise(setImmediate);
		check(message, "one", 3 * MIB);
	});

test.run();
