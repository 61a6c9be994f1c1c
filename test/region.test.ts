import {
	chmodSync,
	closeSync,
	existsSync,
	openSync,
	readdirSync,
	readFileSync,
	readSync,
	statSync,
	writeSync,
} from "node:fs";
import { Worker } from "node:worker_threads";
import { test as uvu } from "uvu";
import * as assert from "uvu/assert";
import { HEADER_BUSY, HEADER_BYTES, SPAN_BYTES } from "../assembly/layout.js";
import { Block, Handle, Region, type RegionOptions } from "../src/index.js";
import { loadBlock } from "./load-block.js";
import { Child, codeOf, errorOf, makeFolder, regionPath, removeFolder, within } from "./region-child.js";
import type { Failure } from "./region-scenarios.js";

const OPENS = Number(process.env.DHMEM_TEST_OPENS ?? 1000);
const module = new URL("./region-scenarios.js", import.meta.url).href;
let directory = "";
let regions: Region[] = [];

/** A test that fails, and does not hang. */
function test(name: string, body: () => Promise<void> | void): void {
	uvu(name, () => within(60_000, name, Promise.resolve().then(body)));
}

uvu.before.each(() => {
	directory = makeFolder();
});

uvu.after.each(async () => {
	await Child.killAll();
	try {
		for (const region of regions) region.close();
	} finally {
		regions = [];
		removeFolder();
	}
});

function open(options: RegionOptions = {}, name = "region"): Region {
	const region = Region.open(name, { directory, size: "4MiB", ...options });
	regions.push(region);
	return region;
}

function start(scenario: string, ...parameters: (string | number)[]): Child {
	return new Child(module, scenario, [directory, ...parameters]);
}

async function started(scenario: string, ...parameters: (string | number)[]): Promise<Child> {
	const child = start(scenario, ...parameters);
	assert.is(await child.hear(), "ready");
	return child;
}

const names = () => readdirSync(directory).sort();

/** Puts a word into a block that the region keeps; whoever finds it has the same region. */
function mark(region: Region): Handle {
	return region.save(region.allocate(8));
}

// ------------------------------------------------------------------------------------------- opening

test("modes: open-or-create, create, open, force-create", () => {
	assert.is(
		codeOf(() => open({ mode: "open" })),
		"DHMEM_NOT_FOUND",
	);
	assert.equal(names(), []);
	const first = open();
	assert.equal(names(), ["region.dhmem"]);
	assert.is(first.path, regionPath("region"));
	assert.is(first.name, "region");
	const token = mark(first);
	assert.ok(open().load(token));
	assert.ok(open({ mode: "open" }).load(token));
	assert.is(
		codeOf(() => open({ mode: "create" })),
		"DHMEM_EXISTS",
	);

	// Replacing: whoever has the old one keeps it.
	const queue = first.queue("queue");
	const producer = queue.producer();
	const replaced = open({ mode: "force-create", size: "8MiB" });
	assert.is(replaced.size, 8 * 2 ** 20);
	assert.is(
		codeOf(() => replaced.load(token)),
		"DHMEM_BAD_HANDLE",
	);
	assert.equal(replaced.entries(), []);
	producer.trySend("still here");
	assert.is(queue.consumer().tryReceive()?.text(), "still here");
	assert.equal(names(), ["region.dhmem"]);
	assert.is(
		codeOf(() => open().load(token)),
		"DHMEM_BAD_HANDLE",
	);
	// Nothing there to replace is fine too.
	open({ mode: "force-create" }, "another");
	open({ mode: "create" }, "third");
	assert.equal(Region.list({ directory }), ["another", "region", "third"]);
});

test("permissions are exactly what was asked for, whatever the umask", () => {
	const umask = process.umask(0o077);
	try {
		for (const [permissions, expected] of [
			[undefined, 0o600],
			[0o666, 0o666],
			[0o640, 0o640],
			[0, 0],
		] as const) {
			for (const mode of ["open-or-create", "create", "force-create"] as const) {
				const name = `region-${expected}-${mode}`;
				open({ permissions, mode }, name);
				assert.is(statSync(regionPath(name)).mode & 0o7777, expected, name);
			}
		}
	} finally {
		process.umask(umask);
	}
	// What exists keeps what it has.
	open({ permissions: 0o666 }, "region-384-create");
	assert.is(statSync(regionPath("region-384-create")).mode & 0o777, 0o600);
});

