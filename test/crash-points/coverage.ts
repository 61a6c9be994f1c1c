/** How much of the core the scenarios reach: which exports they call, and which writes they perform. */
import type { Core } from "../../src/core/core.js";
import { type Intrusion, pointsUpTo, Rehearsal, stopAt } from "./crash-points.js";
import type { Scenario } from "./scenarios/stage.js";
import { shipped, World } from "./world.js";

export interface Coverage {
	/** Exports that no participant called that could be stopped or die. */
	uncalled: Set<string>;
	/** The numbers of the writes that were not performed. */
	unreached: Set<number>;
}

/** The writes that make a region. No other participant sees the region before it has its name. */
export function reachedByFormatting(): Set<number> {
	const world = new World();
	const { core } = world.participant(0, "writes");
	world.forget();
	core.format(world.spans, 1, 2, 0, 1);
	return new Set([...world.reached.keys()].filter((site) => world.reached[site] === 1));
}

/**
 * Writes that no state leads to, by the export that has them and their number in it: copies of `touch` in
 * functions that other code calls for memory that it has touched already.
 */
const exceptions: readonly [keyof Core, number][] = [
	// In the reference beside which another is added. It belongs to the caller, who touched its span when it made the
	// share, added this reference, or took it out of a message. Spans of shares are never given back, so it is still touched.
	["addReference", 0],
	// In the object that is pinned. It belongs to the caller, who touched its span when it allocated it. Spans of objects
	// are never given back either.
	["construct", 6],
];

/** The numbers of those writes. */
export function unreachable(): number[] {
	const { core } = new World();
	return exceptions.map(([name, nth]) => {
		// A function's name is its index, because the core imports no functions.
		const index = Number(core[name].name);
		const own = [...shipped.sites.keys()].filter((site) => shipped.sites[site]?.function === index);
		return own[nth] as number;
	});
}

/** Plays the scenario without checking the outcome, which the sweeps do. */
function playOut(body: () => void): void {
	try {
		body();
	} catch {}
}

/** Plays the scenario, where `victim` dies and is recovered from, at about `limit` points. */
function playDying(scenario: Scenario, limit: number): World {
	const rehearsal = new Rehearsal(scenario, "writes");
	const { play, stage } = rehearsal;
	const { victim, world } = stage;
	const recoverer = world.participant(2, "writes");
	victim.crashesAt(0, () => play.act());
	for (const point of pointsUpTo(victim.accesses, limit)) {
		rehearsal.reset();
		recoverer.join();
		playOut(() => victim.crashesAt(point, () => play.act()));
		recoverer.recover(victim.slot);
	}
	return world;
}

/** Plays the scenario, where `victim` is stopped, at about `limit` points. */
function playStopped(scenario: Scenario, limit: number, intrusion: Intrusion): World {
	const rehearsal = new Rehearsal(scenario, "accesses");
	const { play, stage } = rehearsal;
	stage.victim.crashesAt(0, () => play.act());
	for (const point of pointsUpTo(stage.victim.accesses, limit)) {
		rehearsal.reset();
		playOut(() => stopAt(stage, play, point, intrusion, false));
	}
	return stage.world;
}

/** Plays scenarios in all ways until everything is reached, and returns what no scenario calls or reaches. */
export function coverageOf(scenarios: readonly Scenario[], limit: number): Coverage {
	const exported = WebAssembly.Module.exports(shipped.plain).filter(({ kind }) => kind === "function");
	const uncalled = new Set(exported.map(({ name }) => name));
	const unreached = new Set(shipped.sites.keys());
	const ways = [
		(scenario: Scenario) => playDying(scenario, limit),
		(scenario: Scenario) => playStopped(scenario, limit, "joins"),
		(scenario: Scenario) => playStopped(scenario, limit, "churns"),
	];
	uncalled.delete("format");
	const byFormatting = reachedByFormatting();
	for (const site of byFormatting) unreached.delete(site);
	for (const way of ways) {
		for (const scenario of scenarios) {
			if (uncalled.size === 0 && unreached.size === 0) break;
			const { called, reached } = way(scenario);
			for (const name of called) uncalled.delete(name);
			for (const site of unreached) if (reached[site] === 1) unreached.delete(site);
		}
	}
	return { uncalled, unreached };
}
