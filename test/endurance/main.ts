/**
 * Endurance: every way through a queue, millions of messages each, between two processes or threads.
 *
 * node dist/test/endurance/main.js [--path NAME]… [--count N | --scale F] [--seed N] [--threads]
 */
import { parseArgs } from "node:util";
import { runPair } from "./pair.js";
import { paths } from "./paths.js";

/** The paths that also run between worker threads. */
const THREADED = ["small", "blocks", "streams", "records", "record-batches"];

const { values } = parseArgs({
	options: {
		path: { type: "string", multiple: true },
		count: { type: "string" },
		scale: { type: "string", default: "1" },
		seed: { type: "string" },
		threads: { type: "boolean", default: false },
	},
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const chosen = values.path ?? Object.keys(paths);
const runs = chosen.map((name) => ({ name, threads: values.threads }));
if (values.path === undefined && !values.threads) {
	runs.push(...THREADED.map((name) => ({ name, threads: true })));
}

console.log(`seed ${seed}, Node ${process.version}`);
let passed = 0;
let failed = 0;
for (const { name, threads } of runs) {
	const full = Math.min(paths[name]?.count ?? 0, threads ? 1_000_000 : Number.POSITIVE_INFINITY);
	const count = values.count === undefined ? Math.ceil(full * Number(values.scale)) : Number(values.count);
	const title = `${name}${threads ? ", in threads" : ""} (${paths[name]?.what})`;
	try {
		const result = await runPair(name, { count, seed, threads });
		const mib = result.bytes / 2 ** 20;
		console.log(
			`${title}: ${result.messages} messages, ${mib.toFixed(1)} MiB, ${result.seconds.toFixed(1)} s, ` +
				`${(result.messages / result.seconds / 1e6).toFixed(2)} M/s; ${result.laps} laps, ` +
				`${result.passedLimit ? "past 2^32" : "not past 2^32"}, full ${result.full} times, ` +
				`empty ${result.empty} times; ${result.errors.length} errors`,
		);
		for (const error of result.errors) console.log(`\t${error}`);
		if (result.errors.length === 0) passed++;
		else failed++;
	} catch (error) {
		console.log(`${title}: ${error instanceof Error ? error.stack : error}`);
		failed++;
	}
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
