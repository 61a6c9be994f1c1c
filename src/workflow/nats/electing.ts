/** Clusters of servers, which do not answer while they elect those that lead them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { isAbsent } from "./explained.js";

/** Milliseconds for which a cluster is asked again, and between attempts. */
const PATIENCE = 30_000;
const PAUSE = 250;

/** The milliseconds for which a server is asked again: more if it is one of a cluster. */
export function patienceWith({ info }: NatsConnection, milliseconds: number): number {
	return info?.cluster === undefined ? milliseconds : Math.max(milliseconds, PATIENCE);
}

/** Asks a server, and a cluster again while it does not answer. */
export async function electing<T>(connection: NatsConnection, ask: () => Promise<T>): Promise<T> {
	const deadline = performance.now() + patienceWith(connection, 0);
	for (;;) {
		try {
			return await ask();
		} catch (error) {
			if (!isAbsent(error) || connection.isClosed() || performance.now() > deadline) throw error;
			await sleep(PAUSE);
		}
	}
}
