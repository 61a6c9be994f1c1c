/**
 * Crash points: a participant dies before each of its writes to memory, in every scenario, and another one
 * recovers. Stopping points: a participant is stopped before each of its accesses, another one continues, and
 * the first then continues or dies. The shipped core runs, with a call before each access.
 */
import {
	FENCED,
	INTENT_NONE,
	NOT_FOUND,
	OK,
	SLOT_BYTES,
	SLOT_INTENT,
	SLOTS,
	SLOTS_START,
	SPAN_BYTES,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { type Grade, verify } from "../../src/verify/index.js";
import {
	dropAll,
	expect,
	grab,
	Held,
	type HeldBlock,
	hold,
	type Play,
	type Scenario,
	type Stage,
} from "./scenarios/stage.js";
import { type CoreModule, type Hooks, type Participant, type Snapshot, shipped, World } from "./world.js";

/** The bytes to mark in a block that is allocated only to see whether that works. */
const MARKED = 64;

/** What happens at a point: the victim dies; is stopped and continues; or is stopped and then dies. */
export type Fate = "dies" | "stops" | "stops and dies";

/** What the other participant does while the victim is stopped. */
export const intrusions = {
	/** What the scenario prescribes. */
	joins: (_stage: Stage, play: Play) => play.intrude?.(),
	/** Takes all memory, and keeps it. */
	grabs: (stage: Stage) => {
		grab(stage, SPAN_BYTES);
		grab(stage, 4000);
	},
	/** Takes all memory and gives it back, which dismantles every empty slab. */
	churns: (stage: Stage) => {
		const before = new Map(stage.held);
		for (const bytes of [SPAN_BYTES, 4000, 64, 2000]) {
			for (let i = 0; i < 300 && hold(stage, bytes) !== 0; i++);
			for (const [block, { bytes: length, mark }] of stage.held) {
				if (before.has(block)) continue;
				expect(stage.world.bytes[block + length - 1] === mark, "somebody wrote into a held block");
				expect(stage.other.free(block) === OK, "a held block could not be freed");
				stage.held.delete(block);
			}
		}
	},
};

export type Intrusion = keyof typeof intrusions;

/** A scenario on its stage, to be played again and again. */
export class Rehearsal {
	readonly stage: Stage;
	readonly play: Play;
	readonly #snapshot: Snapshot;
	readonly #held: [number, HeldBlock][];

	constructor(scenario: Scenario, hooks: Hooks, core = shipped) {
		const world = new World(scenario.spans, core, scenario.bulk);
		const other = world.participant(0);
		const victim = world.participant(1, hooks);
		this.stage = { world, other, victim, held: new Held(world.spans) };
		this.play = scenario.prepare(this.stage);
		this.#snapshot = world.snapshot();
		this.#held = [...this.stage.held];
		world.forget();
	}

	/** Restores the state before the act. */
	reset(): void {
		this.stage.world.restore(this.#snapshot);
		this.play.reset?.();
		this.stage.held.clear();
		for (const [block, what] of this.#held) this.stage.held.set(block, what);
	}

	/** Checks the invariants. */
	#verify(grade: Grade): void {
		if (this.play.spoils) return;
		const [finding] = verify(this.stage.world.bytes, grade);
		if (finding !== undefined) throw new Error(`${finding.invariant}: ${finding.text}`);
	}

	/** True if a third participant was stopped or died in the middle of something, and nobody has recovered from it. */
	#isLeftHalfDone(): boolean {
		const { words } = this.stage.world;
		for (let slot = 0; slot < SLOTS; slot++) {
			if (words[(SLOTS_START + slot * SLOT_BYTES + SLOT_INTENT) >> 2] !== INTENT_NONE && slot > 2)
				return true;
		}
		return false;
	}

	/** Recovers from the victim, checks everything, and gives everything back. Returns how many bytes are still used. */
	settle(helper?: Participant): number {
		const { stage, play } = this;
		const { other, victim, world } = stage;
		this.#verify("always");
		if (helper !== undefined)
			expect(other.recover(helper.slot).status === OK, "the helper was not recovered");
		const { status } = other.recover(victim.slot);
		expect(status === OK || status === NOT_FOUND, `recovering gave ${status}`);
		expect(other.recover(victim.slot).status === NOT_FOUND, "recovering twice found something");
		this.#verify(this.#isLeftHalfDone() ? "always" : "atRest");
		expect(victim.core.allocate(victim.me, 64) >>> 0 === FENCED, "the dead could allocate");
		expect(!world.owns(victim.slot + 1), "the dead still own blocks");
		expect(world.unbacked() === -1, `span ${world.unbacked()} counts as one with pages, and has none`);
		dropAll(stage);
		play.verify?.();
		const used = other.core.used();
		expect(used === 0 || world.hasNames(), `nothing has a name, but ${used} bytes are used`);
		const next = world.participant(victim.slot);
		expect(next.me !== victim.me && next.me >= STATUS_LIMIT, "the slot can't be used again");
		const block = next.allocate(100);
		expect(block < STATUS_LIMIT || next.free(block) === OK, "the next one in the slot can't free");
		other.recover(victim.slot);
		const empty = world.emptySpans();
		const spans = grab(stage, SPAN_BYTES, MARKED);
		expect(spans === empty, `${empty} spans are free, and ${spans} could be had`);
		dropAll(stage);
		const blocks = grab(stage, 4000, MARKED);
		expect(blocks >= spans * 16, `${spans} spans are free, but only ${blocks} blocks`);
		dropAll(stage);
		expect(other.core.used() === used, "what was allocated did not come back");
		return used;
	}
}

/** Points 1 to `last`: all of them, or about `limit` in the middle, and `limit` at either end. */
export function* pointsUpTo(last: number, limit: number): Generator<number> {
	const step = Math.max(1, (last - 2 * limit) / limit);
	let next = 1;
	for (let point = 1; point <= last; point++) {
		if (point > limit && point <= last - limit && point < next) continue;
		yield point;
		next = point + step;
	}
}

export interface Outcome {
	/** How many points were tried, and how many there are. */
	tried: number;
	points: number;
	failures: string[];
}

export interface Sweep {
	fate: Fate;
	intrusion?: Intrusion;
	/** About how many points of each scenario to try. */
	limit?: number;
	/** Damages what recovery needs before it begins: the checks must notice. */
	sabotage?: (stage: Stage) => void;
	/** Lets the recoverer die too, before each of this many of its writes. */
	again?: number;
	/** A core to use instead of the shipped one. */
	core?: CoreModule;
}

/** Tries a scenario at every point. */
export function sweep(
	scenario: Scenario,
	{ fate, intrusion, limit = 1e9, again = 0, sabotage, core = shipped }: Sweep,
): Outcome {
	const rehearsal = new Rehearsal(scenario, fate === "dies" ? "writes" : "accesses", core);
	const { stage, play } = rehearsal;
	const { victim } = stage;
	const outcome: Outcome = { tried: 0, points: 0, failures: [] };
	const fail = (at: string, error: unknown) => {
		const { name } = scenario;
		const what = error instanceof Error ? error.message : String(error);
		outcome.failures.push(
			`${name}, ${fate}${intrusion ? ` while another ${intrusion}` : ""} at ${at}: ${what}`,
		);
	};

	victim.crashesAt(0, () => play.act());
	outcome.points = victim.accesses;
	const expected = rehearsal.settle();
	for (const point of pointsUpTo(outcome.points + 1, limit)) {
		outcome.tried++;
		rehearsal.reset();
		try {
			if (fate === "dies") victim.crashesAt(point, () => play.act());
			else stopAt(stage, play, point, intrusion ?? "joins", fate === "stops and dies");
			sabotage?.(stage);
			const used = rehearsal.settle();
			expect(used === expected, `${used} bytes are used, not ${expected}`);
		} catch (error) {
			fail(`point ${point} of ${outcome.points}`, error);
		}
		if (again > 0) outcome.tried += recoverAgain(rehearsal, point, again, expected, fail);
	}
	return outcome;
}

/** Stops the victim before an access, lets the other do something, and then lets the victim continue or die. */
export function stopAt(stage: Stage, play: Play, point: number, intrusion: Intrusion, dies: boolean): void {
	const { victim } = stage;
	class Death extends Error {}
	victim.accesses = 0;
	victim.onAccess = (access) => {
		if (access !== point) {
			if (access > 1e6) throw new Error("the victim goes on without end");
			return;
		}
		intrusions[intrusion](stage, play);
		if (dies) throw new Death();
	};
	try {
		play.act();
	} catch (error) {
		if (!(error instanceof Death)) throw error;
	} finally {
		victim.onAccess = undefined;
	}
}

/** The victim dies at `point`; its recoverer dies at each of its writes in turn; a third participant finishes. */
function recoverAgain(
	rehearsal: Rehearsal,
	point: number,
	limit: number,
	expected: number,
	fail: (at: string, error: unknown) => void,
): number {
	const { stage, play } = rehearsal;
	const helper = stage.world.participant(2, "writes");
	const die = () => {
		rehearsal.reset();
		stage.victim.crashesAt(point, () => play.act());
		helper.join();
	};
	die();
	helper.crashesAt(0, () => void helper.recover(stage.victim.slot));
	const writes = helper.accesses;
	let tried = 0;
	for (const write of pointsUpTo(writes, limit)) {
		tried++;
		try {
			die();
			helper.crashesAt(write, () => void helper.recover(stage.victim.slot));
			const used = rehearsal.settle(helper);
			expect(used === expected, `${used} bytes are used, not ${expected}`);
		} catch (error) {
			fail(`point ${point}, then recovery at ${write} of ${writes}`, error);
		}
	}
	return tried;
}
