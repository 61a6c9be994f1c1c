import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { badArgument, DhmemError } from "../errors.js";
import { inspected } from "../values/console.js";
import { checkMade } from "../values/made.js";

/**
 * A name for what was saved that is good in any process: `String(handle)` is a token of printable characters.
 * It carries the region's identity, the offset, and a random number, so one that was made up, or whose
 * block was freed or object removed, is found out.
 *
 * ```text
 *  format u8   what u8   2 reserved   region u64   offset u32   segment u16   2 reserved   nonce u64     28 bytes, as base64url
 * ```
 */
export class Handle<T = unknown> {
	/** Only a type: what it is of. */
	declare protected readonly of: T;
	readonly #token: string;

	/** @internal */
	constructor(token: string) {
		checkMade(wordsOf(token) !== undefined, "A Handle", "call region.save(value)");
		this.#token = token;
	}

	toString(): string {
		return this.#token;
	}

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

/** What a handle is of, by the number that stands for it: a block and its record, or a named object. */
const kinds = ["block", "object"] as const;

/** What a token says. */
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
	if (words === undefined) throw badHandle("is not a token of dhmem's");
	const word = (index: number) => words[index] as number;
	const of = kinds[word(0) >>> 8] as Target["of"];
	return { of, region: [word(1), word(2)], at: word(3), nonce: [word(5), word(6)] };
}

/** The words of a token; undefined if it is none of dhmem's. */
function wordsOf(token: string): Uint32Array | undefined {
	if (typeof token !== "string") return undefined;
	const bytes = Uint8Array.from(Buffer.from(token, "base64url"));
	if (bytes.length !== BYTES) return undefined;
	const words = new Uint32Array(bytes.buffer);
	const first = words[0] as number;
	const isKnown = (first & 0xff) === FORMAT && first >>> 8 < kinds.length && words[4] === 0;
	// Decoding is lenient, so that many strings could mean one handle: only the one that we write counts.
	return isKnown && Buffer.from(bytes).toString("base64url") === token ? words : undefined;
}

export function badHandle(why: string): DhmemError {
	return new DhmemError("DHMEM_BAD_HANDLE", `The handle ${why}; ask whoever gave it for a new one`);
}
