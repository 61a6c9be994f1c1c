/**
 * Runs all pairs: `node dist/test/interleavings/main.js [--random N] [--seed S] [--only TEXT] [--most N]
 * [--budget N]`. Exhaustively up to the bound, and beyond while that takes at most `budget` schedules for a
 * pair, up to `most` preemptions; then N random schedules in all. Ends with status 1 if anything failed.
 */
import { randomInt } from "node:crypto";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { exhaust, randomFrom } from "./explore.js";
import { pairs } from "./pairs/index.js";
import { Steppers } from "./stepper.js";

function main(): number {
	const { values } = parseArgs({
		options: {
			random: { type: "string", default: "1000000" },
			seed: { type: "string", default: `${randomInt(2 ** 31)}` },
			only: { type: "string", default: "" },
			most: { type: "string", default: "5" },
			budget: { type: "string", default: "20000" },
		},
	});
	const chosen = pairs.filter(({ name }) => name.includes(values.only));
	const each = Math.ceil(Number(values.random) / chosen.length);
	const steppers = new Steppers();
	let schedules = 0;
	let failed = 0;
	console.log(`seed ${values.seed}, Node ${process.version}, ${chosen.length} pairs`);
	chosen.forEach((pair, index) => {
		const { race, preemptions } = exhaust(pair, steppers, Number(values.most), Number(values.budget));
		const exhausted = race.findings.schedules;
		const stoodFor = race.findings.covered;
		race.wander(each, randomFrom(Number(values.seed) + index));
		const { findings } = race;
		schedules += findings.schedules;
		if (findings.failures.length > 0) failed++;
		console.log(
			`${pair.name}: ${findings.accesses} accesses; ${exhausted} schedules, for ${stoodFor} with up to ` +
				`${preemptions} preemptions, ${findings.schedules - exhausted} random; ${findings.failures.length} failures`,
		);
		for (const { schedule, message } of findings.failures) console.log(`  ${schedule}: ${message}`);
	});
	console.log(`${schedules} schedules`);
	console.log(`${chosen.length - failed} passed, ${failed} failed`);
	return failed === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
