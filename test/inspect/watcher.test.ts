/** What a watcher sees of regions, and that it does not disturb them. */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HEADER_BUSY, HEADER_VERSION } from "../../assembly/layout.js";
import { JOIN_LOCK } from "../../src/attachment/join-lock.js";
import { READER_LOCK } from "../../src/attachment/participants.js";
import { shim } from "../../src/host/shim.js";
import type { Contents } from "../../src/inspect/contents.js";
import { type ReadRegion, Watcher } from "../../src/inspect/watcher.js";
import { open, started } from "../attachment/stage.js";
import { directory, eachInFolder, limitedTest, openRegion, regionPath, until } from "../fixture/index.js";

eachInFolder();

let watchers: Watcher[] = [];

test.after.each(() => {
	for (const watcher of watchers) watcher.close();
	watchers = [];
});

function watch(...names: string[]): Watcher {
	const watcher = new Watcher(directory, "owner", names.length === 0 ? undefined : names);
	watchers.push(watcher);
	return watcher;
}

/** The region called `region`, which can be read. */
function seen(watcher: Watcher, name = "region"): ReadRegion {
	const found = watcher.snapshot().regions.find((region) => region.name === name);
	if (found === undefined || found.error) throw new Error(found?.error?.text ?? `${name} is not there`);
	return found;
}

/** What the participant with this label waits for. */
function waitsOf({ participants }: Contents, label: string): unknown {
	return participants.find((each) => each.label === label)?.waits;
}

limitedTest("a watcher sees participants, queues and memory, and is no participant", async () => {
	const watcher = watch();
	assert.equal(watcher.snapshot().regions, []);
	const region = open({ label: "steer" });
	const child = await started("stay", '{"label":"evaluate"}');
	await child.kill();
	region.allocate(100_000);
	const producer = region.queue("bytes", { capacity: 1024 }).producer();
	producer.trySend("12345678");
	region.queue("last", { policy: "latest" });
	region.queue("log", { policy: "drop-oldest", keep: 4 }).consumer();
	region.queue("samples", { record: "f64", capacity: 16 });
	region.struct("params", { a: "f64" });
	const found = seen(watcher);
	assert.is(found.path, regionPath("region"));
	assert.is(found.size, region.size);
	assert.ok(found.used >= 100_000 && found.committed >= found.used);
	assert.is(found.objects, 5);
	assert.equal(
		found.participants.map(({ slot, label, alive }) => [slot, label, alive]),
		[
			[0, "steer", true],
			[1, "evaluate", false],
		],
	);
	assert.equal(
		found.queues.map(({ name, kind, record, policy, capacity, depth, producer, consumer }) => [
			...[name, kind, record, policy, capacity, depth, producer, consumer],
		]),
		[
			["bytes", "messages", undefined, "block", 1024, 1, 0, null],
			["last", "messages", undefined, "latest", 1, 0, null, null],
			["log", "messages", undefined, "drop-oldest", 4, 0, null, 0],
			["samples", "records", "f64", "block", 16, 0, null, null],
		],
	);
	assert.not(found.queues[0]?.ended);
	producer.end();
	assert.ok(seen(watcher).queues[0]?.ended);
	assert.is(region.stats().participants.length, 2);
});

limitedTest("a watcher sees who waits for whom", async () => {
	const watcher = watch();
	const steer = open({ label: "steer" });
	const evaluate = open({ label: "evaluate" });
	const consumer = steer.queue("values").consumer();
	const producer = evaluate.queue("guesses", { capacity: 64 }).producer();
	evaluate.queue("values").producer();
	while (producer.trySend("12345678"));
	const receiving = consumer.receive();
	const sending = producer.send("12345678");
	const held = steer.mutex("totals").lockSync();
	const locking = evaluate.mutex("totals").lock();
	await until(() => seen(watcher).mutexes[0]?.waiters.length === 1);
	const found = seen(watcher);
	assert.equal(waitsOf(found, "steer"), [{ for: "message", object: "values", of: 1 }]);
	assert.equal(waitsOf(found, "evaluate"), [
		{ for: "room", object: "guesses", of: null },
		{ for: "mutex", object: "totals", of: 0 },
	]);
	assert.equal(found.mutexes, [{ name: "totals", kind: "mutex", holder: 0, abandoned: false, waiters: [1] }]);
	held.unlock();
	(await locking).unlock();
	await until(() => seen(watcher).mutexes[0]?.holder === null);
	steer.close();
	evaluate.close();
	await Promise.allSettled([receiving, sending]);
});

