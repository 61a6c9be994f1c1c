import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { tasksOf } from "../bench/costs.js";
import { LargeMessages, Meter } from "../bench/data.js";
import { endings } from "../bench/ending.js";
import { curves } from "../bench/growth/index.js";
import {
	type Contender,
	inTurn,
	type Measure,
	Missing,
	type Result,
	type Role,
	resultOf,
	take,
} from "../bench/measure.js";
import { measures } from "../bench/measures/index.js";
import { native } from "../bench/native.js";
import { pair, peer } from "../bench/pair.js";
import { draw } from "../bench/plots.js";
import { type Machine, machine, markdown, putBetweenMarks, type Report, summary } from "../bench/report.js";
import { Scratch } from "../bench/scratch.js";
import { Region } from "../src/index.js";
import { within } from "./region-child.js";

/** Where all peers have to be there: in `.ci/run`. */
const ALL = process.env.DHMEM_BENCH_ALL === "1";
const COUNT = 16;
const BYTES = 2 ** 16;

const scratch = new Scratch();
test.after(() => scratch[Symbol.dispose]());

/** Runs a round of few, which has to give a figure; and one in which the last is spoilt, which has to throw. */
async function checks({ count, size = 0, start }: Contender): Promise<void> {
	const job = { count: Math.min(count, COUNT), size: Math.min(size, BYTES) };
	const running = await start(scratch);
	try {
		assert.type(await running.round({ ...job, spoilt: -1 }), "number");
		const error = await running.round({ ...job, spoilt: job.count - 1 }).then(
			() => new Error("it was not noticed"),
			(reason: Error) => reason,
		);
		assert.match(error.message, /is wrong/);
	} finally {
		await running.stop();
	}
}

function testContender(what: string, contender: Contender): void {
	test(`${what}: ${contender.name} notices what is spoilt`, async () => {
		try {
			await checks(contender);
		} catch (error) {
			if (ALL || contender.role === "dhmem" || !(error instanceof Missing)) throw error;
			// Then the report has to say what to do about it.
			assert.match(error.message, /npm ci --prefix bench\/peers|bench\/native\/build\.sh/);
		}
	});
}

const tested = new Set<Contender>();
for (const { name, contenders } of measures) {
	for (const contender of contenders) {
		if (!tested.has(contender)) testContender(name, contender);
		tested.add(contender);
	}
}
for (const { name, x, lines } of curves) {
	const [least = 0] = x.values;
	for (const line of lines) testContender(`growth of ${name}`, line.at(least));
}

test("of large messages it is noticed whatever is stale, lost, swapped or there twice", () => {
	const job = { count: 64, spoilt: -1 };
	for (const size of [8, 64, 4096]) {
		const sent = new LargeMessages(size);
		const checks = new LargeMessages(size);
		const copies = Array.from({ length: 64 }, (_, sequence) => sent.next(sequence, { ...job, size }).slice());
		for (const [sequence, message] of copies.entries()) {
			checks.check(message, sequence);
			for (const other of copies.keys()) {
				if (other !== sequence) assert.throws(() => checks.check(message, other), /is wrong/);
			}
		}
	}
});

const tasks = (wrong: number) => {
	const region = Region.temporary({ size: "64MiB" });
	return { region, tasks: tasksOf(region, wrong) };
};
for (const [index, { what }] of (() => {
	const { region, tasks: all } = tasks(0);
	region.close();
	return [...all.entries()];
})()) {
	test(`the cost of "${what}" is not measured where the result is wrong`, () => {
		const right = tasks(0);
		right.tasks[index]?.run();
		right.region.close();
		const wrong = tasks(1);
		assert.throws(() => wrong.tasks[index]?.run(), /wrong result/);
		wrong.region.close();
	});
}

