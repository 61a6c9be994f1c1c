/** Measures: how they are described, and how they are taken, with contenders by turns, round by round. */
import type { Scratch } from "./scratch.js";

/** The work of one round. */
export interface Job {
	/** The number of messages, records, round trips or operations. */
	count: number;
	/** The index of an item that is corrupted on purpose, so that the check must fail; -1 for none. */
	spoilt: number;
	/** The quantity that a curve varies: bytes in a message, the number of queues, … */
	size: number;
}

/** A contender that was started and can do rounds. */
export interface Running {
	/** Does the job, checks the data, and returns the figure. Throws if anything is wrong. */
	round(job: Job): Promise<number>;
	stop(): Promise<void>;
}

/**
 * The role of a contender: `dhmem` itself; a `peer`, to whose figure the ratio is; a `floor`, which shows
 * what the machine itself takes; or `beside`, for a figure that is worth seeing but has no part in the aim.
 */
export type Role = "dhmem" | "peer" | "floor" | "beside";

export interface Contender {
	readonly name: string;
	readonly role: Role;
	/** The count of a full round. */
	readonly count: number;
	readonly size?: number;
	/** True if `npm run bench:peers` doesn't make it. */
	readonly apart?: boolean;
	/** @throws Missing if something that it needs is not installed */
	start(scratch: Scratch): Promise<Running>;
}

/**
 * The aim of a measure: a bound for the ratio of dhmem's figure to the peer's, or for dhmem's figure itself.
 */
export interface Aim {
	of: "ratio" | "figure";
	atLeast?: number;
	atMost?: number;
}

export interface Measure {
	/** The name for `--only`. */
	readonly name: string;
	readonly title: string;
	/** The title in the README, which shows only the measures that have one. */
	readonly short?: string;
	/** The unit of the figures. */
	readonly unit: string;
	/** The direction in which figures improve: more or less. */
	readonly better: "more" | "less";
	readonly aim: Aim;
	/** The contenders, dhmem first. The ratio is to the peer with which dhmem compares worst. */
	readonly contenders: readonly Contender[];
	/** The largest number of rounds, for a measure whose rounds take long. */
	readonly rounds?: number;
	/** The divisor of counts in a quick run, if it is larger than usual. */
	readonly quick?: number;
	/** A sentence for readers about what the figure leaves out. */
	readonly leavesOut: string;
}

/** The reason why a contender takes no part. */
export class Missing extends Error {}

/** One contender's figures. */
export interface Figure {
	name: string;
	role: Role;
	median: number;
	/** The figures of the least and the largest round. */
	least: number;
	most: number;
	rounds: readonly number[];
}

export interface Result {
	name: string;
	title: string;
	short?: string;
	unit: string;
	better: "more" | "less";
	aim: Aim;
	leavesOut: string;
	figures: readonly Figure[];
	/** The contenders that took no part, with the reasons. */
	missing: readonly { name: string; reason: string }[];
	/**
	 * The ratio to the peer with which dhmem compares worst, taken round by round. Only ratios mean anything on
	 * another machine. `runs` has the ratio of each run.
	 */
	ratio?: { to: string; median: number; least: number; most: number; runs: readonly number[] };
	/** True if the aim is reached; undefined if the peer is missing. */
	reached?: boolean;
}

/** How long measures take. */
export interface Scale {
	rounds: number;
	/** Fewer and shorter rounds, for a first look and not a measurement. */
	quick: boolean;
}

/** Milliseconds after which a round counts as failed, so that a hang is reported. */
export const DEADLINE = 300_000;
/** The divisor of counts in a quick run. */
export const QUICK = 16;

export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length >> 1;
	const upper = sorted[middle] ?? Number.NaN;
	return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function spread(values: readonly number[]): { median: number; least: number; most: number } {
	return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** Returns the count of a round. It is never so small that a rate can't be measured. */
function scaled(count: number, divisor: number): number {
	return Math.min(count, Math.max(4, Math.floor(count / divisor)));
}

/** A contender that takes part, and its figures so far. */
interface Participant {
	contender: Contender;
	running: Running;
	rounds: number[];
}

function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}

/** The figures of the contenders that took part, and the reasons of those that did not. */
export interface Taken {
	figures: readonly Figure[];
	missing: readonly { name: string; reason: string }[];
}

