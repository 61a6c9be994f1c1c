/**
 * Schedules of two programs: all with up to a number of preemptions, as in CHESS (Musuvathi and others, OSDI 2008), and
 * random ones. A schedule says where the running program is stopped and the other continues. At the end of one, the
 * other continues anyway.
 *
 * Of schedules that differ only in the order of accesses to different places, or of reads, only one is run
 * (Godefroid, Partial-Order Methods for the Verification of Concurrent Systems, 1996).
 */
import { type Snapshot, World } from "../crash-points/world.js";
import type { Program, Stepper, Steppers, Trace } from "./stepper.js";

/** Two programs over one region, and what must hold when both have ended. */
export interface Pair {
	name: string;
	/** Prepares the region. The programs are created again for each schedule. */
	prepare(world: World): Setting;
}

export interface Setting {
	programs: [() => Program, () => Program];
	/** Throws if something is wrong. */
	check(): void;
}

/** A failure, and the schedule that reproduces it. */
export interface Failure {
	pair: string;
	schedule: string;
	message: string;
}

export interface Findings {
	/** The schedules that were run. */
	schedules: number;
	/** The schedules that these stand for. */
	covered: number;
	/** The largest number of accesses that the two made together. */
	accesses: number;
	failures: Failure[];
}

/** The spans of the region: few, because it is restored before each schedule. */
const SPANS = 12;
/** The bulk spans of the region. */
export const BULK = 4;

/** The accesses of the last program that ran before its end: the other one could have come before any of them. */
interface Run {
	trace: Trace;
	failed: boolean;
}

/** A pair of programs that is ready to be run by many schedules. */
export class Race {
	readonly #pair: Pair;
	readonly #world = new World(SPANS, undefined, BULK);
	readonly #setting: Setting;
	readonly #steppers: [Stepper, Stepper];
	readonly #pristine: Snapshot;
	/** For each byte, the mark of the trace that last read or wrote it, and of the one that last wrote it. */
	readonly #touched: Uint32Array;
	readonly #written: Uint32Array;
	#marks = 0;
	#reduced = true;
	/** Called after each run, before it is checked. */
	onEnd: ((memory: Uint8Array) => void) | undefined;
	readonly findings: Findings = { schedules: 0, covered: 0, accesses: 0, failures: [] };

	constructor(pair: Pair, steppers: Steppers) {
		this.#pair = pair;
		this.#setting = pair.prepare(this.#world);
		this.#steppers = [steppers.in(this.#world, 0), steppers.in(this.#world, 1)];
		this.#pristine = this.#world.snapshot();
		this.#touched = new Uint32Array(this.#world.memory.buffer.byteLength);
		this.#written = new Uint32Array(this.#world.memory.buffer.byteLength);
	}

	/**
	 * Runs program `first` for the first number of accesses, then the other for the next number, and so on; then the next
	 * one to its end, and then the other. Returns the accesses of that next one, if `recorded`.
	 */
	run(first: 0 | 1, stretches: readonly number[], recorded = true): Run {
		const { programs, check } = this.#setting;
		this.#world.restore(this.#pristine);
		const [one, two] = this.#steppers;
		one.begin(programs[0]());
		two.begin(programs[1]());
		const last = this.#steppers[(first + stretches.length) % 2 === 0 ? 0 : 1];
		let turn = first;
		let failed = false;
		this.findings.schedules++;
		this.findings.covered++;
		try {
			for (const stretch of stretches) {
				this.#steppers[turn].run(stretch);
				turn = turn === 0 ? 1 : 0;
			}
			if (recorded) last.record();
			last.run(Number.POSITIVE_INFINITY);
			this.#steppers[turn === 0 ? 1 : 0].run(Number.POSITIVE_INFINITY);
			this.onEnd?.(this.#world.bytes);
			check();
		} catch (error) {
			failed = true;
			this.findings.failures.push({
				pair: this.#pair.name,
				schedule: `${first}: ${stretches.join(" ")}`,
				message: error instanceof Error ? error.message : String(error),
			});
		}
		this.findings.accesses = Math.max(this.findings.accesses, one.accesses + two.accesses);
		return { trace: last.recorded(), failed };
	}

	/** Marks the bytes that this trace accesses. */
	#mark({ ranges }: Trace): void {
		const mark = ++this.#marks;
		for (let i = 0; i < ranges.length; i += 3) {
			const [at, bytes, writes] = [ranges[i], ranges[i + 1], ranges[i + 2]] as [number, number, number];
			this.#touched.fill(mark, at, at + bytes);
			if ((writes & 1) === 1) this.#written.fill(mark, at, at + bytes);
		}
	}

