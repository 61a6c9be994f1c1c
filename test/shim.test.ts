import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
	chmodSync,
	chownSync,
	existsSync,
	linkSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	symlinkSync,
	truncateSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { File } from "../native-shim/index.js";
import { Child, memoryOf, run, shim, shimPath, WebAssembly, wasmPage } from "./shim-child.js";

const isRoot = process.getuid?.() === 0;
const size = 16 * wasmPage;

let directory = "";
let path = "";
let opened: File[] = [];
let children: Child[] = [];

test.before.each(() => {
	directory = mkdtempSync("/dev/shm/dhmem-shim-");
	path = join(directory, "a.dhmem");
});

test.after.each(async () => {
	for (const file of opened) {
		shim.closeFile(file);
	}
	for (const child of children) {
		await child.kill();
	}
	opened = [];
	children = [];
	rmSync(directory, { recursive: true, force: true });
});

function create(bytes = size, mode = 0o600, where = directory): File {
	const file = shim.createFile(where, bytes, mode);
	opened.push(file);
	return file;
}

function open(writable = true, name = path): File {
	const file = shim.openFile(name, writable);
	opened.push(file);
	return file;
}

function map(file: File, isPrivate = false): Uint8Array {
	const memory = memoryOf(shim.statFile(file).size);
	shim.mapFile(file, memory, isPrivate);
	return memory;
}

/** A published file of this test's name, open and mapped. */
function region(bytes = size): { file: File; memory: Uint8Array; words: Int32Array } {
	const file = create(bytes);
	shim.publishFile(file, path, false);
	const memory = map(file);
	return { file, memory, words: new Int32Array(memory.buffer) };
}

async function child(writable = true): Promise<Child> {
	const started = await Child.open(path, writable);
	children.push(started);
	return started;
}

function code(action: () => unknown): unknown {
	try {
		action();
	} catch (error) {
		return (error as NodeJS.ErrnoException).code ?? (error as Error).name;
	}
	return "nothing";
}

function names(): string[] {
	return readdirSync(directory).sort();
}

/** Lines of /proc/self/maps about the inode. */
function mappingsOf(inode: number): string[] {
	return readFileSync("/proc/self/maps", "utf8")
		.split("\n")
		.filter((line) => line.split(/ +/)[4] === String(inode));
}

async function until(condition: () => boolean): Promise<void> {
	while (!condition()) {
		await turn();
	}
}

/** Waits until there are `most` threads, or fewer: the kernel lists one for a moment after its end. */
async function threadsEnd(most: number): Promise<void> {
	const deadline = performance.now() + 5000;
	await until(() => folder("task") <= most || performance.now() > deadline);
	assert.ok(folder("task") <= most, `${folder("task")} threads, where there should be ${most}`);
}

/** Compiles C into a library that goes before the C library; the value for LD_PRELOAD. */
function preload(name: string, code: string): string {
	const source = join(directory, `${name}.c`);
	const library = join(directory, `${name}.so`);
	writeFileSync(source, `#define _GNU_SOURCE\n${code}`);
	execFileSync(process.env.CC ?? "cc", ["-shared", "-fPIC", source, "-o", library, "-ldl"]);
	rmSync(source);
	return `${process.env.LD_PRELOAD ?? ""} ${library}`;
}

const folder = (kind: "fd" | "task"): number => readdirSync(`/proc/self/${kind}`).length;

// Files

test("a created file has no name until it is published, and then has it whole", () => {
	const file = create();
	const memory = map(file);
	memory.set([1, 2, 3], size - 3);
	assert.equal(names(), []);
	assert.is(shim.publishFile(file, path, false), true);
	assert.equal(names(), ["a.dhmem"]);
	assert.equal([...readFileSync(path).subarray(-3)], [1, 2, 3]);
	assert.is(statSync(path).size, size);
});

test("a file that is closed or killed before it is published leaves no litter", async () => {
	shim.closeFile(create());
	const { signal } = await run(`
		const file = shim.createFile(${JSON.stringify(directory)}, 65536, 0o600);
		shim.mapFile(file, memoryOf(65536), false);
		process.kill(process.pid, "SIGKILL");`);
	assert.is(signal, "SIGKILL");
	assert.equal(names(), []);
});

test("publishing over a name that is taken gives false and touches nothing", () => {
	writeFileSync(path, "theirs");
	const file = create();
	assert.is(shim.publishFile(file, path, false), false);
	assert.is(readFileSync(path, "utf8"), "theirs");
	const other = join(directory, "b.dhmem");
	assert.is(shim.publishFile(file, other, false), true);
	assert.equal(names(), ["a.dhmem", "b.dhmem"]);
});

test("publishing with replace renames over the old file, which its holders keep", () => {
	const { file: old, memory } = region();
	const file = create();
	assert.is(shim.publishFile(file, path, true), true);
	assert.equal(names(), ["a.dhmem"]);
	assert.is(shim.isNamed(file, path), true);
	assert.is(shim.isNamed(old, path), false);
	memory[0] = 7;
	assert.is(readFileSync(path)[0], 0);
});

test("publishing with replace works where nothing was, and by a relative path", () => {
	const before = process.cwd();
	process.chdir(directory);
	try {
		assert.is(shim.publishFile(create(), "b.dhmem", true), true);
		assert.is(shim.publishFile(create(), "b.dhmem", false), false);
	} finally {
		process.chdir(before);
	}
	assert.equal(names(), ["b.dhmem"]);
});

