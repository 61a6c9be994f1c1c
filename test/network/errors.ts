/** What can be wrong with a server, and what users are told. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { DhmemErrorCode } from "dhmem";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Place, program } from "../fixture/index.js";
import { Tasks } from "../workflow/tasks.js";
import { Server, type ServerOptions } from "./server.js";

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
const FEW_RIGHTS = `authorization { users: [{
	user: "ada", password: "secret", permissions: { publish: { deny: "$JS.API.STREAM.CREATE.>" } }
}] }`;
const rows: readonly [string, ServerOptions, NodeJS.ProcessEnv, string][] = [
	["has no JetStream", { jetStream: false }, {}, "has no JetStream; start it with -js"],
	[
		"wants a password",
		{ configuration: PASSWORD },
		{},
		"refuses a client without a user; set DHMEM_NATS_USER",
	],
	[
		"wants another password",
		{ configuration: PASSWORD },
		{ DHMEM_NATS_USER: "ada", DHMEM_NATS_PASSWORD: "wrong" },
		"refuses user ada; set DHMEM_NATS_USER",
	],
	[
		"lets the user create no streams",
		{ configuration: FEW_RIGHTS },
		{ DHMEM_NATS_USER: "ada", DHMEM_NATS_PASSWORD: "secret" },
		"does not let user ada do what a link needs",
	],
	[
		"takes small messages only",
		{ configuration: "max_payload: 1024" },
		{},
		"set its max_payload to at least 4096",
	],
	["has no storage left", { configuration: "", storage: 4096 }, {}, "has no storage left for"],
];
for (const [what, options, environment, message] of rows) {
	test(`a run with a server that ${what} fails before its tasks start, and says what to do`, async () => {
		await using server = await Server.start(options);
		const { code, stdout, stderr } = await runAt(server.address, environment);
		assert.is(code, 1, stderr);
		assert.match(stderr, message);
		assert.is(stdout, "");
		assert.not.match(stderr, "secret");
	});
}

test("a run without a server says how to start one, and a wrong address is an error at once", async () => {
	const { code, stderr } = await runAt("nats://127.0.0.1:1");
	assert.is(code, 1);
	assert.match(stderr, "No NATS server answers at nats://127.0.0.1:1; start one (nats-server -js)");
	assert.match((await runAt("pigeon://127.0.0.1")).stderr, 'DHMEM_NATS is "pigeon://127.0.0.1"');
	const unreadable = await runAt("nats://ada:50%zz@127.0.0.1");
	assert.match(unreadable.stderr, "% only as %25");
	assert.not.match(unreadable.stderr, "zz");
});

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

test("a run without the packages says which to install", async () => {
	const place = new Place();
	const hooks = place.write(
		"hooks.mjs",
		`export async function resolve(name, context, next) {
			if (name.startsWith("@nats-io/")) throw new Error("not installed");
			return next(name, context);
		}`,
	);
	const register = `import { register } from "node:module"; register(${JSON.stringify(pathToFileURL(hooks))});`;
	const file = join(place.folder, "register.mjs");
	writeFileSync(file, register);
	try {
		const { code, stderr } = await place.run(["run", place.write("x.json", workflow)], {
			NODE_OPTIONS: `--import=${file}`,
		});
		assert.is(code, 1, stderr);
		assert.match(stderr, "npm install @nats-io/transport-node @nats-io/jetstream @nats-io/kv");
	} finally {
		rmSync(file);
		place.remove();
	}
});

async function endless(act: () => Promise<void>): Promise<never> {
	for (;;) await act();
}

async function errorOfWait(promise: Promise<unknown>): Promise<DhmemErrorCode | "nothing"> {
	return promise.then(
		() => "nothing",
		(error) => error.code ?? error,
	);
}

test("the newer of two processes that run a task has the endpoint, and the older one is told", async () => {
	await using server = await Server.start();
	const variables = { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address };
	await using tasks = new Tasks(["a.out>b.in"], variables);
	const older = tasks.another("a").output("out");
	await older.send("one");
	const newer = tasks.another("a").output("out");
	await newer.send("two");
	assert.is(await errorOfWait(older.send("three")), "DHMEM_ENDPOINT_TAKEN");
	await newer.send("four");
	const first = tasks.another("b").input("in");
	assert.is((await first.receive())?.text(), "one");
	const second = tasks.another("b").input("in");
	assert.is((await second.receive())?.text(), "one");
	const waits = [first.receive(), first.receive(), first.receive(), first.receive()].map(errorOfWait);
	assert.is(await waits[3], "DHMEM_ENDPOINT_TAKEN");
	assert.is((await second.receive())?.text(), "two");
	assert.is((await second.receive())?.text(), "four");
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
