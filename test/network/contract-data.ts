/** What the rows of the contract send, and how they read it. */
import type { Input } from "dhmem/workflow";

/** Bytes that depend on the size and on the place. */
export function pattern(length: number): Uint8Array {
	return Uint8Array.from({ length }, (_, i) => (i * 31 + length + (i >> 8)) & 255);
}

export function isSame(one: Uint8Array | undefined, other: Uint8Array): boolean {
	return one !== undefined && Buffer.compare(one, other) === 0;
}

export async function textsOf(input: Input): Promise<string[]> {
	const texts: string[] = [];
	for await (const message of input) texts.push(message.text());
	return texts;
}
