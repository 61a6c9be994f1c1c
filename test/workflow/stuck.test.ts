/** What the runner takes for stuck, from how the links look over time. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type LinkSnapshot, StuckLinks } from "../../src/workflow/stuck.js";

const full = {
	capacity: 4096,
	sent: 4,
	received: 0,
	dropped: 0,
	depth: 4,
	bytes: 4000,
	sending: 1,
	receiving: 0,
};
const circle: LinkSnapshot[] = [
	{ name: "a.x>b.x", from: "a", to: "b", ...full },
	{ name: "b.x>c.x", from: "b", to: "c", ...full },
	{ name: "c.x>a.x", from: "c", to: "a", ...full },
	{ name: "c.y>d.y", from: "c", to: "d", ...full },
];

test("a circle that stands still for long is named once, and only the circle", () => {
	const stuck = new StuckLinks();
	assert.equal(stuck.update(circle, 0), []);
	assert.equal(stuck.update(circle, 4999), []);
	const [message = ""] = stuck.update(circle, 5000);
	assert.match(message, "a → b → c → a");
	assert.not.match(message, "d.y");
	assert.equal(stuck.update(circle, 6000), []);
});

for (const [what, change] of [
	["moves", { received: 1 }],
	["has nobody who waits", { sending: 0 }],
] as const) {
	test(`a circle in which one link ${what} is not stuck`, () => {
		const stuck = new StuckLinks();
		stuck.update(circle, 0);
		const changed = circle.map((link, i) => (i === 1 ? { ...link, ...change } : link));
		assert.equal(stuck.update(changed, 5000), []);
		assert.equal(stuck.update(changed, 9999), []);
	});
}

for (const [what, change, message] of [
	["sends to a task that has finished", { sending: 1 }, "a waits for room in a.x>b.x"],
	["waits for a task that has finished", { depth: 0, receiving: 1 }, "b waits for a message of a.x>b.x"],
] as const) {
	test(`who ${what} is named`, () => {
		const stuck = new StuckLinks();
		const links = [{ ...(circle[0] as LinkSnapshot), sending: 0, ...change }];
		const other = new Set(["c"]);
		for (const now of [0, 5000, 10_000]) assert.equal(stuck.update(links, now, other), []);
		const [text = ""] = stuck.update(links, 11_000, new Set(["a", "b"]));
		assert.match(text, message);
	});
}

test("who waits for a task that has finished, and for one that has not, is not stuck", () => {
	const stuck = new StuckLinks();
	const waiting = { ...(circle[0] as LinkSnapshot), depth: 0, sending: 0, receiving: 1 };
	const links = [waiting, { ...waiting, name: "c.x>b.x", from: "c" }];
	for (const now of [0, 10_000]) assert.equal(stuck.update(links, now, new Set(["a"])), []);
	assert.is(stuck.update(links, 11_000, new Set(["a", "c"])).length, 2);
});

test("who waits for a task that has finished, and works on what another one sends, is not stuck", () => {
	const stuck = new StuckLinks();
	const waiting = { ...(circle[0] as LinkSnapshot), depth: 0, sending: 0, receiving: 1 };
	const other = { ...waiting, name: "c.x>b.x", from: "c", depth: 1, receiving: 0 };
	for (const received of [1, 2, 3, 4]) {
		assert.equal(stuck.update([waiting, { ...other, received }], 4000 * received, new Set(["a"])), []);
	}
	// It has not asked for the next one for long, or there is none.
	assert.is(stuck.update([waiting, { ...other, received: 4 }], 21_000, new Set(["a"])).length, 1);
	const ended = { ...other, depth: 0, ended: true };
	const others = new StuckLinks();
	for (const now of [0, 4999]) assert.equal(others.update([waiting, ended], now, new Set(["a"])), []);
	assert.is(others.update([waiting, { ...ended, received: 1 }], 5000, new Set(["a"])).length, 1);
});

test("a line of full links is not stuck", () => {
	const stuck = new StuckLinks();
	const line = circle.filter(({ name }) => name !== "c.x>a.x");
	for (const now of [0, 10_000, 20_000]) assert.equal(stuck.update(line, now), []);
});

test.run();
