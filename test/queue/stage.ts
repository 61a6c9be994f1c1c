/** What the tests of queues use: a queue between two participants of this process. */
import type { Consumer, DhmemErrorCode, Message, Producer, Queue, Region, Sendable } from "dhmem";
import * as assert from "uvu/assert";
import { Child, codeOf, codeOfLater, directory, openRegion, regions } from "../fixture/index.js";

/** No wait here takes this long, on a machine however busy. */
export const patience = { timeout: 20_000 };

/** A participant in the test's region. */
export function open(size = "4MiB"): Region {
	return openRegion("region", regions.length === 0 ? { size } : {});
}

const module = new URL("./holder-child.js", import.meta.url).href;

/** A process that holds one endpoint of the queue, and has done what `holder-child.ts` says. */
export async function holder(
	side: "producer" | "consumer",
	...parameters: (string | number)[]
): Promise<Child> {
	const child = new Child(module, side, [directory, ...parameters]);
	assert.is(await child.hear(), "ready");
	return child;
}

interface Ends {
	region: Region;
	queue: Queue;
	producer: Producer;
	consumer: Consumer;
}

/** A queue between two participants of this process. */
export function ends(capacity = 1024, size?: string): Ends {
	const region = open(size);
	const queue = region.queue("q", { capacity });
	return {
		region,
		queue,
		producer: queue.producer(patience),
		consumer: open().queue("q").consumer(patience),
	};
}

export function fails(code: DhmemErrorCode, act: () => unknown): void {
	assert.is(codeOf(act), code);
}

export async function failsLater(code: DhmemErrorCode, promise: Promise<unknown>): Promise<void> {
	assert.is(await codeOfLater(promise), code);
}

/** Checks that the promise is rejected with exactly this reason. */
export async function failsWith(reason: Error, promise: Promise<unknown>): Promise<void> {
	const outcome = await promise.then(
		() => undefined,
		(error: unknown) => error,
	);
	assert.is(outcome, reason);
}

export function got(message: Message | undefined): Message {
	if (message === undefined) throw new Error("No message came");
	return message;
}

/** Receives and releases what is there. Returns the texts. */
export function drain(consumer: Consumer): string[] {
	const texts: string[] = [];
	for (let message = consumer.tryReceive(); message; message = consumer.tryReceive()) {
		texts.push(message.text());
		message.release();
	}
	return texts;
}

/** Sends the messages "0", "1", … while there is room. Returns how many. */
export function fill(producer: Producer): number {
	for (let count = 0; ; count++) if (!producer.trySend(String(count))) return count;
}

/** Every way to send without waiting, and what it does with a message. */
export const waysToSend: Record<string, (producer: Producer, data: Sendable) => void> = {
	trySend: (producer, data) => producer.trySend(data),
	sendSync: (producer, data) => producer.sendSync(data),
	sendMany: (producer, data) => producer.sendMany([data]),
	tryReserve: (producer, data) => {
		const bytes = Buffer.from(data as string);
		const slot = producer.tryReserve(bytes.length);
		slot?.bytes.set(bytes);
		slot?.commit();
	},
};