test("a replace that fails removes its temporary name", () => {
	mkdirSync(path);
	assert.is(
		code(() => shim.publishFile(create(), path, true)),
		"EISDIR",
	);
	assert.equal(names(), ["a.dhmem"]);
});

test("only a created file can be published, and only once", () => {
	const { file } = region();
	const other = join(directory, "b.dhmem");
	assert.is(
		code(() => shim.publishFile(file, other, false)),
		"EINVAL",
	);
	assert.is(
		code(() => shim.publishFile(open(), other, true)),
		"EINVAL",
	);
});

test("the mode is exactly what was asked, whatever the umask", () => {
	const umask = process.umask(0o077);
	try {
		for (const mode of [0o600, 0o666, 0o640, 0o400, 0]) {
			assert.is(shim.statFile(create(wasmPage, mode)).mode, mode);
		}
	} finally {
		process.umask(umask);
	}
});

test("where O_TMPFILE is missing, a temporary name serves, and is gone at publish and close", async () => {
	const library = preload(
		"no-tmpfile",
		`#define open declared_open
		#include <dlfcn.h>
		#include <errno.h>
		#include <fcntl.h>
		#undef open
		int open(const char *path, int flags, mode_t mode) {
			if ((flags & O_TMPFILE) == O_TMPFILE) { errno = EOPNOTSUPP; return -1; }
			return ((int (*)(const char *, int, mode_t))dlsym(RTLD_NEXT, "open"))(path, flags, mode);
		}`,
	);
	const { code, output, errors } = await run(
		`
		process.umask(0o077);
		const directory = ${JSON.stringify(directory)};
		const path = directory + "/a.dhmem";
		const seen = [];
		const look = () => seen.push(fs.readdirSync(directory).map((n) => n.replace(/[0-9a-f]{16}/, "#")).sort());
		const isMade = () => {
			const made = fs.readdirSync(directory).filter((n) => /^.dhmem-[0-9a-f]{16}.tmp$|^a.dhmem$/.test(n));
			const file = shim.openFile(directory + "/" + made[0], false);
			const isFree = shim.tryLock(file, shim.makerLock);
			shim.closeFile(file);
			return !isFree;
		};
		const first = shim.createFile(directory, 65536, 0o644);
		look();
		seen.push(isMade());
		seen.push(shim.publishFile(first, path, false), shim.statFile(first).mode, isMade());
		look();
		const second = shim.createFile(directory, 65536, 0o600);
		seen.push(shim.publishFile(second, path, false));
		look();
		seen.push(shim.publishFile(second, path, true), shim.isNamed(second, path), shim.isNamed(first, path));
		look();
		const third = shim.createFile(directory, 65536, 0o600);
		shim.closeFile(third);
		look();
		const fourth = shim.createFile(directory, 65536, 0o600);
		console.log(JSON.stringify(seen));`,
		{ env: { LD_PRELOAD: library } },
	);
	assert.is(code, 0, errors);
	const [others, named] = [["no-tmpfile.so"], ["a.dhmem", "no-tmpfile.so"]];
	assert.equal(JSON.parse(output), [
		[".dhmem-#.tmp", ...others],
		true,
		true,
		0o644,
		false,
		named,
		false,
		[".dhmem-#.tmp", ...named],
		true,
		true,
		false,
		named,
		named,
	]);
	// The fourth was closed by the end of its process.
	assert.equal(names(), named);
});

test("opening never creates, and never follows or blocks on what is not a regular file", async () => {
	const at = (name: string) => join(directory, name);
	writeFileSync(at("file"), "x");
	symlinkSync(at("file"), at("link"));
	mkdirSync(at("folder"));
	execFileSync("mkfifo", [at("fifo")]);
	const server = createServer().listen(at("socket"));
	await once(server, "listening");
	try {
		for (const writable of [true, false]) {
			assert.is(
				code(() => shim.openFile(at("nothing"), writable)),
				"ENOENT",
			);
			assert.is(
				code(() => shim.openFile(at("link"), writable)),
				"ELOOP",
			);
			for (const special of [at("folder"), at("fifo"), at("socket"), "/dev/null", "/dev/zero"]) {
				assert.is(
					code(() => shim.openFile(special, writable)),
					"ENOTREG",
					special,
				);
			}
		}
	} finally {
		server.close();
	}
	assert.not(existsSync(at("nothing")));
});

test("an error names the system call, the path and the errno", () => {
	const missing = join(directory, "missing");
	try {
		shim.openFile(missing, true);
		assert.unreachable();
	} catch (error) {
		const { name, message, code, syscall, path } = error as NodeJS.ErrnoException;
		assert.equal(
			{ name, message, code, syscall, path },
			{
				name: "Error",
				message: `open '${missing}': No such file or directory (ENOENT)`,
				code: "ENOENT",
				syscall: "open",
				path: missing,
			},
		);
	}
	assert.is(
		code(() => shim.createFile(missing, size, 0o600)),
		"ENOENT",
	);
	assert.is(
		code(() => shim.openFile("x".repeat(5000), true)),
		"ENAMETOOLONG",
	);
});

/** Gives up root, which also takes /proc/self/fd away from the process. */
const dropRoot = "process.setgroups([]); process.setgid(65534); process.setuid(65534);";