test("the cost of finding is not measured where something else is found", () => {
	const { region, tasks: all } = tasks(0);
	const block = region.allocate(64);
	block.bytes.fill(9);
	const queue = region.queue("messages");
	Object.assign(region, { load: () => block, queue: () => queue });
	for (const what of [
		"find a named queue",
		"load a handle, read",
		"allocate, write, save, load, read, free",
	]) {
		const task = all.find((each) => each.what === what);
		assert.throws(() => task?.run(), /wrong result/);
	}
	region.close();
});

test("what ems gives is read before its place is written again", async () => {
	const from = peer("ems");
	const ems = pair({ name: "ems", role: "peer", from, work: "messages", count: 2 ** 16 });
	const { figures, missing } = await inTurn([ems], scratch, 7, 1);
	if (ALL || figures.length > 0) assert.equal(missing, []);
	for (const { reason } of missing) assert.not.match(reason, "is wrong");
});

/** A contender whose rounds give these figures; what it is asked is noted in `log`. */
function fake(name: string, role: Role, figures: readonly (number | Error)[], log: string[] = []): Contender {
	let round = 0;
	return {
		name,
		role,
		count: 64,
		start: async () => ({
			round: async ({ count }) => {
				log.push(`${name} ${count}`);
				const figure = figures[round++] as number | Error;
				if (figure instanceof Error) throw figure;
				return figure;
			},
			stop: async () => void log.push(`${name} stops`),
		}),
	};
}

const measure: Omit<Measure, "contenders"> = {
	name: "fake",
	title: "a measure",
	short: "in short",
	unit: "M/s",
	better: "more",
	aim: { of: "ratio", atLeast: 2 },
	leavesOut: "",
};

test("contenders are asked in turn, round by round, and the first round is not counted", async () => {
	const log: string[] = [];
	const contenders = [fake("a", "dhmem", [100, 1, 2], log), fake("b", "peer", [100, 3, 4], log)];
	const { figures } = await inTurn(contenders, scratch, 2, 2);
	assert.equal(log, ["a 32", "b 32", "a 32", "b 32", "a 32", "b 32", "a stops", "b stops"]);
	assert.equal(
		figures.map(({ rounds }) => rounds),
		[
			[1, 2],
			[3, 4],
		],
	);
});

test("the ratio is the median of the rounds' ratios, to the best peer", async () => {
	const contenders = [
		fake("dhmem", "dhmem", [0, 10, 40, 90]),
		fake("slow", "peer", [0, 1, 1, 1]),
		fake("quick", "peer", [0, 5, 10, 30]),
		fake("floor", "floor", [0, 1000, 1000, 1000]),
	];
	const taken = await take({ ...measure, contenders }, scratch, { rounds: 3, quick: false });
	const { ratio, reached } = resultOf({ ...measure, contenders }, [taken]);
	assert.equal(ratio, { to: "quick", median: 3, least: 2, most: 4, runs: [3] });
	assert.ok(reached);
});

test("of several peers the ratio is to the one to which it is worst, round by round", async () => {
	const contenders = [
		fake("dhmem", "dhmem", [0, 10, 20, 40]),
		fake("larger median", "peer", [0, 5, 10, 20]),
		fake("worse ratio", "peer", [0, 9, 9, 30]),
	];
	const { ratio, reached } = await resultOfOne({ ...measure, contenders });
	assert.is(ratio?.to, "worse ratio");
	assert.not(reached);
});

/** Three rounds in one run. */
async function resultOfOne(measure: Measure): Promise<Result> {
	return resultOf(measure, [await take(measure, scratch, { rounds: 3, quick: false })]);
}

function reportOf(result: Result, where: Partial<Machine> = {}): Report {
	const idle = { ...machine(), load: 0, cores: 2, ...where };
	return {
		machine: idle,
		command: "",
		date: "",
		quick: false,
		failed: [],
		results: [result],
		curves: [],
		costs: [],
	};
}

