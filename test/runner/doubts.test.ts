/** When a runner is taken to be gone. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Doubts } from "../../src/runner/doubts.js";

/** How often this answer is given until the runner is taken to be gone. */
function timesUntilGone(doubts: Doubts, answer: "silent" | "nobody"): number {
	for (let times = 1; times < 1000; times++) if (doubts.take("a", answer)) return times;
	return Number.POSITIVE_INFINITY;
}

test("a runner that nobody knows is gone sooner than one that is silent", () => {
	assert.is(timesUntilGone(new Doubts(), "nobody"), 8);
	assert.is(timesUntilGone(new Doubts(), "silent"), 32);
});

test("an answer ends all doubts, and so does a loss of the connection", () => {
	const doubts = new Doubts();
	for (const end of [
		() => doubts.take("a", "there"),
		() => {
			doubts.isConnected = false;
			assert.not(doubts.take("a", "nobody"));
			doubts.isConnected = true;
		},
	]) {
		for (let i = 0; i < 7; i++) assert.not(doubts.take("a", "nobody"));
		assert.not(doubts.take("b", "nobody"));
		end();
		assert.is(timesUntilGone(doubts, "nobody"), 8);
		doubts.take("a", "there");
	}
});

test.run();
