/** What a measure is, and how it is taken: contenders in turn, round by round. */
import type { Scratch } from "./scratch.js";

/** What a round does. */
export interface Job {
	/** Messages, records, round trips or operations. */
	count: number;
	/** The number of the one whose data is spoilt on purpose, so that the check must fail; -1 for none. */
	spoilt: number;
	/** What a growth curve varies: bytes in a message, queues, … */
	size: number;
}

/** Something that was started and can be asked for rounds. */
export interface Running {
	/** Does the job, checks what comes of it, and gives the figure. Throws if anything is wrong. */
	round(job: Job): Promise<number>;
	stop(): Promise<void>;
}

/**
 * What is compared: `dhmem`; a `peer`, whose figure the ratio is to; a `floor`, what the machine itself takes; or
 * something `beside` them, which is worth seeing but is not what the aim is about.
 */
export type Role = "dhmem" | "peer" | "floor" | "beside";

export interface Contender {
	readonly name: string;
	readonly role: Role;
	/** Of a full round. */
	readonly count: number;
	readonly size?: number;
	/** @throws Missing where what it needs is not there */
	start(scratch: Scratch): Promise<Running>;
}

/** What is aimed at: of the ratio of dhmem's figure to the peer's, or of dhmem's figure itself. */
export interface Aim {
	of: "ratio" | "figure";
	atLeast?: number;
	atMost?: number;
}

export interface Measure {
	/** As `--only` takes it. */
	readonly name: string;
	readonly title: string;
	/** Its title in the README, which shows only the measures that have one. */
	readonly short?: string;
	/** Of the figures. */
	readonly unit: string;
	/** Which figure is the better one. */
	readonly better: "more" | "less";
	readonly aim: Aim;
	/** The peer that the ratio is to is the one to which dhmem's ratio is worst. */
	readonly contenders: readonly Contender[];
	/** The most rounds, where one takes long. */
	readonly rounds?: number;
	/** What counts are divided by in a quick run, if it is more than usual. */
	readonly quick?: number;
	/** What the figure leaves out, for readers. */
	readonly leavesOut: string;
}

/** Why a contender takes no part. */
export class Missing extends Error {}

/** One contender's figures. */
export interface Figure {
	name: string;
	role: Role;
	median: number;
	/** The least and the largest round. */
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
	/** Contenders that took no part, and why. */
	missing: readonly { name: string; reason: string }[];
	/**
	 * To the peer to which it is worst, round by round: only this means anything on another machine. `runs` has each
	 * run's own.
	 */
	ratio?: { to: string; median: number; least: number; most: number; runs: readonly number[] };
	/** Undefined if the peer is missing. */
	reached?: boolean;
}

/** How much of a measure is taken. */
export interface Scale {
	rounds: number;
	/** Takes fewer and shorter rounds: a look, not a measurement. */
	quick: boolean;
}

/** Milliseconds after which a round has failed: a hang is to be seen, not waited for. */
export const DEADLINE = 300_000;
/** What the counts of a quick run are divided by. */
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

/** The count of a round, never so few that a rate has nothing to count from. */
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

/** What contenders gave, and which took no part. */
export interface Taken {
	figures: readonly Figure[];
	missing: readonly { name: string; reason: string }[];
}

/**
 * Asks all contenders in turn, round by round, so that all meet the same weather: with where the cores happen to sit,
 * the same program's rate varies by a factor of several. The first round warms up and is not counted. A peer that is
 * missing or fails takes no part, and the result says so; dhmem's own failure is thrown.
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
					if (!Number.isFinite(figure)) throw new Error(`${count} came all at once: nothing to count from`);
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

/** What runs of a measure gave, one after another. Who failed in one of them takes no part in the result. */
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
	if (ours?.role !== "dhmem") throw new Error(`Measure ${measure.name} has no figure of dhmem's`);
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
