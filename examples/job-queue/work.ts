/**
 * A worker that does the jobs. It reads the doubles in place, in shared memory. You can run any number of
 * workers.
 */
import { Worker } from "bullmq";
import { Region } from "dhmem";
import { connection, type MeanJob, QUEUE, REGION } from "./jobs.js";

using region = Region.open(REGION, { lifetime: "last-close" });
const worker = new Worker<MeanJob, number>(
	QUEUE,
	async ({ data: { token } }) => {
		const loaded = region.load(token);
		if (loaded.kind !== "block") throw new Error(`A block was expected, not ${loaded.kind}`);
		const doubles = loaded.as("f64");
		return doubles.reduce((sum, value) => sum + value, 0) / doubles.length;
	},
	{ connection },
);
await new Promise((resolve) => process.once("SIGTERM", resolve));
await worker.close();
