/** Going through the messages of something that receives: a queue's consumer, or a task's input. */
import type { Message } from "./message.js";
import { checkCount } from "./options.js";

interface Receiver {
	receive(): Promise<Message | undefined>;
	receiveMany(max: number): Message[];
	/** Releases all that one call of `receiveMany` gave. */
	releaseRun(messages: readonly Message[]): void;
}

/** One message after the other up to the end; each is released when the next one is asked for. */
export function eachOf(receiver: Pick<Receiver, "receive">): AsyncIterator<Message, undefined> {
	let last: Message | undefined;
	return {
		next: async () => {
			last?.release();
			last = await receiver.receive();
			return last === undefined ? { done: true, value: undefined } : { done: false, value: last };
		},
		return: async () => ({ done: true, value: undefined }),
	};
}

/** The same in batches of what is there, at least 1 and at most `max` messages, released together. */
export async function* batchesOf(receiver: Receiver, max: number): AsyncGenerator<Message[], undefined> {
	checkCount("The number of messages", max, 1, 2 ** 32);
	for (;;) {
		const first = await receiver.receive();
		if (first === undefined) return undefined;
		const others = max > 1 ? receiver.receiveMany(max - 1) : [];
		yield [first, ...others];
		first.release();
		receiver.releaseRun(others);
	}
}
