/** Arguments that are wrong. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { File } from "../../native-shim/index.js";
import { directory } from "../fixture/index.js";
import { code, eachInShimFolder, map, names, open, region, run, shim, size } from "./stage.js";

eachInShimFolder();

test("objects that aren't files are refused", () => {
	const { file } = region();
	const foreign = [
		{},
		Object.create(file),
		new Proxy(file, {}),
		structuredClone({ ...file }),
		[],
		shim,
		null,
	];
	for (const object of foreign) {
		assert.throws(
			() => shim.statFile(object as File),
			(error: unknown) => error instanceof TypeError,
		);
	}
	const sealed = open();
	map(sealed);
	Object.freeze(sealed);
	assert.is(
		code(() => shim.watch(sealed, 0, () => {})),
		"TypeError",
	);
	assert.is(
		code(() => shim.arm(sealed, 0, 0)),
		"EINVAL",
	);
	shim.closeFile(sealed);
});

test("counts must be whole numbers in range", () => {
	const { file } = region();
	const wrong = [Number.NaN, -1, 1.5, 2 ** 53, Number.POSITIVE_INFINITY, "1", 1n, null, undefined, {}, true];
	for (const value of wrong as number[]) {
		for (const call of [
			() => shim.createFile(directory, value, 0o600),
			() => shim.createFile(directory, size, value),
			() => shim.readFile(file, new Uint8Array(1), value),
			() => shim.commit(file, value, 1),
			() => shim.commit(file, 0, value),
			() => shim.punch(file, value, 1),
			() => shim.tryLock(file, value),
			() => shim.unlock(file, value),
			() => shim.isLocked(file, value),
			() => shim.wait(file, value, 1, 0),
			() => shim.wake(file, value),
			() => shim.watch(file, value, () => {}),
		]) {
			assert.is(code(call), "TypeError", `${String(call)} of ${String(value)}`);
		}
	}
	for (const call of [
		() => shim.createFile(directory, size, 0o10000),
		() => shim.tryLock(file, 65536),
		() => shim.wait(file, 2, 0, 0),
		() => shim.wait(file, size, 0, 0),
		() => shim.wait(file, 0, 2 ** 32, 0),
		() => shim.wait(file, 0, -(2 ** 31) - 1, 0),
		() => shim.wait(file, 0, 1, -1),
		() => shim.wait(file, 0, 1, Number.NaN),
		() => shim.openFile("/dev/shm/a\0b", true),
	]) {
		assert.is(code(call), "TypeError", String(call));
	}
	assert.equal(names(), ["a.dhmem"]);
});

test("thousands of random calls with nonsense leave the process alive", async () => {
	const seed = Number(process.env.SEED ?? 1);
	const { code, signal, output, errors } = await run(
		`
		let state = ${seed};
		const random = (limit) => {
			state = (state + 0x6d2b79f5) | 0;
			let mixed = Math.imul(state ^ (state >>> 15), state | 1);
			mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
			return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
		};
		const pick = (list) => list[random(list.length)];
		process.chdir(${JSON.stringify(directory)});
		const detached = new Uint8Array(65536);
		structuredClone(detached.buffer, { transfer: [detached.buffer] });
		const { proxy, revoke } = Proxy.revocable({}, {});
		revoke();
		const pools = {
			number: [-0, 0, 1, 2, 3, 4, 64, 128, 4096, 65532, 65535, 65536, 131072],
			string: ["", "x", "y.dhmem", "z", ".", "/", "/dev/null", "/proc/self/mem", "/nowhere/x"],
			boolean: [true, false],
			function: [() => {}, () => { throw new Error("from the bell"); }, class {}, new Proxy(() => {}, {})],
			bytes: [new Uint8Array(10), memoryOf(65536), memoryOf(65536), memoryOf(131072), new Uint8Array(65536)],
		};
		const nonsense = [
			undefined, null, NaN, -1, 1.5, 65537, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53 - 1, 2 ** 53, 1e300, -1e300,
			-Infinity, "a\\0b", "z".repeat(5000), "\\ud800", Symbol("s"), 1n, {}, [], proxy, new Proxy({}, {}),
			detached, new Uint8Array(0), new Uint8ClampedArray(65536), new Float64Array(8),
			new DataView(new ArrayBuffer(8)), new ArrayBuffer(65536), new SharedArrayBuffer(65536),
			new Uint8Array(new SharedArrayBuffer(65536)), new WebAssembly.Memory({ initial: 1 }),
			memoryOf(131072).subarray(65536), new Date(), /x/, new Map(), process,
			require("node:zlib").createGzip(), new (require("node:worker_threads").MessageChannel)().port1,
		];
		const signatures = {
			createFile: ["string", "number", "number"], publishFile: ["file", "string", "boolean"],
			openFile: ["string", "boolean"], statFile: ["file"], isNamed: ["file", "string"],
			readFile: ["file", "bytes", "number"], mapFile: ["file", "bytes", "boolean"], closeFile: ["file"],
			mapWindow: ["file", "bytes", "number", "number"],
			abandonFile: ["file"], isBroken: ["file"], commit: ["file", "number", "number"],
			punch: ["file", "number", "number"], tryLock: ["file", "number"], unlock: ["file", "number"],
			isLocked: ["file", "number"], wait: ["file", "number", "number", "number"], wake: ["file", "number"],
			watch: ["file", "number", "function"], arm: ["file", "number", "number"], disarm: ["file"],
			makePipe: ["file", "string"], armPipe: ["file"], removePipe: ["file"],
			connectPipe: ["file", "number", "string"], disconnectPipe: ["file", "number"],
			ringPipe: ["file", "number"], watchPipe: ["file", "number"], removeDeadPipe: ["string"],
			openFiles: [], renewGuard: [],
		};
		const missing = Object.keys(shim).filter((name) => typeof shim[name] === "function" && !(name in signatures));
		let [thrown, returned] = [0, 0];
		const files = (pools.file = [{}]);
		function once() {
			const name = pick(Object.keys(signatures));
			// Now and then, too few arguments or too many.
			const length = random(10) > 0 ? signatures[name].length : random(6);
			const list = Array.from({ length }, (_, index) =>
				pick(random(6) > 0 && index < signatures[name].length ? pools[signatures[name][index]] : nonsense));
			// What is right may take time and memory.
			if (name === "wait") list[3] = pick([0, NaN, -1, "x", 1n, 0.5]);
			if (name === "commit" && typeof list[2] === "number" && list[2] > 131072) list[2] = -1;
			try {
				const result = shim[name].apply(pick(nonsense), list);
				returned++;
				if (name === "createFile" || name === "openFile") {
					// Those that fall out are left to the garbage collector.
					files.push(result);
					if (files.length > 20) files.shift();
				}
			} catch (error) {
				thrown++;
				if (!(error instanceof TypeError) && !(error instanceof Error && /^E[A-Z]+$/.test(error.code))) {
					console.log(name, error);
					process.exit(9);
				}
			}
		}
		process.on("uncaughtException", (error) => {
			if (!/from the bell|Class constructor/.test(error.message)) {
				console.log(error);
				process.exit(9);
			}
		});
		(async () => {
			for (let i = 0; i < 30000; i++) {
				once();
				if (i % 500 === 0) await new Promise(setImmediate);
			}
			console.log(missing.join(), thrown > 5000, returned > 5000);
			process.exit();
		})();`,
	);
	assert.equal([code, signal, output], [0, null, " true true\n"], `SEED=${seed}\n${output}\n${errors}`);
});

test.run();