test("sizes are parsed, rounded up, and default to the most", () => {
	const mib = 2 ** 20;
	const sizes: [number | string | undefined, number][] = [
		[4 * mib, 4 * mib],
		["4MiB", 4 * mib],
		["4 mib", 4 * mib],
		[" 1.5 MB ", Math.ceil(1.5e6 / 65536) * 65536],
		["0.001GB", Math.ceil(1e6 / 65536) * 65536],
		[1_000_001, 16 * 65536],
		["1048576", mib],
		["4GiB", 65534 * 65536],
		[2 ** 32, 65534 * 65536],
		[undefined, 65534 * 65536],
	];
	for (const [size, expected] of sizes) {
		const region = open({ size, mode: "force-create" });
		assert.is(region.size, expected, `${size}`);
		assert.is(region.stats().size, expected);
		assert.is(statSync(region.path).size, expected);
		region.close();
	}
	// Address space, not memory.
	assert.ok(statSync(regionPath("region")).blocks * 512 < 4 * mib);
});

test("an explicit size above the region's is refused, with both figures", () => {
	open({ size: "4MiB" });
	const error = errorOf(() => open({ size: "8MiB" }));
	assert.is(error.code, "DHMEM_TYPE_MISMATCH");
	assert.match(error.message, "4194304");
	assert.match(error.message, "8388608");
	assert.is(open({ size: "2MiB" }).size, 4 * 2 ** 20);
	assert.is(open({ size: undefined }).size, 4 * 2 ** 20);
});

