/** Links through shared memory. Each link is a queue of the region with the link's name. */
import { Buffer } from "node:buffer";
import type { Message } from "../queue/message.js";
import type { Queue } from "../queue/queue.js";
import type { Region } from "../region.js";
import { completeOwnRun, hasEnded, hasReadEnd, noteEnd } from "./completion.js";
import { linkState } from "./link-state.js";
import { type Link, linkName } from "./links.js";
import type { LinkReceiver, LinkSender, LinkTransport } from "./transport.js";

export class MemoryTransport implements LinkTransport {
	readonly #region: Region;
	readonly #task: string;
	readonly #isRun: boolean;
	readonly #log: (text: string) => void;

	/** @param isRun true if a runner runs the workflow */
	constructor(region: Region, task: string, isRun: boolean, log: (text: string) => void) {
		this.#region = region;
		this.#task = task;
		this.#isRun = isRun;
		this.#log = log;
	}

	sender(link: Link): LinkSender {
		completeOwnRun(this.#region, this.#task, link);
		// Without a runner, a task that a signal ended after its work can't be distinguished from one that
		// failed.
		if (this.#isRun && hasEnded(this.#region, link)) return this.#droppingSender(link);
		// Opened before the endpoint is taken, because this may fail for lack of room, and the endpoint would
		// stay taken.
		const state = linkState(this.#region, link);
		const producer = this.#queue(link).producer({ patient: true });
		// A killed predecessor may have left another number.
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
			end: () => {
				producer.end();
				noteEnd(this.#region, this.#task, link, this.#isRun);
			},
			close: () => producer.close(),
		};
	}

	/**
	 * Used for a link that this task had ended before it failed. Its consumer gets the whole stream of the
	 * failed run.
	 */
	#droppingSender(link: Link): LinkSender {
		this.#log(
			`${linkName(link)} had already ended before this task was restarted; messages sent there now are dropped`,
		);
		return {
			inline: Number.POSITIVE_INFINITY,
			send: async (_, { block }) => block?.free(),
			allocate: async (bytes) => this.#region.allocate(bytes),
			sendBlock: async (block) => block.free(),
			end: () => {},
			close: () => {},
		};
	}

	receiver(link: Link): LinkReceiver {
		const state = linkState(this.#region, link);
		const consumer = this.#queue(link).consumer({ patient: true });
		state.receiving = 0;
		completeOwnRun(this.#region, this.#task, link);
		if (hasReadEnd(this.#region, link)) consumer.seeEndAgain();
		let noted = false;
		const note = (message: Message | undefined) => {
			if (consumer.ended && !noted) {
				state.again = 1;
				noteEnd(this.#region, this.#task, link, this.#isRun);
			}
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
			giveBack: (messages) => consumer.giveBack(messages),
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
