/**
 * Keeps track of streams whose end a task has read or written, across restarts of the task.
 *
 * Reading an end takes it out of its queue. If the task then fails and is restarted, it must see that end
 * again. If it finished successfully and is started again, it waits for the next stream. The same holds for a
 * task that has ended an output: after a failure the stream stays ended, because the consumer may have seen
 * the end and finished; after a success the next stream begins. Only the task's exit shows which of the two
 * applies. `dhmem run` notes it; without a runner, the task's own process does.
 */
import { dirname } from "node:path";
import process from "../host/process.js";
import type { QueueActivity } from "../inspect/stats.js";
import { Region } from "../region.js";
import { linkState } from "./link-state.js";
import { type Link, linkName } from "./links.js";

function activityOf(region: Region, link: Link) {
	return region.activity().queues.find(({ name }) => name === linkName(link));
}

/**
 * True if a run of the task that did not finish successfully has read the end of a stream. Either it has
 * noted that in `again`, or it died before it could, but the last stream is over. The note is needed because
 * a new stream that has begun since would hide the end.
 */
export function hasReadEnd(region: Region, link: Link): boolean {
	const queue = activityOf(region, link);
	const { read, again } = linkState(region, link);
	return again !== 0 || (queue !== undefined && isOver(queue) && read !== queue.ended);
}

function isOver({ ended, drained }: QueueActivity): boolean {
	return ended !== 0 && drained;
}

/** True if a run of the task that did not finish successfully has ended the last stream on a link. */
export function hasEnded(region: Region, link: Link): boolean {
	const { ended = 0 } = activityOf(region, link) ?? {};
	return ended !== 0 && linkState(region, link).written !== ended;
}

/** Notes that a run of a task has finished successfully, so the next run sends and receives new streams. */
export function completeRun(region: Region, task: string, links: readonly Link[]): void {
	for (const link of links) {
		const queue = activityOf(region, link);
		if (queue === undefined || queue.ended === 0) continue;
		if (link.from.task === task) linkState(region, link).written = queue.ended;
		if (link.to.task !== task) continue;
		if (queue.drained) linkState(region, link).read = queue.ended;
		linkState(region, link).again = 0;
	}
}

interface OwnEnd {
	readonly region: string;
	readonly directory: string;
	readonly task: string;
	readonly link: Link;
	readonly isRun: boolean;
}

/** The stream ends that tasks of this process have read or written, by file, link and task. */
const ownEnds = new Map<string, OwnEnd>();
let listens = false;

function keyOf({ path }: Region, task: string, link: Link): string {
	return `${path}/${linkName(link)}/${task}`;
}

/**
 * Notes that a task of this process has read or written the end of a link.
 *
 * @param isRun true if a runner runs the workflow; the runner itself notes how the task exits
 */
export function noteEnd(region: Region, task: string, link: Link, isRun: boolean): void {
	if (!listens) process.on("exit", onExit);
	listens = true;
	const { name, path } = region;
	ownEnds.set(keyOf(region, task, link), { region: name, directory: dirname(path), task, link, isRun });
}

/** If this process has run the task before, that run did not fail, because the process still lives. */
export function completeOwnRun(region: Region, task: string, link: Link): void {
	if (ownEnds.delete(keyOf(region, task, link))) completeRun(region, task, [link]);
}

/** Without a runner, the exit status of the process counts as the exit status of its tasks. */
function onExit(code: number): void {
	if (code !== 0) return;
	for (const { region: name, directory, task, link, isRun } of ownEnds.values()) {
		if (isRun) continue;
		try {
			// The file's owner was checked when the task opened it.
			using region = Region.open(name, { directory, mode: "open", trust: "any" });
			completeRun(region, task, [link]);
		} catch {
			// The region is gone together with its streams, or it can't be changed any more.
		}
	}
}
