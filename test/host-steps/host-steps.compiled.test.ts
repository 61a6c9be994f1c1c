import { test } from "uvu";
import * as assert from "uvu/assert";
import { count, some } from "../fixture/index.js";
import { shimPath } from "../shim/stage.js";
import { controls, spoil } from "./controls.js";
import { unknownImports } from "./imports.js";
import { swept } from "./operations.js";
import type { Mode } from "./steps.js";
import { Sweep } from "./sweep.js";

const FEWER = count(3, 1);

/**
 * One of so many tries is made. In `npm test` there are fewer, and of each third operation, from number `first` on.
 * `node dist/test/host-steps/main.js` makes all.
 */
async function sweepSome(modes: readonly Mode[], every: number, first: number): Promise<Sweep> {
	let number = 0;
	const sweep = await Sweep.start();
	try {
		for (const operation of some(swept, 3, first))
			await sweep.sweep(operation, modes, () => number++ % (every * FEWER) === 0);
	} finally {
		await sweep.end();
	}
	return sweep;
}

test("killed right before or after a system call, a process leaves nothing half done", async () => {
	const { report } = await sweepSome(["kill-before", "kill-after"], 10, 0);
	assert.equal(report.failures, []);
	const enough = count(3, 30);
	assert.ok(
		report.tries["kill-before"] > enough &&
			report.tries["kill-after"] > enough &&
			report.steps > count(80, 300),
	);
});

test("while a process is stopped right before a system call, the others go on", async () => {
	const { report } = await sweepSome(["stop"], 15, 1);
	assert.equal(report.failures, []);
	assert.ok(report.tries.stop > count(2, 20));
});

test("a system call that fails is a DhmemError or does no harm, and leaves nothing behind", async () => {
	const { report } = await sweepSome(["fail-once", "fail-always"], 40, 2);
	assert.equal(report.failures, []);
	assert.ok(report.tries["fail-once"] > count(3, 30) && report.tries["fail-always"] > count(1, 15));
});

// This does not compile the shim.
const quick = controls.filter(({ changes }) => changes.every(({ file }) => file.endsWith(".js")));
for (const control of some(quick, quick.length)) {
	test(`detected: ${control.name}`, () => {
		assert.match(spoil(control), control.finds);
	});
}

test("every C library function in the shim is a step, or makes no system call that matters here", () => {
	assert.equal(unknownImports(shimPath), []);
});

test.run();
