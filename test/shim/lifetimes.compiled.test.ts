/** What the shim does beyond the calls: forked children, core dumps, other handlers of SIGBUS, and the engine's memory. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { long } from "../fixture/index.js";
import { run, shim, shimPath } from "./stage.js";

const require = createRequire(import.meta.url);
const { include_dir: headers } = require("node-api-headers") as { include_dir: string };

let directory = "";
let path = "";

test.before.each(() => {
	directory = mkdtempSync("/dev/shm/dhmem-shim-");
	path = join(directory, "a.dhmem");
});

test.after.each(() => rmSync(directory, { recursive: true, force: true }));

/** Compiles C into a library in the test's folder, and returns its path. */
function compile(name: string, code: string): string {
	const flags = ["-shared", "-fPIC", "-pthread", `-I${headers}`, "-x", "c", "-", "-o"];
	const library = join(directory, name);
	execFileSync(process.env.CC ?? "cc", [...flags, library, "-ldl"], {
		input: `#define _GNU_SOURCE\n${code}`,
	});
	return library;
}

/**
 * An addon. `fork()` makes a child that does not exec, and returns when the child runs: it does nothing until it is
 * killed. `forkAndEnd()` makes one that ends at once, and waits for that.
 */
const forker = `
	#include <node_api.h>
	#include <sys/wait.h>
	#include <unistd.h>
	static napi_value do_fork(napi_env env, napi_callback_info info) {
		napi_value result;
		char byte;
		int ends[2];
		if (pipe(ends) != 0) return NULL;
		const pid_t child = fork();
		if (child == 0) {
			while (write(ends[1], "r", 1) != 1) {}
			for (;;) pause();
		}
		while (read(ends[0], &byte, 1) != 1) {}
		napi_create_int32(env, child, &result);
		return result;
	}
	static napi_value fork_and_end(napi_env env, napi_callback_info info) {
		const pid_t child = fork();
		if (child == 0) _exit(0);
		waitpid(child, NULL, 0);
		return NULL;
	}
	NAPI_MODULE_INIT() {
		napi_value function;
		napi_create_function(env, "fork", NAPI_AUTO_LENGTH, do_fork, NULL, &function);
		napi_set_named_property(env, exports, "fork", function);
		napi_create_function(env, "forkAndEnd", NAPI_AUTO_LENGTH, fork_and_end, NULL, &function);
		napi_set_named_property(env, exports, "forkAndEnd", function);
		return exports;
	}`;

test("a child that was forked without exec keeps neither the locks nor the pipe of a process that died", async () => {
	const addon = compile("forker.node", forker);
	const file = shim.createFile(directory, 65536, 0o600);
	shim.publishFile(file, path, false);
	const pipe = join(directory, ".dhmem-1.bell");
	const parent = spawn(
		process.execPath,
		[
			"-e",
			`const shim = require(${JSON.stringify(shimPath)});
			const memoryOf = (size) => new Uint8Array(
				new WebAssembly.Memory({ initial: size / 65536, maximum: size / 65536, shared: true }).buffer);
			const file = shim.openFile(${JSON.stringify(path)}, true);
			shim.tryLock(file, 1);
			shim.mapFile(file, memoryOf(65536), false);
			shim.watch(file, 0, () => {});
			shim.makePipe(file, ${JSON.stringify(pipe)});
			shim.armPipe(file);
			const child = require(${JSON.stringify(addon)}).fork();
			shim.tryLock(file, 2);
			console.log(child);
			setInterval(() => {}, 1000);`,
		],
		{ stdio: ["ignore", "pipe", "inherit"] },
	);
	const [said] = (await once(parent.stdout, "data")) as [Buffer];
	const child = Number(said);
	try {
		assert.equal([shim.isLocked(file, 1), shim.isLocked(file, 2)], [true, true], "while both live");
		shim.connectPipe(file, 0, pipe);
		assert.is(shim.ringPipe(file, 0), true, "while both live");
		const end = once(parent, "exit");
		parent.kill("SIGKILL");
		await end;
		assert.is(process.kill(child, 0), true, "the child lives");
		assert.equal([shim.isLocked(file, 1), shim.isLocked(file, 2)], [false, false], "when the parent is dead");
		assert.is(shim.ringPipe(file, 0), false, "when the parent is dead");
		assert.is(shim.removeDeadPipe(pipe), true);
	} finally {
		process.kill(child, "SIGKILL");
		shim.closeFile(file);
	}
});

long(test)("a process forks while its threads open and close files", async () => {
	const addon = compile("forker.node", forker);
	const file = shim.createFile(directory, 65536, 0o600);
	shim.publishFile(file, path, false);
	const { code, output, errors } = await run(`
		const { Worker } = require("node:worker_threads");
		const worker = \`
			const shim = require(${JSON.stringify(shimPath)});
			for (;;) shim.closeFile(shim.openFile(${JSON.stringify(path)}, true));\`;
		const workers = Array.from({ length: 2 }, () => new Worker(worker, { eval: true }));
		Promise.all(workers.map((each) => new Promise((resolve) => each.on("online", resolve)))).then(() => {
			const file = shim.openFile(${JSON.stringify(path)}, true);
			const { forkAndEnd } = require(${JSON.stringify(addon)});
			for (let i = 0; i < 300; i++) forkAndEnd();
			console.log(shim.tryLock(file, 1));
			process.exit();
		});`);
	shim.closeFile(file);
	assert.equal([code, output], [0, "true\n"], errors);
});

