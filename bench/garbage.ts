/** What is allocated on the JavaScript heap, by V8's sampling heap profiler. */
import { type HeapProfiler, Session } from "node:inspector/promises";
import type { Job } from "./measure.js";

/** Bytes between samples, on average. */
const INTERVAL = 1024;

function sizeOf({ selfSize, children }: HeapProfiler.SamplingHeapProfileNode): number {
	return children.reduce((sum, child) => sum + sizeOf(child), selfSize);
}

/** Bytes that `task` allocates on the heap, those included that are collected meanwhile. */
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

/** A round of `task`: garbage for each of its count. */
export function garbageOf(task: (job: Job) => void): (job: Job) => Promise<number> {
	return async (job) => (await allocated(() => task(job))) / job.count;
}
