/** Servers where users log in with files: credentials of an operator's account, or the seed of an nkey. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PATIENCE, Place, program, within } from "../fixture/index.js";
import { Tasks } from "../workflow/tasks.js";
import { Operator } from "./operator.js";
import { Server } from "./server.js";

const test = suite("credentials for NATS");

const folder = mkdtempSync(join(tmpdir(), "dhmem-credentials-"));
const write = (name: string, contents: string) => {
	const path = join(folder, name);
	writeFileSync(path, contents);
	return path;
};

const operator = new Operator();
const DHMEM_NATS_CREDS = write("user.creds", operator.credentials());
const server = await Server.start({
	configuration: operator.configuration,
	login: { DHMEM_NATS_CREDS },
});
test.after(async () => {
	await server[Symbol.asyncDispose]();
	rmSync(folder, { recursive: true });
});

const links = [{ from: "source.out", to: "again.in", transport: "nats" }];
const tasks = { source: { command: program("streams") }, again: { command: program("streams") } };

async function runAt({ variables }: Server, credentials: string) {
	const place = new Place();
	try {
		const file = place.write("x.json", { name: "x", tasks, links });
		return await place.run(["run", file], { ...variables, DHMEM_NATS_CREDS: credentials });
	} finally {
		place.remove();
	}
}

test("a user with credentials and the permissions in the documents can run a workflow", async () => {
	const { code, stdout, stderr } = await runAt(server, DHMEM_NATS_CREDS);
	assert.is(code, 0, stderr);
	assert.match(stdout, "again  | ended");
	assert.equal(await server.streams(), []);
});

test("the same is enough for several machines, and for `dhmem clean`", async () => {
	const place = new Place();
	try {
		const file = place.write("x.json", { name: "x", tasks, links });
		const endings = ["source", "again"].map((only) => {
			const words = ["--server", server.address, "--run", "x", "--only", only, file];
			return place.run(["run", ...words], { DHMEM_NATS_CREDS });
		});
		for (const { code, stderr } of await Promise.all(endings)) assert.is(code, 0, stderr);
		assert.equal(await server.streams(), []);
		await server.prepare("left");
		assert.is((await server.streams()).length, 1);
		const { code, stderr } = await place.run(["clean", "--server", server.address], { DHMEM_NATS_CREDS });
		assert.is(code, 0, stderr);
		assert.equal(await server.streams(), []);
	} finally {
		place.remove();
	}
});

const credentials = operator.credentials();
for (const [what, contents] of [
	["line ends as in Windows", credentials.replaceAll("\n", "\r\n")],
	["no line end at its end", credentials.trimEnd()],
] as const) {
	test(`credentials may be in a file with ${what}`, async () => {
		const { code, stderr } = await runAt(server, write("other.creds", contents));
		assert.is(code, 0, stderr);
	});
}

test("the file may contain the seed of an nkey alone", async () => {
	const user = nkeys.createUser();
	const path = write("user.nk", `${Buffer.from(user.getSeed())}\n`);
	const configuration = `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`;
	await using server = await Server.start({ configuration, login: { DHMEM_NATS_CREDS: path } });
	const { code, stderr } = await runAt(server, path);
	assert.is(code, 0, stderr);
	assert.equal(await server.streams(), []);
});

const now = () => Math.floor(Date.now() / 1000);
const other = nkeys.createUser();
for (const [what, path, message] of [
	["has expired", write("old.creds", operator.credentials({ expires: now() - 60 })), "they may have expired"],
	[
		"is for another server",
		write("stranger.creds", new Operator().credentials()),
		"belong to another server (",
	],
	["has an nkey that nobody knows", write("other.nk", `${Buffer.from(other.getSeed())}\n`), "put new ones"],
	["contains something else", write("text.creds", "user: ada\n"), "neither the credentials of a user nor"],
	[
		"contains a wrong seed",
		write("wrong.creds", credentials.replace(/^SU..../m, "SUAAAA")),
		"neither the credentials of a user nor",
	],
	["is not there", join(folder, "nowhere.creds"), "DHMEM_NATS_CREDS names a file that can't be read"],
	["is a folder", folder, "DHMEM_NATS_CREDS names a file that can't be read"],
] as const) {
	test(`a file that ${what} is an error that says what to do`, async () => {
		const { code, stdout, stderr } = await runAt(server, path);
		assert.ok(code !== 0, stderr);
		assert.is(stdout, "");
		assert.ok(stderr.includes(message) && stderr.includes(path), stderr);
		assert.not.match(stderr, /SU[A-Z2-7]{20}|eyJ/);
	});
}

test("credentials that expire while a task runs can be replaced, and nothing is lost", async () => {
	// Longer than two tasks take to connect, on a machine however busy.
	const path = write("short.creds", operator.credentials({ expires: now() + 12 }));
	await using tasks = new Tasks(["a.out>b.in"], {
		...{ ...server.variables, DHMEM_NATS_CREDS: path },
		DHMEM_TRANSPORT: "nats",
	});
	const output = tasks.get("a").output("out");
	const input = tasks.get("b").input("in");
	await output.send("before");
	assert.is((await input.receive())?.text(), "before");
	const original = process.stderr.write;
	const said = new Promise<string>((resolve) => {
		let heard = "";
		process.stderr.write = (text: string | Uint8Array) => {
			heard += text;
			if (/ a: .*\n/.test(heard) && / b: .*\n/.test(heard)) resolve(heard);
			return true;
		};
	});
	try {
		const log = await within(PATIENCE, "both tasks to say so", said);
		assert.match(log, `refuses the credentials in ${path}; put new ones there`);
		assert.match(log, "until then, this task waits\n");
		// Once each, however often they try.
		assert.is(log.trimEnd().split("\n").length, 2, log);
	} finally {
		process.stderr.write = original;
	}
	const sending = output.send("after");
	writeFileSync(path, operator.credentials());
	await within(PATIENCE, "the message to be sent", sending);
	assert.is((await within(PATIENCE, "a message", input.receive()))?.text(), "after");
});

test.run();
