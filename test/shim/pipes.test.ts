/** Named pipes that wake an event loop. */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../fixture/index.js";
import {
	child,
	code,
	countOf,
	create,
	eachInShimFolder,
	isRoot,
	open,
	path,
	pipePath,
	region,
	run,
	shim,
} from "./stage.js";

eachInShimFolder();

/** A watched file with a pipe, and how often it was called, with what. */
function withPipe(name = 1) {
	const { file } = region();
	const calls: (number | undefined)[] = [];
	shim.watch(file, 0, (lost) => calls.push(lost));
	shim.makePipe(file, pipePath(name));
	return { file, calls };
}

async function turns(count = 20): Promise<void> {
	for (let i = 0; i < count; i++) await turn();
}

test("a pipe calls once for each arming, from another process, and without a thread", async () => {
	const threads = countOf("task");
	const { file, calls } = withPipe();
	const ringer = await child();
	assert.equal(await ringer.call("connectPipe", 3, 1), { uid: process.getuid?.(), gid: process.getgid?.() });
	for (let i = 0; i < 20; i++) {
		shim.armPipe(file);
		shim.armPipe(file);
		assert.is(await ringer.call("ringPipe", 3), true);
		assert.is(await ringer.call("ringPipe", 3), true);
		await until(() => calls.length === i + 1);
	}
	assert.ok(countOf("task") <= threads, "a thread has started");
});

test("rings that come before the arming are dropped, and one after it is not", async () => {
	const { file, calls } = withPipe();
	const other = open();
	shim.connectPipe(other, 0, pipePath(1));
	for (let i = 0; i < 1000; i++) shim.ringPipe(other, 0);
	await turns();
	shim.armPipe(file);
	await turns();
	assert.equal(calls, []);
	shim.ringPipe(other, 0);
	await until(() => calls.length === 1);
	shim.armPipe(file);
	shim.disarm(file);
	shim.ringPipe(other, 0);
	await turns();
	assert.is(calls.length, 1);
});

test("a full pipe counts as rung", async () => {
	const { file, calls } = withPipe();
	const other = open();
	shim.connectPipe(other, 0, pipePath(1));
	// A pipe has room for 64 KiB.
	for (let i = 0; i < 70_000; i++) assert.is(shim.ringPipe(other, 0), true);
	shim.armPipe(file);
	await until(() => calls.length === 1);
});

test("the death of a pipe's reader is reported to the watcher of the pipe, and ringing reports it too", async () => {
	const { file, calls } = withPipe();
	const peer = await child();
	await peer.call("makePipe", 2);
	shim.connectPipe(file, 5, pipePath(2));
	shim.watchPipe(file, 5);
	await turns();
	assert.equal(calls, []);
	await peer.kill();
	await until(() => calls.length > 0);
	assert.equal(calls, [5]);
	assert.is(shim.ringPipe(file, 5), false);
	shim.disconnectPipe(file, 5);
	assert.is(shim.ringPipe(file, 5), false);
	assert.is(
		code(() => shim.connectPipe(file, 5, pipePath(2))),
		"ENXIO",
	);
	assert.is(shim.removeDeadPipe(pipePath(2)), true);
	assert.is(shim.removeDeadPipe(pipePath(2)), false);
	await turns();
	assert.equal(calls, [5]);
});

test("ringing a dead peer does not run the program's handler for SIGPIPE", async () => {
	const { file } = withPipe();
	const peer = await child();
	await peer.call("makePipe", 2);
	shim.connectPipe(file, 0, pipePath(2));
	await peer.kill();
	let signals = 0;
	const onSignal = () => signals++;
	process.on("SIGPIPE", onSignal);
	try {
		assert.is(shim.ringPipe(file, 0), false);
		await turns();
		assert.is(signals, 0);
		process.kill(process.pid, "SIGPIPE");
		await until(() => signals === 1);
	} finally {
		process.off("SIGPIPE", onSignal);
	}
});

test("a pipe has the group of its file, and its permissions for writing", () => {
	if (!isRoot) return;
	const file = create(65536, 0o664);
	shim.publishFile(file, path, false);
	execFileSync("chown", ["1001:1234", path]);
	const memory = open();
	const { uid, gid } = shim.statFile(memory);
	assert.equal([uid, gid], [1001, 1234]);
	const words = new Uint8Array(
		new (
			globalThis as never as { WebAssembly: { Memory: new (of: object) => { buffer: ArrayBuffer } } }
		).WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer,
	);
	shim.mapFile(memory, words, false);
	shim.watch(memory, 0, () => {});
	shim.makePipe(memory, pipePath(1));
	const status = lstatSync(pipePath(1));
	assert.equal([status.uid, status.gid, status.mode & 0o7777], [1001, 1234, 0o620]);
});

test("what is no pipe is not written to, and not removed", () => {
	const { file } = region();
	writeFileSync(pipePath(1), "kept");
	symlinkSync(pipePath(1), pipePath(2));
	assert.is(
		code(() => shim.connectPipe(file, 0, pipePath(1))),
		"ENOTREG",
	);
	assert.is(
		code(() => shim.connectPipe(file, 0, pipePath(2))),
		"ELOOP",
	);
	assert.is(
		code(() => shim.connectPipe(file, 0, pipePath(3))),
		"ENOENT",
	);
	assert.is(shim.removeDeadPipe(pipePath(1)), false);
	assert.ok(existsSync(pipePath(1)));
	assert.is(shim.ringPipe(file, 0), false);
});

