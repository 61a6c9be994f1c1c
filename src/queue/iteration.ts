/** Going through the messages of something that receives: a queue's consumer, or a task's input. */

import { checkCount } from "../values/arguments.js";
import type { Message } from "./message.js";

interface Receiver {
	receive(): Promise<Message | undefined>;
	receiveMany(max: number): Message[];
	/** Releases all that one call of `receiveMany` gave. */
	releaseRun(messages: readonly Message[]): void;
	/** Messages that nobody got to are received again. */
	giveBack(messages: readonly Message[]): void;
}

/** One message after the other up to the end; each is released when the next one is asked for. */
export function eachOf(receiver: Pick<Receiver, "receive" | "giveBack">): AsyncIterator<Message, undefined> {
	// More than one, if several were asked for at once.
	const given: Message[] = [];
	let isLeft = false;
	return {
		next: async () => {
			if (isLeft) return { done: true, value: undefined };
			for (const message of given.splice(0)) message.release();
			const message = await receiver.receive();
			if (message === undefined) return { done: true, value: undefined };
			if (isLeft) {
				// It came when nobody went on any more, as when a stream over this was destroyed.
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

/** The same in batches of what is there, at least 1 and at most `max` messages, released together. */
export function batchesOf(receiver: Receiver, max: number): AsyncGenerator<Message[], undefined> {
	let isLeft = false;
	const batches = batchesUntil(receiver, max, () => isLeft);
	// By itself a generator that waits learns of these only afterwards, and what came meanwhile would have no reader.
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