test("a ratio that just misses its aim is not shown as the aim", async () => {
	const contenders = [fake("dhmem", "dhmem", [0, 1.9996, 1.9996, 1.9996]), fake("a", "peer", [0, 1, 1, 1])];
	const report = reportOf(await resultOfOne({ ...measure, contenders }));
	assert.match(markdown(report), /1\.9996 \(.* ✗/);
	assert.match(summary(report), "**1.9996 ×** the rate");
});

test("a figure just below a thousand is shown as one", async () => {
	const contenders = [fake("dhmem", "dhmem", [0, 999.7, 999.7, 999.7]), fake("a", "peer", [0, 1, 1, 1])];
	assert.match(summary(reportOf(await resultOfOne({ ...measure, contenders }))), "1000 against 1.00 M/s");
});

test("nothing is judged by a look, and a reader of the short table sees that it is one", async () => {
	const contenders = [fake("dhmem", "dhmem", [0, 4, 4, 4]), fake("a", "peer", [0, 1, 1, 1])];
	const result = await resultOfOne({ ...measure, contenders });
	const looks = [
		{ ...reportOf(result), quick: true },
		reportOf(result, { load: 1 }),
		reportOf(result, { cores: 1 }),
	];
	for (const text of looks.flatMap((report) => [markdown(report), summary(report)])) {
		assert.match(text, /quick run|not a measurement/);
		assert.not.match(text, "✓");
	}
	assert.match(markdown(reportOf(result)), "✓");
	assert.not.match(summary(reportOf(result)), /quick run|not a measurement/);
});

test("the README shows the measures that have a short title, with their peer and what the ratio is of", async () => {
	const contenders = () => [
		fake("dhmem", "dhmem", [0, 4, 4, 4]),
		fake("a", "peer", [0, 2, 2, 2]),
		fake("b", "peer", [0, 1, 1, 1]),
	];
	const rate = await resultOfOne({ ...measure, contenders: contenders() });
	const slow: Measure = { ...measure, contenders: contenders(), unit: "s", better: "less", short: "slow" };
	const time = await resultOfOne(slow);
	const { short: _short, ...long } = rate;
	const text = summary({ ...reportOf(rate), results: [rate, long, time] });
	const rows = text.split("\n").filter((line) => line.startsWith("| "));
	assert.equal(
		rows.slice(2).map((row) =>
			row
				.split("|")
				.map((cell) => cell.trim())
				.slice(1, -1),
		),
		[
			["in short", "**2.00 ×** the rate", "a", "4.00 against 2.00 M/s"],
			["slow", "**4.00 ×** the time", "b", "4.00 against 1.00 s"],
		],
	);
});

test("who took no part is named in both tables, once for each reason, with the measures", async () => {
	const contenders = [
		fake("dhmem", "dhmem", [0, 4, 4, 4]),
		fake("a", "peer", [0, new Error("gone")]),
		fake("b", "peer", [0, 1, 1, 1]),
	];
	const result = await resultOfOne({ ...measure, contenders });
	const other = { ...result, name: "other", missing: [{ name: "a", reason: "late" }] };
	const report = { ...reportOf(result), results: [result, { ...result, name: "again" }, other] };
	assert.match(markdown(report), "- a: gone (fake, again)\n- a: late (other)");
	assert.match(summary(report), "Took no part: a.");
});

test("the best peer is the one with the least figure where less is better", async () => {
	const contenders = [fake("dhmem", "dhmem", [0, 10]), fake("a", "peer", [0, 20]), fake("b", "peer", [0, 5])];
	const less: Measure = { ...measure, contenders, better: "less", aim: { of: "ratio", atMost: 1 } };
	const { ratio, reached } = resultOf(less, [await take(less, scratch, { rounds: 1, quick: false })]);
	assert.is(ratio?.to, "b");
	assert.is(ratio?.median, 2);
	assert.not(reached);
});

test("of several runs each has its ratio, and who failed in one of them takes no part", async () => {
	const contenders = [
		fake("dhmem", "dhmem", [0, 10, 0, 20]),
		fake("a", "peer", [0, 5, 0, 5]),
		fake("b", "peer", [0, 100, new Error("gone")]),
	];
	const runs = [];
	for (let run = 0; run < 2; run++) runs.push(await inTurn(contenders, scratch, 1, 1));
	const { ratio, missing } = resultOf({ ...measure, contenders }, runs);
	assert.equal(ratio, { to: "a", median: 3, least: 2, most: 4, runs: [2, 4] });
	assert.equal(missing, [{ name: "b", reason: "gone" }]);
});

test("a peer that fails is reported and takes no further part", async () => {
	const contenders = [
		fake("dhmem", "dhmem", [0, 1]),
		fake("b", "peer", [new Error("no such thing")]),
		{ ...fake("c", "peer", []), start: () => Promise.reject(new Missing("not built")) },
	];
	const { figures, missing } = await inTurn(contenders, scratch, 1, 1);
	assert.equal(missing, [
		{ name: "c", reason: "not built" },
		{ name: "b", reason: "no such thing" },
	]);
	assert.is(figures.length, 1);
});

test("a failure of dhmem's own is not passed over", async () => {
	const contenders = [fake("dhmem", "dhmem", [new Error("wrong")]), fake("b", "peer", [1, 1])];
	const error = await inTurn(contenders, scratch, 1, 1).catch((reason: Error) => reason);
	assert.instance(error, Error);
});

test("a figure that is not finite, or below nothing, is no figure", async () => {
	const contenders = [
		fake("dhmem", "dhmem", [1, 1]),
		fake("b", "peer", [1, Number.POSITIVE_INFINITY]),
		fake("c", "peer", [1, -1]),
	];
	const { missing } = await inTurn(contenders, scratch, 1, 1);
	assert.match(missing[0]?.reason ?? "", /nothing to count from/);
	assert.match(missing[1]?.reason ?? "", /figure is -1/);
});

test("a rate of what came all at once is none", () => {
	const meter = new Meter();
	meter.arrived(16);
	assert.ok(Number.isNaN(meter.rate(16)));
	assert.ok(meter.rate(17) > 0);
});

test("what a contender prints is not in the report", () => {
	const env = {
		...process.env,
		NODE_OPTIONS: "--import=data:text/javascript,process.send&&console.log('noise')",
	};
	const { stdout, stderr } = spawnSync(process.execPath, [MAIN, "--only", "fresh", "--quick"], {
		encoding: "utf8",
		env,
	});
	assert.match(stderr, "noise");
	assert.not.match(stdout, "noise");
});

test("each measure and each curve has a name of its own, and dhmem's figure comes first", () => {
	const names = [...measures, ...curves].map(({ name }) => name);
	assert.is(new Set(names).size, names.length);
	for (const { contenders } of measures) assert.is(contenders[0]?.role, "dhmem");
});

test("a curve is drawn, with every line named", () => {
	const points = [1, 10, 100].flatMap((x) => [
		{ line: "ours", role: "dhmem" as const, x, median: x, least: x / 2, most: x * 2 },
		{ line: "theirs", role: "peer" as const, x, median: 2 * x, least: x, most: x * 3 },
	]);
	const x = { label: "messages", values: [1, 10, 100], scale: "log" as const };
	const svg = draw(
		{ name: "c", title: "A curve", x, y: "µs", points, missing: [] },
		{ ...machine(), load: 7 },
	);
	assert.match(svg, /^<svg[^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
	for (const text of ["A curve", "ours", "theirs", "messages", "µs", "busy"])
		assert.ok(svg.includes(text), text);
});

const MAIN = fileURLToPath(new URL("../bench/main.js", import.meta.url));
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
	const title = "what a fresh region of the largest size occupies";
	assert.ok(stdout.includes(title));
	assert.ok(readFileSync(document, "utf8").includes(title));
	assert.ok(readFileSync(readme, "utf8").includes(process.version));
	const [result] = JSON.parse(readFileSync(json, "utf8")).results;
	assert.is(result.name, "fresh");
	assert.is(result.figures[0].rounds.length, 4);
	rmSync(folder, { recursive: true });
});

/** The processes below one, as far as they are known. */
function descendants(pid: number): number[] {
	const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
	return children.map(Number).flatMap((child) => [child, ...descendants(child)]);
}

/** Milliseconds in which a process that was ended is gone, on however busy a machine. */
const PATIENCE = 20_000;

/** Ends the command in the middle, when so many processes are at work: all have to be gone with it. */
async function endsWhole(command: ChildProcess, processes: number): Promise<void> {
	const before = readdirSync("/dev/shm").filter((name) => name.startsWith("dhmem-bench-"));
	const all = () => descendants(command.pid as number);
	while (all().length < processes) await sleep(50);
	// Who is stopped does not end by itself when it has lost the driver.
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
	const after = readdirSync("/dev/shm").filter((name) => name.startsWith("dhmem-bench-"));
	assert.equal(
		after.filter((name) => !before.includes(name)),
		[],
	);
}

test("a signal ends the command, and all that it started", async () => {
	await endsWhole(spawn(process.execPath, [MAIN, "--only", "wide"], { stdio: "pipe" }), 10);
	const cli = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
	const options = ["bench", "--only", "fresh", "--rounds", "20000"];
	await endsWhole(spawn(process.execPath, [cli, ...options], { stdio: "pipe" }), 2);
});

test("the end of the driver is the end of a program in C++", async () => {
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

test("what stands beside a run's folder by its name is removed with it", () => {
	const other = new Scratch();
	const beside = `${dirname(other.place())}-beside`;
	writeFileSync(beside, "");
	other[Symbol.dispose]();
	assert.not(existsSync(beside));
});

test("programs in C++ are compiled as for a release, without boost's assertions", () => {
	for (const program of ["allocate", "message_queue"]) {
		const path = fileURLToPath(new URL(`../bench/native/${program}`, import.meta.url));
		if (ALL || existsSync(path)) assert.not(readFileSync(path, "latin1").includes("__assert_fail"), program);
	}
});

test("a curve is shown without a plot", () => {
	const { stdout } = bench("--quick", "--rounds", "1", "--only", "map-entries");
	assert.match(stdout, /^\| entries .*\| set of a plain Map \|$/m);
	assert.match(stdout, /^\| 1000000( +\| [\d.]+){4} +\|$/m);
});

test("where dhmem fails it is told, the others are shown all the same, and the exit status is 1", () => {
	// Files may be as large as the region of one, and not of the other.
	const options = ["--quick", "--rounds", "1", "--only", "stream,garbage-batches"];
	const { status, stdout } = spawnSync("prlimit", ["--fsize=300000000", process.execPath, MAIN, ...options], {
		encoding: "utf8",
	});
	assert.is(status, 1);
	assert.match(stdout, "Failed, and is not shown: 1 MiB messages in place");
	assert.match(stdout, "| garbage for a record");
});

test("a wrong option is refused, and says what there is", () => {
	for (const args of [["--only", "nothing"], ["--rounds", "0"], ["--runs", "x"], ["--slow"]]) {
		const { status, stderr } = bench(...args);
		assert.is(status, 2, args.join(" "));
		assert.match(stderr, /npm run bench -- \[options\]/);
	}
});

test("what can't be written is refused before anything is measured", () => {
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

test("what can't be written in the end takes nothing else along", () => {
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
	assert.match(stderr, /^\/dev\/full is not written: ENOSPC/m);
	assert.match(readFileSync(document, "utf8"), "what a fresh region");
	rmSync(document);
});

test("what was measured is put between the two marks of a document, and nothing else is touched", () => {
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
