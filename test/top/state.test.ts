/** What the keys of `dhmem top` do. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { initialState, type Key, press, type State } from "../../src/top/state.js";

/** The state after these keys. */
function after(...keys: (string | Key)[]): State {
	let state = initialState;
	for (const key of keys) {
		const next = press(state, typeof key === "string" ? { name: key, sequence: key } : key);
		if (typeof next === "string") throw new Error(`${JSON.stringify(key)} asks to ${next}`);
		state = next;
	}
	return state;
}

test("s and Tab go through the orders and the tables, and round", () => {
	assert.equal(
		[after(), after("s"), after("s", "s"), after("s", "s", "s")].map(({ sort }) => sort),
		["busy", "name", "full", "busy"],
	);
	assert.is(after("tab").view, "regions");
	assert.is(after({ name: "tab", shift: true }).view, "participants");
});

test("a filter is typed, kept and cleared", () => {
	assert.equal([after("/", "a", "q").filter, after("/", "a", "q").isTyping], ["aq", true]);
	assert.is(after("/", "a", "ü", "backspace").filter, "a");
	assert.is(after("/", "a", { name: "u", ctrl: true, sequence: "\u0015" }).filter, "");
	assert.is(after("/", "a", { name: "up", sequence: "\u001b[A" }).filter, "a");
	const kept = after("/", "a", "return");
	assert.equal([kept.filter, kept.isTyping], ["a", false]);
	assert.equal([after("/", "a", "escape").filter, after("/", "a", "return", "escape").filter], ["", ""]);
});

test("p pauses and goes on", () => {
	assert.equal([after("p").isPaused, after("p", "space").isPaused], [true, false]);
});

test("arrows scroll, and not above the first row", () => {
	assert.is(after("down", "j", "pagedown", "up").offset, 11);
	assert.is(after("up", "k", "pageup").offset, 0);
	assert.is(after("pagedown", "home").offset, 0);
	assert.is(after("down", "s").offset, 0, "another order begins at its top");
});

test("q quits, and Ctrl-C and Ctrl-Z do what they do everywhere", () => {
	assert.is(press(initialState, { name: "q", sequence: "q" }), "quit");
	const typing = after("/");
	assert.is(press(typing, { name: "c", ctrl: true }), "interrupt");
	assert.is(press(typing, { name: "z", ctrl: true }), "suspend");
	assert.equal(press(typing, {}), typing);
});

test.run();
