/** Short sweeps over the crash points, and controls of them. `node dist/test/crash-points/sweeps.js` makes all. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	HEADER_OWNERS,
	HEADER_TOUCHED,
	HEADER_TOUCHED_BYTES,
	INTENT_NONE,
	OWNER_FREE,
	OWNER_IN_FLIGHT,
	SLOT_BYTES,
	SLOT_INTENT,
	SLOTS_START,
} from "../../assembly/layout.js";
import { coverageOf, reachedByFormatting, unreachable } from "./coverage.js";
import { sweep } from "./crash-points.js";
import { firstFailure, mutate, mutations } from "./mutations.js";
import { scenarios } from "./scenarios/index.js";
import type { Stage } from "./scenarios/stage.js";
import { sweepAll, sweeps } from "./sweeps.js";
import type { Participant } from "./world.js";

for (const { name, plan, short } of sweeps) {
	test(name, () => {
		const limit = Number(process.env.CRASH_POINTS ?? short);
		const { points, tried, failures } = sweepAll({ ...plan, limit });
		assert.ok(points > 5000 && tried > 2 * scenarios.length, `${tried} of ${points} points`);
		assert.is(failures.length, 0, `${failures.length} of ${tried}:\n${failures.slice(0, 5).join("\n")}`);
	});
}

test("the scenarios call every export, and reach every write of the core but those that make a region and two that no state leads to", () => {
	// What makes a region runs before anybody else can see it: who dies there leaves a file without a name.
	assert.is(reachedByFormatting().size, 18);
	const { uncalled, unreached } = coverageOf(scenarios, 5);
	assert.equal([...uncalled], []);
	assert.equal([...unreached], unreachable());
	const less = coverageOf(
		scenarios.filter(({ name }) => !/shared/.test(name)),
		1,
	);
	assert.ok(less.uncalled.has("share") && less.unreached.size > 0, "what no scenario does is noticed");
});

/** How many points fail where recovery is spoilt. */
function failuresWith(sabotage: (stage: Stage) => void): number {
	return scenarios
		.map((scenario) => sweep(scenario, { fate: "dies", limit: 2, sabotage }).failures.length)
		.reduce((sum, count) => sum + count);
}

test("where recovery goes wrong, the sweep finds it", () => {
	const start = ({ slot }: Participant) => SLOTS_START + slot * SLOT_BYTES;
	const forgetIntent = ({ world, victim }: Stage) => {
		world.words[(start(victim) + SLOT_INTENT) >> 2] = INTENT_NONE;
	};
	const forgetTouched = ({ world, victim }: Stage) => {
		const length = world.words[HEADER_TOUCHED_BYTES >> 2] as number;
		const bitmap = (world.words[HEADER_TOUCHED >> 2] as number) + victim.slot * length;
		world.bytes.fill(0, bitmap, bitmap + length);
	};
	const loseBlock = ({ world }: Stage) => {
		const owners = world.words[HEADER_OWNERS >> 2] as number;
		const taken = world.bytes.indexOf(OWNER_FREE, owners);
		if (taken >= 0) world.bytes[taken] = OWNER_IN_FLIGHT;
	};
	for (const sabotage of [forgetIntent, forgetTouched, loseBlock]) {
		assert.ok(failuresWith(sabotage) > 10, `${sabotage.name}: ${failuresWith(sabotage)} failures`);
	}
	assert.is(
		failuresWith(() => {}),
		0,
	);
});

test("every guard that can be taken away is in the core, once", () => {
	const folder = new URL("../../../assembly/", import.meta.url);
	for (const { name, file, text } of mutations) {
		const source = readFileSync(new URL(file, folder), "utf8");
		assert.is(source.split(text).length, 2, name);
	}
});

test("where a guard of the core is taken away, a scenario notices", async () => {
	const some = ["replacing has no intent", "a dead holder's mutex is simply free", "links have no version"];
	const taken = mutations.filter(({ name }) => some.includes(name));
	assert.is(taken.length, some.length);
	for (const mutation of taken) {
		const failure = firstFailure(await mutate(mutation), mutation.likely);
		assert.ok(failure, `${mutation.name} was not noticed`);
	}
});

test.run();
