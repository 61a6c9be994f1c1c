/** Passwords, tokens and seeds must not be in anything that runners and tasks print, also with `NODE_DEBUG=dhmem`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeReference } from "../../src/workflow/nats/pull/reference.js";
import { PATIENCE, Place, within } from "../fixture/index.js";
import { Operator } from "./operator.js";
import { Server } from "./server.js";

const test = suite("secrets");
const folder = mkdtempSync(join(tmpdir(), "dhmem-secrets-"));
test.after(() => rmSync(folder, { recursive: true }));

const operator = new Operator();
const everything = { publish: [">"], subscribe: [">"] };
const write = (name: string, contents: string) => {
	const path = join(folder, name);
	writeFileSync(path, contents);
	return path;
};
const DHMEM_NATS_CREDS = write("user.creds", operator.credentials());
const watcher = write("watcher.creds", operator.credentials({ permissions: everything }));

const PASSWORD = "lovelace-1815";
const logins = {
	"a password": {
		configuration: `authorization { users: [
			{ user: ada, password: "${PASSWORD}" }, { user: watcher, password: "watches" }
		] }`,
		login: { DHMEM_NATS_USER: "ada", DHMEM_NATS_PASSWORD: PASSWORD },
		watch: { user: "watcher", pass: "watches" },
		secrets: [PASSWORD],
	},
	credentials: {
		configuration: operator.configuration,
		login: { DHMEM_NATS_CREDS },
		watch: { authenticator: credsAuthenticator(readFileSync(watcher)) },
		secrets: secretsIn(DHMEM_NATS_CREDS),
	},
};

/** The token and the seed of a file with credentials. */
function secretsIn(path: string): string[] {
	return readFileSync(path, "utf8")
		.split("\n")
		.filter((line) => line !== "" && !line.startsWith("-"));
}

/** A workflow in which one task sends a block, and the other one releases it. */
function workflowIn(place: Place): string {
	const taskOf = (name: string, body: string) => {
		const script = `import { Task } from ${JSON.stringify(import.meta.resolve("dhmem/workflow"))};
			await run(Task.fromEnvironment());
			async function run(task) { ${body} task.close(); }`;
		return { command: [process.execPath, place.write(`${name}.mjs`, script)] };
	};
	return place.write("x.json", {
		name: "x",
		region: { size: "64MiB" },
		tasks: {
			a: taskOf(
				"a",
				`const output = task.output("out");
				await output.send("data", { block: await output.allocate(2 ** 21) });
				output.end();`,
			),
			b: taskOf("b", 'for await (const { length } of task.input("in")) task.log(length);'),
		},
		links: [{ from: "a.out", to: "b.in", transport: "nats" }],
	});
}

for (const [what, { configuration, login, watch, secrets }] of Object.entries(logins)) {
	test(`a run that logs in with ${what} prints no secret, nor that of a block that is pulled`, async () => {
		await using server = await Server.start({ configuration, login });
		const place = new Place();
		const connection = await connect({ servers: server.address, ...watch });
		try {
			const seen = new Promise<Buffer>((resolve) => {
				connection.subscribe("dhmem.>", {
					callback: (_, { subject, data }) => {
						if (subject.endsWith(".refer")) resolve(decodeReference(data, subject).reference.token);
					},
				});
			});
			await connection.flush();
			const file = workflowIn(place);
			const debugging = { ...server.variables, NODE_DEBUG: "dhmem" };
			const run = await place.run(["run", file], debugging);
			assert.is(run.code, 0, run.stderr);
			const token = await within(PATIENCE, "to see a reference", seen);
			const explain = await place.run(["run", "--explain", file], debugging);
			const environment = await place.run(["run", "--print-env=a", file], debugging);
			const text = [run, explain, environment].map(({ stdout, stderr }) => stdout + stderr).join("");
			assert.match(text, /^a +\| DHMEM \d+: /im);
			const all = [...secrets, token.toString("base64"), token.toString("base64url"), token.toString("hex")];
			assert.is(all.length, secrets.length + 3);
			for (const secret of all) assert.not(text.includes(secret), secret);
		} finally {
			await connection.close();
			place.remove();
		}
	});
}

test("what a runner on several machines says has no password of the address", async () => {
	await using server = await Server.start({
		configuration: `authorization { user: ada, password: "${PASSWORD}" }`,
	});
	const place = new Place();
	try {
		const address = server.address.replace("//", `//ada:${PASSWORD}@`);
		const words = ["--server", address, "--run", "x", "--only", "a", workflowIn(place)];
		const { child, ended } = place.start(["run", ...words], { NODE_DEBUG: "dhmem" });
		child.stderr?.on("data", (text) => {
			if (String(text).includes("start it there")) child.kill("SIGTERM");
		});
		const { stdout, stderr } = await ended;
		assert.match(stderr, `--server ${server.address} --run x --only b`);
		assert.not(`${stdout}${stderr}`.includes(PASSWORD), stderr);
		await place.emptied();
	} finally {
		place.remove();
	}
});

test.run();
