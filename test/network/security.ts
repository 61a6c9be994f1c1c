/** Servers that want TLS or credentials, and what users are told who do not have them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readPlace } from "../../src/workflow/nats/pull/keeper-place.js";
import { Place, program } from "../fixture/index.js";
import { check, MIB, sendBlock, withKeeper } from "./kept.js";
import { Server } from "./server.js";

const test = suite("security over NATS");

const folder = mkdtempSync(join(tmpdir(), "dhmem-tls-"));
test.after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

/** Makes a key and a certificate that an authority has signed, or the authority itself. */
function certify(name: string, authority?: string, hosts = "IP:127.0.0.1,DNS:localhost"): void {
	const openssl = (...args: string[]) =>
		execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
	const key = [
		"-newkey",
		"ec",
		"-pkeyopt",
		"ec_paramgen_curve:prime256v1",
		"-nodes",
		"-keyout",
		path(`${name}.key`),
	];
	const subject = ["-subj", `/CN=${name}`];
	if (authority === undefined) {
		openssl("req", "-x509", ...key, ...subject, "-days", "2", "-out", path(`${name}.pem`));
		return;
	}
	openssl("req", ...key, ...subject, "-out", path(`${name}.csr`));
	writeFileSync(path("names"), `subjectAltName=${hosts}\n`);
	const signed = ["-CA", path(`${authority}.pem`), "-CAkey", path(`${authority}.key`), "-CAcreateserial"];
	const files = ["-in", path(`${name}.csr`), "-out", path(`${name}.pem`), "-extfile", path("names")];
	openssl("x509", "-req", ...files, ...signed, "-days", "2");
}

test.before(() => {
	certify("authority");
	certify("stranger");
	certify("server", "authority");
	certify("client", "authority");
	certify("address", "authority", "IP:127.0.0.1");
	certify("localhost", "authority", "DNS:localhost");
});

const workflow = {
	name: "x",
	tasks: { source: { command: program("streams") }, again: { command: program("streams") } },
	links: [{ from: "source.out", to: "again.in", transport: "nats" }],
};

async function runAt(address: string, environment: NodeJS.ProcessEnv) {
	const place = new Place();
	try {
		return await place.run(["run", place.write("x.json", workflow)], { DHMEM_NATS: address, ...environment });
	} finally {
		place.remove();
	}
}

const tls = (more = "", name = "server") => ({
	configuration: `tls { cert_file: "${path(`${name}.pem`)}", key_file: "${path(`${name}.key`)}" ${more} }`,
});
const byAddress = () => tls("", "address");
const byName = () => tls("", "localhost");

const CA = { DHMEM_NATS_CA: path("authority.pem") };
const CERTIFICATE = { DHMEM_NATS_CERT: path("client.pem"), DHMEM_NATS_KEY: path("client.key") };
const verifying = () => tls(`, ca_file: "${path("authority.pem")}", verify: true`);

const rows: readonly [string, () => { configuration: string }, NodeJS.ProcessEnv, string | undefined][] = [
	["with TLS, whose authority is known", tls, CA, undefined],
	["with TLS, and a certificate for its address", byAddress, CA, undefined],
	[
		"with TLS, and a certificate for another name",
		byName,
		CA,
		"give its address with a name that the certificate has",
	],
	["with TLS, whose authority is not known", tls, {}, "set DHMEM_NATS_CA to the file of the authority"],
	["without TLS, which the address asks for", () => ({ configuration: "" }), {}, "does not offer TLS"],
	["without TLS, which a file asks for", () => ({ configuration: "" }), CA, "does not offer TLS"],
	["with TLS, of another authority", tls, { DHMEM_NATS_CA: path("stranger.pem") }, "set DHMEM_NATS_CA"],
	[
		"with TLS, and a file that is not there",
		tls,
		{ DHMEM_NATS_CA: path("nowhere") },
		"DHMEM_NATS_CA names a file",
	],
	["that asks for a certificate, which is given", verifying, { ...CA, ...CERTIFICATE }, undefined],
	[
		"that asks for a certificate, and gets none",
		verifying,
		CA,
		"DHMEM_NATS_CERT and DHMEM_NATS_KEY if it asks",
	],
];
for (const [what, options, environment, message] of rows) {
	test(`a run with a server ${what}, ${message === undefined ? "succeeds" : "says what to do"}`, async () => {
		await using server = await Server.start(options());
		const { code, stdout, stderr } = await runAt(server.address.replace("nats:", "tls:"), environment);
		assert.is(code, message === undefined ? 0 : 1, stderr);
		if (message === undefined) assert.match(stdout, "again  | ended");
		else assert.ok(stderr.includes(message), stderr);
	});
}

for (const [what, variables, isSecure] of [
	["are encrypted, too", {}, true],
	["are not encrypted with DHMEM_PULL_TLS=off", { DHMEM_PULL_TLS: "off" }, false],
] as const)
	test(`large blocks of a run whose server has TLS ${what}`, () =>
		withKeeper(
			// The client needs no other scheme if it has the authority's file.
			{ options: tls(), variables: { ...CA, ...variables } },
			async ({ tasks, region }) => {
				assert.is(readPlace(region)?.isSecure, isSecure);
				const input = tasks.get("b").input("in");
				await sendBlock(tasks, "one", 3 * MIB);
				check(await input.receive(), "one", 3 * MIB);
			},
		));

test("large blocks cross a server that takes 64 KiB at most, if they can't be pulled", () =>
	withKeeper(
		{ options: { configuration: "max_payload: 65536" }, own: { b: { DHMEM_PULL: "off" } } },
		async ({ tasks }) => {
			const input = tasks.get("b").input("in");
			await sendBlock(tasks, "one", 3 * MIB);
			check(await input.receive(), "one", 3 * MIB);
		},
	));

test("a credentials file that is not there is named", async () => {
	await using server = await Server.start();
	const { code, stderr } = await runAt(server.address, { DHMEM_NATS_CREDS: path("nowhere.creds") });
	assert.is(code, 1);
	assert.match(stderr, "DHMEM_NATS_CREDS names a file that can't be read");
});

test("messages of any size cross a server that takes 64 KiB at most", async () => {
	await using server = await Server.start({ configuration: "max_payload: 65536" });
	const place = new Place();
	try {
		const script = (name: string, body: string) =>
			place.write(
				name,
				`import { Task } from ${JSON.stringify(import.meta.resolve("dhmem/workflow"))};
				const task = Task.fromEnvironment();
				${body}`,
			);
		const sender = script(
			"sends.mjs",
			`const out = task.output("out");
			for (const size of [0, 1, 64511, 64512, 64513, 65536, 3000000]) await out.send(new Uint8Array(size).fill(size));
			out.end();`,
		);
		const receiver = script(
			"receives.mjs",
			`for await (const message of task.input("in")) {
				if (message.bytes.some((each) => each !== message.length % 256)) throw new Error("other bytes");
				console.log(message.length);
			}`,
		);
		const file = place.write("x.json", {
			name: "x",
			region: { size: "64MiB" },
			tasks: {
				a: { command: `${process.execPath} ${sender}` },
				b: { command: `${process.execPath} ${receiver}` },
			},
			links: [{ from: "a.out", to: "b.in", transport: "nats" }],
		});
		const { code, stdout, stderr } = await place.run(["run", file], { DHMEM_NATS: server.address });
		assert.is(code, 0, stderr);
		assert.is(stdout.replaceAll(/b *\| /g, ""), "0\n1\n64511\n64512\n64513\n65536\n3000000\n");
	} finally {
		place.remove();
	}
});

test.run();
