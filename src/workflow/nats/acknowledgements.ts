/**
 * What a receiver has acknowledged. An acknowledgement has no answer, and is lost if the server that leads the consumer
 * has just died or handed it over. So its position is kept until the servers are known to have handled it, if there are
 * several.
 */
import type { JsMsg } from "@nats-io/jetstream";
import { taken } from "./consumers.js";
import { codeOf } from "./creating.js";
import type { Endpoint } from "./endpoint.js";
import { textOf } from "./explained.js";

/** The positions that are kept at least, once there are so many, and the requests at a time. */
const LEAST = 4096;
const AT_ONCE = 64;
/** Milliseconds for which a server may take to answer. */
const PATIENCE = 5000;
/** What servers say of a message that is not there. */
const NO_MESSAGE = [10037, 10043, 10057];

export class Acknowledgements {
	#last: JsMsg | undefined;
	#positions: number[] = [];

	add(record: JsMsg): void {
		record.ack();
		this.#last = record;
		this.#positions.push(record.seq);
		if (this.#positions.length > 2 * LEAST) this.#positions = this.#positions.slice(-LEAST);
	}

	/** The servers have handled all. */
	confirm(): void {
		this.#positions = [];
	}

	/**
	 * Resolves when the server knows what was acknowledged.
	 *
	 * @param isReplicated true if several servers store the stream
	 * @throws DHMEM_ENDPOINT_TAKEN if another process receives now
	 */
	async settle(endpoint: Endpoint, isReplicated: boolean): Promise<void> {
		if (this.#last === undefined) return;
		const { session, names, epoch } = endpoint;
		const { reply } = this.#last as JsMsg & { readonly reply: string };
		try {
			// The server handles acknowledgements in their order, and answers this one, which repeats the last.
			await session.connection.request(reply, "+ACK", { timeout: PATIENCE });
		} catch (error) {
			if (!isReplicated) throw /no responders/i.test(textOf(error)) ? taken(names.link) : error;
			// The consumer may have no leader now, or another one may have been made here.
			if ((await endpoint.currentEpoch()) > epoch) throw taken(names.link);
		}
		if (isReplicated) await this.#enforce(endpoint);
	}

	/** Removes from the stream what was acknowledged and is there nevertheless. */
	async #enforce({ session, names }: Endpoint): Promise<void> {
		if (this.#positions.length === 0) return;
		const { streams } = session.manager;
		const { first_seq } = (await streams.info(names.stream)).state;
		const remaining = this.#positions.filter((position) => position >= first_seq);
		const remove = async (position: number) => {
			try {
				await streams.deleteMessage(names.stream, position, false);
			} catch (error) {
				if (!NO_MESSAGE.includes(codeOf(error) ?? 0)) throw error;
			}
		};
		for (let i = 0; i < remaining.length; i += AT_ONCE)
			await Promise.all(remaining.slice(i, i + AT_ONCE).map(remove));
		this.confirm();
	}
}
