/** Links over NATS while something is slow, stopped, full or killed. */
import { spawn } from "node:child_process";
import { on, once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Place, program, type Started } from "../fixture/index.js";
import { Tasks } from "../workflow/tasks.js";
import { Relay } from "./relay.js";
import { Server } from "./server.js";

const LARGE_SENDER = fileURLToPath(new URL("sends-large.js", import.meta.url));
const RECEIVER = fileURLToPath(new URL("receives.js", import.meta.url));
const MIB = 2 ** 20;

const test = suite("faults over NATS");

function served(title: string, links: string[], body: (tasks: Tasks, server: Server) => Promise<void>): void {
	test(title, async () => {
		await using server = await Server.start();
		await using tasks = new Tasks(links, { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address });
		await server.prepare(tasks.run);
		await body(tasks, server);
	});
}

served(
	"a receiver whose region is full goes on when messages are released",
	["a.out>b.in;capacity=256MiB"],
	async (tasks) => {
		const output = tasks.get("a").output("out");
		const input = tasks.get("b").input("in");
		await Promise.all(Array.from({ length: 100 }, (_, i) => output.send(new Uint8Array(MIB).fill(i))));
		output.end();
		let count = 0;
		for await (const message of input) assert.is(message.bytes[MIB - 1], count++);
		assert.is(count, 100);
	},
);

served("an event loop that is blocked for 10 s loses nothing", ["a.out>b.in"], async (tasks) => {
	const output = tasks.get("a").output("out");
	let count = 0;
	const receiving = (async () => {
		for await (const message of tasks.get("b").input("in")) {
			assert.is(message.as("u32")[0], count++);
			// Atomics.wait blocks the thread, as a long computation does.
			if (count === 200) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
		}
	})();
	for (let i = 0; i < 1000; i++) await output.send(Uint32Array.of(i));
	output.end();
	await receiving;
	assert.is(count, 1000);
});

served(
	"sends and receives outlast a server that answers nothing for 12 s",
	["a.out>b.in"],
	async (tasks, server) => {
		const output = tasks.get("a").output("out");
		const input = tasks.get("b").input("in");
		for (const text of ["one", "two"]) await output.send(text);
		const one = await input.receive();
		server.signal("SIGSTOP");
		const sending = output.send("three");
		await sleep(12_000);
		server.signal("SIGCONT");
		await sending;
		one?.release();
		assert.is((await input.receive())?.text(), "two");
		await tasks.leave("b");
		const again = tasks.get("b").input("in");
		const texts = [await again.receive(), await again.receive()].map((message) => message?.text());
		assert.equal(texts, ["two", "three"]);
	},
);

served(
	"a send that is given up while the server is silent makes no later one count as sent",
	["a.out>b.in"],
	async (tasks, server) => {
		const output = tasks.get("a").output("out");
		await output.send("one");
		await server.freeze();
		// It reaches the server, and its sender asks how far the stream has come, but gets no answer.
		const two = output.send("two", { timeout: 8000 }).catch(({ code }) => code);
		assert.is(await two, "DHMEM_TIMEOUT");
		const three = output.send("three");
		server.signal("SIGCONT");
		await three;
		output.end();
		const texts: string[] = [];
		for await (const message of tasks.get("b").input("in")) texts.push(message.text());
		assert.equal(texts, ["one", "two", "three"]);
	},
);

served(
	"an endpoint opens though the server answers nothing for 7 s",
	["a.out>b.in", "a.more>b.others"],
	async (tasks, server) => {
		const output = tasks.get("a").output("more");
		await output.send("one");
		const input = tasks.get("b").input("in");
		await tasks.get("a").output("out").send("two");
		assert.is((await input.receive())?.text(), "two");
		await server.freeze();
		const receiving = tasks.get("b").input("others").receive();
		await sleep(7000);
		server.signal("SIGCONT");
		assert.is((await receiving)?.text(), "one");
	},
);

test("a task connects though the first connection is cut before the server says anything", async () => {
	await using server = await Server.start();
	await using relay = await Relay.to(server.port);
	await using tasks = new Tasks(["a.out>b.in"], { DHMEM_TRANSPORT: "nats", DHMEM_NATS: relay.address });
	relay.hold();
	const sending = tasks.get("a").output("out").send("one");
	await relay.isHolding();
	relay.cut();
	relay.go();
	await sending;
});

