/** Runs the two sides of a path at the same time, and reports the outcome. */
import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { Region } from "dhmem";
import { type Job, type Path, QUEUE, type Report } from "./path.js";
import { paths } from "./paths.js";
import { positionsOf, startAt } from "./positions.js";

const endpoint = new URL("./endpoint.js", import.meta.url);

export interface Result {
	messages: number;
	bytes: number;
	seconds: number;
	/** How many times the positions went around the ring, and whether they passed 2^32. */
	laps: number;
	passedLimit: boolean;
	/** How often the producer found it full, and the consumer found it empty. */
	full: number;
	empty: number;
	errors: string[];
}

export interface PairOptions {
	count: number;
	seed: number;
	/** True to run both sides in worker threads of this process, and not in processes. */
	threads?: boolean;
	fault?: Job["fault"];
}

/** Runs the path of this name. */
export async function runPair(name: string, options: PairOptions): Promise<Result> {
	const path = paths[name];
	if (path === undefined)
		throw new Error(`There is no path ${name}; there are ${Object.keys(paths).join(", ")}`);
	const region = `endurance-${randomUUID()}`;
	// Also if this process is told to end in the middle.
	const remove = () => {
		if (Region.list().includes(region)) Region.unlink(region);
	};
	process.once("exit", remove);
	try {
		return await run(name, path, region, options);
	} finally {
		process.off("exit", remove);
		remove();
	}
}

async function run(name: string, path: Path, regionName: string, options: PairOptions): Promise<Result> {
	const { count, seed, threads = false, fault } = options;
	using region = Region.open(regionName, { mode: "create", size: path.size });
	const { record, capacity } = path;
	const queue =
		record === undefined
			? region.queue(QUEUE, { capacity })
			: region.queue(QUEUE, { record, capacity: capacity });
	// A few laps before the positions wrap, and not at the start of the ring.
	const start = 2 ** 32 - 5 * queue.capacity + 8 * (seed % (queue.capacity / 8));
	startAt(region.path, QUEUE, start);
	const before = region.stats();

	const job = {
		path: name,
		region: regionName,
		count,
		seed,
		fault,
		largest: path.largest ?? before.largestFree,
	};
	const began = performance.now();
	const aborter = new AbortController();
	const [sent, received] = await Promise.all(
		(["producer", "consumer"] as const).map(async (side) => {
			const report = await (threads ? inThread : inProcess)({ ...job, side }, aborter.signal);
			// The other side may wait for a peer that is gone.
			if (report.errors.length > 0) setTimeout(() => aborter.abort(), 5000).unref();
			return report;
		}),
	);
	const seconds = (performance.now() - began) / 1000;
	if (sent === undefined || received === undefined) throw new Error("A side is missing");

	const after = region.stats();
	const errors = [...sent.errors, ...received.errors];
	if (sent.messages !== received.messages || sent.bytes !== received.bytes) {
		errors.push(
			`${sent.messages} messages of ${sent.bytes} bytes were sent, ${received.messages} of ${received.bytes} came`,
		);
	}
	if (after.used !== before.used) errors.push(`${after.used - before.used} bytes were not given back`);
	if (after.queues[0]?.bytes !== 0) errors.push(`${after.queues[0]?.bytes} of the ring are still in use`);
	if (after.queues[0]?.depth !== 0) errors.push(`${after.queues[0]?.depth} messages are still in the queue`);
	const { tail } = positionsOf(region.path, QUEUE);
	// The low 32 bits are exact; how often they wrapped follows from what was sent.
	const travelled = (tail - start) >>> 0;
	const guess =
		record === undefined && path.largest !== undefined ? sent.bytes + 12 * sent.messages : travelled;
	const rounds = Math.max(0, Math.round((guess - travelled) / 2 ** 32));
	return {
		messages: received.messages,
		bytes: received.bytes,
		seconds,
		laps: Math.floor((travelled + rounds * 2 ** 32) / queue.capacity),
		passedLimit: tail < start || rounds > 0,
		full: sent.waits,
		empty: received.waits,
		errors,
	};
}

async function inProcess(job: Job, signal: AbortSignal): Promise<Report> {
	const child = fork(fileURLToPath(endpoint), [JSON.stringify(job)], { serialization: "advanced" });
	try {
		return await reportOf(child, job, signal);
	} finally {
		child.kill("SIGKILL");
	}
}

async function inThread(job: Job, signal: AbortSignal): Promise<Report> {
	const worker = new Worker(endpoint, { workerData: job });
	try {
		return await reportOf(worker, job, signal);
	} finally {
		await worker.terminate();
	}
}

/** What a side reports. It is an error if it ends without a report, or takes too long. */
async function reportOf(side: ChildProcess | Worker, job: Job, givenUp: AbortSignal): Promise<Report> {
	const failed = (error: string): Report => ({
		messages: 0,
		bytes: 0,
		waits: 0,
		errors: [`${job.side}: ${error}`],
	});
	const listening = new AbortController();
	const { signal } = listening;
	try {
		return await Promise.race([
			once(side, "message", { signal }).then(([report]) => report as Report),
			once(side, "exit", { signal }).then(([code, by]) => failed(`ended with ${code ?? by} and no report`)),
			once(givenUp, "abort", { signal }).then(() => failed("still waiting, after the other had failed")),
		]);
	} finally {
		listening.abort();
	}
}
