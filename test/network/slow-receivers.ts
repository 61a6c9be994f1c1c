/** Receivers over NATS that are slow, or hold a message for long. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tasks } from "../workflow/tasks.js";
import { Server } from "./server.js";

const HOLDS = fileURLToPath(new URL("holds.js", import.meta.url));
const MIB = 2 ** 20;
/** Milliseconds: longer than servers and clients wait for anything by default. */
const LONG = 65_000;
/** More than the server sends ahead of a receiver. */
const COUNT = 40;

const test = suite("slow receivers over NATS");

function served(title: string, links: string[], body: (tasks: Tasks, server: Server) => Promise<void>): void {
	test(title, () => withServer(links, body));
}

async function withServer<T>(
	links: string[],
	body: (tasks: Tasks, server: Server) => Promise<T>,
): Promise<T> {
	await using server = await Server.start();
	await using tasks = new Tasks(links, { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address });
	await server.prepare(tasks.run);
	return await body(tasks, server);
}

/** The tasks `b`, which sleeps, and `c`, which computes, hold a message of many. Returns what they have printed. */
function holdForLong(): Promise<string[]> {
	return withServer(["a.out>b.in", "a.large>c.in;capacity=64MiB"], async (tasks) => {
		const printed = ["b", "c"].map(async (name) => {
			const child = spawn(process.execPath, [HOLDS], {
				env: {
					...process.env,
					...tasks.environmentOf(name),
					HOLD: String(LONG),
					COMPUTES: name === "c" ? "yes" : "no",
				},
				stdio: ["ignore", "pipe", "inherit"],
			});
			const [output, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
			assert.is(code, 0);
			return output;
		});
		const [out, large] = [tasks.get("a").output("out"), tasks.get("a").output("large")];
		for (let i = 0; i < COUNT; i++) {
			const number = String(i).padStart(8);
			await Promise.all([out.send(number), large.send(number.padEnd(MIB))]);
		}
		out.end();
		large.end();
		return await Promise.all(printed);
	});
}

// It mostly waits, so it begins before the other tests, and the last one sees its result.
const held = holdForLong();
held.catch(() => {});

served(
	"a slow receiver holds its sender back, and the server never stores more than the link's capacity",
	["a.out>b.in;capacity=256KiB"],
	async (tasks, server) => {
		const output = tasks.get("a").output("out");
		const sends = Array.from({ length: 400 }, (_, i) => output.send(new Uint8Array(4000).fill(i)));
		output.end();
		let count = 0;
		let most = 0;
		for await (const message of tasks.get("b").input("in")) {
			assert.is(message.bytes[3999], count++ % 256);
			if (count % 20 !== 0) continue;
			await sleep(50);
			most = Math.max(most, await server.storedBytes());
		}
		await Promise.all(sends);
		assert.is(count, 400);
		assert.ok(most > 100_000 && most <= 256 * 1024, `${most} bytes`);
	},
);

served(
	"a message that is held longer than the server waits for its acknowledgement is received once",
	["a.out>b.in"],
	async (tasks, server) => {
		const output = tasks.get("a").output("out");
		for (const text of ["one", "two"]) await output.send(text);
		const input = tasks.get("b").input("in");
		const one = await input.receive();
		assert.is(one?.text(), "one");
		await server.redeliver();
		one?.release();
		output.end();
		assert.is((await input.receive())?.text(), "two");
		assert.is(await input.receive(), undefined);
		await tasks.leave("b");
		// What was released with the answer to its first delivery is released.
		assert.is((await tasks.get("b").input("in").receive())?.text(), "two");
	},
);

test("a task that holds a message for a minute gets each once, and loses nothing, even if it computes meanwhile", async () => {
	const all = Array.from({ length: COUNT }, (_, i) => `${String(i).padStart(8)}\n`).join("");
	assert.equal(await held, [all, all]);
});

test.run();
