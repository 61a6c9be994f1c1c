import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { badArgument, DhmemError } from "../errors.js";
import { inspected } from "../values/console.js";
import { checkMade } from "../values/made.js";

/**
 * A reference to a saved value that works in any process. `String(handle)` is a token of printable
 * characters. It contains the region's identity, an offset and a random number, so loading detects a forged
 * token, and one whose block was freed or whose object was removed. From `region.save(value)`.
 *
 * `postMessage` and `structuredClone` make an empty object of a handle: post its token, `String(handle)`.
 *
 * @example
 * ```ts
 * const token = String(region.save(block));
 * const loaded = region.load(token); // in any process
 * ```
 *
 * ```text
 *  format u8   what u8   2 reserved   region u64   offset u32   segment u16   2 reserved   nonce u64     28 bytes, as base64url
 * ```
 */
export class Handle<T = unknown> {
	/** Only for the compiler: the type of the saved value. */
	declare protected readonly of: T;
	readonly #token: string;

	/** @internal */
	constructor(token: string) {
		checkMade(wordsOf(token) !== undefined, "A Handle", "call region.save(value)");
		this.#token = token;
	}

	/**
	 * The token: 38 characters of `A-Z a-z 0-9 - _`.
	 *
	 * @example
	 * ```ts
	 * const token = String(region.save(block)); // 38 characters
	 * region.load(token);
	 * ```
	 */
	toString(): string {
		return this.#token;
	}

	/**
	 * The token, so that a handle can be part of a JSON text.
	 *
	 * @example
	 * ```ts
	 * const job = JSON.stringify({ field: region.save(block) });
	 * const loaded = region.load(JSON.parse(job).field);
	 * ```
	 */
	toJSON(): string {
		return this.#token;
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Handle", () => ({ token: this.#token }));
	}
}

const FORMAT = 1;
const BYTES = 28;

/**
 * The kinds of values a handle can refer to; a token has the index: a block by its handle's record, or a
 * named object.
 */
const kinds = ["block", "object"] as const;

/** The contents of a token. */
export interface Target {
	of: (typeof kinds)[number];
	region: readonly [number, number];
	at: number;
	nonce: readonly [number, number];
}

export function encodeHandle<T>({ of, region, at, nonce }: Target): Handle<T> {
	const words = new Uint32Array([
		FORMAT | (kinds.indexOf(of) << 8),
		region[0],
		region[1],
		at,
		0,
		nonce[0],
		nonce[1],
	]);
	return new Handle<T>(Buffer.from(words.buffer).toString("base64url"));
}

/** @throws DHMEM_BAD_HANDLE, DHMEM_BAD_ARGUMENT */
export function decodeHandle(handle: Handle | string): Target {
	if (typeof handle !== "string" && !(handle instanceof Handle)) {
		throw badArgument("The handle", handle, "a Handle or its token");
	}
	const words = wordsOf(String(handle).trim());
	if (words === undefined) throw badHandle("is not a dhmem token");
	const word = (index: number) => words[index] as number;
	const of = kinds[word(0) >>> 8] as Target["of"];
	return { of, region: [word(1), word(2)], at: word(3), nonce: [word(5), word(6)] };
}

/** Returns the words of a token; undefined if it is not a dhmem token. */
function wordsOf(token: string): Uint32Array | undefined {
	if (typeof token !== "string") return undefined;
	const bytes = Uint8Array.from(Buffer.from(token, "base64url"));
	if (bytes.length !== BYTES) return undefined;
	const words = new Uint32Array(bytes.buffer);
	const first = words[0] as number;
	const isKnown = (first & 0xff) === FORMAT && first >>> 8 < kinds.length && words[4] === 0;
	// Base64 decoding is lenient, so many strings decode to the same bytes. Only the canonical one is accepted.
	return isKnown && Buffer.from(bytes).toString("base64url") === token ? words : undefined;
}

export function badHandle(why: string): DhmemError {
	return new DhmemError("DHMEM_BAD_HANDLE", `The handle ${why}; ask the sender for a new one`);
}
