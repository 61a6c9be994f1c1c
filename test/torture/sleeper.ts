/**
 * A process that sleeps on its pipe until it is killed. It answers what the counter sends, and waits for its neighbour
 * in a ring of sleepers, which never sends, so all that it can learn of the neighbour is its death.
 *
 * Arguments: folder, index, how many there are.
 */
import { DhmemError, Region } from "dhmem";
import { clock, dependOnRings } from "../fixture/index.js";
import { taken } from "./participant.js";

export const REGION = "sleepers";
/** Milliseconds after which who sleeps on a pipe, and hears of deaths, looks by itself. */
export const SLICE = 1000;

/** What a sleeper says: that all its endpoints are taken, that its neighbour is there, or that it has gone, and when. */
export type Said = "ready" | "met" | { gone: number };

/** Waits for one neighbour after another, without end. */
async function mind(region: Region, index: number): Promise<never> {
	const queue = region.queue(`ring ${index}`);
	const consumer = await taken(region, () => queue.consumer());
	for (;;) {
		try {
			await queue.waitForPeer();
			process.send?.("met" satisfies Said);
			await consumer.receive();
		} catch (error) {
			if (!(error instanceof DhmemError) || error.code !== "DHMEM_PEER_GONE") throw error;
			process.send?.({ gone: clock() } satisfies Said);
		}
	}
}

async function live(directory: string, index: number, count: number): Promise<void> {
	using _ = dependOnRings(SLICE);
	const region = Region.open(REGION, { directory, mode: "open", label: `sleeper ${index}` });
	const incoming = await taken(region, () => region.queue(`to ${index}`).consumer());
	const outgoing = await taken(region, () => region.queue(`from ${index}`).producer());
	// It is the neighbour of the previous one.
	await taken(region, () => region.queue(`ring ${(index + count - 1) % count}`).producer());
	mind(region, index);
	process.send?.("ready" satisfies Said);
	for await (const message of incoming) {
		outgoing.trySend(message.bytes);
		message.release();
	}
}

const [directory, index, count] = process.argv.slice(2);
if (process.send !== undefined && directory !== undefined && process.argv[1]?.endsWith("sleeper.js"))
	await live(directory, Number(index), Number(count));