test("somebody without permission is refused, and may read where that is permitted", async () => {
	if (!isRoot) {
		return;
	}
	const { file, memory } = region();
	chmodSync(directory, 0o755);
	memory[0] = 42;
	assert.is(shim.tryLock(file, 7), true);
	const script = `
		${dropRoot}
		const outcome = (action) => { try { return action(); } catch (error) { return error.code; } };
		const reader = outcome(() => shim.openFile(${JSON.stringify(path)}, false));
		const seen = [typeof reader];
		if (typeof reader === "object") {
			const memory = memoryOf(shim.statFile(reader).size);
			shim.mapFile(reader, memory, true);
			seen.push(memory[0], outcome(() => shim.openFile(${JSON.stringify(path)}, true)));
			seen.push(shim.tryLock(reader, 4096), shim.isLocked(reader, 7), shim.wait(reader, 4, 1, 0));
			seen.push(outcome(() => shim.commit(reader, 0, 65536)));
		} else {
			seen.push(reader);
		}
		console.log(seen.join(" "));`;
	const refused = await run(script);
	assert.is(refused.output, "string EACCES\n", refused.errors);
	chmodSync(path, 0o644);
	const allowed = await run(script);
	assert.is(allowed.output, "object 42 EACCES true true true EBADF\n", allowed.errors);
});

test("a process that gave up root can create, publish and open files of any mode", async () => {
	if (!isRoot) {
		return;
	}
	chownSync(directory, 65534, 65534);
	const { output, errors } = await run(
		`${dropRoot}
		const [directory, path] = [${JSON.stringify(directory)}, ${JSON.stringify(path)}];
		const file = shim.createFile(directory, 65536, 0);
		shim.mapFile(file, memoryOf(65536), false);
		console.log(shim.publishFile(file, path, false), shim.tryLock(file, 0));
		const second = shim.createFile(directory, 65536, 0o600);
		console.log(shim.publishFile(second, path, true), shim.tryLock(shim.openFile(path, true), 0));`,
	);
	assert.is(output, "true true\ntrue true\n", errors);
	assert.equal(names(), ["a.dhmem"]);
});

test("the status tells size, committed bytes, mode and owner", () => {
	const { file } = region();
	assert.equal(shim.statFile(file), {
		size,
		committed: 0,
		mode: 0o600,
		uid: process.getuid?.(),
		gid: process.getgid?.(),
	});
	shim.commit(file, 0, 3 * shim.pageSize);
	assert.is(shim.statFile(file).committed, 3 * shim.pageSize);
});

test("a name still names the file until it is unlinked, renamed or replaced", () => {
	const { file } = region();
	const other = join(directory, "b.dhmem");
	assert.is(shim.isNamed(file, path), true);
	assert.is(shim.isNamed(file, other), false);
	assert.is(shim.isNamed(file, join(path, "below")), false);
	linkSync(path, other);
	assert.is(shim.isNamed(file, other), true);
	unlinkSync(other);
	symlinkSync(path, other);
	assert.is(shim.isNamed(file, other), false);
	renameSync(path, join(directory, "c.dhmem"));
	assert.is(shim.isNamed(file, path), false);
});

test("reading stops at the end of the file", () => {
	const { file, memory } = region();
	memory.set([1, 2, 3], 100);
	const into = new Uint8Array(5);
	assert.is(shim.readFile(file, into, 99), 5);
	assert.equal([...into], [0, 1, 2, 3, 0]);
	assert.is(shim.readFile(file, into, size - 2), 2);
	assert.is(shim.readFile(file, into, size), 0);
	assert.is(shim.readFile(file, into, Number.MAX_SAFE_INTEGER), 0);
	assert.is(shim.readFile(file, new Uint8Array(0), 0), 0);
	assert.is(shim.readFile(open(false), into.subarray(2, 3), 101), 1);
	assert.equal([...into], [0, 0, 2, 3, 0]);
});

// Mappings

test("a mapping is shared with every other mapping of the file", async () => {
	const { memory, words } = region();
	const other = map(open());
	memory[size - 1] = 1;
	other[0] = 2;
	assert.is(other[size - 1], 1);
	assert.is(memory[0], 2);
	const process = await child();
	await process.call("store", 4096, -5);
	assert.is(words[1024], -5);
});

test("a private mapping sees the file until it writes, and its writes stay its own", () => {
	const { memory } = region();
	const mine = map(open(false), true);
	memory[0] = 1;
	assert.is(mine[0], 1);
	mine[0] = 2;
	mine[shim.pageSize] = 3;
	assert.is(memory[0], 1);
	assert.is(memory[shim.pageSize], 0);
	memory[2 * shim.pageSize] = 4;
	assert.is(mine[2 * shim.pageSize], 4);
});

test("a file opened read-only can't be mapped shared", () => {
	region();
	const file = open(false);
	const memory = memoryOf(size);
	assert.is(
		code(() => shim.mapFile(file, memory, false)),
		"EACCES",
	);
	memory[0] = 1;
	assert.is(memory[0], 1);
});

