/** Links through shared memory: each is a queue of the region, by the link's name. */
import { Buffer } from "node:buffer";
import type { Message } from "../message.js";
import type { Queue } from "../queue.js";
import type { Region } from "../region.js";
import { completeStreams, forgetRead, hasReadEnd, noteRead } from "./completion.js";
import { linkState } from "./link-state.js";
import { type Link, linkName } from "./links.js";
import type { LinkReceiver, LinkSender, LinkTransport } from "./transport.js";

export class MemoryTransport implements LinkTransport {
	readonly #region: Region;
	readonly #isRun: boolean;

	/** @param isRun whether somebody runs the workflow */
	constructor(region: Region, isRun: boolean) {
		this.#region = region;
		this.#isRun = isRun;
	}

	sender(link: Link): LinkSender {
		const producer = this.#queue(link).producer({ patient: true });
		const state = linkState(this.#region, link);
		// A predecessor that was killed may have left it otherwise.
		state.sending = 0;
		const counting = async (bytes: number, send: () => Promise<void>) => {
			state.sending++;
			try {
				await send();
				state.bytes += bytes;
			} finally {
				state.sending--;
			}
		};
		return {
			inline: producer.inline,
			send: (data, options) =>
				counting(sizeOf(data) + (options.block?.length ?? 0), () => producer.send(data, options)),
			allocate: (bytes, options) => producer.allocate(bytes, options),
			sendBlock: (block, options) => counting(block.length, () => producer.sendBlock(block, options)),
			end: () => producer.end(),
			close: () => producer.close(),
		};
	}

	receiver(link: Link): LinkReceiver {
		const consumer = this.#queue(link).consumer({ patient: true });
		const state = linkState(this.#region, link);
		state.receiving = 0;
		if (forgetRead(this.#region, link)) completeStreams(this.#region, [link]);
		if (hasReadEnd(this.#region, link)) consumer.seeEndAgain();
		let noted = false;
		const note = (message: Message | undefined) => {
			if (consumer.ended && !noted) noteRead(this.#region, link, this.#isRun);
			noted = consumer.ended;
			return message;
		};
		return {
			tryReceive: () => note(consumer.tryReceive()),
			receive: async (options) => {
				state.receiving++;
				try {
					return note(await consumer.receive(options));
				} finally {
					state.receiving--;
				}
			},
			get ended() {
				return consumer.ended;
			},
			close: () => consumer.close(),
		};
	}

	#queue(link: Link): Queue {
		const { policy, capacity, keep } = link;
		const name = linkName(link);
		switch (policy) {
			case "block":
				return this.#region.queue(name, { capacity });
			case "drop-oldest":
				return this.#region.queue(name, { policy, keep });
			case "latest":
				return this.#region.queue(name, { policy });
		}
	}
}

function sizeOf(data: string | ArrayBufferView): number {
	return typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
}
