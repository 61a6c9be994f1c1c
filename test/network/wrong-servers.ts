/** What can be wrong with a server, and what is said about it: by a run, by a task alone, and by `dhmem clean --server`. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createListener } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Ended, Place, program } from "../fixture/index.js";
import { type Permissions, permissionsIn } from "./permissions.js";
import { Server, type ServerOptions } from "./server.js";

const users = ["a run", "a sending task", "a receiving task", "dhmem clean --server"] as const;
type User = (typeof users)[number];

interface Row {
	readonly what: string;
	/** Of the server; undefined if none is started. */
	readonly server?: ServerOptions;
	/** Where they look for the server. */
	readonly address?: string | ((own: string) => string);
	readonly environment?: NodeJS.ProcessEnv;
	readonly message: string;
	/** To whom it does not matter. */
	readonly succeed?: readonly User[];
	/** Who would wait for somebody else. */
	readonly skip?: readonly User[];
}

const test = suite("wrong servers");
const place = new Place();
const others = {
	web: createServer((_, response) => response.end("this is the web")),
	silent: createListener(),
};
for (const other of Object.values(others)) {
	other.listen(0, "127.0.0.1");
	await once(other, "listening");
}
test.after(() => {
	for (const other of Object.values(others)) other.close();
	place.remove();
});

function addressOf(other: keyof typeof others): string {
	return `nats://127.0.0.1:${(others[other].address() as AddressInfo).port}`;
}

const NO_SERVER = "; start one (nats-server -js), or set DHMEM_NATS to its address";
const PASSWORD = `authorization { user: "ada", password: "secret" }`;
const ADA = { DHMEM_NATS_USER: "ada", DHMEM_NATS_PASSWORD: "secret" };
const NO_RIGHT = "does not let user ada do what a link needs; give it the permissions in docs/transports.md";

const documented = permissionsIn("docs/transports.md");

function withRights(rights: Permissions): ServerOptions {
	const user = `{ user: "ada", password: "secret", permissions: ${JSON.stringify(rights)} }`;
	return { configuration: `authorization { users: [${user}] }` };
}

/** A server that lets its user do all but one thing of those that are documented. */
function rowWithout(what: "publish" | "subscribe", subject: string): Row {
	const left = documented[what].filter((each) => each !== subject);
	assert.is(left.length, documented[what].length - 1);
	const isForAll = ["$JS.API.>", "dhmem_room.>", "_INBOX_dhmem.>"].includes(subject);
	return {
		what: `that does not let its user ${what} to ${subject}`,
		server: withRights({ ...documented, [what]: left }),
		environment: ADA,
		message: NO_RIGHT,
		succeed: [
			...(isForAll ? [] : (["dhmem clean --server"] as const)),
			...(subject === "$JS.ACK.>" ? (["a sending task"] as const) : []),
		],
		skip: subject === "dhmem.>" ? ["a receiving task"] : [],
	};
}