test("only the beginning of a shared memory, as long as the file, can be mapped over", () => {
	const file = create();
	const fixed = new Uint8Array(new WebAssembly.Memory({ initial: 16, maximum: 16, shared: false }).buffer);
	const refused = [
		fixed,
		new Uint8Array(size),
		memoryOf(size / 2),
		memoryOf(2 * size),
		memoryOf(2 * size).subarray(size),
		memoryOf(size).subarray(0, size - 1),
		new Uint8Array(new SharedArrayBuffer(size), 8),
		new Int8Array(memoryOf(size).buffer),
		new DataView(memoryOf(size).buffer),
		memoryOf(size).buffer,
	];
	Object.setPrototypeOf(fixed.buffer, SharedArrayBuffer.prototype);
	for (const memory of refused) {
		assert.throws(
			() => shim.mapFile(file, memory as Uint8Array, false),
			(error: unknown) => error instanceof TypeError,
		);
	}
	// What is behind the file stays the memory's own.
	const memory = memoryOf(2 * size).fill(7);
	shim.mapFile(file, memory.subarray(0, size), false);
	assert.equal([memory[0], memory[size - 1], memory[size]], [0, 0, 7]);
	shim.closeFile(file);
	assert.equal([memory[0], memory[size]], [0, 7]);
	const empty = create(0);
	assert.throws(
		() => shim.mapFile(empty, memoryOf(0), false),
		(error: unknown) => error instanceof TypeError,
	);
});

test("a file maps once, and a memory takes one file at a time", () => {
	const { file, memory } = region();
	assert.is(
		code(() => shim.mapFile(file, memoryOf(size), false)),
		"EBUSY",
	);
	const second = create();
	assert.is(
		code(() => shim.mapFile(second, memory, false)),
		"EBUSY",
	);
	shim.closeFile(file);
	shim.mapFile(second, memory, false);
	memory[0] = 9;
	const into = new Uint8Array(1);
	shim.readFile(second, into, 0);
	assert.is(into[0], 9);
});

test("after closing, stale views read zeros, write nowhere, and never fault", () => {
	const { file, memory } = region();
	const inode = statSync(path).ino;
	memory.fill(7);
	assert.is(mappingsOf(inode).length, 1);
	shim.closeFile(file);
	shim.closeFile(file);
	assert.is(mappingsOf(inode).length, 0);
	assert.ok(memory.every((byte) => byte === 0));
	memory.fill(9);
	assert.ok(readFileSync(path).every((byte) => byte === 7));
});

test("closing a private mapping removes both of its mappings", () => {
	region();
	const inode = statSync(path).ino;
	const file = open(false);
	map(file, true);
	assert.is(mappingsOf(inode).length, 3);
	shim.closeFile(file);
	assert.is(mappingsOf(inode).length, 1);
});

test("a closed file throws ECLOSED from everything but closing, abandoning and asking whether it broke", () => {
	const { file } = region();
	shim.watch(file, 0, () => {});
	shim.closeFile(file);
	const calls: (() => unknown)[] = [
		() => shim.publishFile(file, path, true),
		() => shim.statFile(file),
		() => shim.isNamed(file, path),
		() => shim.readFile(file, new Uint8Array(1), 0),
		() => shim.mapFile(file, memoryOf(size), false),
		() => shim.commit(file, 0, 1),
		() => shim.punch(file, 0, 1),
		() => shim.tryLock(file, 0),
		() => shim.unlock(file, 0),
		() => shim.isLocked(file, 0),
		() => shim.wait(file, 0, 1, 0),
		() => shim.wake(file, 0),
		() => shim.watch(file, 0, () => {}),
		() => shim.arm(file, 0, 0),
		() => shim.disarm(file),
	];
	for (const call of calls) {
		assert.is(code(call), "ECLOSED", String(call));
	}
	shim.closeFile(file);
	shim.abandonFile(file);
	assert.is(shim.isBroken(file), false);
});

