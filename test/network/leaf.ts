/**
 * A hub, whose JetStream has the domain "hub", and a leaf node of it with a JetStream of its own. All tasks are connected with
 * the leaf node, as a user with the permissions in the documents for that domain, and the hub stores the messages.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withSession } from "../../src/workflow/nats/manage.js";
import { readServer } from "../../src/workflow/nats/settings.js";
import { PATIENCE, Place, program, within } from "../fixture/index.js";
import { contract } from "./contract.js";
import { permissionsIn } from "./permissions.js";
import { freePort, Server } from "./server.js";

const port = await freePort();
const { publish, subscribe } = permissionsIn("docs/transports.md");
const permissions = {
	publish: publish.map((subject) => subject.replace("$JS.API", "$JS.hub.API")),
	subscribe,
};
const user = { user: "ada", password: "secret", permissions };
const hub = await Server.start({
	domain: "hub",
	configuration: `leafnodes { listen: "127.0.0.1:${port}" }`,
});
const leaf = await Server.start({
	domain: "leaf",
	configuration: `leafnodes { remotes: [{ url: "nats-leaf://127.0.0.1:${port}" }] }
		authorization { users: ${JSON.stringify([user])} }`,
	login: { DHMEM_NATS_USER: "ada", DHMEM_NATS_PASSWORD: "secret", DHMEM_NATS_DOMAIN: "hub" },
});

/** Resolves when the hub answers at the leaf node. */
async function connected(): Promise<void> {
	for (;;) {
		try {
			return await withSession(readServer(leaf.variables), "test", async () => {});
		} catch {
			await sleep(50);
		}
	}
}
await within(PATIENCE, "the leaf node to be connected with its hub", connected());

const workflow = {
	name: "x",
	tasks: { source: { command: program("streams") }, again: { command: program("streams") } },
	links: [{ from: "source.out", to: "again.in", transport: "nats" }],
};

async function runAt(server: Server, variables: NodeJS.ProcessEnv = {}) {
	const place = new Place();
	try {
		return await place.run(["run", place.write("x.json", workflow)], { ...server.variables, ...variables });
	} finally {
		place.remove();
	}
}

const test = suite("a leaf node");

test("the hub stores what a run has, and nothing is left there", async () => {
	const { code, stdout, stderr } = await runAt(leaf);
	assert.is(code, 0, stderr);
	assert.match(stdout, "again  | ended");
	await hub.prepare("left");
	const left = await hub.streams();
	assert.is(left.length, 1);
	assert.equal(await leaf.streams(), left);
});

test("a domain that is not there is an error that names it", async () => {
	const { code, stderr } = await runAt(hub, { DHMEM_NATS_DOMAIN: "nowhere" });
	assert.is(code, 1, stderr);
	assert.match(stderr, "No JetStream of the domain nowhere answers");
	const wrong = await runAt(hub, { DHMEM_NATS_DOMAIN: "a.b" });
	assert.is(wrong.code, 2);
	assert.match(wrong.stderr, 'DHMEM_NATS_DOMAIN is "a.b"');
});

test.run();

contract(
	"NATS, over a leaf node",
	() => ({ DHMEM_TRANSPORT: "nats", ...leaf.variables }),
	(run) => leaf.prepare(run),
	async () => {
		await leaf[Symbol.asyncDispose]();
		await hub[Symbol.asyncDispose]();
	},
);
