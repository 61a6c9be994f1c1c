/** The timer that all sleepers of a thread share. */
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { callNoMore, callWithin } from "../../src/waiting/shared-timer.js";
import { limitedTest } from "../fixture/index.js";

/** Resolves once the timer has called. */
async function called(): Promise<void> {
	const happened = new EventTarget();
	const waiting = once(happened, "called");
	callWithin(() => happened.dispatchEvent(new Event("called")), 1);
	// The timer does not keep the process alive.
	const alive = setInterval(() => {}, 1000);
	await waiting;
	clearInterval(alive);
}

/** True once the function is collected. */
async function isCollected(act: WeakRef<() => void>): Promise<boolean> {
	setFlagsFromString("--expose-gc");
	const collect: () => void = runInNewContext("gc");
	for (let turns = 0; turns < 100; turns++) {
		collect();
		// After it is looked at, it stays for the rest of the turn.
		if (act.deref() === undefined) return true;
		await turn();
	}
	return false;
}

limitedTest("a function that was called and is not due again is let go", async () => {
	const act = (() => {
		const weak = new WeakRef(() => {});
		callWithin(weak.deref() as () => void, 0);
		return weak;
	})();
	await called();
	assert.ok(await isCollected(act));
});

limitedTest("a function that is no longer due is let go once the timer has fired", async () => {
	const act = (() => {
		const weak = new WeakRef(() => {});
		callWithin(weak.deref() as () => void, 0);
		callNoMore(weak.deref() as () => void);
		return weak;
	})();
	await called();
	assert.ok(await isCollected(act));
});

limitedTest("a function that is due again at once is called again", async () => {
	let calls = 0;
	const act = () => {
		if (++calls < 3) callWithin(act, 1);
	};
	callWithin(act, 1);
	while (calls < 3) await called();
	assert.is(calls, 3);
});

limitedTest("a function that fails does not stop the timer for the others", async () => {
	const failure = new Error("failed");
	const failed = once(process, "uncaughtException");
	const later = new Promise<void>((resolve) => callWithin(resolve, 50));
	callWithin(() => {
		throw failure;
	}, 1);
	const alive = setInterval(() => {}, 1000);
	assert.is((await failed)[0], failure);
	await later;
	clearInterval(alive);
});

test.run();