test("the mapping is not inherited over fork, nor the descriptors over exec", () => {
	const { file } = region();
	const inode = statSync(path).ino;
	const mappings = readFileSync("/proc/self/smaps", "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
	const ours = mappings.find((mapping) => new RegExp(`^(\\S+ ){4}${inode} `).test(mapping));
	assert.match(ours?.match(/VmFlags:.*/)?.[0] ?? "", " dc");
	const seen = execFileSync("sh", ["-c", "ls -l /proc/self/fd"], { encoding: "utf8" });
	assert.not.match(seen, directory);
	assert.is(shim.isBroken(file), false);
});

test("2000 files opened, mapped, watched and closed leave nothing behind", async () => {
	region();
	const memory = memoryOf(size);
	const cycle = (watched: boolean) => {
		const file = shim.openFile(path, true);
		shim.mapFile(file, memory, false);
		shim.tryLock(file, 1);
		if (watched) {
			shim.watch(file, 0, () => {});
			shim.arm(file, 0, 1e6);
		}
		shim.closeFile(file);
	};
	cycle(true);
	await turn();
	const maps = () => readFileSync("/proc/self/maps", "utf8").split("\n").length;
	const threads = folder("task");
	const before = [folder("fd"), shim.openFiles()];
	const mapsBefore = maps();
	for (let i = 0; i < 2000; i++) {
		cycle(i % 4 === 0);
		if (i % 100 === 0) {
			await turn();
		}
	}
	assert.equal([folder("fd"), shim.openFiles()], before);
	await threadsEnd(threads);
	// The engine's own heap comes and goes by a few.
	assert.ok(maps() < mapsBefore + 100, `${mapsBefore} mappings became ${maps()}`);
});

test("a file that nobody holds any more is closed by garbage collection, watched or not", async () => {
	const { code, output, errors } = await run(
		`
		const directory = ${JSON.stringify(directory)};
		const keep = shim.createFile(directory, 65536, 0o600);
		shim.publishFile(keep, directory + "/a.dhmem", false);
		function leak(index) {
			const file = shim.openFile(directory + "/a.dhmem", true);
			shim.mapFile(file, memoryOf(65536), false);
			shim.tryLock(file, index);
			shim.watch(file, 0, () => { shim.wake(file, 0); });
			if (index % 2) { shim.arm(file, 0, 1); }
		}
		for (let i = 0; i < 50; i++) leak(i);
		const most = shim.openFiles();
		let turns = 0;
		(function collect() {
			global.gc();
			if (shim.openFiles() > 0 && turns++ < 5000) return setImmediate(collect);
			let locked = 0;
			for (let i = 0; i < 50; i++) locked += shim.isLocked(keep, i);
			console.log(most, shim.openFiles(), locked);
		})();`,
		{ flags: ["--expose-gc"] },
	);
	assert.is(code, 0, errors);
	assert.is(output, "50 0 0\n");
});

test("a memory stays mapped while its file is open, even when nobody else holds it", async () => {
	const { code, output, errors } = await run(
		`
		const file = shim.createFile(${JSON.stringify(directory)}, 65536, 0o600);
		(() => shim.mapFile(file, memoryOf(65536), false))();
		for (let i = 0; i < 20; i++) global.gc();
		const bytes = new Uint8Array(1);
		console.log(shim.openFiles(), shim.wait(file, 0, 0, 1), shim.isBroken(file));
		shim.closeFile(file);
		for (let i = 0; i < 20; i++) global.gc();`,
		{ flags: ["--expose-gc"] },
	);
	assert.is(code, 0, errors);
	assert.is(output, "1 false false\n");
});

// Pages

test("committing gives the range its pages, and punching takes them back and zeroes them", () => {
	const { file, memory } = region(64 << 20);
	shim.commit(file, 0, 40 << 20);
	assert.is(shim.statFile(file).committed, 40 << 20);
	memory.fill(1, 0, 1 << 20);
	shim.punch(file, 0, 1 << 19);
	assert.is(shim.statFile(file).committed, (40 << 20) - (1 << 19));
	assert.is(memory[(1 << 19) - 1], 0);
	assert.is(memory[1 << 19], 1);
	shim.commit(file, 5, 0);
	shim.punch(file, 5, 0);
	assert.is(shim.statFile(file).size, 64 << 20);
});

test("neither committing nor punching reaches beyond the file, even one that was truncated", () => {
	const { file } = region();
	for (const operation of [shim.commit, shim.punch]) {
		for (const [offset, length] of [
			[size, 1],
			[0, size + 1],
			[Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
		] as const) {
			assert.is(
				code(() => operation(file, offset, length)),
				"TypeError",
			);
		}
	}
	truncateSync(path, wasmPage);
	assert.is(
		code(() => shim.commit(file, 0, size)),
		"ENXIO",
	);
	assert.is(shim.statFile(file).size, wasmPage);
});

test("a full file system is ENOSPC when committing, and zeros with a broken mapping when merely touched", () => {
	if (!isRoot) {
		return;
	}
	const mount = join(directory, "small");
	mkdirSync(mount);
	execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mount]);
	try {
		const file = create(4 << 20, 0o600, mount);
		const memory = map(file);
		shim.commit(file, 0, 1 << 19);
		assert.is(
			code(() => shim.commit(file, 0, 2 << 20)),
			"ENOSPC",
		);
		memory.fill(1, 0, 1 << 19);
		assert.is(shim.isBroken(file), false);
		memory.fill(2);
		assert.is(shim.isBroken(file), true);
		assert.is(memory[(4 << 20) - 1], 2);
		shim.closeFile(file);
		assert.is(shim.isBroken(file), true);
	} finally {
		execFileSync("umount", [mount]);
	}
});

// A peer that truncates the file

test("a truncated file reads as zeros and is broken, and the other mappings aren't", () => {
	const { file, memory } = region();
	const reader = open(false);
	const copy = map(reader, true);
	const other = create();
	const otherMemory = map(other);
	memory.fill(7);
	otherMemory.fill(8);
	assert.is(copy[0], 7);
	truncateSync(path, 0);
	assert.is(memory[size - 1], 0);
	assert.is(shim.isBroken(file), true);
	assert.is(shim.isBroken(reader), false);
	assert.is(copy[shim.pageSize], 0);
	assert.is(shim.isBroken(reader), true);
	assert.is(shim.isBroken(other), false);
	assert.is(otherMemory[0], 8);
	memory.fill(9);
	assert.is(statSync(path).size, 0);
});

test("waiting on a truncated file neither faults nor hangs", async () => {
	const { file } = region();
	const reader = open(false);
	map(reader, true);
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	truncateSync(path, 0);
	shim.arm(file, 0, 5);
	assert.is(shim.wait(reader, 0, 0, 5), false);
	assert.is(shim.wait(reader, 0, 1, 5), true);
	assert.is(shim.isBroken(reader), true);
	await until(() => rings === 1);
	assert.is(shim.isBroken(file), true);
	assert.is(shim.wake(file, 0), 0);
});

test("a truncation while the waiter sleeps breaks the mapping in the waiter's thread", async () => {
	const { file } = region();
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	shim.arm(file, 0, 150);
	truncateSync(path, 0);
	await until(() => rings === 1);
	assert.is(shim.isBroken(file), true);
});