/**
 * Runs all contenders by turns, round by round, so that all meet the same conditions: depending on where the
 * cores happen to be, the rate of one program varies several-fold. The first round is a warm-up and does not
 * count. A peer that is missing or fails takes no part, and the result says so; a failure of dhmem itself is
 * thrown.
 */
export async function inTurn(
	contenders: readonly Contender[],
	scratch: Scratch,
	rounds: number,
	divisor: number,
): Promise<Taken> {
	const missing: { name: string; reason: string }[] = [];
	let taking: Participant[] = [];
	const drop = (contender: Contender, error: unknown) => {
		if (contender.role === "dhmem") throw error;
		missing.push({ name: contender.name, reason: messageOf(error) });
	};
	try {
		for (const contender of contenders) {
			try {
				taking.push({ contender, running: await contender.start(scratch), rounds: [] });
			} catch (error) {
				drop(contender, error);
			}
		}
		for (let round = 0; round <= rounds; round++) {
			for (const participant of taking) {
				const { contender, running } = participant;
				const count = scaled(contender.count, divisor);
				try {
					const figure = await running.round({ count, spoilt: -1, size: contender.size ?? 0 });
					if (!Number.isFinite(figure)) throw new Error(`all ${count} came at once, so there is no rate`);
					if (figure < 0) throw new Error(`its figure is ${figure}`);
					if (round > 0) participant.rounds.push(figure);
				} catch (error) {
					taking = taking.filter((other) => other !== participant);
					await running.stop();
					drop(contender, error);
				}
			}
		}
	} finally {
		for (const { running } of taking) await running.stop();
	}
	const figures = taking.map(({ contender: { name, role }, rounds }) => ({
		name,
		role,
		...spread(rounds),
		rounds,
	}));
	return { figures, missing };
}

/** Takes a measure once. */
export async function take(measure: Measure, scratch: Scratch, { rounds, quick }: Scale): Promise<Taken> {
	const most = Math.min(rounds, measure.rounds ?? rounds);
	return await inTurn(measure.contenders, scratch, most, quick ? (measure.quick ?? QUICK) : 1);
}

/** Combines the runs of a measure. A contender that failed in one of them takes no part in the result. */
export function resultOf(measure: Measure, runs: readonly Taken[]): Result {
	const { contenders, rounds: _rounds, quick: _quick, ...plain } = measure;
	const reasons = new Map(runs.flatMap(({ missing }) => missing.map(({ name, reason }) => [name, reason])));
	const figures = contenders
		.filter(({ name }) => !reasons.has(name))
		.map(({ name, role }) => {
			const rounds = runs.flatMap((run) => run.figures.find((figure) => figure.name === name)?.rounds ?? []);
			return { name, role, ...spread(rounds), rounds };
		});
	const missing = [...reasons].map(([name, reason]) => ({ name, reason }));
	const [ours] = figures;
	if (ours?.role !== "dhmem") throw new Error(`Measure ${measure.name} has no figure for dhmem`);
	const ratio = ratioOf(measure, ours, figures, runs.length);
	const result = { ...plain, figures, missing, ...(ratio === undefined ? {} : { ratio }) };
	const value = measure.aim.of === "ratio" ? ratio?.median : ours.median;
	return value === undefined ? result : { ...result, reached: isReached(measure.aim, value) };
}

function ratioOf(
	{ better }: Measure,
	ours: Figure,
	figures: readonly Figure[],
	runs: number,
): Result["ratio"] {
	const [worst] = figures
		.filter(({ role }) => role === "peer")
		.map((peer) => {
			const ratios = ours.rounds.map((figure, round) => figure / (peer.rounds[round] ?? Number.NaN));
			return { to: peer.name, ratios, median: median(ratios) };
		})
		.toSorted((a, b) => (better === "more" ? a.median - b.median : b.median - a.median));
	if (worst === undefined) return undefined;
	const { to, ratios } = worst;
	const each = ratios.length / runs;
	const ofRuns = Array.from({ length: runs }, (_, run) => median(ratios.slice(run * each, (run + 1) * each)));
	return { to, ...spread(ratios), runs: ofRuns };
}

function isReached({ atLeast = -Infinity, atMost = Infinity }: Aim, value: number): boolean {
	return value >= atLeast && value <= atMost;
}
