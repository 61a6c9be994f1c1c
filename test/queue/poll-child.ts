/** Processes that send by batches, or receive by `poll`, until they are killed. */
import { type Consumer, Region } from "dhmem";
import { serve, type Talk } from "../fixture/index.js";

/** The bytes of a message: its number, and words made of it. */
export const LENGTH = 64;

/** The word of a message at `index`, from 0. The first is its number. */
export function wordOf(message: number, index: number): number {
	return index === 0 ? message : Math.imul(message + index, 0x9e37_79b1) >>> 0;
}

/** Sends messages from number `first` on, up to `count` at a time. */
function producer(_talk: Talk, directory: string, first: string, end: string, count: string): void {
	using region = Region.open("region", { directory });
	using producer = region.queue("q").producer();
	for (let sent = Number(first); sent < Number(end); ) {
		const batch = producer.tryReserveMany(LENGTH, Math.min(Number(count), Number(end) - sent));
		if (batch === undefined) {
			producer.waitSync(LENGTH);
			continue;
		}
		for (let index = 0; index < batch.count; index++, sent++) {
			const at = batch.offset(index);
			for (let word = 0; word < LENGTH / 4; word++)
				batch.view.setUint32(at + word * 4, wordOf(sent, word), true);
		}
		batch.commit();
	}
	producer.end();
}

/**
 * Receives by `poll`, and checks each message. Returns the number of the first, of the last, and how many. At the
 * message with the number `stop` it says so, and stays there until it is killed.
 */
function consumer(talk: Talk, directory: string, stop: string): unknown {
	using region = Region.open("region", { directory });
	using consumer = region.queue("q").consumer();
	return receive(consumer, (message) => {
		if (message !== Number(stop)) return;
		talk.say("stopped");
		Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
	});
}

/** Polls to the end of the stream. Checks that the messages follow each other and have their words. */
export function receive(
	consumer: Consumer,
	seen: (message: number) => void = () => {},
): { first: number; next: number } {
	let first = -1;
	let next = -1;
	while (consumer.waitSync()) {
		consumer.poll((view, at, length) => {
			const message = view.getUint32(at, true);
			if (first === -1) first = next = message;
			if (message !== next || length !== LENGTH) throw new Error(`${message} follows ${next - 1}`);
			for (let word = 1; word < LENGTH / 4; word++) {
				const found = view.getUint32(at + word * 4, true);
				if (found !== wordOf(message, word)) throw new Error(`word ${word} of ${message} is ${found}`);
			}
			seen(message);
			next++;
		});
	}
	return { first, next };
}

serve(import.meta.url, { producer, consumer });
