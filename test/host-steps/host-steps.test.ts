import { execFileSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { randomFrom } from "../fixture/index.js";
import { shimPath } from "../shim/stage.js";
import { controls, spoil } from "./controls.js";
import { swept } from "./operations.js";
import type { Mode } from "./steps.js";
import { Sweep } from "./sweep.js";

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

/** One of so many tries is made; `node dist/test/host-steps/main.js` makes all. */
async function sweepSome(modes: readonly Mode[], every: number): Promise<Sweep> {
	const random = randomFrom(seed);
	const sweep = await Sweep.start();
	try {
		for (const operation of swept) await sweep.sweep(operation, modes, () => random(every) === 0);
	} finally {
		await sweep.end();
	}
	return sweep;
}

test(`killed right before or after a system call, a process leaves nothing half done (seed ${seed})`, async () => {
	const { report } = await sweepSome(["kill-before", "kill-after"], 10);
	assert.equal(report.failures, []);
	assert.ok(report.tries["kill-before"] > 30 && report.tries["kill-after"] > 30 && report.steps > 300);
});

test(`while a process is stopped right before a system call, the others go on (seed ${seed})`, async () => {
	const { report } = await sweepSome(["stop"], 15);
	assert.equal(report.failures, []);
	assert.ok(report.tries.stop > 20);
});

test(`a system call that fails is a DhmemError or does no harm, and leaves nothing behind (seed ${seed})`, async () => {
	const { report } = await sweepSome(["fail-once", "fail-always"], 40);
	assert.equal(report.failures, []);
	assert.ok(report.tries["fail-once"] > 30 && report.tries["fail-always"] > 15);
});

for (const control of controls.filter(({ changes }) => changes.every(({ file }) => file.endsWith(".js")))) {
	test(`found out: ${control.name}`, () => {
		assert.match(spoil(control), control.finds);
	});
}

test("every function that the shim has of the C library is a step, or makes no system call that matters here", () => {
	const counted = [
		"close fallocate fchmod fcntl fstat ftruncate getrandom link linkat lstat madvise mmap munmap open pread",
		"pthread_create rename renameat2 sigaction syscall unlink",
	];
	const others = [
		// Memory and text.
		"asprintf calloc free snprintf strerror strlen strrchr __errno_location",
		// Of this process alone, and nothing is lost with them.
		"__register_atfork clock_gettime dladdr dlopen getpid raise signal sigdelset sigemptyset sigfillset sysconf",
		"pthread_attr_destroy pthread_attr_init pthread_attr_setstacksize pthread_cond_broadcast pthread_cond_destroy",
		"pthread_cond_init pthread_cond_timedwait pthread_cond_wait pthread_condattr_destroy pthread_condattr_init",
		"pthread_condattr_setclock pthread_join pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock",
		"pthread_mutex_unlock pthread_once pthread_sigmask",
	];
	const known = new Set([...counted, ...others].flatMap((line) => line.split(" ")));
	const imported = execFileSync("nm", ["-D", "--undefined-only", shimPath], { encoding: "utf8" })
		.split("\n")
		.filter((line) => / U /.test(line))
		.map((line) => line.replace(/.* U /, "").replace(/@.*/, ""))
		.filter((name) => !name.startsWith("napi_"));
	assert.ok(imported.length > 20);
	assert.equal(
		imported.filter((name) => !known.has(name)),
		[],
	);
});

test.run();
