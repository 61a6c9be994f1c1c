/** What the tests of waiting use. */
import type { Message, Producer, Region, RegionOptions } from "dhmem";
import * as assert from "uvu/assert";
import { Child, directory, openRegion } from "../fixture/index.js";

export const module = new URL("./waiting-scenarios.js", import.meta.url).href;

export function open(options: RegionOptions = {}, name = "waiting"): Region {
	return openRegion(name, options);
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

/** Releases a message, and returns its text. */
export function textOf(message: Message | undefined): string {
	const text = receivedFrom(message).text();
	message?.release();
	return text;
}

/** Sends until there is no room. Returns how many were sent. */
export function fill(producer: Producer, bytes = 8): number {
	let count = 0;
	while (producer.trySend(new Uint8Array(bytes))) count++;
	return count;
}
