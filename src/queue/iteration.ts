/** Iterating over the messages of a receiver: a queue's consumer, or a task's input. */

import { checkCount } from "../values/arguments.js";
import type { Message } from "./message.js";

interface Receiver {
	receive(): Promise<Message | undefined>;
	receiveMany(max: number): Message[];
	/** Releases all messages of one call of `receiveMany`. */
	releaseRun(messages: readonly Message[]): void;
	/** Takes back messages that the loop did not use. They are received again. */
	giveBack(messages: readonly Message[]): void;
}

/** Iterates over single messages up to the end. Each is released when the next one is requested. */
export function eachOf(receiver: Pick<Receiver, "receive" | "giveBack">): AsyncIterator<Message, undefined> {
	// There may be more than one, because a caller may request several before the first arrives.
	const given: Message[] = [];
	let isLeft = false;
	return {
		next: async () => {
			if (isLeft) return { done: true, value: undefined };
			for (const message of given.splice(0)) message.release();
			const message = await receiver.receive();
			if (message === undefined) return { done: true, value: undefined };
			if (isLeft) {
				// The loop was left while this message was awaited, for example because a stream over it was
				// destroyed.
				receiver.giveBack([message]);
				return { done: true, value: undefined };
			}
			given.push(message);
			return { done: false, value: message };
		},
		return: async () => {
			isLeft = true;
			return { done: true, value: undefined };
		},
	};
}

/**
 * Iterates in batches of 1 to `max` messages, as many as are there. The messages of a batch are released
 * together.
 */
export function batchesOf(receiver: Receiver, max: number): AsyncGenerator<Message[], undefined> {
	let isLeft = false;
	const batches = batchesUntil(receiver, max, () => isLeft);
	// A generator that is awaiting a message handles `return` and `throw` only afterwards. The message would
	// have no reader then, so the flag is set at once.
	const { return: end, throw: fail } = batches;
	batches.return = (value) => {
		isLeft = true;
		return end.call(batches, value);
	};
	batches.throw = (error) => {
		isLeft = true;
		return fail.call(batches, error);
	};
	return batches;
}

async function* batchesUntil(
	receiver: Receiver,
	max: number,
	isLeft: () => boolean,
): AsyncGenerator<Message[], undefined> {
	checkCount("The number of messages", max, 1, 2 ** 32);
	for (;;) {
		const first = await receiver.receive();
		if (first === undefined) return undefined;
		if (isLeft()) {
			receiver.giveBack([first]);
			return undefined;
		}
		const others = max > 1 ? receiver.receiveMany(max - 1) : [];
		yield [first, ...others];
		first.release();
		receiver.releaseRun(others);
	}
}
