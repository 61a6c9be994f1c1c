/** The command `npm run bench`. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { endings } from "../../bench/ending.js";
import { Missing } from "../../bench/measure.js";
import { native } from "../../bench/native.js";
import { putBetweenMarks } from "../../bench/report.js";
import { Scratch } from "../../bench/scratch.js";
import { long, PATIENCE, within } from "../fixture/index.js";
import { ALL, MAIN } from "./stage.js";

const scratch = new Scratch();
test.after(() => scratch[Symbol.dispose]());

const bench = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });

test("the command takes what is asked for, and writes it as JSON and into a document", () => {
	const folder = mkdtempSync(join(tmpdir(), "dhmem-bench-"));
	const json = join(folder, "figures.json");
	const document = join(folder, "page.md");
	writeFileSync(document, "<!-- measured: begin -->\n<!-- measured: end -->\n");
	const readme = join(folder, "short.md");
	writeFileSync(readme, "<!-- measured: begin -->\n<!-- measured: end -->\n");
	const files = ["--json", json, "--markdown", document, "--short", readme];
	const options = ["--quick", "--rounds", "2", "--runs", "2", ...files];
	const { status, stdout, stderr } = bench("--only", "fresh", ...options);
	assert.is(status, 0, stderr);
	const title = "what a fresh region of 4 GiB occupies";
	assert.ok(stdout.includes(title));
	assert.ok(readFileSync(document, "utf8").includes(title));
	assert.ok(readFileSync(readme, "utf8").includes(process.version));
	const [result] = JSON.parse(readFileSync(json, "utf8")).results;
	assert.is(result.name, "fresh");
	assert.is(result.figures[0].rounds.length, 4);
	rmSync(folder, { recursive: true });
});

/** What /proc says of a process, or nothing if it has ended. */
function read(pid: number, name: string): string {
	try {
		return readFileSync(`/proc/${pid}/${name}`, "latin1");
	} catch {
		return "";
	}
}

/**
 * The processes below one that run their own program. A child has its parent's command line until then: if it is stopped
 * before, its parent waits for it, and handles no signal.
 */
function descendants(pid: number): number[] {
	const children = read(pid, `task/${pid}/children`).split(" ").filter(Boolean).map(Number);
	const started = children.filter((child) => !["", read(pid, "cmdline")].includes(read(child, "cmdline")));
	return started.flatMap((child) => [child, ...descendants(child)]);
}

/** The folders in shared memory that a process of the benchmarks has made. */
function foldersOf(pid: number): string[] {
	return readdirSync("/dev/shm").filter((name) => name.startsWith(`dhmem-bench-${pid}-`));
}

/** Ends the command in the middle, when this many processes are at work: all of them must end with it. */
async function endsWhole(command: ChildProcess, processes: number): Promise<void> {
	const all = () => descendants(command.pid as number);
	while (all().length < processes) await sleep(50);
	const running = [command.pid as number, ...all()];
	assert.ok(running.flatMap(foldersOf).length > 0);
	// A stopped process does not end by itself when it has lost the driver.
	const stopped = all().filter((pid) => descendants(pid).length === 0);
	for (const pid of stopped) process.kill(pid, "SIGSTOP");
	// They all have its standard error: it is closed when the last of them is gone.
	const closed = once(command, "close");
	command.stderr?.resume();
	command.kill("SIGTERM");
	try {
		await within(PATIENCE, "the end of all", closed);
	} catch (error) {
		for (const pid of stopped) process.kill(pid, "SIGKILL");
		throw error;
	}
	assert.is(command.exitCode, 128 + 15);
	assert.equal(running.flatMap(foldersOf), []);
}

long(test)("a signal ends the command, and all that it started", async () => {
	await endsWhole(spawn(process.execPath, [MAIN, "--only", "wide"], { stdio: "pipe" }), 10);
	const cli = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
	const options = ["bench", "--only", "fresh", "--rounds", "1000000"];
	await endsWhole(spawn(process.execPath, [cli, ...options], { stdio: "pipe" }), 2);
});