test("a watched file has one pipe; a living one is not removed by others; it goes with its file", () => {
	const { file } = region();
	assert.is(
		code(() => shim.makePipe(file, pipePath(1))),
		"EINVAL",
	);
	shim.watch(file, 0, () => {});
	assert.is(
		code(() => shim.armPipe(file)),
		"EINVAL",
	);
	const descriptors = countOf("fd");
	shim.makePipe(file, pipePath(1));
	assert.is(
		code(() => shim.makePipe(file, pipePath(2))),
		"EBUSY",
	);
	assert.is(shim.removeDeadPipe(pipePath(1)), false);
	shim.removePipe(file);
	shim.removePipe(file);
	assert.not.ok(existsSync(pipePath(1)));
	assert.is(countOf("fd"), descriptors);
	writeFileSync(pipePath(3), "");
	assert.is(
		code(() => shim.makePipe(file, pipePath(3))),
		"EEXIST",
	);
	shim.makePipe(file, pipePath(4));
	shim.connectPipe(file, 15, pipePath(4));
	shim.watchPipe(file, 15);
	shim.armPipe(file);
	shim.closeFile(file);
	assert.not.ok(existsSync(pipePath(4)));
	assert.is(countOf("fd"), descriptors - 2);
});

test("where there are no descriptors left, making or opening a pipe leaves nothing behind", async () => {
	const { file } = withPipe(7);
	const { output } = await run(
		`const file = shim.openFile(${JSON.stringify(path)}, true);
		shim.mapFile(file, memoryOf(shim.statFile(file).size), false);
		shim.watch(file, 0, () => {});
		const held = [];
		try { for (;;) held.push(fs.openSync("/dev/null", "r")); } catch {}
		for (const act of [() => shim.makePipe(file, ${JSON.stringify(pipePath(1))}),
			() => shim.connectPipe(file, 0, ${JSON.stringify(pipePath(7))})]) {
			try { act(); console.log("worked"); } catch ({ code }) { console.log(code); }
		}`,
		{ flags: [] },
	);
	assert.is(output, "EMFILE\nEMFILE\n");
	assert.not.ok(existsSync(pipePath(1)));
	shim.closeFile(file);
});

const piped = () => `
	const file = shim.openFile(${JSON.stringify(path)}, true);
	shim.mapFile(file, memoryOf(shim.statFile(file).size), false);
	let rings = 0;
	shim.watch(file, 0, () => { rings++; });
	shim.makePipe(file, ${JSON.stringify(pipePath(1))});
	shim.connectPipe(file, 0, ${JSON.stringify(pipePath(1))});
	process.on("exit", () => console.log("rings", rings));`;

test("the process lives while armed, and ends when it was rung, disarmed or never armed", async () => {
	region();
	for (const [rest, rings] of [
		["", 0],
		["shim.ringPipe(file, 0);", 0],
		["shim.watchPipe(file, 0);", 0],
		["shim.armPipe(file); setTimeout(() => shim.ringPipe(file, 0), 50);", 1],
		["shim.armPipe(file); shim.disarm(file);", 0],
		["shim.armPipe(file); shim.closeFile(file);", 0],
		["shim.armPipe(file); setTimeout(() => shim.removePipe(file), 50);", 0],
		["shim.armPipe(file); process.exit();", 0],
	] as const) {
		const { code, output, errors } = await run(piped() + rest);
		assert.equal([code, output, errors], [0, `rings ${rings}\n`, ""], rest);
		assert.equal(readdirSync(path.replace(/\/[^/]*$/, "")), ["a.dhmem"], rest);
	}
});

test("an exception in the callback is uncaught, and promises that it settles go on before the next event", async () => {
	region();
	const thrower = `shim.watch = 0; process.on("uncaughtException", ({ message }) => console.log(message));`;
	const script = (body: string) => `
		const file = shim.openFile(${JSON.stringify(path)}, true);
		shim.mapFile(file, memoryOf(shim.statFile(file).size), false);
		${body}
		shim.makePipe(file, ${JSON.stringify(pipePath(1))});
		shim.connectPipe(file, 0, ${JSON.stringify(pipePath(1))});
		shim.armPipe(file);
		shim.ringPipe(file, 0);`;
	const thrown = await run(
		script(`shim.watch(file, 0, () => { throw new Error("out of the pipe"); }); ${thrower}`),
	);
	assert.equal([thrown.code, thrown.output], [0, "out of the pipe\n"]);
	const ordered = await run(
		script(`
		const order = [];
		let ring;
		new Promise((resolve) => { ring = resolve; }).then(() => order.push("promise"));
		shim.watch(file, 0, () => {
			ring();
			process.nextTick(() => order.push("tick"));
			setImmediate(() => console.log(order.join()));
		});`),
	);
	assert.is(ordered.output, "tick,promise\n");
});

test("a pipe may arm itself again, or close its file, while it calls", async () => {
	const { file } = region();
	const other = open();
	let rings = 0;
	shim.watch(file, 0, () => {
		if (++rings === 100) shim.closeFile(file);
		else {
			shim.armPipe(file);
			shim.ringPipe(other, 0);
		}
	});
	shim.makePipe(file, pipePath(1));
	shim.connectPipe(other, 0, pipePath(1));
	shim.armPipe(file);
	shim.ringPipe(other, 0);
	await until(() => rings === 100);
	await turns();
	assert.is(rings, 100);
});

test.run();
