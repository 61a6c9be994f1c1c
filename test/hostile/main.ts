/**
 * Hostile peers, with full counts: words of a region are overwritten while participants use it, first with the shipped
 * core in one process, then with the binding in processes.
 *
 * node dist/test/hostile/main.js [--count N] [--minutes N] [--seed N] [--workers N] [--only core|processes] [--case N]
 *
 * `--count` says how many words are overwritten in the core, `--minutes` how long processes are attacked. A case of the
 * core that has failed runs again by its seed and number.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Fuzz, type Outcome } from "./fuzz.js";
import { besiege } from "./processes.js";

/** One worker's share of the cases: every `workers`-th. */
interface Part {
	seed: number;
	count: number;
	workers: number;
	index: number;
}

function runPart({ seed, count, workers, index }: Part): Outcome {
	const fuzz = new Fuzz();
	for (let at = index; fuzz.outcome.corruptions < count / workers; at += workers) fuzz.run(seed, at);
	return fuzz.outcome;
}

async function fuzzCore(seed: number, count: number, workers: number): Promise<number> {
	const began = performance.now();
	const outcomes = await Promise.all(
		Array.from({ length: workers }, (_, index) => {
			const part: Part = { seed, count, workers, index };
			const worker = new Worker(new URL(import.meta.url), { workerData: { part } });
			return new Promise<Outcome>((resolve, reject) => {
				worker.once("message", resolve);
				worker.once("error", reject);
			});
		}),
	);
	const sum = (of: (outcome: Outcome) => number) =>
		outcomes.reduce((total, outcome) => total + of(outcome), 0);
	const traps: Record<string, number> = {};
	for (const outcome of outcomes) {
		for (const [name, times] of Object.entries(outcome.traps)) traps[name] = (traps[name] ?? 0) + times;
	}
	const failures = outcomes.flatMap((outcome) => outcome.failures);
	const longest = outcomes.map((outcome) => outcome.longest).sort((a, b) => b.turns - a.turns)[0];
	const seconds = (performance.now() - began) / 1000;
	console.log(
		`the core: ${sum((o) => o.corruptions)} words or bytes overwritten in ${sum((o) => o.cases)} cases, ` +
			`${sum((o) => o.calls)} operations; ${sum((o) => Object.values(o.traps).reduce((a, b) => a + b, 0))} ` +
			`trapped, which is DHMEM_CORRUPT; ${failures.length} did not end; ${seconds.toFixed(0)} s`,
	);
	if (longest) {
		console.log(`\tmost turns of loops: ${longest.turns}, "${longest.operation}" in case ${longest.case}`);
	}
	console.log(`\ttraps: ${counts(traps)}`);
	for (const failure of failures.slice(0, 50)) console.log(`\tFAILED: seed ${seed}, ${failure}`);
	return failures.length;
}

function counts(of: Record<string, number>): string {
	return Object.entries(of)
		.sort((a, b) => b[1] - a[1])
		.map(([name, times]) => `${name} ${times}`)
		.join(", ");
}

async function besetProcesses(seed: number, minutes: number): Promise<number> {
	const began = performance.now();
	const siege = await besiege(seed, () => performance.now() - began > minutes * 60_000);
	const { attacks, writes, operations, openings, codes, longest, failures } = siege;
	const total = Object.values(attacks).reduce((sum, times) => sum + times, 0);
	if (total === 0) failures.push("it was over before the first attack; give it more --minutes");
	console.log(
		`processes: ${total} attacks of ${writes} writes, ${operations} operations in ${openings} openings, ` +
			`${failures.length} failures; ${((performance.now() - began) / 1000).toFixed(0)} s`,
	);
	console.log(`\tattacks: ${counts(attacks)}`);
	console.log(`\tresults: ${counts(codes)}`);
	console.log(`\tlongest operation: ${longest.operation}, ${longest.milliseconds.toFixed(0)} ms`);
	for (const failure of failures.slice(0, 50)) console.log(`\tFAILED: ${failure}`);
	return failures.length;
}

async function main(): Promise<void> {
	const { values } = parseArgs({
		options: {
			count: { type: "string", default: "10000000" },
			minutes: { type: "string", default: "5" },
			seed: { type: "string" },
			workers: { type: "string", default: String(availableParallelism()) },
			only: { type: "string" },
			case: { type: "string" },
		},
	});
	const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
	console.log(`seed ${seed}, Node ${process.version}`);
	if (values.case !== undefined) {
		const fuzz = new Fuzz();
		fuzz.run(seed, Number(values.case));
		console.log(fuzz.outcome);
		return;
	}
	const parts: Record<string, () => Promise<number>> = {
		core: () => fuzzCore(seed, Number(values.count), Number(values.workers)),
		processes: () => besetProcesses(seed, Number(values.minutes)),
	};
	const chosen = Object.entries(parts).filter(([name]) => values.only === undefined || values.only === name);
	let failed = 0;
	for (const [, part] of chosen) if ((await part()) > 0) failed++;
	console.log(`${chosen.length - failed} passed, ${failed} failed`);
	process.exitCode = failed === 0 && chosen.length > 0 ? 0 : 1;
}

if (isMainThread) await main();
else parentPort?.postMessage(runPart((workerData as { part: Part }).part));
