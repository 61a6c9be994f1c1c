/** Whether anybody takes part in a run: its runner and its tasks answer when they are asked, as long as they live. */
import { request } from "./requesting.js";
import type { Session } from "./session.js";

/** Milliseconds for an answer. */
const PATIENCE = 2000;

/** What is known of somebody who was asked. A process that is stopped is silent. */
export type Answer = "there" | "silent" | "nobody";

/** @param runner one of the run's runners; undefined for all of its processes */
function subjectOf(key: string, runner: string | undefined): string {
	return runner === undefined ? `dhmem_room.${key}` : `dhmem_room.${key}.${runner}`;
}

/** Answers until the connection is closed. @param key of the run (`keyOf`) */
export function answerFor({ connection }: Session, key: string, runner?: string): void {
	connection.subscribe(subjectOf(key, runner), {
		callback: (error, message) => {
			if (error === null) message.respond();
		},
	});
}

/** True if somebody takes part in the run, or may: a process that is stopped does not answer. */
export async function isAnybodyThere(session: Session, key: string): Promise<boolean> {
	return (await ask(session, key)) !== "nobody";
}

/** Asks a runner, or all processes of the run. */
export async function ask(session: Session, key: string, runner?: string): Promise<Answer> {
	const answer = await request(session, subjectOf(key, runner), "", PATIENCE);
	return typeof answer === "string" ? answer : "there";
}