	/** True if the access can change places with the trace that was marked last. */
	#isIndependent({ ranges, starts }: Trace, access: number): boolean {
		const until = starts[access + 1] ?? ranges.length;
		for (let i = starts[access] as number; i < until; i += 3) {
			const [at, bytes, writes] = [ranges[i], ranges[i + 1], ranges[i + 2]] as [number, number, number];
			const marked = (writes & 1) === 1 ? this.#touched : this.#written;
			for (let byte = at; byte < at + bytes; byte++) if (marked[byte] === this.#marks) return false;
		}
		return true;
	}

	/**
	 * Runs all schedules with up to this many preemptions; stops after `enough` failures.
	 *
	 * @param reduced false to run also those that another stands for
	 */
	exhaust(preemptions: number, enough = 3, reduced = true): void {
		this.#reduced = reduced;
		for (const first of [0, 1] as const) this.#explore(first, [], this.run(first, []), preemptions, enough);
	}

	/** Runs all schedules that begin like this one, which was run, and counts them with it. */
	#explore(first: 0 | 1, stretches: number[], { trace, failed }: Run, left: number, enough: number): number {
		if (left === 0 || failed) return 1;
		const { findings } = this;
		const last = trace.starts.length;
		let covered = 1;
		// Stopping it before its first access is the schedule in which the other ran on, except at the beginning.
		for (let stretch = stretches.length === 0 ? 0 : 1; stretch < last; stretch++) {
			if (findings.failures.length >= enough) break;
			const run = this.run(first, [...stretches, stretch]);
			const from = stretch;
			this.#mark(run.trace);
			if (this.#reduced && !run.failed)
				while (stretch < last && this.#isIndependent(trace, stretch)) stretch++;
			// If it may as well run to its end, all that follows is the same as without stopping it.
			const each =
				stretch === last ? 1 : this.#explore(first, [...stretches, stretch], run, left - 1, enough);
			const alike = Math.min(stretch, last - 1) - from + 1;
			covered += each * alike;
			findings.covered += each * (alike - 1);
		}
		return covered;
	}

	/** Runs random schedules with up to this many preemptions each. */
	wander(count: number, random: (below: number) => number, preemptions = 12, enough = 3): void {
		for (let i = 0; i < count && this.findings.failures.length < enough; i++) {
			const stretches = Array.from(
				{ length: 1 + random(preemptions) },
				() => 1 + random(random(40) === 0 ? 400 : 24),
			);
			this.run(random(2) as 0 | 1, stretches, false);
		}
	}
}

/** The number of preemptions that are tried exhaustively for this many accesses, however long it takes. */
function preemptionsFor(accesses: number): number {
	if (accesses <= 60) return 3;
	return accesses <= 600 ? 2 : 1;
}

/**
 * Runs all schedules of a pair with as many preemptions as its accesses allow, and with more if one more is likely to
 * take at most `budget` schedules; but not with more than `most`. Stops after `enough` failures.
 */
export function exhaust(
	pair: Pair,
	steppers: Steppers,
	most: number,
	budget = 0,
	enough = 3,
): { race: Race; preemptions: number } {
	let before = 1;
	for (let preemptions = 1; ; preemptions++) {
		const race = new Race(pair, steppers);
		race.exhaust(preemptions, enough);
		const { schedules, accesses, failures } = race.findings;
		const isEnough = preemptions >= preemptionsFor(accesses) && (schedules * schedules) / before > budget;
		if (failures.length > 0 || isEnough || preemptions >= most) return { race, preemptions };
		before = schedules;
	}
}

/** Numbers from 0 up to `below`, the same for the same seed (xorshift32, Marsaglia 2003). */
export function randomFrom(seed: number): (below: number) => number {
	let state = seed | 1;
	return (below) => {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		return (state >>> 0) % below;
	};
}