test("a bus error that is not ours goes to the handler that was there before", async () => {
	const map = `shim.mapFile(shim.createFile(${JSON.stringify(directory)}, 65536, 0o600), memoryOf(65536), false);`;
	const kill = `process.kill(process.pid, "SIGBUS");`;
	assert.is((await run(`${map} ${kill} setInterval(() => {}, 1000);`)).signal, "SIGBUS");
	const { code, output } = await run(`
		process.on("SIGBUS", () => { console.log("heard"); process.exit(); });
		${map} ${kill} setInterval(() => {}, 1000);`);
	assert.equal([code, output], [0, "heard\n"]);
});

// Locks

test("a lock is held against every other open file, in this process too", () => {
	const { file } = region();
	const other = open();
	for (const index of [0, 1, 4095, 4096, 65535]) {
		assert.is(shim.isLocked(other, index), false);
		assert.is(shim.tryLock(file, index), true);
		assert.is(shim.tryLock(file, index), true);
		assert.is(shim.isLocked(other, index), true);
		assert.is(shim.tryLock(other, index), false);
		assert.is(shim.isLocked(file, index), false);
		assert.is(shim.isLocked(other, (index + 7) % 65536), false);
		shim.unlock(file, index);
		assert.is(shim.tryLock(other, index), true);
		shim.unlock(other, index);
	}
});

test("read-only files hold read locks together, which show from 4096 on and never below", () => {
	const { file } = region();
	const [first, second] = [open(false), open(false)];
	for (const index of [5000, 5]) {
		assert.is(shim.tryLock(first, index), true);
		assert.is(shim.tryLock(second, index), true);
		assert.is(shim.isLocked(file, index), index >= 4096);
	}
	shim.closeFile(first);
	assert.is(shim.isLocked(second, 5000), false);
	assert.is(shim.isLocked(file, 5000), true);
	shim.unlock(second, 5000);
	assert.is(shim.isLocked(file, 5000), false);
});

test("closing drops the locks although the engine still has the memory", () => {
	const { file, memory } = region();
	const other = open();
	shim.tryLock(file, 3);
	shim.closeFile(file);
	assert.is(shim.isLocked(other, 3), false);
	assert.is(memory.length, size);
});

test("abandoning drops the locks and keeps the mapping, and takes no lock again", () => {
	const { file, memory } = region();
	const other = open();
	shim.tryLock(file, 3);
	shim.tryLock(file, 9);
	memory[0] = 5;
	shim.abandonFile(file);
	assert.is(shim.isLocked(other, 3), false);
	assert.is(shim.isLocked(other, 9), false);
	assert.is(memory[0], 5);
	assert.is(
		code(() => shim.tryLock(file, 3)),
		"ECLOSED",
	);
});

test("abandoning works where the stack has run out", () => {
	const { file } = region();
	const other = open();
	shim.tryLock(file, 3);
	let done = false;
	const descend = (): void => {
		try {
			descend();
		} catch {
			if (!done) {
				shim.abandonFile(file);
				done = true;
			}
		}
	};
	descend();
	assert.is(done, true);
	assert.is(shim.isLocked(other, 3), false);
});

test("a lock holds between processes, and drops when its holder is killed", async () => {
	const { file } = region();
	const holder = await child();
	assert.is(await holder.call("tryLock", 12), true);
	assert.is(shim.isLocked(file, 12), true);
	assert.is(shim.tryLock(file, 12), false);
	assert.is(shim.tryLock(file, 13), true);
	assert.is(await holder.call("isLocked", 13), true);
	await holder.kill();
	assert.is(shim.isLocked(file, 12), false);
	assert.is(shim.tryLock(file, 12), true);
});

test("a lock survives every open and close of the same path by its own process", () => {
	const { file } = region();
	const other = open();
	shim.tryLock(file, 3);
	readFileSync(path);
	shim.closeFile(open());
	assert.is(shim.isLocked(other, 3), true);
});

// Waiting

test("waiting returns at once when the word differs", () => {
	const { file, words } = region();
	words[1] = -1;
	assert.is(shim.wait(file, 4, 0, Number.POSITIVE_INFINITY), true);
	assert.is(shim.wait(file, 4, -1, 0), false);
	assert.is(shim.wait(file, 4, 0xffffffff, 0), false);
	words[1] = 1 << 31;
	assert.is(shim.wait(file, 4, 0x80000000, 0), false);
	assert.is(shim.wait(file, 4, -0x80000000, 0), false);
});

test("waiting ends with its time, to a fraction of a millisecond", () => {
	const { file } = region();
	for (const timeout of [0, 0.5, 20]) {
		const start = performance.now();
		assert.is(shim.wait(file, size - 4, 0, timeout), false);
		assert.ok(performance.now() - start >= timeout);
	}
});

test("signals don't cut a wait short", async () => {
	const { code, output, errors } = await run(
		`
		const file = shim.createFile(${JSON.stringify(directory)}, 65536, 0o600);
		shim.mapFile(file, memoryOf(65536), false);
		const start = performance.now();
		const woken = shim.wait(file, 0, 0, 100);
		console.log(woken, performance.now() - start >= 100);`,
		// The profiler interrupts the thread every millisecond.
		{ flags: ["--cpu-prof", "--cpu-prof-interval=1000", `--cpu-prof-dir=${directory}`] },
	);
	assert.is(code, 0, errors);
	assert.is(output, "false true\n");
});

