/** dhmem in measures. */
import { type Message, Region, type Size } from "../src/index.js";
import { checkMessage } from "./data.js";

/** The region of a contender: whichever of its processes comes first makes it. */
export function openRegion(place: string, size: Size = "256MiB"): Region {
	return Region.open("bench", { directory: place, size });
}

export function present<T>(message: T | undefined): T {
	if (message === undefined) throw new Error("The stream ended early");
	return message;
}

/** A view's `byteOffset`. V8 before 12 looks it up slowly each time, which would be counted as ours. */
const offsetOf = Function.prototype.call.bind(
	Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "byteOffset")
		?.get as () => number,
) as (view: Uint8Array) => number;

/**
 * Checks messages where they lie, by one array of words over the whole region: so the check costs what it costs a
 * socket's bytes.
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
