/** No wake-up is lost. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Consumer, Message, Producer, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	codeOf,
	codeOfLater,
	count,
	dependOnRings,
	directory,
	eachInFolder,
	limitedTest,
	long,
	PATIENCE,
	within,
} from "../fixture/index.js";
import { child, fill, module, open, textOf } from "./stage.js";

const SYNC_ROUNDS = Number(process.env.DHMEM_TEST_ROUNDS ?? count(5000, 100_000));

const ASYNC_ROUNDS = Number(process.env.DHMEM_TEST_ASYNC_ROUNDS ?? count(3000, 20_000));

eachInFolder();

/** Sends `rounds` messages, each when the one before was answered. Both sides depend on being rung. */
async function pingPong(
	region: Region,
	rounds: number,
	wait: (consumer: Consumer) => Message | undefined | Promise<Message | undefined>,
	send: (producer: Producer, text: string) => void | Promise<void>,
): Promise<void> {
	using _ = dependOnRings();
	using pings = region.queue("ping").producer();
	using pongs = region.queue("pong").consumer();
	for (let i = 0; i < rounds; i++) {
		const sending = send(pings, String(i));
		if (sending) await sending;
		let pong = wait(pongs);
		if (pong instanceof Promise) pong = await pong;
		assert.is(textOf(pong), String(i));
	}
	pings.end();
	assert.is((await pongs.receive()) === undefined, true);
}

const syncWait = (consumer: Consumer) => consumer.receiveSync();

const syncSend = (producer: Producer, text: string) => producer.sendSync(text);

const awaitWait = (consumer: Consumer) => consumer.receive();

const awaitSend = (producer: Producer, text: string) => producer.send(text);

limitedTest(`${SYNC_ROUNDS} rounds of blocking calls lose no wake-up`, async () => {
	const region = open();
	const other = await child("echo", "sync");
	await pingPong(region, SYNC_ROUNDS, syncWait, syncSend);
	assert.is(await other.hear(), SYNC_ROUNDS);
});

long(limitedTest)(`no wake-up is lost in ${ASYNC_ROUNDS} rounds of promises`, async () => {
	const region = open();
	const other = await child("echo", "await");
	await pingPong(region, ASYNC_ROUNDS, awaitWait, awaitSend);
	assert.is(await other.hear(), ASYNC_ROUNDS);
});

limitedTest("a deep sleeper is woken, in a process and in a worker thread", async () => {
	const region = open();
	for (const [wait, send] of [
		[syncWait, syncSend],
		[awaitWait, awaitSend],
	] as const) {
		const other = await child("echo", "slowly");
		await pingPong(region, count(100, 200), wait, send);
		assert.is(await other.hear(), count(100, 200));
		await other.ended;

		const worker = new Worker(new URL(module), {
			workerData: { scenario: "echo", parameters: [directory, "slowly"] },
		});
		const exit = once(worker, "exit");
		const answered = new Promise((resolve) => {
			worker.on("message", (value) => value !== "ready" && resolve(value));
		});
		await pingPong(region, count(100, 200), wait, send);
		assert.is(await within(PATIENCE, "the worker", answered), count(100, 200));
		await exit;
	}
});

long(limitedTest)("blocking and promises go together in worker threads of one process", async () => {
	const region = open();
	const rounds = Math.min(5000, ASYNC_ROUNDS);
	for (const how of ["sync", "await"]) {
		const worker = new Worker(new URL(module), {
			workerData: { scenario: "echo", parameters: [directory, how] },
		});
		const exit = once(worker, "exit");
		await pingPong(region, rounds, syncWait, syncSend);
		await exit;
	}
});

limitedTest("a producer that waits for room is woken by a release, not by its time slice", async () => {
	const region = open();
	const producer = region.queue("held", { capacity: 1024 }).producer();
	const other = await child("hold", "consumer");
	// The records divide the ring, so each release makes room for one.
	fill(producer, 120);
	using _ = dependOnRings();
	for (let i = 0; i < 50; i++) {
		const sending = i % 2 === 0 ? producer.send(new Uint8Array(120)) : undefined;
		other.say(["receive", 1]);
		if (sending) await sending;
		else producer.sendSync(new Uint8Array(120));
		assert.is(await other.hear(), "done");
	}
});

long(limitedTest)("messages that wait for memory in a small region all arrive", async () => {
	const region = open({ size: "2MiB" });
	const producer = region.queue("large", { capacity: 4096 }).producer();
	const used = region.stats().used;
	const other = await child("drain", "large");
	let bytes = 0;
	for (let i = 0; i < 60; i++) {
		const data = new Uint8Array(300_000 + i * 1000).fill(i);
		bytes += data.length;
		if (i % 2 === 0) await producer.send(data, { timeout: PATIENCE });
		else producer.sendSync(data, { timeout: PATIENCE });
	}
	// More at once than there is memory for.
	const sends: Promise<void>[] = [];
	for (let i = 0; i < 20; i++) {
		bytes += 400_000;
		sends.push(producer.send(new Uint8Array(400_000).fill(i), { timeout: PATIENCE }));
	}
	await Promise.all(sends);
	producer.end();
	assert.equal(await within(PATIENCE, "draining", other.hear()), { count: 80, bytes });
	await other.ended;
	assert.is(region.stats().used, used);
});

limitedTest("a consumer that is stopped does not block the producer", async () => {
	const region = open();
	const producer = region.queue("stopped", { capacity: 4096 }).producer();
	producer.trySend("first");
	const other = await child("pauseHolding");
	other.signal("SIGSTOP");
	let sent = 1;
	for (let i = 0; i < 20_000; i++) if (producer.trySend("one more")) sent++;
	assert.ok(sent > 100, `${sent} went into the ring`);
	assert.is(producer.trySend("one more"), false);
	// The peer is alive, so this is only a matter of time.
	assert.is(await codeOfLater(producer.send("one more", { timeout: 150 })), "DHMEM_TIMEOUT");
	assert.is(
		codeOf(() => producer.sendSync("one more", { timeout: 150 })),
		"DHMEM_TIMEOUT",
	);
	assert.equal(
		region.stats().participants.map(({ alive }) => alive),
		[true, true],
	);
	other.signal("SIGCONT");
	other.say("go on");
	await producer.send("last", { timeout: PATIENCE });
	producer.end();
	assert.is(await within(PATIENCE, "the rest", other.hear()), sent + 1);
});

test.run();