test("a wake reaches sleepers in other processes, with shared and with private mappings", async () => {
	const { file, words } = region();
	const [writer, reader] = [await child(), await child(false)];
	const sleeps = [writer, reader].map((process) => process.call("wait", 128, 0, 1e6));
	// Nobody has changed the word, so whoever it wakes must count as woken.
	let woken = 0;
	await until(() => {
		woken += shim.wake(file, 128);
		return woken === 2;
	});
	assert.equal(await Promise.all(sleeps), [true, true]);
	words[33] = 1;
	const last = reader.call("wait", 128, 0, Number.MAX_VALUE);
	await until(() => shim.wake(file, 128) === 1);
	assert.is(await last, true);
	assert.is(shim.wake(file, 128), 0);
});

test("an error of the futex is thrown, never taken for a wake-up, and closing doesn't hang on it", async () => {
	const library = preload(
		"no-futex",
		`#include <dlfcn.h>
		#include <errno.h>
		#include <sys/syscall.h>
		long syscall(long number, long a, long b, long c, long d, long e, long f) {
			if (number == SYS_futex && !(b & 128)) { errno = ENOSYS; return -1; }
			return ((long (*)(long, ...))dlsym(RTLD_NEXT, "syscall"))(number, a, b, c, d, e, f);
		}`,
	);
	const { code, output, errors } = await run(
		`
		const file = shim.createFile(${JSON.stringify(directory)}, 65536, 0o600);
		const memory = memoryOf(65536);
		shim.mapFile(file, memory, false);
		const outcome = (action) => { try { return action(); } catch (error) { return error.code + error.syscall; } };
		const seen = [outcome(() => shim.wait(file, 0, 0, 1e9)), outcome(() => shim.wake(file, 0))];
		const start = performance.now();
		shim.watch(file, 0, () => {
			seen.push(performance.now() - start >= 120, process.cpuUsage().user + process.cpuUsage().system - spent < 9e4);
			shim.arm(file, 0, 1e9);
			shim.closeFile(file);
			console.log(seen.join(" "));
		});
		const spent = process.cpuUsage().user + process.cpuUsage().system;
		shim.arm(file, 0, 120);`,
		{ env: { LD_PRELOAD: library } },
	);
	assert.is(code, 0, errors);
	assert.is(output, "ENOSYSfutex ENOSYSfutex true true\n");
});

// Watching

test("the doorbell calls once for each arming, from another process", async () => {
	const { file, words } = region();
	const ringer = await child();
	let rings = 0;
	shim.watch(file, 256, () => rings++);
	for (let i = 0; i < 20; i++) {
		shim.arm(file, i, 1e9);
		shim.arm(file, 12345, 0);
		await ringer.call("add", 256, 1);
		await ringer.call("wake", 256);
		await until(() => rings === i + 1);
		assert.is(words[64], i + 1);
	}
});

test("the doorbell calls when it rang before it was armed", async () => {
	const { file } = region();
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	shim.arm(file, 1, 1e9);
	assert.is(rings, 0);
	await until(() => rings === 1);
});

test("the doorbell calls when the slice is over, and not before", async () => {
	const { file } = region();
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	for (const slice of [0, 1, 20, 120]) {
		const start = performance.now();
		const before = rings;
		shim.arm(file, 0, slice);
		await until(() => rings > before);
		assert.ok(performance.now() - start >= slice, `${slice} ms took ${performance.now() - start}`);
	}
	assert.is(rings, 4);
});

test("a disarmed doorbell doesn't call, not even with a call that was under way", async () => {
	const { file } = region();
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	shim.disarm(file);
	shim.arm(file, 1, 0);
	shim.disarm(file);
	for (let i = 0; i < 20; i++) {
		await turn();
	}
	assert.is(rings, 0);
	// The second arming is the one that calls.
	shim.arm(file, 1, 0);
	shim.disarm(file);
	shim.arm(file, 0, 30);
	const start = performance.now();
	await until(() => rings > 0);
	assert.ok(performance.now() - start >= 29);
	assert.is(rings, 1);
});

test("arming again replaces the figures only of an arming that has fired, whose call still comes", async () => {
	const { file, words } = region();
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	shim.arm(file, 0, 1e9);
	shim.arm(file, 1, 0);
	for (let i = 0; i < 20; i++) {
		await turn();
	}
	assert.is(rings, 0);
	words[0] = 1;
	shim.wake(file, 0);
	await until(() => rings === 1);
	// The second arming counts only if the first had fired before, which nobody sees: so again until it had.
	const pause = new Int32Array(new SharedArrayBuffer(4));
	let start: number;
	do {
		rings = 0;
		shim.arm(file, 0, 1e9);
		Atomics.wait(pause, 0, 0, 1);
		start = performance.now();
		shim.arm(file, 1, 30);
		await until(() => rings > 0 && (rings === 2 || performance.now() > start + 1000));
	} while (rings < 2);
	assert.ok(performance.now() - start >= 30);
	assert.is(rings, 2);
});

test("a private mapping can be watched, and stays shared with the file", async () => {
	const { file, words } = region();
	const reader = open(false);
	const mine = new Int32Array(map(reader, true).buffer);
	let rings = 0;
	shim.watch(reader, 8, () => rings++);
	shim.arm(reader, 0, 1e9);
	words[2] = 3;
	shim.wake(file, 8);
	await until(() => rings === 1);
	assert.is(mine[2], 3);
});

test("the doorbell may arm itself again, or close its file, while it calls", async () => {
	const { file } = region();
	let rings = 0;
	shim.watch(file, 0, () => {
		rings++;
		if (rings < 100) {
			shim.arm(file, 1, 1);
		} else {
			shim.closeFile(file);
		}
	});
	shim.arm(file, 1, 1);
	await until(() => rings === 100);
	assert.is(
		code(() => shim.arm(file, 0, 0)),
		"ECLOSED",
	);
});

