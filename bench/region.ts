/** The common parts of dhmem's measures. */
import { type Message, Region, type Size } from "../src/index.js";
import { checkMessage } from "./data.js";

/** Opens the region of a contender. The first of its processes creates the region. */
export function openRegion(place: string, size: Size = "256MiB"): Region {
	return Region.open("bench", { directory: place, size });
}

export function present<T>(message: T | undefined): T {
	if (message === undefined) throw new Error("The stream ended early");
	return message;
}

/** Reads a view's `byteOffset`. The property is slow in V8 before 12, and its cost would count as dhmem's. */
const offsetOf = Function.prototype.call.bind(
	Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "byteOffset")
		?.get as () => number,
) as (view: Uint8Array) => number;

/**
 * Checks messages in place, through one array of words over the whole region. So the check costs as much as
 * for the bytes from a socket.
 */
export class InPlace {
	#words: Uint32Array | undefined;

	words({ buffer }: Uint8Array): Uint32Array {
		this.#words ??= new Uint32Array(buffer);
		return this.#words;
	}

	check({ bytes }: Message, sequence: number): void {
		checkMessage(this.words(bytes), offsetOf(bytes) >> 2, sequence);
	}
}