long(test)("a program in C++ ends with its driver", async () => {
	const launcher = ["sh", "-c", "exec sleep 100"];
	const program = native({ name: "asleep", role: "floor", program: "copy", launcher, count: 1 });
	const running = await program.start(scratch).catch((error) => {
		if (ALL || !(error instanceof Missing)) throw error;
	});
	if (running === undefined) return;
	const round = running.round({ count: 1, spoilt: -1, size: 0 }).catch(String);
	for (const end of endings) end();
	assert.match(`${await within(PATIENCE, "the end of the program", round)}`, "ended early: SIGTERM");
});

test("a file beside a run's folder that has its name is removed with it", () => {
	const other = new Scratch();
	const beside = `${dirname(other.place())}-beside`;
	writeFileSync(beside, "");
	other[Symbol.dispose]();
	assert.not(existsSync(beside));
});

long(test)("programs in C++ are compiled as for a release, without boost's assertions", () => {
	for (const program of ["allocate", "message_queue"]) {
		const path = fileURLToPath(new URL(`../../bench/native/${program}`, import.meta.url));
		if (ALL || existsSync(path)) assert.not(readFileSync(path, "latin1").includes("__assert_fail"), program);
	}
});

long(test)("a curve is shown without a plot", () => {
	const { stdout } = bench("--quick", "--rounds", "1", "--only", "map-entries");
	assert.match(stdout, /^\| entries .*\| set of a plain Map \|$/m);
	assert.match(stdout, /^\| 1000000( +\| [\d.]+){4} +\|$/m);
});

long(test)("a failure of dhmem is reported, the others are still shown, and the exit status is 1", () => {
	// Files may be as large as the region of one, but not that of the other.
	const options = ["--quick", "--rounds", "1", "--only", "stream,garbage-batches"];
	const { status, stdout } = spawnSync("prlimit", ["--fsize=300000000", process.execPath, MAIN, ...options], {
		encoding: "utf8",
	});
	assert.is(status, 1);
	assert.match(stdout, "Failed and not shown: 1 MiB messages in place");
	assert.match(stdout, "| garbage for a record");
});

test("a wrong option is refused, and the error lists the options", () => {
	for (const args of [["--only", "nothing"], ["--rounds", "0"], ["--runs", "x"], ["--slow"]]) {
		const { status, stderr } = bench(...args);
		assert.is(status, 2, args.join(" "));
		assert.match(stderr, /npm run bench -- \[options\]/);
	}
});

long(test)("an output file that can't be written is refused before anything is measured", () => {
	const folder = mkdtempSync(join(tmpdir(), "dhmem-bench-"));
	const unmarked = join(folder, "unmarked.md");
	writeFileSync(unmarked, "no marks");
	for (const args of [
		["--markdown", unmarked],
		["--short", join(folder, "none.md")],
		["--json", join(folder, "none", "figures.json")],
		["--plots", unmarked],
	]) {
		const { status, stderr } = bench("--only", "fresh", "--quick", ...args);
		assert.is(status, 2, args.join(" "));
		assert.not.match(stderr, "what a fresh region");
	}
	rmSync(folder, { recursive: true });
});

long(test)("an output file that can't be written does not cost the other results", () => {
	const document = join(tmpdir(), `dhmem-bench-full-${process.pid}.md`);
	writeFileSync(document, "<!-- measured: begin -->\n<!-- measured: end -->\n");
	const { status, stderr } = bench(
		"--only",
		"fresh",
		"--quick",
		"--json",
		"/dev/full",
		"--markdown",
		document,
	);
	assert.is(status, 1);
	assert.match(stderr, /^\/dev\/full could not be written: ENOSPC/m);
	assert.match(readFileSync(document, "utf8"), "what a fresh region");
	rmSync(document);
});

test("measurements are put between the two marks of a document, and nothing else is touched", () => {
	const path = join(tmpdir(), `dhmem-bench-${process.pid}.md`);
	writeFileSync(path, "before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n");
	putBetweenMarks(path, "new");
	const text = readFileSync(path, "utf8");
	assert.is(text, "before\n<!-- measured: begin -->\n\nnew\n\n<!-- measured: end -->\nafter\n");
	writeFileSync(path, "no marks");
	assert.throws(() => putBetweenMarks(path, "new"), /has no/);
	rmSync(path);
});

test.run();
