/** Four processes increment a field under a mutex: no increment is lost, and none of the four starves. */
import { type HeldLock, Region, schema } from "dhmem";
import * as assert from "uvu/assert";
import { clock, type Scenario, serve } from "../fixture/index.js";
import { hear, inRegion, type Row, rate, start } from "./row.js";

const PROCESSES = 4;
/** The number of increments without the mutex, many of which are lost. */
const UNGUARDED = 800_000;
/** Two fields that are equal whenever the mutex is free, and the number of processes that are ready. */
const COUNTERS = schema({ first: "u32", second: "u32", ready: "u32" });

interface Counted {
	mine: number;
	torn: number;
	/** The longest wait for the mutex, in milliseconds. */
	longest: number;
}

/** Increments until there are `target`, and waits in the two ways by turns. */
const count: Scenario = async (_, name, target, guarded): Promise<Counted> => {
	using region = Region.open(name as string, { mode: "open" });
	const mutex = region.mutex("mutex");
	const counters = region.struct("counters", COUNTERS);
	const result = { mine: 0, torn: 0, longest: 0 };
	// All begin together; otherwise one could be done before another has started.
	{
		using held = await mutex.lock();
		const ready = region.condition("ready");
		counters.ready++;
		ready.notifyAll();
		await ready.wait(held, { until: () => counters.ready === PROCESSES });
	}
	for (;;) {
		let held: HeldLock | undefined;
		if (guarded === "guarded") {
			const began = clock();
			held = result.mine % 2 === 0 ? mutex.lockSync() : await mutex.lock();
			result.longest = Math.max(result.longest, clock() - began);
		} else if (result.mine === Number(target) / PROCESSES) break;
		const { first } = counters;
		if (first !== counters.second) result.torn++;
		if (held !== undefined && first >= Number(target)) {
			held.unlock();
			break;
		}
		counters.first = first + 1;
		result.mine++;
		counters.second = first + 1;
		held?.unlock();
	}
	return result;
};

async function runOnce(target: number, guarded: "guarded" | "unguarded") {
	return inRegion({ size: "16MiB" }, async (region) => {
		const counters = region.struct("counters", COUNTERS);
		const began = clock();
		const children = Array.from({ length: PROCESSES }, () =>
			start(import.meta.url, "count", region.name, target, guarded),
		);
		const counted = await Promise.all(children.map((child) => hear<Counted>(child)));
		return {
			took: clock() - began,
			total: counters.first,
			torn: counted.reduce((sum, each) => sum + each.torn, 0),
			shares: counted.map(({ mine }) => mine).sort((a, b) => a - b),
			longest: Math.max(...counted.map(({ longest }) => longest)),
		};
	});
}

async function run(target: number): Promise<string[]> {
	// The control: without the mutex some are lost.
	let without = await runOnce(UNGUARDED, "unguarded");
	for (let turn = 0; turn < 5 && without.torn === 0; turn++) without = await runOnce(UNGUARDED, "unguarded");
	assert.ok(without.total < UNGUARDED && without.torn > 0, `${without.total} without a mutex`);

	const { took, total, torn, shares, longest } = await runOnce(target, "guarded");
	assert.is(total, target);
	assert.is(torn, 0);
	assert.is(
		shares.reduce((sum, share) => sum + share),
		target,
	);
	const [fewest = 0] = shares;
	const most = shares.at(-1) ?? 0;
	assert.ok(fewest > 0, `one of them never had it: ${shares}`);
	return [
		`${total} increments by ${PROCESSES} processes, ${rate(target, took)}; acquisitions ${shares.join(", ")}: ` +
			`fewest ${fewest}, fewest by most ${(fewest / most).toFixed(2)}; longest wait ${longest.toFixed(0)} ms`,
		`without the mutex ${UNGUARDED - without.total} of ${UNGUARDED} were lost`,
	];
}

export const mutualExclusion: Row = {
	title: "a mutex excludes, and starves nobody",
	unit: "increments",
	full: 1_000_000,
	short: 20_000,
	run,
};

serve(import.meta.url, { count });
