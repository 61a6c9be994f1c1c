/** What the runner does on the server: it creates the streams of a run, and removes them after it. */
import type { Link } from "../links.js";
import { bucketOf, namesOf } from "./names.js";
import { explained, openSession, type Session } from "./session.js";
import type { ServerSettings } from "./settings.js";
import { openStream } from "./stream.js";

/**
 * Creates what the links of a run need, so that a missing server or permission is found before a task starts.
 *
 * @throws as `openSession` and `openStream`
 */
export async function prepareServer(
	server: ServerSettings,
	run: string,
	links: readonly Link[],
): Promise<void> {
	await withSession(server, run, async (session) => {
		await session.bucket(bucketOf(run));
		for (const link of links) await openStream(session, namesOf(run, link), link);
	});
}

/** Removes everything that a run has on the server. */
export async function clearServer(
	server: ServerSettings,
	run: string,
	links: readonly Link[],
): Promise<void> {
	await withSession(server, run, async ({ manager }) => {
		for (const name of [...links.map((link) => namesOf(run, link).stream), `KV_${bucketOf(run)}`]) {
			await manager.streams.delete(name);
		}
	});
}

async function withSession(
	server: ServerSettings,
	run: string,
	body: (session: Session) => Promise<void>,
): Promise<void> {
	const session = await openSession(server, `run ${run}`, 0);
	try {
		await body(session);
	} catch (error) {
		throw explained(error, server);
	} finally {
		await session.connection.close();
	}
}
