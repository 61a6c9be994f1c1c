/** What the other processes and worker threads do in the tests of regions and of bad input. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { Block, type Consumer, DhmemError, Region, type RegionOptions } from "dhmem";
import { becomeUser, type Scenario, serve, type Talk } from "../fixture/index.js";

/** A DhmemError in the form in which it goes through a channel. */
export interface Failure {
	code: string;
	message: string;
}

function attempt(action: () => unknown): Failure {
	try {
		action();
	} catch (error) {
		if (error instanceof DhmemError) return { code: error.code, message: error.message };
		return { code: String(error), message: "" };
	}
	return { code: "nothing", message: "" };
}

const open = (directory: string, options: RegionOptions = {}) =>
	Region.open("region", { directory, ...options });

/** Opens the region, says so, and stays until it is told to go. */
async function stay(talk: Talk, directory: string, options: string): Promise<void> {
	const region = open(directory, JSON.parse(options) as RegionOptions);
	talk.say("ready");
	await talk.hear();
	region.close();
	talk.say("closed");
}

/** Opens the region when it is told, and proves by a queue that it is in the same region as the others. */
async function race(talk: Talk, directory: string, number: string): Promise<void> {
	talk.say("ready");
	await talk.hear();
	const region = open(directory, { size: "16MiB" });
	const { ino } = statSync(region.path);
	const producer = region.queue(`from ${number}`, { capacity: 64 }).producer();
	producer.trySend(number);
	producer.end();
	talk.say(ino);
	await talk.hear();
	region.close();
}

/** Constructs the same queues as others do at the same time, and reports what each turned out to be. */
async function construct(talk: Talk, directory: string, number: string): Promise<void> {
	const region = open(directory);
	talk.say("ready");
	await talk.hear();
	const results: string[] = [];
	for (let i = 0; i < 50; i++) {
		// Each asks for another capacity: the first one gets its own.
		const capacity = 1024 + Number(number);
		const { code, message } = attempt(() => region.queue(`queue ${i}`, { capacity }));
		if (code === "nothing") results.push(String(capacity));
		else if (code === "DHMEM_TYPE_MISMATCH")
			results.push(/a queue of (\d+) bytes/.exec(message)?.[1] ?? message);
		else results.push(`${code} ${message}`);
	}
	talk.say(results);
	await talk.hear();
	region.close();
}

/**
 * Opens a `last-close` region, and checks that its name stays while it has it open. Repeats this until it
 * has met others there, and then until it is told to stop.
 */
