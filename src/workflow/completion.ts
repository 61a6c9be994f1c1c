/**
 * Streams that a task has read to their end, and whether its work with them is done.
 *
 * Reading an end takes it out of its queue. A task that fails afterwards is started again, and has to see that end
 * again; one that has finished well, and is started again, waits for the next stream. Which of the two it is shows only
 * when the task ends: `dhmem run` notes it, and where nobody runs the workflow, the task's process itself.
 */
import { dirname } from "node:path";
import process from "../process.js";
import { Region } from "../region.js";
import { linkState } from "./link-state.js";
import { type Link, linkName } from "./links.js";

/** The number of the last stream on a link, if its end was read; 0 otherwise. */
function streamReadOn(region: Region, link: Link): number {
	const queue = region.activity().queues.find(({ name }) => name === linkName(link));
	return queue?.drained ? queue.ended : 0;
}

/** Whether the end of the last stream on a link was read, by a run of its task that did not finish well. */
export function hasReadEnd(region: Region, link: Link): boolean {
	const stream = streamReadOn(region, link);
	return stream !== 0 && linkState(region, link).completed !== stream;
}

/** Notes that a run of the task that receives from these links has finished well: the next one waits for new streams. */
export function completeStreams(region: Region, links: readonly Link[]): void {
	for (const link of links) {
		const stream = streamReadOn(region, link);
		if (stream !== 0) linkState(region, link).completed = stream;
	}
}

/** Ends that tasks of this process have read, by file and link. */
const reads = new Map<
	string,
	{ readonly region: string; readonly directory: string; readonly link: Link; readonly isRun: boolean }
>();

let listens = false;

function keyOf({ path }: Region, link: Link): string {
	return `${path}/${linkName(link)}`;
}

/**
 * A task of this process has read the end of a link.
 *
 * @param isRun whether somebody runs the workflow, who notes by itself how the task ends
 */
export function noteRead(region: Region, link: Link, isRun: boolean): void {
	if (!listens) process.on("exit", onExit);
	listens = true;
	reads.set(keyOf(region, link), { region: region.name, directory: dirname(region.path), link, isRun });
}

/** Whether a task of this process has read the end of a link before. The process goes on, so that task did not fail. */
export function forgetRead(region: Region, link: Link): boolean {
	return reads.delete(keyOf(region, link));
}

/** Without a runner, how the process ends is how its tasks end. */
function onExit(code: number): void {
	if (code !== 0) return;
	for (const { region: name, directory, link, isRun } of reads.values()) {
		if (isRun) continue;
		try {
			// Its file was trusted when the task opened it.
			using region = Region.open(name, { directory, mode: "open", trust: "any" });
			completeStreams(region, [link]);
		} catch {
			// The region is gone, and its streams with it; or it can't be changed any more.
		}
	}
}
