/** Does the jobs: reads the doubles where they are, in shared memory. As many of these may run as you like. */
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
