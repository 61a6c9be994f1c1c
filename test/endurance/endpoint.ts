/** One side of a pair, in a process or a worker thread of its own. */
import { parentPort, workerData } from "node:worker_threads";
import { Region } from "dhmem";
import type { Job, Report } from "./path.js";
import { paths } from "./paths.js";

const job: Job = parentPort === null ? JSON.parse(process.argv[2] as string) : workerData;
const report: Report = { messages: 0, bytes: 0, waits: 0, errors: [] };
try {
	using region = Region.open(job.region, { mode: "open", label: job.side });
	const path = paths[job.path];
	await (job.side === "producer" ? path?.produce(region, job, report) : path?.consume(region, job, report));
} catch (error) {
	report.errors.push(
		`${job.side} at message ${report.messages}: ${error instanceof Error ? error.stack : error}`,
	);
}
if (parentPort === null)
	process.send?.(report, undefined, undefined, () => process.connected && process.disconnect());
else parentPort.postMessage(report);
