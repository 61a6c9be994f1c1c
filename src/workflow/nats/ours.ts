/** Which of a stream's records a sender has stored, when it does not know what has become of what it sent. */
import type { Endpoint } from "./endpoint.js";
import { EPOCH, NUMBER } from "./names.js";
import type { Pending } from "./pending.js";

/**
 * For each record of the stream behind the last one that is known to be ours: whether it is the next one of ours.
 * What the receiver has acknowledged is not there any more: it was ours, unless an older sender may have stored it.
 *
 * @param known the position of the last record that is known to be ours
 * @param last the position of the stream's last record
 * @param isFenced true when no older sender can take a place in the stream
 */
export async function oursUpTo(
	known: number,
	last: number,
	records: Pending,
	{ session, names, epoch }: Pick<Endpoint, "session" | "names" | "epoch">,
	isFenced: boolean,
): Promise<boolean[]> {
	const ours: boolean[] = [];
	let count = 0;
	for (let position = known + 1; position <= last; position++) {
		const stored = await session.manager.streams.getMessage(names.stream, { seq: position });
		const next = records.at(count);
		const isOurs =
			next?.sentBy !== undefined &&
			(stored === null
				? isFenced
				: stored.header.get(EPOCH) === String(epoch) && stored.header.get(NUMBER) === String(next.number));
		ours.push(isOurs);
		if (isOurs) count++;
	}
	return ours;
}
