/**
 * Streams whose end a task has read or written, and whether the task's work with them is done.
 *
 * Reading an end takes it out of its queue. A task that fails afterwards is started again, and has to see that end
 * again; one that has finished well, and is started again, waits for the next stream. Likewise a task that has ended an
 * output: after a failure that end stands, since the consumer may have seen it and finished; otherwise the next stream
 * begins. Which of the two it is shows only when the task ends: `dhmem run` notes it, and where nobody runs the workflow,
 * the task's process itself.
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
 * Whether a run of the task that did not finish well has read the end of a stream: it has noted that, or died before it
 * could, but the last stream is over. Without the note, a stream that has begun since would hide the end.
 */
export function hasReadEnd(region: Region, link: Link): boolean {
	const queue = activityOf(region, link);
	const { read, again } = linkState(region, link);
	return again !== 0 || (queue !== undefined && isOver(queue) && read !== queue.ended);
}

function isOver({ ended, drained }: QueueActivity): boolean {
	return ended !== 0 && drained;
}

/** Whether the last stream on a link has ended, by a run of its task that did not finish well. */
export function hasEnded(region: Region, link: Link): boolean {
	const { ended = 0 } = activityOf(region, link) ?? {};
	return ended !== 0 && linkState(region, link).written !== ended;
}

/** Notes that a run of a task has finished well: the next one begins new streams, and waits for new streams. */
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

/** Ends that tasks of this process have read or written, by file, link and task. */
const ownEnds = new Map<string, OwnEnd>();
let listens = false;

function keyOf({ path }: Region, task: string, link: Link): string {
	return `${path}/${linkName(link)}/${task}`;
}

/**
 * A task of this process has read or written the end of a link.
 *
 * @param isRun whether somebody runs the workflow, who notes by itself how the task ends
 */
export function noteEnd(region: Region, task: string, link: Link, isRun: boolean): void {
	if (!listens) process.on("exit", onExit);
	listens = true;
	const { name, path } = region;
	ownEnds.set(keyOf(region, task, link), { region: name, directory: dirname(path), task, link, isRun });
}

/** If this task was run before by this process, which goes on, that run has not failed. */
export function completeOwnRun(region: Region, task: string, link: Link): void {
	if (ownEnds.delete(keyOf(region, task, link))) completeRun(region, task, [link]);
}

/** Without a runner, how the process ends is how its tasks end. */
function onExit(code: number): void {
	if (code !== 0) return;
	for (const { region: name, directory, task, link, isRun } of ownEnds.values()) {
		if (isRun) continue;
		try {
			// Its file was trusted when the task opened it.
			using region = Region.open(name, { directory, mode: "open", trust: "any" });
			completeRun(region, task, [link]);
		} catch {
			// The region is gone, and its streams with it; or it can't be changed any more.
		}
	}
}
