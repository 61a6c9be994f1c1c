/** Files: their creation, names, permissions and status. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
	chmodSync,
	chownSync,
	existsSync,
	linkSync,
	mkdirSync,
	readFileSync,
	renameSync,
	statSync,
	symlinkSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { directory } from "../fixture/index.js";
import {
	code,
	create,
	eachInShimFolder,
	isRoot,
	map,
	names,
	open,
	path,
	region,
	run,
	shim,
	size,
	wasmPage,
} from "./stage.js";

eachInShimFolder();

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

test.run();
