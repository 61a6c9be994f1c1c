/** Tables fit the terminal, whatever is in them. */
import { stripVTControlCharacters } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatCount } from "../../src/terminal/format-count.js";
import { type Paint, paintFor } from "../../src/terminal/paint.js";
import { figure, table } from "../../src/terminal/table.js";
import { fit, widthOf } from "../../src/terminal/width.js";

const HEAD = ["region", "size", "labels"];
const ROWS = [
	["climate", 16, "a label that is rather long, and another one"],
	["天気", 4096, "short"],
];

test("a table has the width of its contents, and numbers on the right", () => {
	assert.is(
		table(HEAD, ROWS),
		[
			"region   size  labels",
			"climate    16  a label that is rather long, and another one",
			"天気     4096  short",
		].join("\n"),
	);
	assert.is(table(["bytes"], [[figure("1.5 KiB")], [figure("16 B")]]), "  bytes\n1.5 KiB\n   16 B");
});

for (const width of [1, 5, 20, 30, 60]) {
	test(`a table fits ${width} columns`, () => {
		for (const line of table(HEAD, ROWS, { width }).split("\n"))
			assert.ok(widthOf(line) <= width, JSON.stringify(line));
	});
}

test("the longest text is cut first, and the cut is visible", () => {
	const lines = table(HEAD, ROWS, { width: 30 }).split("\n");
	assert.is(lines[1], "climate    16  a label that i…");
	assert.is(lines[2], "天気     4096  short");
});

test("the last cell of a short row takes the rest of the line", () => {
	const rows = [...ROWS, ["gone", "there is no such region any more"]];
	const lines = table(HEAD, rows, { width: 30 }).split("\n");
	assert.is(lines[2], "天気     4096  short");
	assert.is(lines[3], "gone     there is no such reg…");
	assert.is(table(HEAD, rows).split("\n")[3], "gone     there is no such region any more");
});

test("colours change no widths", () => {
	const paint: Paint = (style, text) => `<${style}>${text}</>`;
	const rows = [[{ text: "dead", style: "red" as const }, 1]];
	assert.is(table(["state", "slot"], rows, { paint }), "<bold>state</>  <bold>slot</>\n<red>dead</>      1");
});

test("text is cut between characters, not inside them", () => {
	assert.is(fit("größe", 5), "größe");
	assert.is(fit("größer", 5), "größ…");
	assert.is(fit("天気予報", 4), "天…");
	assert.is(fit("天気予報", 5), "天気…");
	assert.is(fit("👩‍👩‍👧x", 2), "…");
	assert.is(fit("anything", 0), "");
});

test("only a terminal gets colours, unless the environment wants otherwise", () => {
	const { FORCE_COLOR, NO_COLOR } = process.env;
	try {
		const terminal = Object.assign(Object.create(process.stdout), { isTTY: true, getColorDepth: () => 8 });
		const pipe = Object.assign(Object.create(process.stdout), { isTTY: false });
		const isPainted = (stream: NodeJS.WriteStream) => {
			const text = paintFor(stream)("red", "text");
			assert.is(stripVTControlCharacters(text), "text");
			return text !== "text";
		};
		delete process.env.FORCE_COLOR;
		delete process.env.NO_COLOR;
		assert.equal([isPainted(terminal), isPainted(pipe)], [true, false]);
		process.env.FORCE_COLOR = "1";
		assert.is(isPainted(pipe), true);
	} finally {
		for (const [name, value] of Object.entries({ FORCE_COLOR, NO_COLOR })) {
			if (value === undefined) delete process.env[name];
			else process.env[name] = value;
		}
	}
});

test("large counts are short", () => {
	const counts = [undefined, 0, 0.04, 2.5, 9.99, 99.6, 999, 999.7, 1500, 123_456, 5_000_000, 2 ** 33, 1e13];
	assert.equal(counts.map(formatCount), [
		...["", "0", "0", "2.5", "10", "100", "999", "1.0k", "1.5k", "123k", "5.0M", "8.6G", "10000G"],
	]);
});

test.run();