async function comeAndGo(talk: Talk, directory: string, number: string, count: string): Promise<string> {
	let [opens, hasMet, hasSaid, isOver] = [0, false, false, false];
	void talk.hear().then(() => {
		isOver = true;
	});
	while (!isOver) {
		using region = open(directory, { lifetime: "last-close", size: "1MiB", label: number });
		const { ino } = statSync(region.path);
		opens++;
		hasMet ||= region.stats().participants.some(({ label }) => label !== number);
		region.allocate(100).free();
		if (statSync(region.path).ino !== ino) throw new Error("Somebody else's has taken the name");
		if (hasMet && !hasSaid && opens >= Number(count)) {
			talk.say("met");
			hasSaid = true;
		}
		if (opens % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
	}
	return "gone";
}

function resources(): { descriptors: number; threads: number; mappings: number } {
	const maps = readFileSync("/proc/self/maps", "utf8").split("\n");
	return {
		descriptors: readdirSync("/proc/self/fd").length,
		threads: readdirSync("/proc/self/task").length,
		mappings: maps.filter((line) => line.includes(".dhmem")).length,
	};
}

/** Opens and closes, sometimes with a pending wait, and compares what it holds of the system before and after. */
async function openAndClose(_: Talk, directory: string, count: string): Promise<unknown> {
	const other = open(directory);
	const once = async (i: number) => {
		const region = open(directory, { label: `number ${i}` });
		if (i % 10 === 0) {
			const consumer = region.queue("a").consumer();
			const waiting = consumer.receive().catch((error: unknown) => error);
			region.allocate(100_000);
			region.close();
			await waiting;
		} else region.close();
	};
	for (let i = 0; i < 20; i++) await once(i);
	await new Promise((resolve) => setImmediate(resolve));
	const before = { ...resources(), used: other.stats().used };
	for (let i = 0; i < Number(count); i++) await once(i);
	await new Promise((resolve) => setImmediate(resolve));
	const after = { ...resources(), used: other.stats().used };
	const participants = other.stats().participants.length;
	// The control: this leak is noticed.
	const seen = resources().mappings;
	other.close();
	return { before, after, participants, seen, last: resources().mappings };
}

/** Becomes an ordinary user, and tries to open. */
function ordinary(_: Talk, directory: string, name: string, mode: string): Failure & { list: string[] } {
	becomeUser(65534);
	const failure = attempt(() =>
		Region.open(name, { directory, mode: mode as "open" | "create" | "open-or-create" }),
	);
	let list: string[] = [];
	const listing = attempt(() => {
		list = Region.list({ directory });
	});
	return { ...failure, list: listing.code === "nothing" ? list : [listing.code] };
}

/** An ordinary user is the last one in a `last-close` region, in a folder where only its owner may remove it. */
function lastButNotOwner(_: Talk, directory: string): Failure {
	const region = open(directory, { mode: "open" });
	becomeUser(65534);
	return attempt(() => region.close());
}

/** Sends the value that the token stands for, or the error. */
function load(_: Talk, directory: string, token: string): Failure & { text: string } {
	using region = open(directory, { mode: "open" });
	let text = "";
	const failure = attempt(() => {
		const block = region.load(token);
		text = block instanceof Block ? block.text() : "";
	});
	return { ...failure, text };
}

/** Saves a block, prints its token, and is killed. */
function saveAndDie(talk: Talk, directory: string): void {
	const region = open(directory);
	const block = region.allocate(5);
	block.bytes.set(new TextEncoder().encode("saved"));
	talk.say(String(region.save(block)));
	region.allocate(100_000);
	talk.hear().then(() => process.kill(process.pid, "SIGKILL"));
}

/** Holds one of everything while the file is cut. Nothing may fault, and what no longer works must throw. */
async function cut(_: Talk, directory: string, where: string): Promise<Record<string, unknown>> {
	const region = open(directory, { size: "4MiB" });
	const queue = region.queue("queue", { capacity: 65536 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	const records = region.queue("records", { record: "f64", capacity: 64 });
	const pushing = records.producer();
	const popping = records.consumer();
	const block = region.allocate(500_000);
	const { bytes } = block;
	bytes.fill(7);
	for (let i = 0; i < 20; i++) producer.sendSync(`message ${i}`);
	const message = consumer.tryReceive();
	const view = message?.bytes;
	for (let i = 1; i <= 40; i++) pushing.push(i);
	popping.pop();
	const other = region.queue("other").consumer();
	const pending = other.receive().then(
		() => "nothing",
		(error: unknown) => (error instanceof DhmemError ? error.code : String(error)),
	);
	truncateSync(region.path, Number(where));
	const results: Record<string, unknown> = {};
	const check = (what: string, action: () => unknown) => {
		results[what] = attempt(action).code;
	};
	results.sum = bytes.reduce((sum, byte) => sum + byte, 0);
	check("pop", () => popping.pop());
	results.view = view?.reduce((sum, byte) => sum + byte, 0);
	check("text", () => message?.text());
	check("trySend", () => producer.trySend("x"));
	check("sendSync", () => producer.sendSync("x"));
	check("large", () => producer.sendSync(new Uint8Array(100_000)));
	check("tryReceive", () => consumer.tryReceive());
	check("receiveSync", () => consumer.receiveSync());
	check("release", () => message?.take());
	check("push", () => pushing.push(1));
	check("waitSync", () => popping.waitSync());
	check("allocate", () => region.allocate(1000));
	check("free", () => block.free());
	check("save", () => region.save(block));
	check("queue", () => region.queue("one more"));
	check("stats", () => region.stats());
	check("entries", () => region.entries());
	check("reopen", () => open(directory, { mode: "open" }));
	results.pending = await pending;
	check("close", () => region.close());
	return results;
}

/** Reads a page that was taken away, when there is no other. */
function hole(_: Talk, directory: string): Record<string, unknown> {
	const region = open(directory, { size: "64MiB" });
	const { bytes } = region.allocate(500_000);
	bytes.fill(7);
	const from = Math.ceil(bytes.byteOffset / 4096) * 4096;
	const length = 400 * 1024;
	execFileSync("fallocate", ["-p", "-o", String(from), "-l", String(length), region.path]);
	const filler = join(directory, "filler");
	try {
		for (;;) writeFileSync(filler, new Uint8Array(4096), { flag: "a" });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
	}
	const start = from - bytes.byteOffset;
	const sum = bytes.subarray(start, start + length).reduce((all, byte) => all + byte, 0);
	const results = {
		sum,
		allocate: attempt(() => region.allocate(100)).code,
		stats: attempt(() => region.stats()).code,
		close: attempt(() => region.close()).code,
	};
	return results;
}

/** Opens and uses copies of the region with some words of its header changed. Returns how often each outcome came. */
function spoilt(_: Talk, directory: string, count: string): Record<string, number> {
	const original = readFileSync(join(directory, "region.dhmem"));
	const path = join(directory, "spoilt.dhmem");
	const codes: Record<string, number> = {};
	let seed = 99;
	const random = (below: number) => {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		return (seed >>> 8) % below;
	};
	const figures = [0, 1, 0xffffffff, 0x7fffffff, 0x10000, 0xffff, 4096, 3, 0x80000000];
	for (let i = 0; i < Number(count); i++) {
		const bytes = Buffer.from(original);
		// The tables' places behind the version and the size, and slots.
		const word = 24 + 4 * random(i % 4 === 0 ? 1000 : 30);
		if (word !== 32)
			bytes.writeUInt32LE(random(2) === 0 ? (figures[random(9)] as number) : random(2 ** 24), word);
		writeFileSync(path, bytes);
		const { code } = attempt(() => {
			const region = Region.open("spoilt", { directory, mode: "open" });
			try {
				region.allocate(1000);
				region.allocate(100_000);
				region.stats();
				region.entries();
				const queue = region.queue("q");
				queue.producer().trySend("x");
				queue.consumer().tryReceive()?.text();
				region.queue("another", { capacity: 64 });
			} finally {
				region.close();
			}
		});
		codes[code] = (codes[code] ?? 0) + 1;
	}
	return codes;
}

/** Views that are kept after closing, and after everything that can be collected was collected. */
async function keepViews(_: Talk, directory: string): Promise<unknown> {
	const views: { view: Uint8Array | Float64Array; how: string }[] = [];
	const fill = () => {
		const region = open(directory, { size: "8MiB" });
		const queue = region.queue("queue", { capacity: 16384 });
		const producer = queue.producer();
		const consumer = queue.consumer();
		for (const old of consumer.receiveMany(5)) old.release();
		producer.trySend(new Uint8Array(1000).fill(1));
		producer.trySend(new Uint8Array(20_000).fill(1));
		for (const received of consumer.receiveMany(2)) views.push({ view: received.bytes, how: "message" });
		const block = region.allocate(100_000);
		views.push({ view: block.as("f64").fill(1), how: "block" });
		const slot = producer.tryReserve(100);
		if (slot) views.push({ view: slot.bytes.fill(1), how: "slot" });
		region.close();
	};
	for (let i = 0; i < 20; i++) fill();
	const collect = (globalThis as { gc?: () => void }).gc;
	for (let i = 0; i < 5; i++) {
		collect?.();
		await new Promise((resolve) => setImmediate(resolve));
	}
	const open_ = open(directory);
	const before = open_.stats();
	const sums = views.map(({ view }) => (view as Uint8Array).reduce((sum, value) => sum + value, 0));
	// Writes have no effect.
	for (const { view } of views) view.fill(9);
	const after = open_.stats();
	const fresh = open_.allocate(1_000_000).bytes.includes(9);
	open_.close();
	return {
		views: views.length,
		nonzero: sums.filter((sum) => sum !== 0).length,
		changed: JSON.stringify(before) !== JSON.stringify(after),
		fresh,
		collected: collect !== undefined,
	};
}

/** Receives the messages of a queue up to its end. */
async function receive(talk: Talk, directory: string, name: string): Promise<unknown> {
	using region = open(directory);
	const consumer: Consumer = region.queue(name).consumer();
	talk.say("ready");
	const texts: string[] = [];
	for await (const message of consumer) texts.push(message.text());
	return texts;
}

/** Opens a `last-close` region, and uses it. */
function use(_: Talk, directory: string): Failure {
	return attempt(() => {
		using region = open(directory, { size: "4MiB", lifetime: "last-close" });
		using queue = region.queue("q").producer();
		using consumer = region.queue("q").consumer();
		queue.sendSync("message", { block: region.allocate(1000) });
		const text = consumer.receiveSync()?.text();
		if (text !== "message" || !region.mutex("m").tryLock()) throw new Error(`It came as ${text}`);
	});
}

const scenarios: Record<string, Scenario> = {
	stay: stay as Scenario,
	race: race as Scenario,
	construct: construct as Scenario,
	openAndClose: openAndClose as Scenario,
	comeAndGo: comeAndGo as Scenario,
	ordinary: ordinary as Scenario,
	lastButNotOwner: lastButNotOwner as Scenario,
	load: load as Scenario,
	saveAndDie: saveAndDie as Scenario,
	hole: hole as Scenario,
	spoilt: spoilt as Scenario,
	cut: cut as Scenario,
	keepViews: keepViews as Scenario,
	receive: receive as Scenario,
	use: use as Scenario,
};

if (isMainThread) serve(import.meta.url, scenarios);
else if (workerData?.scenario !== undefined) {
	const { scenario, parameters } = workerData as { scenario: string; parameters: string[] };
	const talk: Talk = {
		say: (value) => parentPort?.postMessage(value),
		hear: () => new Promise((resolve) => parentPort?.once("message", resolve)),
	};
	Promise.resolve(scenarios[scenario]?.(talk, ...parameters)).then(
		(result) => result !== undefined && talk.say(result),
	);
}
