import { test } from "uvu";
import * as assert from "uvu/assert";
import { torture } from "./run.js";

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const KILLS = Number(process.env.TORTURE_KILLS ?? 12);

test(`${KILLS} are killed while all do everything: each message and byte is accounted for (seed ${seed})`, async () => {
	const report = await torture(seed, (kills) => kills < KILLS);
	assert.equal(report.failures, []);
	assert.is(report.kills + report.terminations, KILLS);
	assert.ok(report.kills > 0 && report.terminations > 0 && report.stops > 0);
	assert.ok(report.messages > 100 && report.records > 100, "next to nothing was sent");
	assert.ok(report.left.recovered < report.left.before, "there was nothing to recover: nothing was tested");
	assert.is(report.left.removed, 0);
});

test("a message that is lost is found out", async () => {
	const { failures } = await torture(seed, (kills) => kills < 100, { lose: true });
	assert.match(failures.join(), /message \d+ of stream 0 (was lost|never came)/);
});

test("a death that is not recovered from is found out", async () => {
	const { failures } = await torture(seed, (kills) => kills < 1, { unrecovered: true });
	assert.match(failures.join(), /what the dead had was not given back/);
});

test.run();