test("a core dump leaves the mappings out", async () => {
	const { code, output, errors } = await run(`
		const path = ${JSON.stringify(path)};
		const file = shim.createFile(${JSON.stringify(directory)}, 65536, 0o600);
		shim.publishFile(file, path, false);
		shim.mapFile(file, memoryOf(65536), false);
		const reader = shim.openFile(path, false);
		shim.mapFile(reader, memoryOf(65536), true);
		const mappings = fs.readFileSync("/proc/self/smaps", "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
		const ours = mappings.filter((text) => text.split(/ +/)[4] === String(fs.statSync(path).ino));
		const flags = ours.map((text) => /VmFlags:(.*)/.exec(text)[1]);
		console.log(flags.map((text) => / dd\\b/.test(text) && / dc\\b/.test(text)).join());`);
	assert.is(code, 0, errors);
	assert.is(output, "true,true,true\n");
});

/**
 * Watches files laid over memory, loaded before the C library: each must be covered with zeros, which is how the shim
 * closes it, before the engine unmaps its memory. Reports for each what came first.
 */
const observer = `
	#include <dlfcn.h>
	#include <fcntl.h>
	#include <pthread.h>
	#include <stdint.h>
	#include <stdio.h>
	#include <sys/mman.h>
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct { uintptr_t start, end; } files[256];
	static void end(void *start, size_t length, const char *how) {
		const uintptr_t from = (uintptr_t)start, to = from + length;
		pthread_mutex_lock(&lock);
		for (int i = 0; i < 256; i++) {
			if (files[i].start < to && from < files[i].end) {
				files[i].start = files[i].end = 0;
				dprintf(1, "%s\\n", how);
			}
		}
		pthread_mutex_unlock(&lock);
	}
	static void add(void *start, size_t length) {
		pthread_mutex_lock(&lock);
		int i = 0;
		while (files[i].end != 0) i++;
		files[i].start = (uintptr_t)start;
		files[i].end = files[i].start + length;
		pthread_mutex_unlock(&lock);
	}
	void *mmap(void *start, size_t length, int protection, int flags, int fd, off_t offset) {
		static void *(*real)(void *, size_t, int, int, int, off_t);
		if (real == NULL) real = dlsym(RTLD_NEXT, "mmap");
		void *result = real(start, length, protection, flags, fd, offset);
		if ((flags & MAP_FIXED) != 0 && result == start) {
			if (fd >= 0) add(start, length);
			else end(start, length, "closed");
		}
		return result;
	}
	int munmap(void *start, size_t length) {
		static int (*real)(void *, size_t);
		if (real == NULL) real = dlsym(RTLD_NEXT, "munmap");
		end(start, length, "unmapped");
		return real(start, length);
	}`;

/** Collects files that nobody refers to, each with the views of its memory. Returns how often which came first. */
async function collected(open: string): Promise<string> {
	const { output } = await run(
		`
		(async () => {
			${open}
			for (let i = 0; i < 20; i++) open();
			for (let turns = 0; turns < 2000 && shim.openFiles() > 0; turns++) {
				gc();
				await new Promise(setImmediate);
			}
		})();`,
		// On one thread, so that memory is unmapped in the collection itself, before any finalizer.
		{ flags: ["--expose-gc", "--single-threaded-gc"], env: { LD_PRELOAD: compile("observer.so", observer) } },
	);
	const count = (how: string) => output.split("\n").filter((line) => line === how).length;
	return `${count("closed")} closed, ${count("unmapped")} unmapped`;
}

/** Opens a file that refers to a view of its memory, as an attachment's does. */
const openBy = (addon: string) => `
	const shim = require(${JSON.stringify(addon)});
	const open = () => {
		const file = shim.createFile(${JSON.stringify(directory)}, 65536, 0o600);
		const memory = memoryOf(65536);
		shim.mapFile(file, new Uint8Array(structuredClone(memory.buffer)), false);
		shim.watch(file, 0, () => memory);
	};`;

long(test)("a collected opening is closed before the engine unmaps its memory", async () => {
	assert.is(await collected(openBy(shimPath)), "20 closed, 0 unmapped");
	const region = `
		const { Region } = await import(${JSON.stringify(import.meta.resolve("dhmem"))});
		const open = () => {
			const region = Region.open("forgotten", { size: "1MiB", directory: ${JSON.stringify(directory)} });
			region.array("array", { dtype: "f64", shape: [4] }).data.fill(1);
		};`;
	assert.is(await collected(region), "20 closed, 0 unmapped");
});