test("a region of the smallest size works", () => {
	const region = open({ size: "256KiB" });
	const queue = region.queue("q", { capacity: 64 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	for (let i = 0; i < 100; i++) {
		assert.ok(producer.trySend(String(i)));
		const message = consumer.tryReceive();
		assert.is(message?.text(), String(i));
		message?.release();
	}
});

test("the folder: the option, DHMEM_DIR, or /dev/shm", () => {
	const old = process.env.DHMEM_DIR;
	try {
		process.env.DHMEM_DIR = directory;
		const region = Region.open("from-environment", { size: "1MiB" });
		regions.push(region);
		assert.is(region.path, regionPath("from-environment"));
		assert.equal(Region.list(), ["from-environment"]);
		Region.unlink("from-environment");
		assert.equal(Region.list(), []);
		for (const value of ["", undefined]) {
			if (value === undefined) delete process.env.DHMEM_DIR;
			else process.env.DHMEM_DIR = value;
			const name = `dhmem-test-${process.pid}-${Date.now()}`;
			const plain = Region.open(name, { size: "1MiB", lifetime: "last-close" });
			try {
				assert.is(plain.path, `/dev/shm/${name}.dhmem`);
				assert.ok(Region.list().includes(name));
			} finally {
				plain.close();
			}
			assert.not(existsSync(plain.path));
		}
	} finally {
		if (old === undefined) delete process.env.DHMEM_DIR;
		else process.env.DHMEM_DIR = old;
	}
	// A relative one, too.
	const here = process.cwd();
	process.chdir(directory);
	try {
		const region = Region.open("relative", { directory: ".", size: "1MiB" });
		regions.push(region);
		assert.equal(Region.list({ directory: "." }), ["relative"]);
		region.unlink();
		assert.equal(names(), []);
	} finally {
		process.chdir(here);
	}
});

// -------------------------------------------------------------------------------------------- lifetime

test("unlinking takes the name, and leaves the region to those who have it", () => {
	const region = open();
	const other = open();
	const producer = region.queue("q").producer();
	region.unlink();
	assert.equal(names(), []);
	assert.is(
		codeOf(() => region.unlink()),
		"DHMEM_NOT_FOUND",
	);
	assert.is(
		codeOf(() => Region.unlink("region", { directory })),
		"DHMEM_NOT_FOUND",
	);
	producer.trySend("x");
	assert.is(other.queue("q").consumer().tryReceive()?.text(), "x");
	// The next one is another region.
	const fresh = open({ mode: "create" });
	assert.equal(fresh.entries(), []);
	region.close();
	assert.equal(names(), ["region.dhmem"]);
	Region.unlink("region", { directory });
	assert.equal(names(), []);
});

test("a persistent region stays, with what is in it", () => {
	const region = open();
	const producer = region.queue("q").producer();
	producer.trySend("x");
	region.close();
	assert.equal(names(), ["region.dhmem"]);
	assert.is(open().queue("q").consumer().tryReceive()?.text(), "x");
	assert.equal(open().entries(), [{ name: "q", type: "a queue of 1048576 bytes" }]);
});

test("a last-close region goes with its last participant", async () => {
	const region = open({ lifetime: "last-close" });
	const second = open();
	const third = await started("stay", "{}");
	region.close();
	assert.equal(names(), ["region.dhmem"]);
	second.close();
	assert.equal(names(), ["region.dhmem"]);
	third.say("go");
	assert.is(await third.hear(), "closed");
	assert.equal(names(), []);
	await third.ended;

	// A name that is somebody else's by now is left alone.
	const old = open({ lifetime: "last-close" });
	open({ mode: "force-create" });
	old.close();
	assert.equal(names(), ["region.dhmem"]);
});

test("a last-close region whose last participant was killed counts as absent", async () => {
	const options = JSON.stringify({ lifetime: "last-close", size: "4MiB" });
	const killed = async () => {
		const child = await started("stay", options);
		await child.kill();
		assert.equal(names(), ["region.dhmem"]);
	};
	await killed();
	assert.equal(Region.list({ directory }), []);
	assert.equal(names(), []);

	await killed();
	assert.is(
		codeOf(() => open({ mode: "open" })),
		"DHMEM_NOT_FOUND",
	);
	assert.equal(names(), []);

	await killed();
	const { ino } = statSync(regionPath("region"));
	const fresh = open();
	assert.is.not(statSync(fresh.path).ino, ino);
	assert.is(fresh.stats().participants.length, 1);
	// This one is persistent, so it is not removed.
	fresh.close();
	assert.equal(Region.list({ directory }), ["region"]);
	Region.unlink("region", { directory });

	await killed();
	open({ mode: "create" });
	// While one of two lives, it stays.
	Region.unlink("region", { directory });
	const child = await started("stay", options);
	open();
	await child.kill();
	assert.equal(Region.list({ directory }), ["region"]);
});

test("many come and go in a last-close region, and it keeps its name while anybody is in it", async () => {
	const children = Array.from({ length: 4 }, (_, i) => start("comeAndGo", i, 200));
	for (const child of children) {
		const [opens, met] = (await child.hear()) as [number, number];
		assert.is(opens, 200);
		// The control: they were there at the same time, and the name changed hands too.
		assert.ok(met > 0);
		await child.ended;
	}
	assert.equal(names(), []);
});

test("list gives the regions' names, sorted, and leaves the rest alone", async () => {
	assert.equal(Region.list({ directory }), []);
	for (const name of ["b", "a", "c.d", "_", "a-1"]) open({}, name);
	assert.equal(Region.list({ directory }), ["_", "a", "a-1", "b", "c.d"]);
	assert.is(
		codeOf(() => Region.list({ directory: `${directory}/missing` })),
		"DHMEM_NOT_FOUND",
	);
});

// --------------------------------------------------------------------------------------------- contents

test("labels, participants and entries", async () => {
	const region = open({ label: "evaluate" });
	const other = open({ label: "" });
	open({ label: "Überlänge ".repeat(40) });
	const child = await started("stay", '{"label":"from another process"}');
	const labels = () => region.stats().participants.map(({ label }) => label);
	assert.equal(labels().slice(0, 2), ["evaluate", ""]);
	assert.ok(labels()[2]?.startsWith("Überlänge Überlänge"));
	assert.not(labels()[2]?.includes("\ufffd"), "a label is cut between characters");
	assert.is(labels()[3], "from another process");
	assert.equal(
		region.stats().participants.map(({ slot, alive }) => [slot, alive]),
		[
			[0, true],
			[1, true],
			[2, true],
			[3, true],
		],
	);
	await child.kill();
	const killed = region.stats().participants[3];
	assert.equal([killed?.alive, killed?.label], [false, "from another process"]);
	assert.is(region.recover(), 1);
	assert.is(region.recover(), 0);
	assert.is(region.stats().participants.length, 3);
	other.close();
	assert.is(region.stats().participants.length, 2);

	region.queue("bytes", { capacity: 1000 });
	region.queue("numbers", { record: "i64", capacity: 10 });
	region.queue("ünïcödé ✓");
	const entries = region.entries().sort((a, b) => (a.name < b.name ? -1 : 1));
	assert.equal(entries, [
		{ name: "bytes", type: "a queue of 1000 bytes" },
		{ name: "numbers", type: "a queue of i64 records with capacity 10" },
		{ name: "ünïcödé ✓", type: "a queue of 1048576 bytes" },
	]);
	const stats = region.stats();
	assert.is(stats.objects, 3);
	assert.equal(stats.queues.map(({ name }) => name).sort(), ["bytes", "numbers", "ünïcödé ✓"]);
	assert.ok(stats.used > 0 && stats.committed >= stats.used && stats.committed < stats.size);
	assert.ok(stats.largestFree > 0 && stats.largestFree < stats.size);
});

test("the default label is the task's name, else host and process", () => {
	const old = process.env.DHMEM_TASK;
	try {
		process.env.DHMEM_TASK = "steer";
		assert.is(open().stats().participants[0]?.label, "steer");
		delete process.env.DHMEM_TASK;
		assert.match(open().stats().participants[1]?.label ?? "", new RegExp(`:${process.pid}$`));
	} finally {
		if (old === undefined) delete process.env.DHMEM_TASK;
		else process.env.DHMEM_TASK = old;
	}
});

test("queues say how much went through them", () => {
	const region = open();
	const queue = region.queue("q", { capacity: 1024 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	for (let i = 0; i < 5; i++) producer.trySend("12345678");
	consumer.tryReceive()?.release();
	const [stats] = region.stats().queues;
	assert.equal(stats, { name: "q", capacity: 1024, depth: 4, bytes: 64, sent: 5, received: 1, dropped: 0 });
});

test("two opens in one process are two participants", () => {
	const region = open();
	const other = open();
	assert.is(region.stats().participants.length, 2);
	const producer = region.queue("q").producer();
	assert.is(
		codeOf(() => other.queue("q").producer()),
		"DHMEM_ENDPOINT_TAKEN",
	);
	const consumer = other.queue("q").consumer();
	producer.trySend("x");
	assert.is(consumer.tryReceive()?.text(), "x");
	// A block is its owner's.
	const block = region.allocate(10);
	assert.is(
		codeOf(() => other.save(block)),
		"DHMEM_BAD_ARGUMENT",
	);
	other.close();
	// Closing the one does nothing to the other.
	assert.is(producer.trySend("y"), true);
	assert.is(region.stats().participants.length, 1);
	assert.is(
		codeOf(() => consumer.tryReceive()),
		"DHMEM_CLOSED",
	);
});

test("there are 128 slots, and they are used again", async () => {
	const all = Array.from({ length: 128 }, () => open());
	assert.is(all[0]?.stats().participants.length, 128);
	const error = errorOf(() => open());
	assert.is(error.code, "DHMEM_TOO_MANY_PARTICIPANTS");
	assert.match(error.message, "128");
	all[77]?.close();
	const child = await started("stay", "{}");
	assert.is(
		codeOf(() => open()),
		"DHMEM_TOO_MANY_PARTICIPANTS",
	);
	await child.kill();
	// A dead participant's slot is recovered, and given away.
	assert.is(open().stats().participants.length, 128);
});

test("worker threads open the region like anyone else, and leave it when they end", async () => {
	const region = open();
	const workers = Array.from({ length: 4 }, () => {
		const worker = new Worker(new URL(module), {
			workerData: { scenario: "stay", parameters: [directory, '{"label":"worker"}'] },
		});
		const heard = new Promise((resolve) => worker.once("message", resolve));
		return { worker, heard };
	});
	for (const { heard } of workers) assert.is(await heard, "ready");
	assert.is(region.stats().participants.filter(({ label }) => label === "worker").length, 4);
	// Two are ended, two leave.
	await Promise.all(workers.slice(0, 2).map(({ worker }) => worker.terminate()));
	region.recover();
	assert.is(region.stats().participants.length, 3);
	for (const { worker } of workers.slice(2)) {
		const exit = new Promise((resolve) => worker.once("exit", resolve));
		worker.postMessage("go");
		await exit;
	}
	assert.is(region.stats().participants.length, 1);
});

// ------------------------------------------------------------------------------------------------ races

test("50 processes that open the same new region at once all get the same one", async () => {
	const children = await Promise.all(Array.from({ length: 50 }, (_, i) => started("race", i)));
	for (const child of children) child.say("go");
	const inodes = await Promise.all(children.map((child) => child.hear()));
	assert.is(new Set(inodes).size, 1);
	assert.equal(names(), ["region.dhmem"]);
	const region = open();
	assert.is(statSync(region.path).ino, inodes[0]);
	assert.is(region.stats().participants.length, 51);
	for (let i = 0; i < 50; i++) {
		const consumer = region.queue(`from ${i}`).consumer();
		assert.is(consumer.tryReceive()?.text(), String(i));
	}
	for (const child of children) child.say("go");
	for (const child of children) assert.is((await child.ended).code, 0);
	assert.is(region.stats().participants.length, 1);
});

test("processes that construct the same objects at once agree on each", async () => {
	const region = open();
	const { used } = region.stats();
	const children = await Promise.all(Array.from({ length: 8 }, (_, i) => started("construct", i)));
	for (const child of children) child.say("go");
	const results = (await Promise.all(children.map((child) => child.hear()))) as string[][];
	for (const result of results) assert.equal(result, results[0]);
	// Everybody got a capacity that one of them asked for, and nobody anything else.
	for (const capacity of results[0] ?? []) assert.match(capacity, /^10(2[4-9]|3[01])$/);
	assert.is(region.entries().length, 50);
	for (const child of children) child.say("go");
	for (const child of children) assert.is((await child.ended).code, 0);
	// Those who lost gave back what they had made: 50 rings of 2 KiB at most, records and lists are left.
	const left = region.stats().used - used;
	assert.ok(left < 50 * (2048 + 640) + 64 * 1024, `${left} bytes`);
});

test("what is opened as something else than it is says both", () => {
	const region = open();
	region.queue("bytes", { capacity: 1000 });
	region.queue("numbers", { record: "f64", capacity: 100 });
	const cases: [() => unknown, string, string][] = [
		[() => region.queue("bytes", { capacity: 2000 }), "a queue of 1000 bytes", "a queue of 2000 bytes"],
		[() => region.queue("bytes", { record: "f64" }), "a queue of 1000 bytes", "a queue of f64 records"],
		[() => region.queue("numbers", { policy: "block" }), "f64 records with capacity 100", "a queue"],
		[() => region.queue("numbers", { record: "f32" }), "f64 records with capacity 100", "f32 records"],
		[
			() => region.queue("numbers", { record: "f64", capacity: 128 }),
			"f64 records with capacity 100",
			"f64 records with capacity 128",
		],
	];
	for (const [action, is, wanted] of cases) {
		const { code, message } = errorOf(action);
		assert.is(code, "DHMEM_TYPE_MISMATCH");
		assert.match(message, is);
		assert.match(message, wanted);
	}
	// What is left out accepts what exists, and so does the same figure in other words.
	assert.is(region.queue("bytes").capacity, 1024);
	assert.is(region.queue("bytes", { capacity: "1 kB" }).capacity, 1024);
	assert.is(region.queue("numbers", { record: "f64" }).capacity, 128);
});

// -------------------------------------------------------------------------------------------- resources

test(`after ${OPENS} opens and closes nothing is left`, async () => {
	open();
	const child = start("openAndClose", OPENS);
	const result = (await child.hear()) as {
		before: object;
		after: object;
		participants: number;
		seen: number;
		last: number;
	};
	assert.equal(result.after, result.before);
	assert.is(result.participants, 2);
	assert.ok(result.seen > 0, "the control: an open region is seen");
	assert.is(result.last, 0);
	const { code } = await child.ended;
	assert.is(code, 0);
});

test("closing twice, and in any order, does nothing more", () => {
	const region = open();
	const producer = region.queue("q").producer();
	const block = region.allocate(10);
	const message = (() => {
		producer.trySend("x");
		return region.queue("q").consumer().tryReceive();
	})();
	const slot = producer.tryReserve(8);
	region.close();
	region.close();
	region[Symbol.dispose]();
	producer.close();
	slot?.abort();
	slot?.[Symbol.dispose]();
	message?.release();
	message?.[Symbol.dispose]();
	block[Symbol.dispose]();
	const again = open();
	assert.is(again.stats().participants.length, 1);
	// What was not released is delivered again, and what was reserved is nowhere.
	const consumer = again.queue("q").consumer();
	assert.is(consumer.tryReceive()?.text(), "x");
	assert.is(consumer.tryReceive(), undefined);
});

// ---------------------------------------------------------------------------------------------- handles

test("a saved block is found by its token in any process, and outlives the saver", async () => {
	const region = open();
	const block = region.allocate(9);
	block.bytes.set(new TextEncoder().encode("something"));
	const handle = region.save(block);
	assert.ok(handle instanceof Handle);
	assert.match(String(handle), /^[A-Za-z0-9_-]+$/);
	assert.is(JSON.stringify({ handle }), `{"handle":"${handle}"}`);
	assert.is(
		codeOf(() => block.bytes),
		"DHMEM_CLOSED",
	);
	const { text, code } = (await start("load", String(handle)).hear()) as Failure & { text: string };
	assert.equal([code, text], ["nothing", "something"]);

	const saver = start("saveAndDie");
	const token = (await saver.hear()) as string;
	saver.say("die");
	await saver.ended;
	region.recover();
	for (const given of [token, `  ${token}\n`]) {
		const loaded = region.load(given);
		assert.ok(loaded instanceof Block);
		assert.equal([loaded.kind, loaded.length, loaded.text()], ["block", 5, "saved"]);
	}
	const loaded = loadBlock(region, handle);
	loaded.free();
	assert.is(
		codeOf(() => loaded.free()),
		"DHMEM_DOUBLE_FREE",
	);
	assert.is(
		codeOf(() => region.load(handle)),
		"DHMEM_BAD_HANDLE",
	);
	const other = (await start("load", String(handle)).hear()) as Failure;
	assert.is(other.code, "DHMEM_BAD_HANDLE");
	assert.is(other.message.length > 20, true);
});

test("a freed handle stays bad when its memory is in use again", () => {
	const region = open();
	const old: Handle[] = [];
	for (let round = 0; round < 50; round++) {
		const handle = region.save(region.allocate(100));
		for (const freed of old)
			assert.is(
				codeOf(() => region.load(freed)),
				"DHMEM_BAD_HANDLE",
			);
		region.load(handle);
		loadBlock(region, handle).free();
		old.push(handle);
	}
	// The control: the memory is in use again, rather than new each time.
	const first = region.allocate(100);
	const { used } = region.stats();
	first.free();
	const handles = Array.from({ length: 10 }, () => region.save(region.allocate(100)));
	for (const freed of old)
		assert.is(
			codeOf(() => region.load(freed)),
			"DHMEM_BAD_HANDLE",
		);
	for (const handle of handles) loadBlock(region, handle).free();
	assert.ok(region.stats().used <= used);
	// A view of the region's block that somebody else freed.
	const handle = region.save(region.allocate(100));
	const [one, two] = [loadBlock(region, handle), loadBlock(region, handle)];
	one.free();
	assert.ok(["DHMEM_BAD_HANDLE", "DHMEM_DOUBLE_FREE"].includes(codeOf(() => two.free())));
});

test("10,000 forged tokens are found out", () => {
	const region = open();
	const tokens = Array.from({ length: 5 }, () => String(region.save(region.allocate(1000))));
	const bytes = tokens.map((token) => Buffer.from(token, "base64url"));
	let seed = 12345;
	const random = (below: number) => {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		return (seed >>> 8) % below;
	};
	const { used } = region.stats();
	for (let i = 0; i < 10_000; i++) {
		const forged = Buffer.from(bytes[random(5)] as Buffer);
		const kind = random(4);
		// A bit, a byte, the place, or a mixture of two.
		if (kind === 0) {
			const at = random(forged.length);
			forged[at] = (forged[at] as number) ^ (1 << random(8));
		} else if (kind === 1) {
			const at = random(forged.length);
			forged[at] = (forged[at] as number) + 1 + random(255);
		} else if (kind === 2) forged.writeUInt32LE((random(2 ** 23) * 512) >>> 0, 12);
		else {
			const other = bytes[random(5)] as Buffer;
			other.copy(forged, 12 + random(10), 12 + random(10));
		}
		const token = forged.toString("base64url");
		if (tokens.includes(token)) continue;
		assert.is(
			codeOf(() => region.load(token)),
			"DHMEM_BAD_HANDLE",
			token,
		);
	}
	for (let i = 0; i < 1000; i++) {
		const characters = Array.from({ length: random(60) }, () => String.fromCharCode(32 + random(1000)));
		assert.is(
			codeOf(() => region.load(characters.join(""))),
			"DHMEM_BAD_HANDLE",
		);
	}
	// The same bits spelt another way are not the same token.
	const [token] = tokens as [string];
	for (const other of [
		`${token}=`,
		`${token}A`,
		token.slice(1),
		`${token.slice(0, -1)} `,
		"",
		token + token,
	]) {
		assert.is(
			codeOf(() => region.load(other)),
			"DHMEM_BAD_HANDLE",
		);
	}
	assert.is(region.stats().used, used);
	for (const good of tokens) loadBlock(region, good).free();
	// Another region's.
	const other = open({}, "other");
	assert.is(
		codeOf(() => region.load(other.save(other.allocate(1)))),
		"DHMEM_BAD_HANDLE",
	);
});

test("the file is as its header says, and nobody sees half of it", () => {
	const region = open({ size: "1MiB" });
	const header = readFileSync(region.path).subarray(0, 8).toString("latin1");
	assert.is(header.slice(0, 5), "dhmem");
	assert.is(statSync(region.path).size, 2 ** 20);
	chmodSync(region.path, 0o600);
});

/** Marks what lies below `bytes` as busy, so that it is passed over as if it were in use. */
function fillUp(region: Region, bytes: number): void {
	const file = openSync(region.path, "r+");
	const header = Buffer.alloc(HEADER_BYTES);
	readSync(file, header, 0, header.length, 0);
	const bits = Buffer.alloc(bytes / SPAN_BYTES / 8, 0xff);
	writeSync(file, bits, 0, bits.length, header.readUInt32LE(HEADER_BUSY));
	closeSync(file);
}

test("everything works beyond 2 GiB, where offsets no longer fit a signed number", () => {
	const region = open({ size: "3GiB" });
	fillUp(region, 2 ** 31);
	const block = region.allocate(100_000);
	assert.ok(block.bytes.byteOffset >= 2 ** 31);
	assert.is(loadBlock(region, region.save(block)).length, 100_000);
	const map = region.map("map", { key: "string", value: "f64" });
	const vector = region.vector("vector", "f64");
	for (let index = 0; index < 2000; index++) {
		map.set(`key ${index}`, index);
		vector.push(index);
	}
	assert.is(map.get("key 1999"), 1999);
	assert.is(map.entries().length, 2000);
	assert.is(vector.at(-1), 1999);
	const array = region.array("array", { dtype: "i32", shape: [50_000] });
	array.set(49_999, 5);
	assert.is(array.get(49_999), 5);
	const queue = region.queue("queue", { capacity: "64KiB" });
	const [producer, consumer] = [queue.producer(), queue.consumer()];
	assert.is(producer.sendMany(["small", "x".repeat(100_000)]), 2);
	assert.is(consumer.tryReceive()?.text(), "small");
	assert.is(consumer.tryReceive()?.length, 100_000);
	const records = region.queue("records", { record: "f64" });
	records.producer().push(0.5);
	assert.is(records.consumer().pop(), 0.5);
	region.mutex("mutex").lockSync().unlock();
	for (let index = 0; index < 120; index++) region.struct(`struct ${index}`, { a: "f64" }).a = index;
	assert.is(region.struct("struct 119", { a: "f64" }).a, 119);
	assert.is(region.entries().length, 126);
});

uvu.run();
