/** Messages as records of a stream: whole, or in chunks. */
import { Buffer } from "node:buffer";
import { DhmemError } from "../../errors.js";
import type { Parcel } from "./parcel.js";

/** The largest chunk, with its subject and headers. */
const LARGEST_CHUNK = 2 ** 20;
/** Bytes of a record that are not payload: at most, for its headers. */
const HEADERS = 1024;
/** The first chunk begins with the lengths of the data and of the block, as f64; -1 for no block. */
export const LENGTHS = 16;

/** The largest payload of a record. */
export function chunkOf(maxPayload: number): number {
	return Math.min(maxPayload, LARGEST_CHUNK) - HEADERS;
}

/** Returns the records of a message. Their payloads are views of `data` and `block`, except the first one. */
export function recordsOf(maxPayload: number, data: Uint8Array, block?: Uint8Array): Parcel["records"] {
	const chunk = chunkOf(maxPayload);
	if (block === undefined && data.length <= chunk) return [{ kind: "whole", payload: data }];
	const head = data.subarray(0, chunk - LENGTHS);
	const lengths = Buffer.alloc(LENGTHS);
	lengths.writeDoubleLE(data.length, 0);
	lengths.writeDoubleLE(block?.length ?? -1, 8);
	return [
		{ kind: "first", payload: Buffer.concat([lengths, head]) },
		...piecesOf(data.subarray(head.length), chunk),
		...piecesOf(block ?? data.subarray(data.length), chunk),
	];
}

/** Returns the further records of a message. */
export function piecesOf(bytes: Uint8Array, chunk: number): { kind: "more"; payload: Uint8Array }[] {
	return Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, i) => ({
		kind: "more",
		payload: bytes.subarray(i * chunk, (i + 1) * chunk),
	}));
}

/** Reads the lengths at the beginning of a first chunk. */
export function lengthsIn(payload: Uint8Array, link: string): { data: number; block: number | undefined } {
	if (payload.length >= LENGTHS) {
		const lengths = Buffer.from(payload.buffer, payload.byteOffset, LENGTHS);
		const data = lengths.readDoubleLE(0);
		const block = lengths.readDoubleLE(8);
		if (Number.isSafeInteger(data) && data >= 0 && Number.isSafeInteger(block) && block >= -1)
			return { data, block: block < 0 ? undefined : block };
	}
	throw corrupt(link);
}

/** The error for a record that is not one of ours. */
export function corrupt(link: string): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`A message of ${link} on the NATS server is not one that dhmem has sent; does another program publish to its subjects?`,
	);
}