test("bytes of a send that was given up are not sent later, when they may mean something else", async () => {
	await using server = await Server.start();
	await using relay = await Relay.to(server.port);
	await using tasks = new Tasks(["a.out>b.in"], { DHMEM_TRANSPORT: "nats", DHMEM_NATS: relay.address });
	const output = tasks.get("a").output("out");
	await output.send(new Uint8Array(100).fill(1));
	const bytes = new Uint8Array(100).fill(2);
	relay.hold();
	await relay.isHolding();
	assert.is(await output.send(bytes, { timeout: 300 }).catch(({ code }) => code), "DHMEM_TIMEOUT");
	bytes.fill(99);
	relay.go();
	await output.send(new Uint8Array(100).fill(3));
	output.end();
	const values: number[] = [];
	for await (const message of tasks.get("b").input("in")) values.push(message.readUInt8(0));
	assert.equal(values, [1, 3]);
});

test("a link that is cut for 10 s loses nothing, in either direction", async () => {
	await using server = await Server.start();
	await using relay = await Relay.to(server.port);
	await using tasks = new Tasks(["a.out>b.in"], { DHMEM_TRANSPORT: "nats", DHMEM_NATS: relay.address });
	await server.prepare(tasks.run);
	const output = tasks.get("a").output("out");
	const received: (number | undefined)[] = [];
	const receiving = (async () => {
		for await (const message of tasks.get("b").input("in")) received.push(message.as("u32")[0]);
	})();
	for (let i = 0; i < 600; i++) {
		// Some are on their way when the link is cut, and more are sent meanwhile.
		const sending = output.send(Uint32Array.of(i));
		if (i === 200) {
			relay.hold();
			void sleep(10_000).then(() => relay.go());
		}
		if (i % 16 === 15) await sending;
	}
	output.end();
	await receiving;
	assert.equal(
		received,
		Array.from({ length: 600 }, (_, i) => i),
	);
});

test("runs, and tasks alone, say that a server is gone, and that it is back", async () => {
	await using server = await Server.start();
	const place = new Place();
	try {
		const tasks = Object.fromEntries(
			["stuck", "again"].map((name) => [name, { command: program("streams") }]),
		);
		const links = [
			{ from: "stuck.out", to: "again.in" },
			{ from: "again.out", to: "stuck.in" },
		];
		const file = place.write("x.json", { name: "x", region: { size: "16MiB" }, tasks, links });
		const variables = { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address };
		const alone = new Tasks(["a.out>b.in"], variables);
		const run = place.start(["run", file], variables);
		const waits = place.program([RECEIVER], { ...process.env, ...alone.environmentOf("b") });
		await place.participants(3);
		while ((await server.streams()).length < 5) await sleep(20);
		const hears = async ({ child }: Started, text: string) => {
			for await (const [data] of on(child.stderr ?? child, "data")) if (String(data).includes(text)) return;
		};
		const all = (text: string) => Promise.all([run, waits].map((each) => hears(each, text)));
		const gone = all("no connection to the NATS server");
		await server.kill();
		await gone;
		const back = all(`the NATS server at ${server.address} is back`);
		await server.start();
		await back;
		for (const { child } of [run, waits]) child.kill("SIGTERM");
		for (const { ended } of [run, waits]) await ended;
		alone[Symbol.dispose]();
	} finally {
		place.remove();
	}
});

served(
	"half a message of a killed sender is dropped, and its successor goes on",
	["a.out>b.in;capacity=96MiB"],
	async (tasks, server) => {
		const input = tasks.get("b").input("in");
		const environment = { ...process.env, ...tasks.environmentOf("a") };
		const child = spawn(process.execPath, [LARGE_SENDER], { env: environment, stdio: "inherit" });
		// The stream has records of a message that is not complete.
		while ((await server.records()) % 25 < 3) await sleep(5);
		child.kill("SIGKILL");
		await once(child, "exit");
		await tasks.get("a").output("out").send("after it");
		for (;;) {
			using message = await input.receive();
			if (message?.length === 8) {
				assert.is(message?.text(), "after it");
				return;
			}
			assert.is(message?.length, 24 * MIB);
			assert.is(message?.bytes[24 * MIB - 1], 7);
		}
	},
);

test.run();
