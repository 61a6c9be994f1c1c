import { test } from "uvu";
import * as assert from "uvu/assert";
import { count } from "../fixture/index.js";
import { torture } from "./run.js";
import { killSleepers } from "./sleepers.js";

// With this one, three kills are of each kind.
const seed = Number(process.env.SEED ?? 2);
const KILLS = Number(process.env.TORTURE_KILLS ?? count(3, 12));

test(`${KILLS} participants are killed while all do everything: each message and byte is accounted for (seed ${seed})`, async () => {
	// A few kills may all be of one kind, so it continues until there was one of each.
	const report = await torture(
		seed,
		(kills, { kills: killed, terminations, stops }) =>
			kills < KILLS || (kills < 20 * KILLS && Math.min(killed, terminations, stops) === 0),
	);
	assert.equal(report.failures, []);
	assert.ok(report.kills > 0 && report.terminations > 0 && report.stops > 0);
	assert.ok(report.messages > 100 && report.records > 100, "next to nothing was sent");
	assert.ok(report.left.recovered < report.left.before, "there was nothing to recover: nothing was tested");
	assert.is(report.left.removed, 0);
});

test("a message that is lost is detected", async () => {
	const { failures } = await torture(seed, (kills) => kills < 1, { lose: true });
	assert.match(failures.join(), /message \d+ of stream 0 (was lost|never came)/);
});

test("the sweep notices a death without recovery", async () => {
	const { failures } = await torture(seed, (kills) => kills < 1, { unrecovered: true });
	assert.match(failures.join(), /what the dead had was not given back/);
});

const SLEEPERS = Number(process.env.TORTURE_SLEEPERS ?? count(2, 40));

test(`${SLEEPERS} participants are killed while all sleep on pipes: those that wait for them learn of it (seed ${seed})`, async () => {
	const { kills, notices, left } = await killSleepers(seed, SLEEPERS);
	assert.is(kills, SLEEPERS);
	assert.is(notices.length, 2 * kills);
	assert.equal(left, []);
});

test.run();
