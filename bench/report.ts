/** How results are shown: as a Markdown table, and in `docs/performance.md`. */
import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { markdownTable } from "markdown-table";
import type { Cost } from "./costs.js";
import type { Curve } from "./curve.js";
import type { Aim, Figure, Result } from "./measure.js";

/** The machine and the program, as a reader needs them to judge a figure. */
export interface Machine {
	processor: string;
	/** That this process may use. */
	cores: number;
	memory: string;
	architecture: string;
	kernel: string;
	node: string;
	/** The load before the run, over the last minute: of an idle machine it is near 0. */
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

/** What was measured, where and how. */
export interface Report {
	machine: Machine;
	command: string;
	date: string;
	quick: boolean;
	/** Measures and curves in which dhmem failed: there is nothing to show of them. */
	failed: readonly { title: string; reason: string }[];
	results: readonly Result[];
	curves: readonly Curve[];
	costs: readonly Cost[];
}

// Of 999.5 to 1000, three digits would be 1.00e+3.
const show = (value: number) => (value >= 999.5 ? value.toFixed(0) : value.toPrecision(3));

/** With as many digits as tell on which side of its aim it is. */
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

/** The ratio, with that of each run, or with the spread of a single one. */
function ratioed({ to, median, least, most, runs }: NonNullable<Result["ratio"]>, aim: Aim): string {
	const within = runs.length > 1 ? `runs: ${runs.map(show).join(", ")}` : `${show(least)} to ${show(most)}`;
	return `${judged(median, aim)} (${within}) × ${to}`;
}

/** What the aim is about: the ratio, or the figure itself. */
function measured(ratio: Result["ratio"], ours: Figure | undefined, aim: Aim, unit: string): string {
	if (ratio !== undefined) return ratioed(ratio, aim);
	return aim.of === "figure" && ours !== undefined ? `${judged(ours.median, aim)} ${unit}` : "no peer";
}

function verdict(isJudged: boolean, reached: boolean | undefined): string {
	if (!isJudged || reached === undefined) return "";
	return reached ? " ✓" : " ✗";
}

/** The row of a result: dhmem's figure, the ratio, and what stands beside it. */
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
 * Figures are medians of the rounds, with the least and the most; a ratio is the median of the rounds' ratios. Whether
 * an aim is reached is said only of a measurement.
 */
export function table(results: readonly Result[], isJudged: boolean): string {
	const head = ["measure", "dhmem", "aim", "measured", "in turn with"];
	return markdownTable([head, ...results.map((result) => row(result, isJudged))]);
}

/** What the README shows: the ratios of the measures that have a short title, and the machine. */
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

/** The medians of a curve: a row for each place, a column for each line. */
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

/** In a word or two, for a reader who sees nothing else. */
export function describe({ processor, cores, memory, architecture, kernel, node }: Machine): string {
	return `${processor}, ${cores} cores, ${memory}, ${architecture}, Linux ${kernel}, Node ${node}`;
}

/** Whether others were at work on the machine. */
export function isBusy({ load }: Machine): boolean {
	return load > 0.3;
}

/** Whether two processes had a core for each. */
function hasCores({ cores }: Machine): boolean {
	return cores >= 2;
}

/** Or else a look. */
function isMeasurement({ machine, quick }: Report): boolean {
	return !quick && hasCores(machine) && !isBusy(machine);
}

/** What a reader has to know before any figure. */
function notes({ machine, quick, failed }: Report): string[] {
	return [
		isBusy(machine)
			? "**The machine was busy with other work: these figures are a look, not a measurement.**"
			: "",
		hasCores(machine) ? "" : "**One core for all processes: these figures are a look, not a measurement.**",
		quick ? "**A quick run: few and short rounds, in which starting up has its part.**" : "",
		...failed.map(({ title, reason }) => `**Failed, and is not shown: ${title}: ${reasonOf(reason)}.**`),
	].filter((note) => note !== "");
}

export function markdown(report: Report): string {
	const { machine, command, date, results, curves, costs } = report;
	// Who is missing for one reason in many places is named once.
	const absent = new Map<string, string[]>();
	for (const { name, missing } of [...results, ...curves]) {
		for (const { name: who, reason } of missing) {
			const what = `${who}: ${reasonOf(reason)}`;
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

/** The document in two parts, before and after what is between its marks. */
function partsOf(path: string): [string, string] {
	const document = readFileSync(path, "utf8");
	const begin = document.indexOf(BEGIN);
	const end = document.indexOf(END);
	if (begin < 0 || end < begin) throw new Error(`${path} has no ${BEGIN} and ${END}`);
	return [document.slice(0, begin + BEGIN.length), document.slice(end)];
}

/** @throws where `putBetweenMarks` would */
export function checkMarks(path: string): void {
	partsOf(path);
}

/** Puts `text` between the two marks of a document. One that can't be written stays as it was. */
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
