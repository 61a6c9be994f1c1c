/** What several processes may create on the server at once. */
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { electing, patienceWith } from "./electing.js";

/** Milliseconds between looks for something that another process creates, and for all of them. */
export const PAUSE = 20;
export const PATIENCE = 2000;
/** Milliseconds for which a process waits at most before it creates something on an old server. */
const SPREAD = 500;
const STREAM_EXISTS = 10058;
/** What old servers say of a stream that another client is creating. */
const SUBJECTS_OVERLAP = 10065;

/** The server's number for an error; undefined for other errors. */
export function codeOf(error: unknown): number | undefined {
	const isObject = typeof error === "object" && error !== null;
	return isObject && "code" in error && typeof error.code === "number" ? error.code : undefined;
}

/**
 * Calls `create`, which looks whether something exists on the server and creates it otherwise. Another process may
 * create it in the same moment; then it is looked for again.
 */
export async function creating<T>(connection: NatsConnection, create: () => Promise<T>): Promise<T> {
	const deadline = performance.now() + patienceWith(connection, PATIENCE);
	for (;;) {
		try {
			return await electing(connection, create);
		} catch (error) {
			const isCreated = codeOf(error) === STREAM_EXISTS || codeOf(error) === SUBJECTS_OVERLAP;
			if (!isCreated || performance.now() > deadline) throw error;
			await sleep(PAUSE);
		}
	}
}

/**
 * Waits for a random time, unless there is something already, on a server that may break a stream, or end, if two clients
 * create the same one at once. 2.9.11 mended that (nats-server pull request 3679).
 */
export async function spread({ info }: NatsConnection, look: () => Promise<unknown>): Promise<void> {
	const [major = 0, minor = 0, patch = 0] = (info?.version ?? "").split(".").map(Number.parseFloat);
	const isOld = major < 2 || (major === 2 && (minor < 9 || (minor === 9 && patch < 11)));
	if (!isOld) return;
	const isThere = await look().then(
		() => true,
		() => false,
	);
	if (!isThere) await sleep(Math.random() * SPREAD);
}
