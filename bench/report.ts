/** Formats results as Markdown, and puts them into documents such as `docs/performance.md`. */
import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { markdownTable } from "markdown-table";
import type { Cost } from "./costs.js";
import type { Curve } from "./curve.js";
import type { Aim, Figure, Result } from "./measure.js";

/** Facts about the machine that a reader needs to judge a figure. */
export interface Machine {
	processor: string;
	/** The number of cores that this process may use. */
	cores: number;
	memory: string;
	architecture: string;
	kernel: string;
	node: string;
	/** The load average of the minute before the run. On an idle machine it is near 0. */
	load: number;
}

export function machine(): Machine {
	return {
		processor: cpus()[0]?.model.trim() ?? "unknown",
		cores: availableParallelism(),
		memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
		architecture: process.arch,
		kernel: release(),
		node: process.version,
		load: loadavg()[0] ?? Number.NaN,
	};
}

/** All results of a run, with the machine and the command. */
export interface Report {
	machine: Machine;
	command: string;
	date: string;
	quick: boolean;
	/** The measures and curves in which dhmem failed, which have no results. */
	failed: readonly { title: string; reason: string }[];
	results: readonly Result[];
	curves: readonly Curve[];
	costs: readonly Cost[];
}

// From 999.5 on, `toPrecision(3)` would give 1.00e+3.
const show = (value: number) => (value >= 999.5 ? value.toFixed(0) : value.toPrecision(3));

/** Formats a figure with enough digits to show on which side of its aim it is. */
function judged(value: number, { atLeast, atMost }: Aim): string {
	const bound = atLeast ?? atMost ?? Number.NaN;
	const isSame = (text: string) => value !== bound && Number(text) === bound;
	let text = show(value);
	for (let digits = 4; isSame(text) && digits <= 17; digits++) text = value.toPrecision(digits);
	return text;
}

function spread({ median, least, most }: Pick<Figure, "median" | "least" | "most">): string {
	return `${show(median)} (${show(least)} to ${show(most)})`;
}

function aimed({ of, atLeast, atMost }: Aim, unit: string): string {
	const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
	return of === "ratio" ? `${bound} ×` : `${bound} ${unit}`;
}

function named(figures: readonly Figure[], unit: string): string {
	return figures.map((figure) => `${figure.name}: ${show(figure.median)} ${unit}`).join("; ");
}

/** Formats the ratio with the ratios of all runs, or with the spread of a single run. */
function ratioed({ to, median, least, most, runs }: NonNullable<Result["ratio"]>, aim: Aim): string {
	const within = runs.length > 1 ? `runs: ${runs.map(show).join(", ")}` : `${show(least)} to ${show(most)}`;
	return `${judged(median, aim)} (${within}) × ${to}`;
}

/** Formats the quantity that the aim bounds: the ratio, or the figure itself. */
function measured(ratio: Result["ratio"], ours: Figure | undefined, aim: Aim, unit: string): string {
	if (ratio !== undefined) return ratioed(ratio, aim);
	return aim.of === "figure" && ours !== undefined ? `${judged(ours.median, aim)} ${unit}` : "no peer";
}

function verdict(isJudged: boolean, reached: boolean | undefined): string {
	if (!isJudged || reached === undefined) return "";
	return reached ? " ✓" : " ✗";
}

/**
 * Returns the row of a result: dhmem's figure, the aim, the ratio, and the figures of the other contenders.
 */
function row({ title, unit, aim, figures, missing, ratio, reached }: Result, isJudged: boolean): string[] {
	const [ours, ...others] = figures;
	const absent = missing.map(({ name }) => `${name}: missing`);
	return [
		title,
		ours === undefined ? "" : `${spread(ours)} ${unit}`,
		aimed(aim, unit),
		`${measured(ratio, ours, aim, unit)}${verdict(isJudged, reached)}`,
		[named(others, unit), ...absent].filter((text) => text !== "").join("; "),
	];
}

/**
 * Returns the table of results. Figures are medians of the rounds, with the least and the largest; a ratio is
 * the median of the rounds' ratios. With `isJudged`, the table also says whether each aim is reached.
 */
export function table(results: readonly Result[], isJudged: boolean): string {
	const head = ["measure", "dhmem", "aim", "measured", "in turn with"];
	return markdownTable([head, ...results.map((result) => row(result, isJudged))]);
}

/** Returns the summary for the README: the ratios of the measures with a short title, and the machine. */
export function summary(report: Report): string {
	const { machine, date, results } = report;
	const shown = results.filter(({ short }) => short !== undefined);
	const rows = shown.map(({ short = "", unit, better, aim, figures, ratio }) => {
		const [ours] = figures;
		const peer = figures.find(({ name }) => name === ratio?.to);
		const both = [ours, peer].map((figure) => (figure === undefined ? "missing" : show(figure.median)));
		return [
			short,
			ratio === undefined
				? ""
				: `**${judged(ratio.median, aim)} ×** the ${better === "more" ? "rate" : "time"}`,
			ratio?.to ?? "missing",
			`${both.join(" against ")} ${unit}`,
		];
	});
	const head = ["what is measured", "dhmem", "compared with", "figures"];
	const absent = new Set(shown.flatMap(({ missing }) => missing.map(({ name }) => name)));
	return [
		...notes(report),
		markdownTable([head, ...rows]),
		...(absent.size > 0 ? [`Took no part: ${[...absent].join(", ")}.`] : []),
		`${describe(machine)}; ${date}.`,
	].join("\n\n");
}

