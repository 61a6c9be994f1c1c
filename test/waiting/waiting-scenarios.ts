/** What the other processes and worker threads do in the tests of waiting. */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { type Consumer, DhmemError, type Message, type Producer, Region } from "dhmem";
import { dependOnRings, PATIENCE, type Scenario, serve, type Talk } from "../fixture/index.js";

function codeIn(error: unknown): string {
	return error instanceof DhmemError ? error.code : String(error);
}

/** The processor time used while `body` runs, and the time that it took, in milliseconds. */
async function measure(body: () => unknown): Promise<{ used: number; took: number }> {
	const start = process.cpuUsage();
	const began = performance.now();
	await body();
	const { user, system } = process.cpuUsage(start);
	return { used: (user + system) / 1000, took: performance.now() - began };
}

function message(received: Message | undefined): Message {
	if (received === undefined) throw new Error("The stream has ended");
	return received;
}

/** Blocks this thread. */
function pause(milliseconds: number): void {
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const open = (directory: string) => Region.open("waiting", { directory });

/** Measures the processor time of waiting in one way or another. */
async function idle(talk: Talk, directory: string, how: string, milliseconds: string): Promise<unknown> {
	using region = open(directory);
	const producer = region.queue("full", { capacity: 64 }).producer();
	while (producer.trySend("x"));
	const timeout = Number(milliseconds);
	const consumer = region.queue("empty").consumer();
	const record = region.queue("records", { record: "f64" }).consumer();
	const ways: Record<string, () => unknown> = {
		receive: () => consumer.receive({ timeout }),
		receiveSync: () => consumer.receiveSync({ timeout }),
		send: () => producer.send("x", { timeout }),
		sendSync: () => producer.sendSync("x", { timeout }),
		wait: () => record.wait({ timeout }),
		waitSync: () => record.waitSync({ timeout }),
		peer: () => region.queue("lonely").waitForPeer({ timeout }),
		spinning() {
			const deadline = performance.now() + timeout;
			while (performance.now() < deadline) consumer.tryReceive();
		},
	};
	talk.say("ready");
	return await measure(async () => {
		try {
			await ways[how]?.();
		} catch (error) {
			if (codeIn(error) !== "DHMEM_TIMEOUT") throw error;
		}
	});
}

/** Sends `each` messages, numbered, to each of `queues` queues, in the order q0 q1 … q0 q1 … */
async function scatter(_: Talk, directory: string, queues: string, each: string): Promise<unknown> {
	using region = open(directory);
	const producers = Array.from({ length: Number(queues) }, (_, i) => region.queue(`q${i}`).producer());
	for (let i = 0; i < Number(each); i++) for (const producer of producers) await producer.send(String(i));
	for (const producer of producers) producer.end();
	return "done";
}

/** Takes an endpoint, and does with it what it is told. */
async function hold(talk: Talk, directory: string, side: string): Promise<void> {
	const region = open(directory);
	const queue = region.queue("held", { capacity: 1024 });
	let producer: Producer | undefined;
	let consumer: Consumer | undefined;
	const records = region.queue("held records", { record: "f64", capacity: 16 });
	const record = side === "producer" ? records.producer() : records.consumer();
	if (side === "producer") producer = queue.producer();
	else consumer = queue.consumer();
	talk.say("ready");
	for (;;) {
		const [what, value] = (await talk.hear()) as [string, number];
		switch (what) {
			case "send":
				for (let i = 0; i < value; i++) producer?.sendSync(String(i));
				break;
			case "receive":
				for (let i = 0; i < value; i++) message(consumer?.receiveSync({ timeout: PATIENCE })).release();
				break;
			case "end":
				producer?.end();
				break;
			case "close":
				(producer ?? consumer)?.close();
				record.close();
				break;
			case "close region":
				region.close();
				break;
			case "exit":
				process.exit(0);
				break;
			case "kill":
				process.kill(process.pid, "SIGKILL");
				break;
		}
		talk.say("done");
	}
}

/** Answers every message of "ping" with one in "pong", until the end. */
async function echo(talk: Talk, directory: string, how: string): Promise<unknown> {
	using _ = dependOnRings();
	using region = open(directory);
	const pings = region.queue("ping").consumer();
	const pongs = region.queue("pong").producer();
	talk.say("ready");
	let count = 0;
	for (;;) {
		const ping = how === "await" ? await pings.receive() : pings.receiveSync();
		if (ping === undefined) break;
		const text = ping.text();
		ping.release();
		// So that the sender has certainly gone to sleep.
		if (how === "slowly") pause(2);
		if (how === "await") await pongs.send(text);
		else pongs.sendSync(text);
		count++;
	}
	pongs.end();
	return count;
}

/** Sends one short stream after another, each by a new producer, when the consumer of the last has left. */
async function streams(talk: Talk, directory: string, count: string): Promise<unknown> {
	using region = open(directory);
	const queue = region.queue("streams");
	const words = region.queue("next").consumer();
	talk.say("ready");
	for (let i = 0; i < Number(count); i++) {
		message(words.receiveSync()).release();
		using producer = queue.producer();
		// Time enough for the other side to believe that nobody is here.
		pause(0.1);
		producer.sendSync(String(i));
		producer.end();
	}
	return "done";
}

/** Receives up to the end as fast as it can, blocking. */
async function drain(talk: Talk, directory: string, queue: string): Promise<unknown> {
	using region = open(directory);
	const consumer = region.queue(queue).consumer();
	talk.say("ready");
	let count = 0;
	let bytes = 0;
	for (;;) {
		const received = consumer.receiveSync();
		if (received === undefined) return { count, bytes };
		count++;
		bytes += received.length;
		if (received.bytes.some((byte) => byte !== (received.bytes[0] as number))) throw new Error("Torn");
		received.release();
	}
}

/** Opens a region, and does nothing more: the process should end by itself. */
function leaveOpen(_: Talk, directory: string): void {
	const region = open(directory);
	region.queue("a").consumer();
	region.queue("b").producer();
	region.queue("c", { record: "f64" }).consumer();
}

/** Gives up waits in every way; then the process should end by itself. */
async function giveUp(talk: Talk, directory: string): Promise<void> {
	const region = open(directory);
	const consumer = region.queue("a").consumer();
	const aborter = new AbortController();
	const waits: Promise<unknown>[] = [];
	for (let i = 0; i < 100; i++) {
		waits.push(consumer.receive({ timeout: i % 20 }));
		waits.push(consumer.receive({ signal: aborter.signal }));
		waits.push(region.queue("b").waitForPeer({ signal: aborter.signal }));
		waits.push(region.queue("b").waitForPeer({ timeout: i % 20, signal: aborter.signal }));
	}
	setTimeout(() => aborter.abort(new Error("enough")), 50);
	const results = await Promise.allSettled(waits);
	const rejected = results.filter(({ status }) => status === "rejected").length;
	talk.say(rejected);
}

/** Only a wait keeps this process alive. */
function waitOnly(talk: Talk, directory: string, what: string): void {
	const region = open(directory);
	const then = (received: unknown) => talk.say((received as Message | undefined)?.text() ?? "peer");
	if (what === "receive") region.queue("a").consumer().receive().then(then);
	else region.queue("a").waitForPeer().then(then);
	talk.say("ready");
}

/** Receives a message and keeps it until it is told to go on; then receives the rest to the end. */
async function pauseHolding(talk: Talk, directory: string): Promise<unknown> {
	using region = open(directory);
	const consumer = region.queue("stopped", { capacity: 4096 }).consumer();
	const first = message(await consumer.receive());
	talk.say("ready");
	await talk.hear();
	first.release();
	let count = 1;
	for await (const _ of consumer) count++;
	return count;
}

const scenarios: Record<string, Scenario> = {
	idle: idle as Scenario,
	scatter: scatter as Scenario,
	hold: hold as Scenario,
	echo: echo as Scenario,
	streams: streams as Scenario,
	drain: drain as Scenario,
	leaveOpen: leaveOpen as Scenario,
	giveUp: giveUp as Scenario,
	waitOnly: waitOnly as Scenario,
	pauseHolding: pauseHolding as Scenario,
};

if (isMainThread) serve(import.meta.url, scenarios);
else if (workerData?.scenario !== undefined) {
	// The same in a worker thread.
	const { scenario, parameters } = workerData as { scenario: string; parameters: string[] };
	const talk: Talk = {
		say: (value) => parentPort?.postMessage(value),
		hear: () => new Promise((resolve) => parentPort?.once("message", resolve)),
	};
	Promise.resolve(scenarios[scenario]?.(talk, ...parameters)).then(
		(result) => result !== undefined && talk.say(result),
	);
}
