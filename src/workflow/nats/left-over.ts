/** Runs that have left something on a server: their runner was killed, or could not reach it at the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { withSession } from "./manage.js";
import { isAnybodyThere } from "./presence.js";
import type { Session } from "./session.js";
import type { ServerSettings } from "./settings.js";

/** Milliseconds after which a run is asked again, since its processes may be connecting. */
const AGAIN = 2000;

/** What a run has on a server that nobody takes part in. */
export interface LeftOver {
	/** The run's name; in a long one, only its beginning. */
	readonly run: string;
	readonly streams: readonly string[];
	/** Bytes that they store. */
	readonly bytes: number;
}

/**
 * Removes what runs have on the server that nobody takes part in any more.
 *
 * @param dryRun only finds it
 * @throws as `openSession`
 */
export async function clearLeftOvers(server: ServerSettings, dryRun: boolean): Promise<LeftOver[]> {
	const found: LeftOver[] = [];
	await withSession(server, "clean", async (session) => {
		const runs = await runsOn(session);
		const silent: [string, LeftOver][] = [];
		for (const entry of runs) if (!(await isAnybodyThere(session, entry[0]))) silent.push(entry);
		if (silent.length > 0) await sleep(AGAIN);
		for (const [key, leftOver] of silent) {
			if (await isAnybodyThere(session, key)) continue;
			found.push(leftOver);
			if (dryRun) continue;
			for (const name of leftOver.streams) await session.manager.streams.delete(name);
		}
	});
	return found;
}

/** What the runs have on the server, by their keys. */
async function runsOn({ manager }: Session): Promise<Map<string, LeftOver>> {
	const runs = new Map<string, LeftOver>();
	for await (const { config, state } of manager.streams.list()) {
		const key = keyIn(config.name, config.subjects);
		if (key === undefined) continue;
		const { streams = [], bytes = 0 } = runs.get(key) ?? {};
		runs.set(key, {
			run: key.replace(/_[0-9a-f]{8}$/, ""),
			streams: [...streams, config.name],
			bytes: bytes + state.bytes,
		});
	}
	return runs;
}

/** The key of the run that a stream is of; undefined for a stream that is not ours. */
function keyIn(name: string, subjects: readonly string[] = []): string | undefined {
	if (name.startsWith("KV_dhmem_")) return name.slice("KV_dhmem_".length);
	const [first = ""] = subjects;
	return name.startsWith("dhmem_") && first.startsWith("dhmem.") ? first.split(".")[1] : undefined;
}