/** A certificate that no authority has signed. */
function tls(): ServerOptions {
	const [certificate, key] = ["server.pem", "server.key"].map((name) => join(place.folder, name)) as [
		string,
		string,
	];
	const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -days 2`;
	execFileSync("openssl", [...words.split(" "), "-keyout", key, "-out", certificate], { stdio: "ignore" });
	return { configuration: `tls { cert_file: "${certificate}", key_file: "${key}" }` };
}

/** Lets the packages of the client be missing. */
function withoutPackages(): NodeJS.ProcessEnv {
	const hooks = place.write(
		"hooks.mjs",
		`export async function resolve(name, context, next) {
			if (name.startsWith("@nats-io/")) throw new Error("not installed");
			return next(name, context);
		}`,
	);
	const register = `import { register } from "node:module"; register(${JSON.stringify(pathToFileURL(hooks))});`;
	return { NODE_OPTIONS: `--import=${place.write("register.mjs", register)}` };
}

const rows: readonly Row[] = [
	{ what: "that is not there", address: "nats://127.0.0.1:1", message: `nats://127.0.0.1:1${NO_SERVER}` },
	{
		what: "at a host that is not there",
		address: "nats://nowhere.invalid",
		message: `nats://nowhere.invalid${NO_SERVER}`,
	},
	{ what: "that is one of the web", address: addressOf("web"), message: NO_SERVER },
	{ what: "that says nothing", address: addressOf("silent"), message: NO_SERVER },
	{
		what: "of another protocol",
		address: "pigeon://127.0.0.1",
		message: 'DHMEM_NATS is "pigeon://127.0.0.1"',
	},
	{
		what: "whose address can't be read",
		address: "nats://ada:secret%zz@127.0.0.1",
		message: "% only as %25",
	},
	{
		what: "that has no JetStream",
		server: { jetStream: false },
		message: "has no JetStream; start it with -js",
	},
	{
		what: "that has no JetStream in the user's account",
		server: { configuration: `accounts { A { users: [{ user: "ada", password: "secret" }] } }` },
		environment: ADA,
		message: "or enable it in the account of this user",
	},
	{
		what: "that wants a password",
		server: { configuration: PASSWORD },
		message: "refuses a client without a user; set DHMEM_NATS_USER",
	},
	{
		what: "that wants another password",
		server: { configuration: PASSWORD },
		environment: { ...ADA, DHMEM_NATS_PASSWORD: "secret too" },
		message: "refuses user ada; set DHMEM_NATS_USER",
	},
	{
		what: "whose certificate nobody has signed",
		server: tls(),
		address: (own) => own.replace("nats:", "tls:"),
		message: "set DHMEM_NATS_CA to the file of the authority",
	},
	{
		what: "that takes small messages only",
		server: { configuration: "max_payload: 1024" },
		message: "set its max_payload to at least 4096",
	},
	{
		what: "that has no storage left",
		server: { storage: 4096 },
		message: "has no storage left for",
		succeed: ["dhmem clean --server"],
	},
	{ what: "without the packages for it", environment: withoutPackages(), message: "npm install @nats-io/" },
	...documented.publish.map((subject) => rowWithout("publish", subject)),
	...documented.subscribe.map((subject) => rowWithout("subscribe", subject)),
];

const workflow = place.write("x.json", {
	name: "x",
	region: { size: "16MiB" },
	tasks: { source: { command: program("streams") }, again: { command: program("streams") } },
	links: [{ from: "source.out", to: "again.in", transport: "nats" }],
});

function script(name: string, body: string): string {
	const opened = `import { Task } from ${JSON.stringify(import.meta.resolve("dhmem/workflow"))};
		const task = Task.fromEnvironment();`;
	return place.write(name, `${opened}\n${body}\ntask.close();\nawait task.closed;`);
}

const sender = script("sends.mjs", `await task.output("out").send("text"); task.output("out").end();`);
const receiver = script("receives.mjs", `for await (const message of task.input("in")) message.release();`);

/** Does what a user does, and returns how it ended. */
function ask(user: User, environment: NodeJS.ProcessEnv): Promise<Ended> {
	const task = (file: string, name: string, port: string) =>
		place.program([file], {
			...environment,
			DHMEM_REGION: "alone",
			DHMEM_SIZE: "16MiB",
			DHMEM_TASK: name,
			DHMEM_LINKS: `${port}=a.out>b.in;transport=nats`,
		}).ended;
	if (user === "a run") return place.run(["run", workflow], environment);
	if (user === "a sending task") return task(sender, "a", "out");
	if (user === "a receiving task") return task(receiver, "b", "in");
	return place.run(["clean", "--server"], environment);
}

for (const { what, server, address, environment, message, succeed = [], skip = [] } of rows) {
	test(`a server ${what} is an error that says what to do`, async () => {
		await using own = server === undefined ? undefined : await Server.start(server);
		const where = typeof address === "function" ? address(own?.address ?? "") : (address ?? own?.address);
		const check = async (user: User) => {
			const { code, stderr } = await ask(user, { DHMEM_NATS: where, ...environment });
			assert.not.match(stderr, "secret");
			if (succeed.includes(user)) return assert.is(code, 0, `${user}: ${stderr}`);
			assert.ok(code === 1 || code === 2, `${user} ends with ${code}: ${stderr}`);
			assert.ok(stderr.includes(message), `${user} says: ${stderr}`);
		};
		const asking = users.filter((each) => !skip.includes(each));
		// One after the other: the receiver has something to receive, and nobody is there when it is cleaned.
		if (server !== undefined) for (const user of asking) await check(user);
		else await Promise.all(asking.map(check));
	});
}

test.run();
