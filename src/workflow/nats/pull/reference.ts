/** References to blocks that stay in their sender's region until their receiver has pulled and released them. */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { chunkOf, corrupt, LENGTHS, piecesOf } from "../chunks.js";
import type { Parcel } from "../parcel.js";

/** Blocks from this size on go by reference, in bytes. */
export const LEAST_PULLED = 2 ** 20;

/** What the header of a part of a block says in place of a position, if its send was given up. */
export const WITHDRAWN = -1;

const ID_BYTES = 16;
const TOKEN_BYTES = 32;
/** The payload begins with the length of the reference's text, as u32. */
const SIZE = 4;

/**
 * Why a receiver asks for blocks through the server: it can't reach the sender of one, or its memory has no room, which
 * may be because of the sender's blocks.
 */
export type Reason = "unreachable" | "full";

/** Where a receiver finds a block. */
export interface Reference {
	readonly host: string;
	readonly port: number;
	/** True if the connection is encrypted. */
	readonly isSecure: boolean;
	/** Distinguishes the block from all others. It is no secret. */
	readonly id: string;
	/** The secret that lets a receiver pull the block. It is only in the message. */
	readonly token: Buffer;
	/** The token of the block's handle, if its sender saves it in its region. A receiver that has the region copies it. */
	readonly handle: string | undefined;
}

export function newReference(place: Omit<Reference, "id" | "token">): Reference {
	return { ...place, id: randomBytes(ID_BYTES).toString("hex"), token: randomBytes(TOKEN_BYTES) };
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
	{ host, port, isSecure, id, token, handle }: Reference,
	data: number,
	block: number,
): Buffer {
	const text = Buffer.from(JSON.stringify([host, port, isSecure, id, token.toString("base64"), handle]));
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
		const [host, port, isSecure, id, token, handle] = JSON.parse(bytes.toString("utf8", begin, end));
		const reference = {
			host,
			port,
			isSecure,
			id,
			token: Buffer.from(token, "base64"),
			handle: handle ?? undefined,
		};
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
	id,
	token,
	handle,
}: Readonly<Record<keyof Reference, unknown>>): boolean {
	return (
		typeof host === "string" &&
		Number.isInteger(port) &&
		typeof isSecure === "boolean" &&
		typeof id === "string" &&
		/^[0-9a-f]{32}$/.test(id) &&
		Buffer.isBuffer(token) &&
		token.length === TOKEN_BYTES &&
		(handle === undefined || typeof handle === "string")
	);
}

function isLength(value: number): boolean {
	return Number.isSafeInteger(value) && value >= 0;
}