test("a file is watched once, and armed only when watched", () => {
	const { file } = region();
	assert.is(
		code(() => shim.arm(file, 0, 0)),
		"EINVAL",
	);
	shim.watch(file, 0, () => {});
	assert.is(
		code(() => shim.watch(file, 0, () => {})),
		"EBUSY",
	);
	const unmapped = open();
	assert.is(
		code(() => shim.watch(unmapped, 0, () => {})),
		"EINVAL",
	);
});

test("closing while armed neither hangs nor calls", async () => {
	const { file } = region();
	let calls = 0;
	const threads = folder("task");
	const start = performance.now();
	for (let i = 0; i < 200; i++) {
		const other = open();
		map(other);
		shim.watch(other, 0, () => calls++);
		shim.arm(other, i % 3 === 0 ? 1 : 0, i % 2 === 0 ? 1e9 : 0);
		shim.closeFile(other);
	}
	// Without being woken, the threads would take up to 50 ms each.
	assert.ok(performance.now() - start < 4000, `${performance.now() - start} ms`);
	for (let i = 0; i < 20; i++) {
		await turn();
	}
	assert.is(calls, 0);
	await threadsEnd(threads);
	assert.is(shim.isBroken(file), false);
});

const watching = `
	const file = shim.createFile("/dev/shm", 65536, 0o600);
	shim.mapFile(file, memoryOf(65536), false);
	let rings = 0;
	process.on("exit", () => console.log("rings", rings));`;

test("the process lives while armed, and ends when it has rung", async () => {
	const { code, output } = await run(
		`${watching} shim.watch(file, 0, () => rings++); shim.arm(file, 0, 100);`,
	);
	assert.equal([code, output], [0, "rings 1\n"]);
});

test("the process ends while merely watching, or after disarming", async () => {
	for (const rest of ["", "shim.arm(file, 0, 1e9); shim.disarm(file);"]) {
		const { code, output } = await run(`${watching} shim.watch(file, 0, () => rings++); ${rest}`);
		assert.equal([code, output], [0, "rings 0\n"]);
	}
});

test("a process may exit while armed", async () => {
	const { code, output } = await run(
		`${watching} shim.watch(file, 0, () => rings++); shim.arm(file, 0, 1e9); process.exit(3);`,
	);
	assert.equal([code, output], [3, "rings 0\n"]);
});

test("what the callback throws is an uncaught exception", async () => {
	const thrower = `shim.watch(file, 0, () => { throw new Error("out of the bell"); }); shim.arm(file, 1, 0);`;
	const died = await run(watching + thrower);
	assert.is(died.code, 1);
	assert.match(died.errors, "Error: out of the bell");
	const caught = await run(
		`${watching} process.on("uncaughtException", (error) => console.log(error.message)); ${thrower}`,
	);
	assert.equal([caught.code, caught.output], [0, "out of the bell\nrings 0\n"]);
});

test("promises that the callback settles go on before the next event", async () => {
	const { output } = await run(`${watching}
		const order = [];
		let ring;
		new Promise((resolve) => { ring = resolve; }).then(() => order.push("promise"));
		shim.watch(file, 0, () => { ring(); process.nextTick(() => order.push("tick")); });
		shim.arm(file, 1, 0);
		process.on("exit", () => console.log(order.join()));`);
	assert.is(output, "rings 0\ntick,promise\n");
});

// Worker threads

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
		{ eval: true, workerData: { shimPath, path } },
	);
}

test("a worker thread that is terminated drops its locks and its mapping, whatever it was doing", async () => {
	const { file, memory } = region();
	const inode = statSync(path).ino;
	const count = () => [folder("fd"), shim.openFiles(), mappingsOf(inode).length];
	const before = count();
	const threads = folder("task");
	for (const ending of [
		`parentPort.postMessage("ready"); for (;;) {}`,
		`shim.watch(file, 4, () => {}); shim.arm(file, 0, 1e9); parentPort.postMessage("ready");`,
		`shim.watch(file, 4, () => { parentPort.postMessage("ready"); for (;;) {} }); shim.arm(file, 1, 0);`,
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

// Nonsense

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

test("numbers must be whole, in range and numbers", () => {
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
	const seed = Number(process.env.SEED ?? Date.now() % 1e6);
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
			abandonFile: ["file"], isBroken: ["file"], commit: ["file", "number", "number"],
			punch: ["file", "number", "number"], tryLock: ["file", "number"], unlock: ["file", "number"],
			isLocked: ["file", "number"], wait: ["file", "number", "number", "number"], wake: ["file", "number"],
			watch: ["file", "number", "function"], arm: ["file", "number", "number"], disarm: ["file"],
			openFiles: [], renewGuard: [],
		};
		const missing = Object.keys(shim).filter((name) => !["pageSize", "makerLock"].includes(name) && !(name in signatures));
		let [thrown, returned] = [0, 0];
		const files = (pools.file = [{}]);
		function once() {
			const name = pick(Object.keys(signatures));
			// Now and then, too few arguments or too many.
			const length = random(10) > 0 ? signatures[name].length : random(6);
			const list = Array.from({ length }, (_, index) =>
				pick(random(6) > 0 && index < signatures[name].length ? pools[signatures[name][index]] : nonsense));
			// What is right may take its time, and memory.
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
