/** Measures allocations on the JavaScript heap with V8's sampling heap profiler. */
import { type HeapProfiler, Session } from "node:inspector/promises";
import type { Job } from "./measure.js";

/** The average number of bytes between samples. */
const INTERVAL = 1024;

function sizeOf({ selfSize, children }: HeapProfiler.SamplingHeapProfileNode): number {
	return children.reduce((sum, child) => sum + sizeOf(child), selfSize);
}

/**
 * Returns the number of bytes that `task` allocates on the heap, including those that are collected
 * meanwhile.
 */
async function allocated(task: () => void): Promise<number> {
	const session = new Session();
	session.connect();
	try {
		await session.post("HeapProfiler.startSampling", {
			samplingInterval: INTERVAL,
			includeObjectsCollectedByMajorGC: true,
			includeObjectsCollectedByMinorGC: true,
		});
		task();
		const { profile } = await session.post("HeapProfiler.stopSampling");
		return sizeOf(profile.head);
	} finally {
		session.disconnect();
	}
}

/** Makes a round of `task`, whose figure is the garbage per operation, in bytes. */
export function garbageOf(task: (job: Job) => void): (job: Job) => Promise<number> {
	return async (job) => (await allocated(() => task(job))) / job.count;
}
