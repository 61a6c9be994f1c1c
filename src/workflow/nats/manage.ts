/** What the runner does on the server: it creates the streams of a run, and removes them after it. */
import type { Link } from "../links.js";
import { codeOf } from "./creating.js";
import { electing } from "./electing.js";
import { explained } from "./explained.js";
import { bucketOf, keyOf, namesOf } from "./names.js";
import { answerFor } from "./presence.js";
import { openSession, type Session } from "./session.js";
import type { ServerSettings } from "./settings.js";
import { NO_STREAM, openStream } from "./stream.js";

/**
 * Creates what the links of a run need, so that a missing server or permission is found before a task starts.
 *
 * @returns the runner's connection, which answers for the run until it is closed
 * @throws as `openSession` and `openStream`
 */
export async function prepareServer(
	server: ServerSettings,
	run: string,
	links: readonly Link[],
): Promise<Session> {
	const session = await openSession(server, `run ${run}`, 0);
	try {
		answerFor(session, keyOf(run));
		await session.bucket(bucketOf(run));
		await openStreams(session, run, links);
	} catch (error) {
		await session.connection.close();
		throw explained(error, server);
	}
	return session;
}

/**
 * Creates the streams of those links that use NATS.
 *
 * @param isOther true for a link whose stream another runner creates, since it was here before: see `openStream`
 */
export async function openStreams(
	session: Session,
	run: string,
	links: readonly Link[],
	isOther: (link: Link) => boolean = () => false,
): Promise<void> {
	for (const link of links) {
		if (link.transport === "nats") await openStream(session, namesOf(run, link), link, isOther(link));
	}
}

/** Removes everything that a run has on the server. */
export async function clearServer(
	server: ServerSettings,
	run: string,
	links: readonly Link[],
): Promise<void> {
	await withSession(server, `run ${run}`, (session) => removeRun(session, run, links));
}

/** Removes those streams of the links that there are, and then the bucket, by which others find the run. */
export async function removeRun(
	{ connection, manager }: Session,
	run: string,
	links: readonly Pick<Link, "from" | "to">[],
): Promise<void> {
	for (const name of [...links.map((link) => namesOf(run, link).stream), `KV_${bucketOf(run)}`]) {
		try {
			await electing(connection, () => manager.streams.delete(name));
		} catch (error) {
			if (codeOf(error) !== NO_STREAM) throw error;
		}
	}
}

export async function withSession(
	server: ServerSettings,
	who: string,
	body: (session: Session) => Promise<void>,
): Promise<void> {
	const session = await openSession(server, who, 0);
	try {
		await body(session);
	} catch (error) {
		throw explained(error, server);
	} finally {
		await session.connection.close();
	}
}
