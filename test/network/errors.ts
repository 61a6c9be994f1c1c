/** What can go wrong with links over NATS, and what users are told. */
import { readFileSync } from "node:fs";
import type { DhmemErrorCode } from "dhmem";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Place, program } from "../fixture/index.js";
import { Tasks } from "../workflow/tasks.js";
import { Server } from "./server.js";

const test = suite("errors over NATS");

const workflow = {
	name: "x",
	tasks: { source: { command: program("streams") }, again: { command: program("streams") } },
	links: [{ from: "source.out", to: "again.in", transport: "nats" }],
};

async function runAt(address: string, environment: NodeJS.ProcessEnv = {}) {
	const place = new Place();
	try {
		const file = place.write("x.json", workflow);
		return await place.run(["run", file], { DHMEM_NATS: address, ...environment });
	} finally {
		place.remove();
	}
}

const PASSWORD = `authorization { user: "ada", password: "secret" }`;
test("a password in the address works, and is not printed", async () => {
	await using server = await Server.start({ configuration: PASSWORD });
	const { code, stderr } = await runAt(server.address.replace("//", "//ada:secret@"));
	assert.is(code, 0, stderr);
	assert.not.match(stderr, "secret");
});

test("the permissions in docs/transports.md are enough", async () => {
	const document = readFileSync(new URL("../../../docs/transports.md", import.meta.url), "utf8");
	const [permissions = ""] = /^permissions \{.*?^\}/ms.exec(document) ?? [];
	assert.match(permissions, "publish");
	const user = `user: "ada", password: "secret", ${permissions.replace("permissions", "permissions:")}`;
	await using server = await Server.start({ configuration: `authorization { users: [{ ${user} }] }` });
	const { code, stderr } = await runAt(server.address.replace("//", "//ada:secret@"));
	assert.is(code, 0, stderr);
});

for (const [deny, what] of [
	["dhmem.>", "send"],
	["$JS.API.CONSUMER.MSG.NEXT.>", "receive"],
] as const) {
	test(`a user who may not publish to ${deny} is told so by ${what}`, async () => {
		const configuration = `authorization { users: [
			{ user: "ada", password: "secret", permissions: { publish: { deny: "${deny}" } } }
		] }`;
		await using server = await Server.start({ configuration });
		const address = server.address.replace("//", "//ada:secret@");
		await using tasks = new Tasks(["a.out>b.in"], { DHMEM_TRANSPORT: "nats", DHMEM_NATS: address });
		const sending = () => tasks.get("a").output("out").send("text");
		const failing = what === "send" ? sending() : sending().then(() => tasks.get("b").input("in").receive());
		assert.is(await failing.catch(({ code }) => code), "DHMEM_PERMISSION");
	});
}

async function endless(act: () => Promise<void>): Promise<never> {
	for (;;) await act();
}

async function errorOfWait(promise: Promise<unknown>): Promise<DhmemErrorCode | "nothing"> {
	return promise.then(
		() => "nothing",
		(error) => error.code ?? error,
	);
}

test("a link that drops messages is told when the server has no storage for those that it keeps", async () => {
	await using server = await Server.start({ storage: 2 ** 20 });
	const variables = { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address };
	await using tasks = new Tasks(["a.out>b.in;policy=drop-oldest;keep=100"], variables);
	const output = tasks.get("a").output("out");
	const failing = (async () => {
		for (let i = 0; i < 100; i++) await output.send(new Uint8Array(100_000));
	})();
	assert.is(await errorOfWait(failing), "DHMEM_NO_SPACE");
});

test("two tasks with different transports are both told so, however they started", async () => {
	await using server = await Server.start();
	await using tasks = new Tasks(["a.out>b.in"], { DHMEM_NATS: server.address });
	const sends = tasks.another("a", ["out=a.out>b.in;transport=nats"]).output("out");
	await sends.send("one");
	const receiver = tasks.another("b", ["in=a.out>b.in;transport=shm"]);
	assert.is(await errorOfWait(receiver.input("in").receive()), "DHMEM_TYPE_MISMATCH");
	assert.is(await errorOfWait(endless(() => sends.send("two"))), "DHMEM_TYPE_MISMATCH");
});

test("two sides with other options are told so", async () => {
	await using server = await Server.start();
	const variables = { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address };
	await using tasks = new Tasks(["a.out>b.in;capacity=100000"], variables);
	await tasks.get("a").output("out").send("one");
	const other = tasks.another("b", ["in=a.out>b.in;capacity=200000"]);
	assert.is(await errorOfWait(other.input("in").receive()), "DHMEM_TYPE_MISMATCH");
});

test("what is sent to a server that is killed and comes back arrives once and in order", async () => {
	await using server = await Server.start();
	const variables = { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address };
	await using tasks = new Tasks(["a.out>b.in"], variables);
	await server.prepare(tasks.run);
	const output = tasks.get("a").output("out");
	const received: (number | undefined)[] = [];
	const receiving = (async () => {
		for await (const message of tasks.get("b").input("in")) received.push(message.as("u32")[0]);
	})();
	const COUNT = 3000;
	const sending = (async () => {
		const sends: Promise<void>[] = [];
		for (let i = 0; i < COUNT; i++) {
			sends.push(output.send(Uint32Array.of(i)));
			if (i % 64 === 63) await Promise.all(sends.splice(0));
			if (i % 1000 === 500) void server.kill().then(() => server.start());
		}
		await Promise.all(sends);
		output.end();
	})();
	await Promise.all([sending, receiving]);
	assert.equal(
		received,
		Array.from({ length: COUNT }, (_, i) => i),
	);
});

test("a process that exits before its end is confirmed fails, and says why", async () => {
	await using server = await Server.start();
	const place = new Place();
	try {
		const script = place.write(
			"exits.mjs",
			`import { Task } from ${JSON.stringify(import.meta.resolve("dhmem/workflow"))};
			const task = Task.fromEnvironment();
			task.output("out").end();
			process.exit();`,
		);
		const { code, stderr } = await place.program([script], {
			DHMEM_REGION: "x",
			DHMEM_TASK: "a",
			DHMEM_LINKS: "out=a.out>b.in;transport=nats",
			DHMEM_NATS: server.address,
		}).ended;
		assert.is(code, 1, stderr);
		assert.match(stderr, "await task.closed before process.exit()");
	} finally {
		place.remove();
	}
});

test.run();
