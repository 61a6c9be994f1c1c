/** The roll of a run on several machines. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	changesIn,
	enter,
	isDeserted,
	isOver,
	leave,
	missingIn,
	noteFailure,
	noteFinished,
	type Roll,
	withEarlierRunner,
} from "../../src/runner/roll.js";
import { errorOf } from "../fixture/index.js";

const workflow = { digest: "d", tasks: ["a", "b", "c"] };
const member = (id: string, ...tasks: string[]) => ({ id, host: `host-${id}`, tasks, left: false });

/** The roll after two runners have entered, with all tasks. */
function complete(): Roll {
	return enter(enter(undefined, "x", member("1", "a"), workflow), "x", member("2", "b", "c"), workflow);
}

test("a roll is complete when each task has a machine", () => {
	const first = enter(undefined, "x", member("1", "a"), workflow);
	assert.equal(missingIn(first), ["b", "c"]);
	assert.equal(missingIn(complete()), []);
});

test("a runner that enters twice, because it had no answer, is there once", () => {
	const roll = complete();
	assert.equal(enter(roll, "x", member("2", "b", "c"), workflow), roll);
});

test("a run has succeeded when the last task has finished, and each finishes once", () => {
	let roll = complete();
	for (const task of ["a", "c", "c", "b"]) {
		assert.not(isOver(roll));
		roll = noteFinished(roll, task);
	}
	assert.ok(isOver(roll));
	assert.equal([...roll.finished].sort(), ["a", "b", "c"]);
	const failure = { message: "late", status: 1, by: "1" };
	assert.is(noteFailure(roll, failure).failure, undefined);
});

test("each change makes a roll later than the one before", () => {
	const rolls = [complete()];
	for (const change of [
		(roll: Roll) => noteFinished(roll, "a"),
		(roll: Roll) => noteFailure(roll, { message: "", status: 1, by: "1" }),
		(roll: Roll) => leave(roll, "1"),
	])
		rolls.push(change(rolls.at(-1) as Roll));
	const changes = rolls.map(changesIn);
	assert.equal(
		changes,
		[...new Set(changes)].sort((a, b) => a - b),
	);
});

test("the first failure is the result", () => {
	const failed = noteFailure(complete(), { message: "first", status: 3, by: "1" });
	assert.ok(isOver(failed));
	assert.is(noteFailure(failed, { message: "second", status: 4, by: "2" }).failure?.status, 3);
});

test("a run is deserted when the last runner has left", () => {
	const roll = leave(complete(), "1");
	assert.not(isDeserted(roll));
	assert.ok(isDeserted(leave(roll, "2")));
});

for (const [what, roll, entering, digest, code, message] of [
	[
		"a task that has a machine",
		"half",
		["a", "b"],
		"d",
		"DHMEM_EXISTS",
		"Task a of run x has a place already, at host-1 (a)",
	],
	["another workflow", "half", ["b"], "e", "DHMEM_TYPE_MISMATCH", "differs from that of host-1 (a)"],
	[
		"a task of a run that is complete",
		"complete",
		["b"],
		"d",
		"DHMEM_EXISTS",
		"host-1 (a), host-2 (b, c); choose another name",
	],
	["a run that has failed", "failed", ["b"], "d", "DHMEM_EXISTS", "Run x is about to end"],
] as const) {
	test(`${what} is refused`, () => {
		const half = enter(undefined, "x", member("1", "a"), workflow);
		const rolls = {
			half,
			complete: complete(),
			failed: noteFailure(half, { message: "", status: 1, by: "1" }),
		};
		const error = errorOf(() => enter(rolls[roll], "x", member("3", ...entering), { ...workflow, digest }));
		assert.is(error.code, code);
		assert.match(error.message, message);
	});
}

test("of two runners at the ends of a link, the second one has an earlier one, as long as that takes part", () => {
	const link = {
		from: { task: "a", port: "out" },
		to: { task: "b", port: "in" },
		policy: "block",
	} as const;
	const roll = complete();
	assert.not(withEarlierRunner(roll, "1")(link));
	assert.ok(withEarlierRunner(roll, "2")(link));
	assert.not(withEarlierRunner(roll, "2")({ ...link, from: { task: "c", port: "out" } }));
	assert.not(withEarlierRunner(leave(roll, "1"), "2")(link));
});

test.run();
