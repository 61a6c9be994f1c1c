/** Links through shared memory. Each link is a queue of the region with the link's name. */
import { Buffer } from "node:buffer";
import type { Message } from "../queue/message.js";
import type { Queue } from "../queue/queue.js";
import type { Region } from "../region.js";
import {
	completeOwnRun,
	hasEnded,
	hasReadEnd,
	noteEnd,
	noteForPredecessor,
	noteReadEnd,
	noteReceiver,
} from "./completion.js";
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
		const counting = async (bytes: () => number, isLimited: boolean, send: () => Promise<void>) => {
			const waits = isLimited ? 0 : 1;
			state.sending += waits;
			try {
				await send();
				state.bytes += bytes();
			} finally {
				state.sending -= waits;
			}
		};
		return {
			inline: producer.inline,
			send: (data, options, isLimited) => {
				const bytes = sizeOf(data) + (options.block?.length ?? 0);
				return counting(
					() => bytes,
					isLimited,
					() => producer.send(data, options),
				);
			},
			allocate: (bytes, options) => producer.allocate(bytes, options),
			tryBlock: (bytes) => producer.tryBlock(bytes),
			sendBlock: (block, options, isLimited) => {
				let bytes = 0;
				const measured = () => {
					const made = block();
					bytes = made?.length ?? 0;
					return made;
				};
				return counting(
					() => bytes,
					isLimited,
					() => producer.sendBlock(measured, options),
				);
			},
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
			tryBlock: (bytes) => this.#region.allocate(bytes),
			sendBlock: async () => {},
			end: () => {},
			close: () => {},
		};
	}

	receiver(link: Link): LinkReceiver {
		const state = linkState(this.#region, link);
		const queue = this.#queue(link);
		noteForPredecessor(this.#region, link);
		const consumer = queue.consumer({ patient: true });
		noteReceiver(this.#region, link);
		state.receiving = 0;
		state.polling = 0;
		completeOwnRun(this.#region, this.#task, link);
		if (hasReadEnd(this.#region, link)) consumer.seeEndAgain();
		let noted = false;
		const note = (message: Message | undefined) => {
			if (consumer.ended && !noted) {
				noteReadEnd(this.#region, link);
				noteEnd(this.#region, this.#task, link, this.#isRun);
			}
			noted = consumer.ended;
			return message;
		};
		const counting = async <T>(isLimited: boolean, wait: () => Promise<T>) => {
			const count = isLimited ? "polling" : "receiving";
			state[count]++;
			try {
				return await wait();
			} finally {
				state[count]--;
			}
		};
		return {
			tryReceive: () => note(consumer.tryReceive()),
			receive: (options, isLimited) => counting(isLimited, async () => note(await consumer.receive(options))),
			deliverTo: (take, options, isLimited) =>
				counting(isLimited, () => consumer.deliverTo((message) => take(note(message)), options)),
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
