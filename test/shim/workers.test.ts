/** The shim in worker threads. */
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { directory } from "../fixture/index.js";
import {
	countOf,
	eachInShimFolder,
	mappingsOf,
	path,
	pipePath,
	region,
	run,
	shim,
	shimPath,
	threadsEnd,
} from "./stage.js";

eachInShimFolder();

function worker(script: string): Worker {
	return new Worker(
		`const { parentPort, workerData } = require("node:worker_threads");
		const shim = require(workerData.shimPath);
		const memory = new Uint8Array(
			new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true }).buffer);
		const file = shim.openFile(workerData.path, true);
		shim.mapFile(file, memory, false);
		shim.tryLock(file, 21);
		memory[0] = 77;
		${script}`,
		{ eval: true, workerData: { shimPath, path, pipe: pipePath(1) } },
	);
}

test("a terminated worker thread drops its locks and its mapping at any moment", async () => {
	const { file, memory } = region();
	const inode = statSync(path).ino;
	const count = () => [countOf("fd"), shim.openFiles(), mappingsOf(inode).length];
	const before = count();
	const threads = countOf("task");
	for (const ending of [
		`parentPort.postMessage("ready"); for (;;) {}`,
		`shim.watch(file, 4, () => {}); shim.arm(file, 0, 1e9); parentPort.postMessage("ready");`,
		`shim.watch(file, 4, () => { parentPort.postMessage("ready"); for (;;) {} }); shim.arm(file, 1, 0);`,
		`shim.watch(file, 4, () => {}); shim.makePipe(file, workerData.pipe); shim.armPipe(file);
			shim.connectPipe(file, 0, workerData.pipe); shim.watchPipe(file, 0); parentPort.postMessage("ready");`,
		`shim.watch(file, 4, () => { shim.armPipe(file); shim.ringPipe(file, 1); }); shim.makePipe(file, workerData.pipe);
			shim.connectPipe(file, 1, workerData.pipe); shim.armPipe(file); shim.ringPipe(file, 1);
			parentPort.postMessage("ready");`,
		`shim.watch(file, 4, () => { parentPort.postMessage("ready"); for (;;) {} });
			shim.makePipe(file, workerData.pipe); shim.connectPipe(file, 1, workerData.pipe);
			shim.armPipe(file); shim.ringPipe(file, 1);`,
		`shim.watch(file, 4, () => shim.arm(file, 1, 0)); shim.arm(file, 1, 0); parentPort.postMessage("ready");`,
	]) {
		memory[0] = 0;
		const thread = worker(ending);
		await once(thread, "message");
		assert.is(memory[0], 77);
		assert.is(shim.isLocked(file, 21), true);
		assert.is(shim.openFiles(), (before[1] as number) + 1);
		await thread.terminate();
		assert.is(shim.isLocked(file, 21), false);
		await threadsEnd(threads);
		assert.equal(count(), before, ending);
	}
});

test("a memory that a terminated worker shared reads as zeros here", async () => {
	region();
	const thread = worker(`parentPort.postMessage(memory);`);
	const [theirs] = (await once(thread, "message")) as [Uint8Array];
	await thread.terminate();
	assert.is(theirs[0], 0);
	theirs.fill(1);
	assert.is(readFileSync(path)[0], 77);
});

test("many workers come and go while others keep their mappings", async () => {
	const { file, memory } = region();
	const before = shim.openFiles();
	memory[1] = 5;
	for (let round = 0; round < 5; round++) {
		const threads = Array.from({ length: 8 }, (_, index) =>
			worker(`
			shim.watch(file, 4, () => shim.arm(file, ${index}, 1));
			shim.arm(file, 0, 1);
			parentPort.postMessage("ready");`),
		);
		await Promise.all(threads.map((thread) => once(thread, "message")));
		await Promise.all(threads.map((thread) => thread.terminate()));
	}
	assert.is(shim.openFiles(), before);
	assert.is(memory[1], 5);
	assert.is(shim.isBroken(file), false);
});

test("the addon stays when the last worker that loaded it goes, because its signal handler does", async () => {
	const { code, signal, output } = await run(`
		const { Worker } = require("node:worker_threads");
		// This thread's own copy is loaded as well, so the workers load another.
		fs.copyFileSync(require.resolve(${JSON.stringify(shimPath)}), ${JSON.stringify(join(directory, "other.node"))});
		const thread = new Worker(\`
			const shim = require(${JSON.stringify(join(directory, "other.node"))});
			const file = shim.createFile("/dev/shm", 65536, 0o600);
			const memory = new Uint8Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer);
			shim.mapFile(file, memory, false);\`, { eval: true });
		process.on("SIGBUS", () => { console.log("heard"); process.exit(); });
		thread.on("exit", () => process.kill(process.pid, "SIGBUS"));
		setInterval(() => {}, 1000);`);
	assert.equal([code, signal, output], [0, null, "heard\n"]);
});

test.run();
