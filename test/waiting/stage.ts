/** What the tests of waiting work with. */
import type { Message, Producer, Region, RegionOptions } from "dhmem";
import * as assert from "uvu/assert";
import { Child, directory, openRegion } from "../fixture/index.js";

export const module = new URL("./waiting-scenarios.js", import.meta.url).href;

export function open(options: RegionOptions = {}): Region {
	return openRegion("waiting", options);
}

export async function child(scenario: string, ...parameters: (string | number)[]): Promise<Child> {
	const started = new Child(module, scenario, [directory, ...parameters]);
	assert.is(await started.hear(), "ready");
	return started;
}

export function receivedFrom(message: Message | undefined): Message {
	assert.ok(message, "the stream has ended");
	return message as Message;
}

/** The text of a message, which is released. */
export function textOf(message: Message | undefined): string {
	const text = receivedFrom(message).text();
	message?.release();
	return text;
}

/** Sends until there is no room; how many were sent. */
export function fill(producer: Producer, bytes = 8): number {
	let count = 0;
	while (producer.trySend(new Uint8Array(bytes))) count++;
	return count;
}
