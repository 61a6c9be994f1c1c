/** References to blocks that stay in their sender's region until their receiver has pulled and released them. */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { chunkOf, corrupt, LENGTHS, piecesOf } from "../chunks.js";
import type { Parcel } from "../parcel.js";

/** Blocks from this size on go by reference, in bytes. */
export const LEAST_PULLED = 2 ** 20;

const TOKEN_BYTES = 32;
/** The payload begins with the length of the reference's text, as u32. */
const SIZE = 4;

/** Where a receiver finds a block. */
export interface Reference {
	readonly host: string;
	readonly port: number;
	/** True if the connection is encrypted. */
	readonly isSecure: boolean;
	/** The token of the handle under which the block is saved in its sender's region. It is no secret. */
	readonly handle: string;
	/** The secret that lets a receiver pull the block. It is only in the message. */
	readonly token: Buffer;
}

/** The secret of a block, which only those know that know the keeper's. */
export function tokenOf(secret: Uint8Array, handle: string): Buffer {
	return createHmac("sha256", secret).update(handle).digest();
}

/** Returns the records of a message whose block goes by reference. */
export function recordsWith(
	reference: Reference,
	maxPayload: number,
	data: Uint8Array,
	block: number,
): Parcel["records"] {
	const chunk = chunkOf(maxPayload);
	const begin = encodeReference(reference, data.length, block);
	const head = data.subarray(0, chunk - begin.length);
	return [
		{ kind: "refer", payload: Buffer.concat([begin, head]) },
		...piecesOf(data.subarray(head.length), chunk),
	];
}

function encodeReference(
	{ host, port, isSecure, handle, token }: Reference,
	data: number,
	block: number,
): Buffer {
	const text = Buffer.from(JSON.stringify([host, port, isSecure, handle, token.toString("base64")]));
	const head = Buffer.alloc(SIZE + LENGTHS);
	head.writeUInt32LE(text.length, 0);
	head.writeDoubleLE(data, SIZE);
	head.writeDoubleLE(block, SIZE + 8);
	return Buffer.concat([head, text]);
}

/** @throws DHMEM_CORRUPT */
export function decodeReference(
	payload: Uint8Array,
	link: string,
): { reference: Reference; data: number; block: number; rest: Uint8Array } {
	try {
		const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
		const begin = SIZE + LENGTHS;
		const end = begin + bytes.readUInt32LE(0);
		const [host, port, isSecure, handle, token] = JSON.parse(bytes.toString("utf8", begin, end));
		const reference = { host, port, isSecure, handle, token: Buffer.from(token, "base64") };
		const data = bytes.readDoubleLE(SIZE);
		const block = bytes.readDoubleLE(SIZE + 8);
		if (isReference(reference) && isLength(data) && isLength(block) && block > 0)
			return { reference, data, block, rest: payload.subarray(end) };
	} catch {
		// It is too short, or no JSON.
	}
	throw corrupt(link);
}

function isReference({
	host,
	port,
	isSecure,
	handle,
	token,
}: Readonly<Record<keyof Reference, unknown>>): boolean {
	return (
		typeof host === "string" &&
		Number.isInteger(port) &&
		typeof isSecure === "boolean" &&
		typeof handle === "string" &&
		/^[\w-]{38}$/.test(handle) &&
		Buffer.isBuffer(token) &&
		token.length === TOKEN_BYTES
	);
}

function isLength(value: number): boolean {
	return Number.isSafeInteger(value) && value >= 0;
}
