/** What of the core the scenarios reach: which exports they call, and which of its writes come about in them. */
import type { Core } from "../../src/core/core.js";
import { type Intrusion, pointsUpTo, Rehearsal, stopAt } from "./crash-points.js";
import type { Scenario } from "./scenarios/stage.js";
import { shipped, World } from "./world.js";

export interface Coverage {
	/** Exports that nobody called who could be stopped or die. */
	uncalled: Set<string>;
	/** Numbers of the writes that did not come about. */
	unreached: Set<number>;
}

/** The writes that come about when a region is made. Nobody sees it before it has its name. */
export function reachedByFormatting(): Set<number> {
	const world = new World();
	const { core } = world.participant(0, "writes");
	world.forget();
	core.format(world.spans, 1, 2, 0);
	return new Set([...world.reached.keys()].filter((site) => world.reached[site] === 1));
}

/**
 * Writes that no state leads to, by the export that has them and their number among its own: copies of `touch`, in
 * functions that others call for what they have touched.
 */
const exceptions: readonly [keyof Core, number][] = [
	// Of the reference beside which another is added. It is the caller's, who touched its span when it made the share,
	// added this one, or took it out of a message; and spans of shares are never given back, so it is touched still.
	["addReference", 0],
	// Of the object's pin. The object is the caller's, who touched its span when it allocated it; and spans of objects
	// are never given back either.
	["construct", 6],
];

/** The numbers of those writes. */
export function unreachable(): number[] {
	const { core } = new World();
	return exceptions.map(([name, nth]) => {
		// A function's name is its index, and the core imports none.
		const index = Number(core[name].name);
		const own = [...shipped.sites.keys()].filter((site) => shipped.sites[site]?.function === index);
		return own[nth] as number;
	});
}

/** Plays without looking at what comes of it; that is the sweep's. */
function playOut(body: () => void): void {
	try {
		body();
	} catch {}
}

/** Plays the scenario with `victim` dying and being recovered from, at `limit` points or so. */
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

/** Plays the scenario with `victim` being stopped, at `limit` points or so. */
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

/** What no scenario calls or reaches, played in all ways; until there is nothing left. */
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
