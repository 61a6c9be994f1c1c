/** How far a stream has come, as its sender asks before it goes on. */
import type { StreamInfo } from "@nats-io/jetstream";
import type { Endpoint } from "./endpoint.js";
import { admits, findStream, lost, streamGone, taken } from "./stream.js";

/**
 * @param last the position of the last record that the server has confirmed
 * @param isPatient true while the leader of a cluster may not know yet all that another one has confirmed
 * @returns undefined if that must be asked again
 * @throws DHMEM_CORRUPT if the server has lost something; DHMEM_ENDPOINT_TAKEN if there is a newer sender
 */
export async function standingOf(
	{ session, names, epoch, currentEpoch }: Pick<Endpoint, "session" | "names" | "epoch" | "currentEpoch">,
	last: number,
	isPatient: boolean,
): Promise<StreamInfo | undefined> {
	const info = await findStream(session.manager, names.stream);
	const current = await currentEpoch();
	const isBehind = info === undefined || current < epoch || info.state.last_seq < last;
	if (isBehind && isPatient) return undefined;
	if (info === undefined) throw streamGone(names);
	if (current !== epoch) throw taken(names);
	// An older sender may have changed that later than we have.
	if (!(await admits(session, info, names, epoch))) return undefined;
	if (info.state.last_seq < last) throw lost(names, info.state.last_seq, last);
	return info;
}
