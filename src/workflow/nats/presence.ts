/** Whether anybody takes part in a run: its runner and its tasks answer when they are asked, as long as they live. */
import { clearTimeout, setTimeout } from "node:timers";
import type { Session } from "./session.js";

/** Milliseconds for an answer. */
const PATIENCE = 2000;
/** The status with which the server says that nobody listens to a subject. */
const NOBODY = 503;

function subjectOf(key: string): string {
	return `dhmem_room.${key}`;
}

/** Answers until the connection is closed. @param key of the run (`keyOf`) */
export function answerFor({ connection }: Session, key: string): void {
	connection.subscribe(subjectOf(key), { callback: (_, message) => void message.respond() });
}

/** True if somebody takes part in the run, or may: a process that is stopped does not answer. */
export function isAnybodyThere({ connection, packages }: Session, key: string): Promise<boolean> {
	// Not in an inbox, to which tasks may have no permission to publish.
	const reply = `dhmem_room.asked.${packages.transport.nuid.next()}`;
	return new Promise((resolve) => {
		const settle = (isThere: boolean) => {
			clearTimeout(timer);
			answers.unsubscribe();
			resolve(isThere);
		};
		const timer = setTimeout(() => settle(true), PATIENCE);
		const answers = connection.subscribe(reply, {
			callback: (_, message) => settle(message?.headers?.code !== NOBODY),
		});
		connection.publish(subjectOf(key), "", { reply });
	});
}
