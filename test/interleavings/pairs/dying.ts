/** A participant that died in the middle of something, and one that recovers from it. */
import { MORE, NOT_FOUND, OK } from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { allocate, expect, free, pair, type Scene, type Stage } from "../stage.js";
import type { Program } from "../stepper.js";

/** A size class with few blocks in a span. */
export const LARGE = 30_000;

export const NAME = "n0";

export const NONCE = [11, 12] as const;

/** Lets `who` die this many writes before the end of `body`; with 0, it has done all of it. */
export function kill(who: Participant, before: number, body: () => void): void {
	const { world } = who;
	const pristine = world.snapshot();
	who.crashesAt(0, body);
	const writes = who.accesses;
	world.restore(pristine);
	who.crashesAt(Math.max(writes - before, 0) + 1, body);
}

/** Recovers from the participant in a slot, as the host does. */
export function* recover(slot: number): Program {
	let status: number;
	do status = yield ["recover", slot];
	while (status === MORE);
	expect(status === OK, `recovering gave ${status}`);
}

/** What the dead and the living participant do, and what is checked. */
interface Plot {
	/** What the dead participant did last. */
	dying(): void;
	living(who: Participant): Program;
	reset?(): void;
	check?(): void;
	tidy?(): void;
}

/** `a` recovers from a participant that died this many writes before it was done, while `b` does something. */
export function dead(
	name: string,
	points: readonly number[],
	plot: (stage: Stage, dead: Participant) => Plot,
): Pair[] {
	return points.map((before) =>
		pair(`recover from one that died ${before} writes before the end of ${name}`, (stage): Scene => {
			const victim = stage.world.participant(3, "writes");
			const { dying, living, reset, check, tidy } = plot(stage, victim);
			kill(victim, before, dying);
			return {
				a: () => recover(victim.slot),
				b: () => living(stage.b),
				...(reset && { reset }),
				check: () => {
					check?.();
					expect(stage.observer.recover(victim.slot).status === NOT_FOUND, "the dead one is there still");
					expect(!stage.world.owns(victim.slot + 1), "the dead one owns blocks still");
				},
				...(tidy && { tidy }),
			};
		}),
	);
}

export function* use(who: Participant, bytes: number): Program {
	yield* free(who, yield* allocate(who, bytes, 2), bytes, 2);
}
