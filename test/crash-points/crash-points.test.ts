/** Short sweeps over the crash points, with controls. `node dist/test/crash-points/sweeps.js` runs all of them. */
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
import { count, long, some } from "../fixture/index.js";
import { coverageOf, reachedByFormatting, unreachable } from "./coverage.js";
import { sweep } from "./crash-points.js";
import { firstFailure, mutate, mutations } from "./mutations.js";
import { scenarios } from "./scenarios/index.js";
import type { Stage } from "./scenarios/stage.js";
import { sweepAll, sweeps } from "./sweeps.js";
import type { Participant } from "./world.js";

sweeps.forEach(({ name, plan, short }, index) => {
	test(name, () => {
		const limit = Number(process.env.CRASH_POINTS ?? short);
		// Each sweep begins with another scenario, so that they try different ones.
		const among = some(scenarios, 48, index);
		const { points, tried, failures } = sweepAll({ ...plan, limit }, among);
		assert.ok(points > 20 * among.length && tried > 2 * among.length, `${tried} of ${points} points`);
		assert.is(failures.length, 0, `${failures.length} of ${tried}:\n${failures.slice(0, 5).join("\n")}`);
	});
});

long(test)(
	"the scenarios call every export, and reach every write of the core but those that make a region and two that no state leads to",
	() => {
		// A region is made before others can see it: a participant that dies there leaves a file without a name.
		assert.is(reachedByFormatting().size, 20);
		const { uncalled, unreached } = coverageOf(scenarios, 5);
		assert.equal([...uncalled], []);
		assert.equal([...unreached], unreachable());
		const less = coverageOf(
			scenarios.filter(({ name }) => !/shared/.test(name)),
			1,
		);
		assert.ok(less.uncalled.has("share") && less.unreached.size > 0, "what no scenario does is noticed");
	},
);

/** The number of points that fail when recovery is broken on purpose. */
function failuresWith(sabotage: (stage: Stage) => void): number {
	return some(scenarios, 20)
		.map((scenario) => sweep(scenario, { fate: "dies", limit: 2, sabotage }).failures.length)
		.reduce((sum, count) => sum + count);
}

test("the sweep notices a wrong recovery", () => {
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
		const failures = failuresWith(sabotage);
		assert.ok(failures > count(2, 10), `${sabotage.name}: ${failures} failures`);
	}
	assert.is(
		failuresWith(() => {}),
		0,
	);
});

test("every guard that a mutation removes is in the core exactly once", () => {
	const folder = new URL("../../../assembly/", import.meta.url);
	for (const { name, file, text } of mutations) {
		const source = readFileSync(new URL(file, folder), "utf8");
		assert.is(source.split(text).length, 2, name);
	}
});

test("a scenario notices each guard that is removed from the core", async () => {
	const names = ["replacing has no intent", "a dead holder's mutex is simply free", "links have no version"];
	const taken = mutations.filter(({ name }) => some(names, 3).includes(name));
	assert.is(taken.length, some(names, 3).length);
	for (const mutation of taken) {
		const failure = firstFailure(await mutate(mutation), mutation.likely);
		assert.ok(failure, `${mutation.name} was not noticed`);
	}
});

test.run();
