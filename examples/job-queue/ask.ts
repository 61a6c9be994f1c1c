/**
 * Writes doubles into shared memory, and asks for their mean by a job of BullMQ, which contains only a token.
 */
import { Queue, QueueEvents } from "bullmq";
import { Region } from "dhmem";
import { connection, type MeanJob, QUEUE, REGION } from "./jobs.js";

const DOUBLES = 1_000_000;
const JOBS = 10;

using region = Region.open(REGION, { lifetime: "last-close" });
const queue = new Queue<MeanJob, number>(QUEUE, { connection });
const events = new QueueEvents(QUEUE, { connection });

for (let first = 0; first < JOBS; first++) {
	const block = region.allocate(8 * DOUBLES);
	const doubles = block.as("f64");
	for (let i = 0; i < DOUBLES; i++) doubles[i] = first + i;
	const handle = region.save(block);

	const job = await queue.add("mean", { token: String(handle) }, { removeOnComplete: true });
	const mean = await job.waitUntilFinished(events);
	// Freed here and only now, because a job that fails is tried again with the same token.
	region.load(handle).free();

	const expected = first + (DOUBLES - 1) / 2;
	console.log(`mean of ${DOUBLES} doubles, starting at ${first}: ${mean}`);
	if (mean !== expected) throw new Error(`The mean is ${expected}, not ${mean}`);
}
await events.close();
await queue.close();
