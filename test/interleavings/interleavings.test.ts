import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { coreBytes } from "../crash-points/world.js";
import { isLong, some } from "../fixture/index.js";
import { controls, firstFailure } from "./controls.js";
import { type Pair, Race, randomFrom } from "./explore.js";
import { pairs } from "./pairs/index.js";
import { Steppers } from "./stepper.js";

// `node dist/test/interleavings/main.js` does more: more preemptions, and many more random schedules.

const steppers = new Steppers(coreBytes, isLong());
/** Pairs with at most this many accesses are small enough for two preemptions here. */
const SMALL = 100;
/** The number of random schedules of each pair; fewer if they are long. */
const RANDOM = 60;
const SEED = 20261124;

test("two operations at once, stopped at any access and continued, end as they must", () => {
	for (const pair of some(pairs, 32)) {
		const race = new Race(pair, steppers);
		race.exhaust(1);
		if (race.findings.accesses <= SMALL) race.exhaust(2);
		assert.equal(race.findings.failures, [], pair.name);
	}
});

test("random schedules find no violation either", () => {
	some(pairs, 32, 1).forEach((pair, index) => {
		const race = new Race(pair, steppers);
		race.run(0, []);
		const count = Math.ceil(Math.min(RANDOM, 6_000 / race.findings.accesses));
		race.wander(count, randomFrom(SEED + index));
		assert.equal(race.findings.failures, [], `${pair.name}, seed ${SEED + index}`);
	});
});

/** The states of memory at the end of all schedules, and the number of schedules that were run. */
function outcomes(pair: Pair, preemptions: number, reduced: boolean): { ends: string[]; schedules: number } {
	const race = new Race(pair, steppers);
	const ends = new Set<string>();
	race.onEnd = (memory) => ends.add(createHash("sha1").update(memory).digest("hex"));
	race.exhaust(preemptions, 1, reduced);
	return { ends: [...ends].sort(), schedules: race.findings.schedules };
}

test("skipped schedules end like one that is run", () => {
	const all: [string, number][] = [
		["allocate the last free block, both", 2],
		["come as consumer, both", 2],
		["take an abandoned mutex, both", 2],
		["free what is saved, both", 1],
		["set a key anew, while another reads it", 1],
		["remove and construct anew, while another opens", 1],
	];
	for (const [name, preemptions] of some(all, 6, 3)) {
		const pair = pairs.find((each) => each.name === name);
		assert.ok(pair, name);
		const reduced = outcomes(pair, preemptions, true);
		const whole = outcomes(pair, preemptions, false);
		assert.equal(reduced.ends, whole.ends, name);
		assert.ok(reduced.schedules < whole.schedules, `${name}: nothing is left out`);
	}
});

test("every guard that a mutation removes is in the core exactly once", () => {
	const folder = new URL("../../../assembly/", import.meta.url);
	for (const { name, change } of controls) {
		if (change === undefined) continue;
		const source = readFileSync(new URL(change.file, folder), "utf8");
		assert.is(source.split(change.text).length, 2, name);
	}
});

test("the tests notice a missing guard", async () => {
	const names = [
		"publishing comes before the record",
		"who reads a map does not look at its version",
		"who waits reads its doorbell after announcing that",
	];
	for (const name of some(names, 3, 1)) {
		const control = controls.find((each) => each.name === name);
		assert.ok(control, name);
		assert.ok(await firstFailure(control, steppers, 0), name);
	}
});

test.run();
