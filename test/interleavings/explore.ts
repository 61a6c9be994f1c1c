/**
 * Schedules of two programs: all with up to so many preemptions, as in CHESS (Musuvathi and others, OSDI 2008), and
 * random ones. A schedule is where the running program is stopped and the other goes on; at the end of one, the other
 * goes on anyway.
 */
import { World } from "../allocator/world.js";
import type { Program, Stepper, Steppers } from "./stepper.js";

/** Two programs over one region, and what must hold when both have ended. */
export interface Pair {
	name: string;
	/** Prepares the region. The programs are made anew for each schedule. */
	prepare(world: World): Setting;
}

export interface Setting {
	programs: [() => Program, () => Program];
	/** Throws if something is not as it must be. */
	check(): void;
}

/** A failure, and the schedule that finds it again. */
export interface Failure {
	pair: string;
	schedule: string;
	message: string;
}

export interface Findings {
	schedules: number;
	/** The most accesses that the two made together. */
	accesses: number;
	failures: Failure[];
}

/** Spans in the region: small, for it is put back before each schedule. */
const SPANS = 12;

/** A pair that is ready to be run by one schedule after the other. */
export class Race {
	readonly #pair: Pair;
	readonly #world = new World(SPANS);
	readonly #setting: Setting;
	readonly #steppers: [Stepper, Stepper];
	readonly #pristine: Uint8Array;
	readonly findings: Findings = { schedules: 0, accesses: 0, failures: [] };

	constructor(pair: Pair, steppers: Steppers) {
		this.#pair = pair;
		this.#setting = pair.prepare(this.#world);
		this.#steppers = [steppers.in(this.#world, 0), steppers.in(this.#world, 1)];
		this.#pristine = this.#world.snapshot();
	}

	/**
	 * Runs program `first` for the first number of accesses, then the other for the next, and so on; the last one to
	 * the end, and then the other. How many accesses that last one made before its end.
	 */
	run(first: 0 | 1, stretches: readonly number[]): number {
		const { programs, check } = this.#setting;
		this.#world.restore(this.#pristine);
		const [one, two] = this.#steppers;
		one.begin(programs[0]());
		two.begin(programs[1]());
		let turn = first;
		let last = 0;
		this.findings.schedules++;
		try {
			for (const stretch of stretches) {
				this.#steppers[turn].run(stretch);
				turn = turn === 0 ? 1 : 0;
			}
			const runner = this.#steppers[turn];
			const before = runner.accesses;
			runner.run(Number.POSITIVE_INFINITY);
			last = runner.accesses - before;
			this.#steppers[turn === 0 ? 1 : 0].run(Number.POSITIVE_INFINITY);
			check();
		} catch (error) {
			this.findings.failures.push({
				pair: this.#pair.name,
				schedule: `${first}: ${stretches.join(" ")}`,
				message: error instanceof Error ? error.message : String(error),
			});
		}
		this.findings.accesses = Math.max(this.findings.accesses, one.accesses + two.accesses);
		return last;
	}

	/** All schedules with up to so many preemptions; ends early after `enough` failures. */
	exhaust(preemptions: number, enough = 3): void {
		const explore = (first: 0 | 1, stretches: number[], left: number) => {
			const last = this.run(first, stretches);
			if (left === 0) return;
			// To stop it before its first access is the schedule in which the other ran on, unless it is the beginning.
			for (let stretch = stretches.length === 0 ? 0 : 1; stretch < last; stretch++) {
				if (this.findings.failures.length >= enough) return;
				explore(first, [...stretches, stretch], left - 1);
			}
		};
		explore(0, [], preemptions);
		explore(1, [], preemptions);
	}

	/** Random schedules, with up to so many preemptions each. */
	wander(count: number, random: (below: number) => number, preemptions = 12, enough = 3): void {
		for (let i = 0; i < count && this.findings.failures.length < enough; i++) {
			const stretches = Array.from(
				{ length: 1 + random(preemptions) },
				() => 1 + random(random(40) === 0 ? 400 : 24),
			);
			this.run(random(2) as 0 | 1, stretches);
		}
	}
}

/** As many preemptions as can be tried exhaustively for so many accesses. */
export function preemptionsFor(accesses: number): number {
	if (accesses <= 60) return 3;
	return accesses <= 600 ? 2 : 1;
}

/** Numbers from 0 to below `below`, the same for the same seed (xorshift32, Marsaglia 2003). */
export function randomFrom(seed: number): (below: number) => number {
	let state = seed | 1;
	return (below) => {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		return (state >>> 0) % below;
	};
}
