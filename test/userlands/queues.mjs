// Two processes exchange messages through a region, one is killed, and the file is cut: everything for which the shim
// needs the C library. scripts/test-userlands.sh runs it with the packed package, on C libraries of its own:
//
//	node queues.mjs LIBC ADDON
//
// LIBC is what Node must run on, such as `glibc 2.31` or `musl`; ADDON is fork.c, compiled.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, truncateSync } from "node:fs";
import { createRequire } from "node:module";
import { Region } from "dhmem";

const COUNT = 2000;
const LARGE = 1_000_000;
const patience = { timeout: 60_000 };

const [first, addon, name] = process.argv.slice(2);

/** Sends what it receives back, until its input ends. */
async function echo() {
	const region = Region.open(name, { mode: "open" });
	const answers = region.queue("answers").producer(patience);
	for await (const message of region.queue("questions").consumer(patience))
		await answers.send(message.bytes.slice());
	answers.end();
	region.close();
}

/** Holds a mutex and an endpoint, has a child that does not exec, and waits to be killed. */
async function hold() {
	const { fork } = createRequire(import.meta.url)(addon);
	const region = Region.open(name, { mode: "open" });
	const held = await region.mutex("mutex").lock(patience);
	const producer = region.queue("held").producer();
	await producer.send(String(fork()));
	setInterval(() => [held, producer], 1000);
}

function peer(region, role) {
	return spawn(process.execPath, [import.meta.filename, role, addon, region.name], {
		stdio: ["ignore", "inherit", "inherit"],
	});
}

async function exchange(region) {
	const process = peer(region, "echo");
	const questions = region.queue("questions").producer(patience);
	const answers = region.queue("answers").consumer(patience);
	const asking = (async () => {
		for (let i = 0; i < COUNT; i++) await questions.send(`question ${i}`);
		await questions.send(new Uint8Array(LARGE).fill(7));
		questions.end();
	})();
	for (let i = 0; i < COUNT; i++) {
		const answer = await answers.receive();
		assert.equal(answer.text(), `question ${i}`);
		answer.release();
	}
	const large = await answers.receive();
	assert.ok(large.bytes.length === LARGE && large.bytes.every((byte) => byte === 7));
	large.release();
	assert.equal(await answers.receive(), undefined);
	await asking;
	assert.deepEqual(await once(process, "close"), [0, null]);
}

async function times(region) {
	const consumer = region.queue("nobody sends").consumer();
	const took = async (wait) => {
		const began = performance.now();
		await assert.rejects(wait, { code: "DHMEM_TIMEOUT" });
		return performance.now() - began;
	};
	assert.ok((await took(() => consumer.receive({ timeout: 300 }))) >= 299);
	assert.ok((await took(async () => consumer.receiveSync({ timeout: 300 }))) >= 299);
}

async function death(region) {
	const process = peer(region, "hold");
	const consumer = region.queue("held").consumer(patience);
	const child = Number((await consumer.receive()).text());
	process.kill("SIGKILL");
	await once(process, "close");
	try {
		await assert.rejects(consumer.receive(), { code: "DHMEM_PEER_GONE" });
		assert.equal((await region.mutex("mutex").lock(patience)).abandoned, true);
	} finally {
		globalThis.process.kill(child, "SIGKILL");
	}
}

function cut(region) {
	const { bytes } = region.allocate(LARGE);
	truncateSync(region.path, 0);
	assert.equal(bytes[LARGE / 2], 0);
	assert.throws(() => region.allocate(1), { code: "DHMEM_TRUNCATED" });
}

async function main() {
	const { header } = process.report.getReport();
	const glibc = header.glibcVersionRuntime;
	assert.equal(glibc === undefined ? "musl" : `glibc ${glibc}`, first);
	const region = Region.temporary({ size: "64MiB" });
	try {
		await exchange(region);
		await times(region);
		await death(region);
		cut(region);
	} finally {
		region.close();
		// Without a header nothing says that it was a temporary region, so nobody else would remove it.
		rmSync(region.path, { force: true });
	}
	const shims = process.report.getReport().sharedObjects.filter((path) => path.endsWith("shim.node"));
	assert.equal(shims.length, 1);
	assert.match(shims[0], new RegExp(`/prebuilds/linux-${process.arch}/shim\\.node$`));
	console.log(`${first}, ${process.arch}, Node ${process.version}: ${COUNT} messages there and back`);
}

await (first === "echo" ? echo : first === "hold" ? hold : main)();
