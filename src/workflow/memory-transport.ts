/** Links through shared memory: each is a queue of the region, by the link's name. */
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

	/** @param isRun whether somebody runs the workflow */
	constructor(region: Region, task: string, isRun: boolean, log: (text: string) => void) {
		this.#region = region;
		this.#task = task;
		this.#isRun = isRun;
		this.#log = log;
	}

	sender(link: Link): LinkSender {
		completeOwnRun(this.#region, this.#task, link);
		// By hand, a task that was ended by a signal after its work is not told from one that failed.
		if (this.#isRun && hasEnded(this.#region, link)) return this.#droppingSender(link);
		// Before the endpoint: where there is no room for it, the endpoint must not stay taken.
		const state = linkState(this.#region, link);
		const producer = this.#queue(link).producer({ patient: true });
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
			end: () => {
				producer.end();
				noteEnd(this.#region, this.#task, link, this.#isRun);
			},
			close: () => producer.close(),
		};
	}

	/** For a link that this task had ended before it failed: its consumer has, or will have, the whole stream. */
	#droppingSender(link: Link): LinkSender {
		this.#log(
			`${linkName(link)} had ended before this task was restarted; what it sends there now is dropped`,
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
