/** What tests of mailboxes use. */
import type { Consumer, Region } from "dhmem";

export const patience = { timeout: 20_000 };

/** Receives and releases what is there now. Returns the texts. */
export function textsOf(consumer: Consumer): string[] {
	const texts = [];
	for (;;) {
		const message = consumer.tryReceive();
		if (message === undefined) return texts;
		texts.push(message.text());
		message.release();
	}
}

export const numbered = (from: number, to: number) =>
	Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`);

export function statsOf(region: Region): Record<string, number> {
	const { depth = 0, sent = 0, received = 0, dropped = 0 } = region.stats().queues[0] ?? {};
	return { depth, sent, received, dropped };
}
