/** The synthetic workloads of the original: they arrive whole, and what cannot fit is refused before it starts. */
import { stripVTControlCharacters } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Pattern } from "../../examples/synthetic/pattern.js";
import { linksOf, SHAPES, tasksOf } from "../../examples/synthetic/shapes.js";
import { bytesNeeded, refusal } from "../../examples/synthetic/workload.js";
import { count, long, type Place, placeTest, some } from "../fixture/index.js";
import { type Ended, node } from "./programs.js";

/** Between the first and the last task. */
const TASKS = count(3, 7);

test("the shapes are those of the original", () => {
	assert.equal(linksOf("simple", 7), [{ from: "start", to: "end" }]);
	const inWords = (shape: "long" | "wide") => linksOf(shape, 2).map(({ from, to }) => `${from}>${to}`);
	assert.equal(inWords("long"), ["start>t1", "t1>t2", "t2>end"]);
	assert.equal(inWords("wide"), ["start>t1", "t1>end", "start>t2", "t2>end"]);
	assert.is(tasksOf(linksOf("wide", 32)).length, 34);
});

long(placeTest)(
	`${TASKS} tasks of each shape pass on 10 MB, verified, and a table says what it took`,
	async (place) => {
		const { code, stdout, stderr } = await synthetic(place, [
			`--m=${TASKS}`,
			"--size=10MB",
			"--iterations=3",
		]);
		assert.is(code, 0, stderr);
		for (const [i, messages] of [3, 3 * (TASKS + 1), 3 * 2 * TASKS].entries()) {
			assert.match(stdout, new RegExp(`${SHAPES[i]} .*10 MB.* 3 .* ${messages} `));
		}
	},
);

placeTest("a run that does not fit is refused before it starts, with the figures", async (place) => {
	const { code, stdout, stderr } = await synthetic(place, ["--shape=wide", "--m=32", "--size=900MB"]);
	assert.is(code, 2);
	assert.is(stdout, "");
	assert.match(
		stderr,
		/wide with m = 32 and messages of 900 MB needs 90\d+ MB of memory, but .* for only \d+ MB/,
	);
});

const refused = [
	"--m=0",
	"--m=33",
	"--size=0MB",
	"--size=901MB",
	"--size=1kB",
	"--shape=round",
	"--iteration=3",
];
for (const wrong of some(refused, 3)) {
	placeTest(`${wrong} is refused`, async (place) => {
		assert.is((await synthetic(place, [wrong])).code, 2);
	});
}

long(test)("the bytes that a workload needs count as many messages as there can be at a time", () => {
	const workload = { m: 7, size: 10e6, iterations: 1 };
	const message = 153 * 2 ** 16; // whole spans
	assert.is(bytesNeeded({ shape: "simple", ...workload }), 3 * message);
	assert.is(bytesNeeded({ shape: "long", ...workload }), 8 * 3 * message);
	assert.is(bytesNeeded({ shape: "wide", ...workload }), 8 * 3 * message);
	assert.is(refusal({ shape: "simple", ...workload }), undefined);
});

test("a message of another iteration or task, or with any byte changed, is detected", () => {
	const pattern = new Pattern();
	const message = new Uint8Array(3 * 2 ** 20 + 17);
	pattern.fill(message, 4, 6);
	assert.is(pattern.mismatch(message, 4, 6), -1);
	assert.is(pattern.mismatch(message, 4, 5), 0, "another iteration");
	assert.is(pattern.mismatch(message, 3, 6), 0, "another task");
	for (const at of [0, 2 ** 20, message.length - 1]) {
		message[at] = (message[at] as number) ^ 1;
		assert.is(pattern.mismatch(message, 4, 6), at - (at % 2 ** 20), `byte ${at}`);
		message[at] = (message[at] as number) ^ 1;
	}
	message.copyWithin(0, 2 ** 20, 2 ** 21);
	assert.is(pattern.mismatch(message, 4, 6), 0, "a part of it elsewhere");
});

test.run();

async function synthetic(place: Place, args: string[]): Promise<Ended> {
	const ended = await node(place, ["dist/examples/synthetic/main.js", ...args]);
	return { ...ended, stdout: stripVTControlCharacters(ended.stdout) };
}