limitedTest("a wait that is over is not shown", async () => {
	const watcher = watch();
	const steer = open({ label: "steer" });
	const evaluate = open({ label: "evaluate" });
	const latest = steer.queue("latest", { policy: "latest" }).producer();
	const consumer = evaluate.queue("latest").consumer();
	// Now and then a send lets the event loop run first, and is announced like one that waits.
	for (let i = 0; i < 5000; i++) await latest.send("1");
	assert.equal(waitsOf(seen(watcher), "steer"), [], "its queue makes room by itself");

	const values = steer.queue("values").producer();
	const received = evaluate.queue("values").consumer();
	for (let i = 0; i < 5000; i++) {
		await values.send("1");
		received.tryReceive()?.release();
	}
	assert.equal(waitsOf(seen(watcher), "steer"), [], "its queue is empty");
	for (const each of [latest, consumer, values, received]) each.close();
});

limitedTest("a waiter for a condition and a dead holder of a mutex are seen", async () => {
	const watcher = watch();
	const region = open({ label: "steer" });
	const held = await region.mutex("lock").lock();
	let isDone = false;
	const waiting = region.condition("changed").wait(held, { until: () => isDone });
	await until(() => seen(watcher).conditions[0]?.waiters.length === 1);
	assert.equal(waitsOf(seen(watcher), "steer"), [{ for: "notification", object: "changed", of: null }]);
	isDone = true;
	region.condition("changed").notifyAll();
	await waiting;
	assert.is(seen(watcher).mutexes[0]?.holder, 0);
	held.unlock();
});

limitedTest("a watched last-close region goes with its last participant", () => {
	const watcher = watch();
	const region = open({ lifetime: "last-close" });
	seen(watcher);
	region.close();
	assert.not(existsSync(regionPath("region")));
	assert.equal(watcher.snapshot().regions, []);
});

limitedTest("a region that was replaced is read anew", () => {
	const watcher = watch();
	open({ label: "old" });
	const { identity } = seen(watcher);
	open({ label: "new", mode: "force-create" });
	const found = seen(watcher);
	assert.is(found.participants[0]?.label, "new");
	assert.is.not(found.identity, identity);
});

limitedTest("a watcher does not wait for locks that others hold", () => {
	open();
	const file = shim().openFile(regionPath("region"), true);
	try {
		for (const lock of [JOIN_LOCK, READER_LOCK]) assert.ok(shim().tryLock(file, lock));
		const before = performance.now();
		seen(watch());
		assert.ok(performance.now() - before < 10_000, "opening for reading waits up to 10 s");
	} finally {
		shim().closeFile(file);
	}
});

limitedTest("regions that can't be read are entries that say why, and the others are read", () => {
	assert.is(process.getuid?.(), 0, "this needs root, to give a file to somebody else");
	open();
	openRegion("version", { size: "1MiB" }).close();
	openRegion("corrupt", { size: "1MiB" }).close();
	openRegion("foreign", { size: "1MiB" }).close();
	overwrite("version", HEADER_VERSION, 1);
	overwrite("corrupt", HEADER_BUSY, 8);
	writeFileSync(regionPath("garbage"), "garbage");
	mkdirSync(regionPath("folder"));
	chmodSync(directory, 0o1777);
	chownSync(regionPath("foreign"), 1001, 1001);
	const { regions } = watch().snapshot();
	assert.equal(
		regions.map(({ name, error }) => [name, error?.code]),
		[
			["corrupt", "DHMEM_CORRUPT"],
			["folder", "DHMEM_FORMAT"],
			["foreign", "DHMEM_PERMISSION"],
			["garbage", "DHMEM_FORMAT"],
			["region", undefined],
			["version", "DHMEM_VERSION"],
		],
	);
	assert.match(regions[1]?.error?.text ?? "", "folder.dhmem");
});

limitedTest("a region that a participant fills with garbage does not stop the watcher", () => {
	const watcher = watch();
	open();
	const victim = open({}, "victim");
	victim.queue("q").producer();
	seen(watcher, "victim");
	const bytes = readFileSync(regionPath("victim"));
	for (let at = 4096; at < bytes.length; at++) bytes[at] = (at * 2654435761) >>> 13;
	writeFileSync(regionPath("victim"), bytes, { flag: "r+" });
	for (let turn = 0; turn < 3; turn++) {
		const { regions } = watcher.snapshot();
		assert.equal(
			regions.map(({ name }) => name),
			["region", "victim"],
		);
		assert.is(regions[0]?.error, undefined);
	}
});

limitedTest("watching a region by name shows when it disappears and when it comes back", () => {
	const watcher = watch("region");
	const error = () => watcher.snapshot().regions[0]?.error;
	assert.is(error()?.code, "DHMEM_NOT_FOUND");
	const region = open();
	assert.is(error(), undefined);
	region.unlink();
	assert.is(error()?.code, "DHMEM_NOT_FOUND");
});

test.run();

/** Overwrites a word of a region's header. */
function overwrite(name: string, at: number, value: number): void {
	const bytes = readFileSync(regionPath(name));
	bytes.writeUInt32LE(value, at);
	writeFileSync(regionPath(name), bytes);
}