/** Returns the medians of a curve as a table, with a row for each `x` and a column for each line. */
export function curveTable({ title, x, y, points }: Curve): string {
	const lines = [...new Set(points.map(({ line }) => line))];
	const rows = x.values.map((value) => {
		const at = (name: string) => points.find(({ x, line }) => x === value && line === name);
		return [
			`${value}`,
			...lines.map((name) => {
				const point = at(name);
				return point === undefined ? "" : show(point.median);
			}),
		];
	});
	return `${title}, in ${y}:\n\n${markdownTable([[x.label, ...lines], ...rows])}`;
}

function costsTable(costs: readonly Cost[]): string {
	const head = ["inside one process", "ns", "least", "99 %"];
	const rows = costs.map(({ what, median, least, p99 }) => [what, show(median), show(least), show(p99)]);
	return markdownTable([head, ...rows]);
}

/** Describes the machine in one line. */
export function describe({ processor, cores, memory, architecture, kernel, node }: Machine): string {
	return `${processor}, ${cores} cores, ${memory}, ${architecture}, Linux ${kernel}, Node ${node}`;
}

/** True if other work kept the machine busy. */
export function isBusy({ load }: Machine): boolean {
	return load > 0.3;
}

/** True if two processes could have a core each. */
function hasCores({ cores }: Machine): boolean {
	return cores >= 2;
}

/** True if the run counts as a measurement, and not just as a first look. */
function isMeasurement({ machine, quick }: Report): boolean {
	return !quick && hasCores(machine) && !isBusy(machine);
}

/** Returns warnings that a reader must see before any figure. */
function notes({ machine, quick, failed }: Report): string[] {
	return [
		isBusy(machine)
			? "**The machine was busy with other work: these figures are a first look, not a measurement.**"
			: "",
		hasCores(machine)
			? ""
			: "**All processes shared one core: these figures are a first look, not a measurement.**",
		quick
			? "**A quick run: its rounds are few and short, so start-up costs have a part in the figures.**"
			: "",
		...failed.map(({ title, reason }) => `**Failed and not shown: ${title}: ${reasonOf(reason)}.**`),
	].filter((note) => note !== "");
}

export function markdown(report: Report): string {
	const { machine, command, date, results, curves, costs } = report;
	// A contender that is missing in several measures for the same reason is listed once.
	const absent = new Map<string, string[]>();
	for (const { name, missing } of [...results, ...curves]) {
		for (const { name: contender, reason } of missing) {
			const what = `${contender}: ${reasonOf(reason)}`;
			absent.set(what, [...(absent.get(what) ?? []), name]);
		}
	}
	const leftOut = results.filter(({ leavesOut }) => leavesOut !== "");
	return [
		`${describe(machine)}; load ${machine.load.toFixed(1)} before the run; ${date}; \`${command}\`.`,
		...notes(report),
		...(results.length > 0 ? [table(results, isMeasurement(report))] : []),
		list(
			"Took no part",
			[...absent].map(([what, where]) => `${what} (${where.join(", ")})`),
		),
		list(
			"What the figures leave out",
			leftOut.map(({ title, leavesOut }) => `${title}: ${leavesOut}`),
		),
		...(costs.length > 0 ? [costsTable(costs)] : []),
	]
		.filter((part) => part !== "")
		.join("\n\n");
}

function reasonOf(reason: string): string {
	return reason.split("\n").find((line) => /\w/.test(line)) ?? "no reason given";
}

function list(title: string, items: readonly string[]): string {
	return items.length === 0 ? "" : [`${title}:\n`, ...items.map((item) => `- ${item}`)].join("\n");
}

const BEGIN = "<!-- measured: begin -->";
const END = "<!-- measured: end -->";

/** Splits a document into the parts before and after the text between its marks. */
function partsOf(path: string): [string, string] {
	const document = readFileSync(path, "utf8");
	const begin = document.indexOf(BEGIN);
	const end = document.indexOf(END);
	if (begin < 0 || end < begin) throw new Error(`${path} has no ${BEGIN} and ${END}`);
	return [document.slice(0, begin + BEGIN.length), document.slice(end)];
}

/** @throws if `putBetweenMarks` would throw because of missing marks */
export function checkMarks(path: string): void {
	partsOf(path);
}

/** Puts `text` between the two marks of a document. If writing fails, the document stays as it was. */
export function putBetweenMarks(path: string, text: string): void {
	const [before, after] = partsOf(path);
	const fresh = `${realpathSync(path)}.new`;
	try {
		writeFileSync(fresh, `${before}\n\n${text}\n\n${after}`, { mode: statSync(path).mode });
		renameSync(fresh, realpathSync(path));
	} finally {
		rmSync(fresh, { force: true });
	}
}
