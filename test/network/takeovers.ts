/** Two processes that run the same task over NATS: the newer one has the endpoint, and the older one is told. */
import { DhmemError } from "dhmem";
import type { Input } from "dhmem/workflow";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { codeOfLater, PATIENCE, within } from "../fixture/index.js";
import { Tasks } from "../workflow/tasks.js";
import { Relay } from "./relay.js";
import { Server } from "./server.js";

const test = suite("takeovers over NATS");

interface Given {
	readonly server: Server;
	readonly tasks: Tasks;
	/** Between the older process and the server. */
	readonly relay: Relay;
	/** The environment of the older process. */
	readonly throughRelay: NodeJS.ProcessEnv;
}

function takeover(title: string, body: (given: Given) => Promise<void>): void {
	test(title, () =>
		within(
			PATIENCE,
			title,
			(async () => {
				await using server = await Server.start();
				await using relay = await Relay.to(server.port);
				const variables = { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address };
				await using tasks = new Tasks(["a.out>b.in"], variables);
				await server.prepare(tasks.run);
				await body({ server, tasks, relay, throughRelay: { DHMEM_NATS: relay.address } });
			})(),
		),
	);
}

/** The texts of what an input has until its end. */
async function textsOf(input: Input): Promise<string[]> {
	const texts: string[] = [];
	for await (const message of input) texts.push(message.text());
	return texts;
}

takeover("the newer of two senders has the endpoint, and the older one is told", async ({ tasks }) => {
	const older = tasks.another("a").output("out");
	await older.send("one");
	const newer = tasks.another("a").output("out");
	await newer.send("two");
	assert.is(await codeOfLater(older.send("three")), "DHMEM_ENDPOINT_TAKEN");
	await newer.send("four");
	newer.end();
	assert.equal(await textsOf(tasks.get("b").input("in")), ["one", "two", "four"]);
});

takeover("the newer of two receivers has the endpoint, and the older one is told", async ({ tasks }) => {
	const output = tasks.get("a").output("out");
	for (const text of ["one", "two"]) await output.send(text);
	const older = tasks.another("b").input("in");
	assert.is((await older.receive())?.text(), "one");
	const newer = tasks.another("b").input("in");
	assert.is((await newer.receive())?.text(), "one");
	const waits = Array.from({ length: 4 }, () => codeOfLater(older.receive()));
	assert.is(await waits[3], "DHMEM_ENDPOINT_TAKEN");
	assert.is((await newer.receive())?.text(), "two");
});

takeover(
	"a receiver that connects again after a newer one has taken over is told, and takes nothing from it",
	async ({ tasks, relay, throughRelay }) => {
		const output = tasks.get("a").output("out");
		for (const text of ["one", "two"]) await output.send(text);
		const older = tasks.another("b", undefined, throughRelay).input("in");
		const one = await older.receive();
		assert.is(one?.text(), "one");
		assert.is((await older.receive())?.text(), "two");
		relay.hold();
		await relay.isHolding();
		const newer = tasks.get("b").input("in");
		const messages = [await newer.receive(), await newer.receive()];
		assert.equal(
			messages.map((message) => message?.text()),
			["one", "two"],
		);
		const told = codeOfLater(older.receive());
		relay.go();
		assert.is(await told, "DHMEM_ENDPOINT_TAKEN");
		// What it releases now, it has no right to.
		one?.release();
		for (const text of ["three", "four"]) await output.send(text);
		output.end();
		messages[1]?.release();
		assert.equal(await textsOf(newer), ["three", "four"]);
		assert.is(await codeOfLater(older.receive()), "DHMEM_ENDPOINT_TAKEN");
		// The first one was not released by the one that has it.
		await tasks.leave("b");
		assert.is((await tasks.get("b").input("in").receive())?.text(), "one");
	},
);

takeover(
	"a sender whose answer is lost is told that a newer one has taken over, and its message comes once",
	async ({ server, tasks, relay, throughRelay }) => {
		const zombie = tasks.another("a", undefined, throughRelay).output("out");
		await zombie.send("one");
		relay.stallAfter(0);
		const unanswered = codeOfLater(zombie.send("two"));
		while ((await server.records()) < 2) await new Promise(setImmediate);
		const newer = tasks.another("a").output("out");
		await newer.send("three");
		relay.stallAfter(Number.POSITIVE_INFINITY);
		relay.hold();
		relay.go();
		assert.is(await unanswered, "DHMEM_ENDPOINT_TAKEN");
		assert.is(await codeOfLater(zombie.send("four")), "DHMEM_ENDPOINT_TAKEN");
		await newer.send("five");
		newer.end();
		assert.equal(await textsOf(tasks.get("b").input("in")), ["one", "two", "three", "five"]);
	},
);

takeover(
	"what a sender has sent, and the server gets only after a newer one has taken over, never arrives",
	async ({ tasks, relay, throughRelay }) => {
		const zombie = tasks.another("a", undefined, throughRelay).output("out");
		await zombie.send("one");
		relay.delay();
		const late = zombie.send("two").catch((error: unknown) => error);
		await new Promise(setImmediate);
		const newer = tasks.another("a").output("out");
		await newer.send("three");
		relay.pass();
		const error = await late;
		assert.ok(error instanceof DhmemError && error.code === "DHMEM_ENDPOINT_TAKEN", String(error));
		await newer.send("four");
		newer.end();
		assert.equal(await textsOf(tasks.get("b").input("in")), ["one", "three", "four"]);
	},
);

test.run();
