/** The shim with functions of the C library that fail, or are missing. */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { directory, long } from "../fixture/index.js";
import { eachInShimFolder, names, run } from "./stage.js";

eachInShimFolder();

/** Compiles C into a library that is loaded before the C library. Returns the value for LD_PRELOAD. */
function preload(name: string, code: string): string {
	const source = join(directory, `${name}.c`);
	const library = join(directory, `${name}.so`);
	writeFileSync(source, `#define _GNU_SOURCE\n${code}`);
	execFileSync(process.env.CC ?? "cc", ["-shared", "-fPIC", source, "-o", library, "-ldl"]);
	rmSync(source);
	return `${process.env.LD_PRELOAD ?? ""} ${library}`;
}

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

long(test)(
	"an error of the futex is thrown, never taken for a wake-up, and closing doesn't hang on it",
	async () => {
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
	},
);

/** What a script prints that watches a file and arms it, while the shim's calls of this function fail. */
async function watchWithout(name: string) {
	const library = preload(
		name,
		`#include <dlfcn.h>
		#include <errno.h>
		#include <string.h>
		int ${name}(void *first, void *second) {
			Dl_info caller;
			if (dladdr(__builtin_return_address(0), &caller) != 0 && strstr(caller.dli_fname, "/shim.node") != NULL) {
				return ENOMEM;
			}
			return ((int (*)(void *, void *))dlsym(RTLD_NEXT, "${name}"))(first, second);
		}`,
	);
	return run(
		`
		const outcome = (action) => { try { action(); return "done"; } catch (error) { return error.message; } };
		const file = shim.createFile(${JSON.stringify(directory)}, 65536, 0o600);
		const memory = memoryOf(65536);
		shim.mapFile(file, memory, false);
		console.log(outcome(() => shim.watch(file, 0, () => {})));
		console.log(outcome(() => shim.arm(file, 0, 1)));`,
		{ env: { LD_PRELOAD: library } },
	);
}

for (const name of [
	"pthread_mutex_init",
	"pthread_condattr_init",
	"pthread_condattr_setclock",
	"pthread_cond_init",
]) {
	test(`if ${name} fails, a file can't be watched`, async () => {
		const { code, output, errors } = await watchWithout(name);
		assert.is(code, 0, errors);
		assert.match(output, /^watch: .*memory has run out/);
	});
}

for (const name of ["pthread_attr_init", "pthread_attr_setstacksize"]) {
	test(`if ${name} fails, arming throws`, async () => {
		const { code, output, errors } = await watchWithout(name);
		assert.is(code, 0, errors);
		assert.match(output, /^done\npthread_create: .*ENOMEM/);
	});
}

long(test)("if a lock fails, the process ends instead of continuing without it", async () => {
	const { signal, errors } = await watchWithout("pthread_mutex_lock");
	assert.is(signal, "SIGABRT");
	assert.match(errors, /dhmem: a lock or thread failed: Cannot allocate memory/);
});

test.run();
