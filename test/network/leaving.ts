/** Processes that end without closing their task. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Place } from "../fixture/index.js";
import { Server } from "./server.js";

const test = suite("leaving over NATS");
const server = await Server.start();
test.after(() => server[Symbol.asyncDispose]());

const LINK = "a.out>b.in;transport=nats";

/** Runs the body of a program that has a `task`, and returns how it ended. */
async function runTask(place: Place, region: string, name: "a" | "b", body: string) {
	const script = place.write(
		`${name}.mjs`,
		`import { Task } from ${JSON.stringify(import.meta.resolve("dhmem/workflow"))};
		const task = Task.fromEnvironment();
		${body}`,
	);
	return place.program([script], {
		DHMEM_REGION: region,
		DHMEM_TASK: name,
		DHMEM_LINKS: `${name === "a" ? "out" : "in"}=${LINK}`,
		DHMEM_NATS: server.address,
	}).ended;
}

test("a process that closes its task nowhere ends when everything is confirmed", async () => {
	const place = new Place();
	try {
		const sender = await runTask(
			place,
			"early",
			"a",
			`const out = task.output("out");
			for (const text of ["one", "two"]) void out.send(text);
			out.end();`,
		);
		assert.is(sender.code, 0, sender.stderr);
		const early = await runTask(
			place,
			"early",
			"b",
			`const message = await task.input("in").receive();
			console.log(message.text());
			message.release();`,
		);
		assert.is(early.stdout, "one\n", early.stderr);
		assert.is(early.code, 0);
		const receiver = await runTask(
			place,
			"early",
			"b",
			`for await (const message of task.input("in")) console.log(message.text());
			console.log("ended");`,
		);
		assert.is(receiver.stdout, "two\nended\n", receiver.stderr);
		assert.is(receiver.code, 0);
	} finally {
		place.remove();
	}
});

test("a process that waits for a message lives until one comes", async () => {
	const place = new Place();
	try {
		const waiting = runTask(place, "late", "b", `console.log((await task.input("in").receive())?.text());`);
		// It has a connection by then.
		while (!(await server.streams()).some((name) => name.startsWith("dhmem_late")))
			await new Promise(setImmediate);
		const sender = await runTask(
			place,
			"late",
			"a",
			`await task.output("out").send("at last"); task.close();`,
		);
		assert.is(sender.code, 0, sender.stderr);
		const { code, stdout, stderr } = await waiting;
		assert.is(stdout, "at last\n", stderr);
		assert.is(code, 0);
	} finally {
		place.remove();
	}
});

test.run();
