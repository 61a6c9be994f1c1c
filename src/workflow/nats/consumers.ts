/** The consumers of a stream on the server: one for each opening of its receiver, named with its epoch. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Consumer } from "@nats-io/jetstream";
import { DhmemError } from "../../errors.js";
import { codeOf } from "./creating.js";
import type { Endpoint } from "./endpoint.js";
import { NO_STREAM } from "./stream.js";

/** Milliseconds for which the server waits with an acknowledgement: longer than any task computes. */
const ACK_WAIT = 24 * 3600 * 1000;
/** Milliseconds between attempts, and for all attempts, to become the stream's consumer. */
const PAUSE = 20;
const PATIENCE = 10_000;

/** The error for a receiver that was replaced by another. */
export function taken(link: string): DhmemError {
	return new DhmemError(
		"DHMEM_ENDPOINT_TAKEN",
		`Another process receives from ${link} now; run each task only once at a time`,
	);
}

let count = 0;

/**
 * In a cluster, no name is used twice: a consumer that is made again just after it was deleted may be the old one still,
 * which does not deliver again what was lost.
 */
function nameOf(epoch: number, isReplicated: boolean): string {
	return isReplicated ? `r${epoch}_${++count}` : `r${epoch}`;
}

/** Deletes the consumers of older epochs. @throws DHMEM_ENDPOINT_TAKEN if there is one of a newer epoch */
async function removeOlder({ session, names, epoch }: Endpoint): Promise<void> {
	const { consumers } = session.manager;
	for await (const { name } of consumers.list(names.stream)) {
		if (Number.parseInt(name.slice(1), 10) > epoch) {
			throw taken(names.link);
		}
		await consumers.delete(names.stream, name).catch((error) => {
			if (codeOf(error) !== 10014) throw error;
		});
	}
}

/**
 * Makes a consumer of its own, which gets everything that is not acknowledged, in order.
 *
 * @param isReplicated true if several servers store the stream
 */
export async function makeConsumer(endpoint: Endpoint, isReplicated: boolean): Promise<Consumer> {
	const { session, names, epoch } = endpoint;
	const { AckPolicy, DeliverPolicy } = session.packages.jetstream;
	const deadline = performance.now() + PATIENCE;
	for (;;) {
		try {
			await removeOlder(endpoint);
			const name = nameOf(epoch, isReplicated);
			await session.manager.consumers.add(names.stream, {
				durable_name: name,
				ack_policy: AckPolicy.Explicit,
				deliver_policy: DeliverPolicy.All,
				ack_wait: ACK_WAIT * 1e6,
				max_ack_pending: -1,
			});
			return await session.manager.jetstream().consumers.get(names.stream, name);
		} catch (error) {
			// Another process has made one just now. Or a server of version 2.9 could not delete one at once,
			// because it was still writing its files.
			if (error instanceof DhmemError || codeOf(error) === NO_STREAM) throw error;
			if (performance.now() > deadline) throw error;
			await sleep(PAUSE);
		}
	}
}
