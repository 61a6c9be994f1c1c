/** The parts of the page that need no browser; `scripts/test-serve.sh` looks at all of it in one. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { escapeControls } from "../../src/terminal/escape.js";
import { formatSize } from "../../src/terminal/format-size.js";

const module = (name: string) => import(new URL(`../../../src/serve/page/${name}`, import.meta.url).href);

test("the page shows names and sizes as the command line does", async () => {
	const { printable, size } = await module("format.js");
	const texts = [
		"plain",
		"ünïcödé ✓",
		"\0\u0007\u001b[31m\u007f\u009f",
		"\u202eevil\u2066",
		"a\nb",
		"\\u0007",
	];
	for (const text of texts) assert.is(printable(text), escapeControls(text));
	for (const bytes of [0, 1, 1023, 1024, 1536, 102_400, 2 ** 30, 2 ** 43])
		assert.is(size(bytes), formatSize(bytes));
});

test("figures are short", async () => {
	const { count, rate } = await module("format.js");
	assert.equal([0, 0.26, 9.96, 5000, 9999.6, 12_345, 999_999, 1.2e6, 4e9].map(count), [
		"0",
		"0.3",
		"10",
		"5000",
		"10000",
		"12.3 k",
		"1000 k",
		"1.2 M",
		"4.0 G",
	]);
	assert.equal([rate(undefined), rate(3)], ["–", "3/s"]);
});

test("the depths of the last two minutes are kept; a recreated queue begins anew", async () => {
	const { History } = await module("history.js");
	const history = new History();
	const report = (time: number, depth: number, identity = "1") => ({
		time,
		regions: [
			{ name: "r", queues: [{ name: "q", identity, depth }] },
			{ name: "x", error: {} },
		],
	});
	for (let second = 0; second <= 200; second++) history.add(report(second * 1000, second));
	const points = history.of("r", "q");
	assert.equal(points.at(-1), [200_000, 200]);
	assert.equal(points.slice(0, 2), [
		[79_000, 79],
		[80_000, 80],
	]);
	history.add(report(201_000, 7, "2"));
	assert.equal(history.of("r", "q"), [[201_000, 7]]);
	assert.equal(history.of("r", "other"), []);
	history.add({ time: 202_000, regions: [] });
	assert.equal(history.of("r", "q"), []);
});

test("participants that wait for each other are found", async () => {
	const { inCircles } = await module("region.js");
	const waits = [
		{ slot: 0, of: 1 },
		{ slot: 1, of: 2 },
		{ slot: 2, of: 0 },
		{ slot: 3, of: 0 },
		{ slot: 4, of: null },
		{ slot: 5, of: 6 },
	];
	assert.equal([...inCircles(waits)].sort(), [0, 1, 2]);
	assert.equal([...inCircles([])], []);
});

test.run();
