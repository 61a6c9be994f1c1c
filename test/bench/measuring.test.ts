/** How the benchmarks measure, judge and report. */
import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Meter } from "../../bench/data.js";
import { curves } from "../../bench/growth/index.js";
import {
	type Contender,
	inTurn,
	type Measure,
	Missing,
	type Result,
	type Role,
	resultOf,
	take,
} from "../../bench/measure.js";
import { measures } from "../../bench/measures/index.js";
import { draw } from "../../bench/plots.js";
import { type Machine, machine, markdown, type Report, summary } from "../../bench/report.js";
import { Scratch } from "../../bench/scratch.js";
import { MAIN } from "./stage.js";

const scratch = new Scratch();
test.after(() => scratch[Symbol.dispose]());

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

test("among several peers, each round's ratio is to the peer with the worst one", async () => {
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

test("a quick run judges nothing, and its table says that it is a quick run", async () => {
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

test("absent contenders are named in both tables, once for each reason, with their measures", async () => {
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

test("each of several runs has its ratio, and a contender that failed in one of them is left out", async () => {
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

test("a failure of dhmem itself is reported", async () => {
	const contenders = [fake("dhmem", "dhmem", [new Error("wrong")]), fake("b", "peer", [1, 1])];
	const error = await inTurn(contenders, scratch, 1, 1).catch((reason: Error) => reason);
	assert.instance(error, Error);
});

test("a figure that is negative or not finite is refused", async () => {
	const contenders = [
		fake("dhmem", "dhmem", [1, 1]),
		fake("b", "peer", [1, Number.POSITIVE_INFINITY]),
		fake("c", "peer", [1, -1]),
	];
	const { missing } = await inTurn(contenders, scratch, 1, 1);
	assert.match(missing[0]?.reason ?? "", /so there is no rate/);
	assert.match(missing[1]?.reason ?? "", /figure is -1/);
});

test("messages that came all at once have no rate", () => {
	const meter = new Meter();
	meter.arrived(16);
	assert.ok(Number.isNaN(meter.rate(16)));
	assert.ok(meter.rate(17) > 0);
});

test("a contender's output is not in the report", () => {
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

test.run();
