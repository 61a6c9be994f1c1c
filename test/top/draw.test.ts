/** What `dhmem top` shows, on terminals of fixed sizes. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { plain } from "../../src/terminal/paint.js";
import { widthOf } from "../../src/terminal/width.js";
import { draw, endless } from "../../src/top/draw.js";
import type { Picture } from "../../src/top/sections.js";
import { initialState, type State } from "../../src/top/state.js";
import { climate, participant, picture, queue, rateKey, region } from "./stage.js";

function lines(shown: Picture, columns: number, rows: number, state: Partial<State> = {}): string[] {
	const drawn = draw(shown, { ...initialState, ...state }, { columns, rows, paint: plain });
	assert.is(drawn.length, rows);
	for (const line of drawn) assert.ok(widthOf(line) <= columns, JSON.stringify(line));
	return drawn;
}

/** The first word of each line. */
const words = (drawn: string[]) => drawn.map((line) => line.split(" ", 1)[0]);

const many = picture(
	Array.from({ length: 300 }, (_, i) => region(`r${i}`, { queues: [queue(`q${i}`)] })),
	{ [rateKey("r250", "q250")]: 5000 },
);

test("regions, queues and participants are shown, and who waits for whom", () => {
	const drawn = lines(picture([climate, region("weather")]), 120, 20);
	assert.match(drawn[0] ?? "", "2 regions · 2 participants · 1 dead · /dev/shm");
	const text = drawn.join("\n");
	assert.match(text, /climate +2\.0 KiB +64\.0 KiB +0 B +16\.0 MiB +2 +1 +2 +0\n/);
	assert.match(text, /values +climate +0 +0% .*evaluate \(dead\) +steer +messages/);
	assert.match(text, /guesses +climate +3 +95% .*steer +none/);
	assert.match(text, /steer +climate +a message in values from evaluate \(dead\)\n/);
	assert.match(text, /slot 2 +climate +the lock of totals, held by steer\n/);
	assert.match(text, /evaluate +climate +dead\n/);
});

test("the names of a workflow's links are shown whole on 100 columns", () => {
	const tasks = ["read", "smooth", "detect", "report"].map((name, slot) => participant(slot, name));
	const queues = [
		"read.samples>smooth.samples",
		"smooth.curves>detect.curves",
		"smooth.curves>report.curves",
	].map((name, slot) => queue(name, { producer: slot, consumer: slot + 1 }));
	const drawn = lines(picture([region("sensors-d3e1f8ca", { participants: tasks, queues })]), 100, 20);
	for (const { name } of queues) assert.match(drawn.join("\n"), name);
	assert.match(drawn.join("\n"), /^sensors-d3e1f8ca /m);
});

test("a folder without regions says so", () => {
	const drawn = lines(picture([]), 80, 10);
	assert.match(drawn.join("\n"), "There are no regions in /dev/shm.");
	assert.match(drawn.at(-1) ?? "", "q quit");
});

test("a region that can't be read says why", () => {
	const error = { code: "DHMEM_FORMAT" as const, text: "garbage.dhmem is not a dhmem region" };
	const drawn = lines(picture([climate, { name: "garbage", path: "", error }]), 120, 20);
	assert.match(drawn.join("\n"), /garbage +garbage\.dhmem is not a dhmem region/);
});

for (const [columns, rows] of [
	[20, 12],
	[20, 3],
	[1, 1],
	[200, 2],
	[80, 24],
] as const) {
	test(`a terminal of ${columns} columns and ${rows} rows is enough for anything`, () => {
		for (const shown of [many, picture([climate]), picture([])]) lines(shown, columns, rows);
	});
}

test("of 300 regions the busiest are shown, and how many there are more", () => {
	const drawn = lines(many, 80, 24);
	assert.is(words(drawn)[3], "r250");
	const more = drawn.filter((line) => line.startsWith("… "));
	assert.match(more.join(), /^… 29\d more regions,… 29\d more queues$/);
});

test("one table can have the whole screen, and is scrolled", () => {
	const view = { view: "regions", sort: "name" } as const;
	assert.equal(words(lines(many, 80, 7, view)).slice(3, 5), ["r0", "r1"]);
	assert.equal(words(lines(many, 80, 7, { ...view, offset: 10 })).slice(3, 5), ["r10", "r11"]);
	const end = lines(many, 80, 7, { ...view, offset: 10_000 });
	assert.equal(words(end).slice(3, 6), ["r297", "r298", "r299"]);
});

test("the filter keeps rows whose names contain it, in any case", () => {
	const shown = picture([climate, region("weather", { participants: [participant(0, "steer too")] })]);
	const of = (filter: string) => lines(shown, 120, 30, { filter }).join("\n");
	assert.not.match(of("CLIMATE"), /weather/);
	assert.match(of("steer"), /weather.*\n.*\n.*\n.*/);
	assert.not.match(of("values"), "guesses");
	assert.match(of("values"), /values +climate/);
	assert.match(lines(shown, 80, 9, { filter: "val", isTyping: true }).at(-1) ?? "", "filter: val");
});

test("sorting by fullness and by name changes the order", () => {
	const first = (state: Partial<State>) =>
		words(lines(picture([climate]), 80, 8, { view: "queues", ...state }))[3];
	assert.is(first({ sort: "full" }), "guesses");
	assert.is(first({ sort: "name" }), "values");
});

test("control characters in names and labels do not reach the terminal", () => {
	const evil = "\u001b[2J\u009b31m\u202e\n";
	const drawn = lines(
		picture([
			region("r", { participants: [participant(0, evil)], queues: [queue(evil, { producer: 0 })] }),
			{ name: "bad", path: "", error: { code: undefined, text: evil } },
		]),
		200,
		30,
		{ filter: "" },
	);
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
	for (const line of drawn) assert.not.match(line, /[\x00-\x1f\x7f-\x9f\u202e]/);
	assert.match(drawn.join("\n"), "\\u001b[2J");
});

test("where the output is no terminal, everything is shown and no keys are", () => {
	const drawn = draw(many, initialState, endless);
	assert.ok(drawn.length > 600);
	assert.not.match(drawn.join("\n"), /q quit|more regions/);
});

test.run();
