/** The line in which waits take turns. */
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Line } from "../../src/waiting/line.js";

interface Wait {
	settled: boolean;
}

function enter(line: Line<Wait>): Wait {
	const wait = { settled: false };
	line.enter(wait);
	return wait;
}

test("waits that are settled behind the first one are forgotten, and the others keep their order", async () => {
	const line = new Line<Wait>();
	const first = enter(line);
	const others: Wait[] = [];
	const settled: WeakRef<Wait>[] = [];
	for (let i = 0; i < 10_000; i++) {
		const wait = enter(line);
		wait.settled = true;
		settled.push(new WeakRef(wait));
		if (i % 1000 === 0) others.push(enter(line));
		if (i % 100 === 0) await turn();
	}
	setFlagsFromString("--expose-gc");
	runInNewContext("gc")();
	const left = settled.filter((each) => each.deref() !== undefined).length;
	assert.ok(left < 1000, `${left} are left`);
	for (const next of [first, ...others]) {
		assert.is(line.first, next);
		next.settled = true;
	}
	assert.is(line.first, undefined);
});

test.run();