test("detected: the shim does not keep the memory", async () => {
	const spoilt = join(directory, "native-shim");
	cpSync(new URL("../../../native-shim", import.meta.url), spoilt, { recursive: true });
	const memory = join(spoilt, "node/memory.c");
	const kept = "napi_create_reference(env, call.values[1], 1, &handle->memory)";
	const source = readFileSync(memory, "utf8").split(kept);
	assert.is(source.length, 2);
	writeFileSync(memory, source.join(kept.replace(" 1,", " 0,")));
	const files = readdirSync(spoilt, { recursive: true, encoding: "utf8" });
	const sources = files.filter((name) => name.endsWith(".c"));
	const flags = ["-std=c11", "-shared", "-fPIC", "-pthread", `-I${headers}`];
	const output = join(directory, "spoilt.node");
	execFileSync(process.env.CC ?? "cc", [...flags, ...sources, "-o", output], { cwd: spoilt });
	assert.match(await collected(openBy(output)), /[1-9]\d* unmapped/);
});

/**
 * Faults in a region that was cut, after a listener for SIGBUS has come and gone at some time. `elsewhere` runs
 * after that.
 */
function fault(listening: string, elsewhere = ""): string {
	const script = `
		const fs = require("node:fs");
		import(${JSON.stringify(import.meta.resolve("dhmem"))}).then(({ Region }) => {
		const listener = () => {};
		const [before, after] = [${listening}];
		before();
		const region = Region.open("cut", { size: "1MiB", directory: ${JSON.stringify(directory)} });
		const { bytes } = region.allocate(100_000);
		after();
		fs.truncateSync(region.path, 0);
		console.log(bytes[50_000]);
		try { region.allocate(1); } catch (error) { console.log(error.code); }
		fs.unlinkSync(region.path);
		${elsewhere}
		process.exit();
		});`;
	// It must not become a busy loop.
	const options = { encoding: "utf8", timeout: 60_000, killSignal: "SIGKILL" } as const;
	const { status, signal, stdout, stderr } = spawnSync(process.execPath, ["-e", script], options);
	return status === 0 ? stdout : `${status} ${signal} ${stderr}`;
}

for (const [when, listening] of [
	["is there from the start", "() => process.on('SIGBUS', listener), () => {}"],
	["comes later", "() => {}, () => process.on('SIGBUS', listener)"],
	[
		"comes later, with a second one",
		"() => {}, () => process.on('SIGBUS', listener).once('SIGBUS', () => {})",
	],
	["was there and is not", "() => process.on('SIGBUS', listener), () => process.off('SIGBUS', listener)"],
	["comes later, and goes", "() => {}, () => process.on('SIGBUS', listener).removeAllListeners('SIGBUS')"],
] as const) {
	test(`a fault in a truncated region is caught when a listener for SIGBUS ${when}`, () => {
		assert.is(fault(listening), "0\nDHMEM_TRUNCATED\n");
	});
}

/**
 * An addon. `listen()` and `unlisten()` do what Bun does: if another handler is installed when its last listener goes,
 * it puts that one back, but with its own flags. `fault()` reads where no region is.
 */
const bunLike = `
	#include <node_api.h>
	#include <signal.h>
	#include <sys/mman.h>
	static void forward(int number) {}
	static napi_value do_listen(napi_env env, napi_callback_info info) {
		struct sigaction action = { .sa_handler = forward, .sa_flags = SA_RESTART };
		sigaction(SIGBUS, &action, NULL);
		return NULL;
	}
	static napi_value unlisten(napi_env env, napi_callback_info info) {
		struct sigaction action = { .sa_handler = SIG_DFL, .sa_flags = SA_RESTART }, other;
		sigaction(SIGBUS, &action, &other);
		if (other.sa_handler == forward) return NULL;
		action.sa_handler = other.sa_handler;
		sigaction(SIGBUS, &action, NULL);
		return NULL;
	}
	static napi_value fault(napi_env env, napi_callback_info info) {
		volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, memfd_create("empty", 0), 0);
		(void)page[0];
		return NULL;
	}
	NAPI_MODULE_INIT() {
		napi_value function;
		napi_create_function(env, "listen", NAPI_AUTO_LENGTH, do_listen, NULL, &function);
		napi_set_named_property(env, exports, "listen", function);
		napi_create_function(env, "unlisten", NAPI_AUTO_LENGTH, unlisten, NULL, &function);
		napi_set_named_property(env, exports, "unlisten", function);
		napi_create_function(env, "fault", NAPI_AUTO_LENGTH, fault, NULL, &function);
		napi_set_named_property(env, exports, "fault", function);
		return exports;
	}`;

test("a fault is caught after another put our handler back with other flags, and one elsewhere still kills", () => {
	const addon = `require(${JSON.stringify(compile("bun-like.node", bunLike))})`;
	const renew = `process.emit("newListener", "SIGBUS", listener)`;
	const listening = `() => {}, () => { ${addon}.listen(); ${renew}; ${addon}.unlisten(); }`;
	assert.is(fault(listening), "0\nDHMEM_TRUNCATED\n");
	assert.is(fault(listening, `${addon}.fault();`), "null SIGBUS ");
	const renewed = `() => {}, () => { ${addon}.listen(); ${renew}; ${addon}.unlisten(); ${renew}; }`;
	assert.is(fault(renewed), "0\nDHMEM_TRUNCATED\n");
});

test.run();
