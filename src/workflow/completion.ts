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
import { Region } from "../region.js";
import { linkState } from "./link-state.js";
import { type Link, linkName } from "./links.js";
import { completeNatsRun } from "./nats/notes.js";

function activityOf(region: Region, link: Link) {
	return region.activity().queues.find(({ name }) => name === linkName(link));
}

/**
 * Notes the end that this task's predecessor had read when it was killed before it could note it itself: then
 * more ends have been read than were noted. Must be called before the endpoint is taken, which moves `next`.
 */
export function noteForPredecessor(region: Region, link: Link): void {
	const queue = activityOf(region, link);
	if (queue === undefined) return;
	const { consumers, ends } = linkState(region, link);
	// Otherwise another program has read from the queue since, and its ends are not this task's.
	if (queue.consumers === consumers && queue.endsRead !== ends) noteReadEnd(region, link, queue);
}

/** Notes that this task holds the endpoint, so ends that are read from now on are its own. */
export function noteReceiver(region: Region, link: Link): void {
	const { consumers = 0, endsRead = 0 } = activityOf(region, link) ?? {};
	const state = linkState(region, link);
	// In this order: if this task dies in between, the counts don't match, and it has read no end.
	state.ends = endsRead;
	state.consumers = consumers;
}

/**
 * True if a run of the task that did not finish successfully has read the end of a stream, and has released
 * every message before it. If one of them is unreleased, the end is still in the queue too, and the next run
 * receives both.
 */
export function hasReadEnd(region: Region, link: Link): boolean {
	const { again } = linkState(region, link);
	const { head = again } = activityOf(region, link) ?? {};
	return again !== 0 && !isBefore(head, again);
}

/** Notes that the task has just read the end of a stream. A new stream may begin at once and hide that. */
export function noteReadEnd(region: Region, link: Link, queue = activityOf(region, link)): void {
	const state = linkState(region, link);
	// Positions are multiples of 8, and the note must not be 0.
	state.again = ((queue?.next ?? 0) | 1) >>> 0;
	// Last: if the task dies in between, its successor writes the same note again.
	state.ends = queue?.endsRead ?? 0;
}

/** True if a position in the queue, counted modulo 2^32, is before the position behind a noted end. */
function isBefore(position: number, again: number): boolean {
	return (((again & ~1) - position) | 0) > 0;
}

/** True if a run of the task that did not finish successfully has ended the last stream on a link. */
export function hasEnded(region: Region, link: Link): boolean {
	const { ended = 0 } = activityOf(region, link) ?? {};
	return ended !== 0 && linkState(region, link).written !== ended;
}

/** Notes that a run of a task has finished successfully, so the next run sends and receives new streams. */
export function completeRun(region: Region, task: string, links: readonly Link[]): void {
	for (const link of links.filter(({ from, to }) => from.task === task || to.task === task)) {
		if (link.transport === "nats") {
			completeNatsRun(region, task, link);
			continue;
		}
		const queue = activityOf(region, link);
		if (queue === undefined) continue;
		const state = linkState(region, link);
		if (link.from.task === task && queue.ended !== 0) state.written = queue.ended;
		if (link.to.task === task) state.again = 0;
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
