/**
 * What is said when a block is pulled:
 *
 * ```text
 * receiver → keeper   magic (8) | handle (38) | 2 reserved | nonce (16) | at, f64 | length, f64 | proof (32)
 * keeper → receiver   proof (32) | the bytes from `at` on | proof (32)
 * ```
 *
 * A proof is an HMAC whose key is the token. So each side knows that the other has the token, which itself is not sent
 * here. The last proof says that the block was still there after its bytes were sent, so that they are the block's.
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const MAGIC = Buffer.from("dhmem-2\n");
const HANDLE = 8;
const HANDLE_LENGTH = 38;
const NONCE = 48;
const AT = 64;
const LENGTH = 72;
const PROOF = 80;
export const PROOF_BYTES = 32;
export const REQUEST_BYTES = PROOF + PROOF_BYTES;

/** What a keeper answers: here are the bytes, or the block's send was given up; and that it has sent them. */
export const answers = ["here", "withdrawn", "whole"] as const;
export type Answer = (typeof answers)[number];

export interface Request {
	readonly handle: string;
	readonly at: number;
	readonly length: number;
}

function proofOf(token: Buffer, what: "pull" | Answer, request: Uint8Array): Buffer {
	return createHmac("sha256", token).update(what).update(request.subarray(0, PROOF)).digest();
}

export function encodeRequest({ handle, at, length }: Request, token: Buffer): Buffer {
	const request = Buffer.alloc(REQUEST_BYTES);
	MAGIC.copy(request);
	request.write(handle, HANDLE, "latin1");
	randomBytes(AT - NONCE).copy(request, NONCE);
	request.writeDoubleLE(at, AT);
	request.writeDoubleLE(length, LENGTH);
	proofOf(token, "pull", request).copy(request, PROOF);
	return request;
}

/** Undefined if it is not a request. */
export function decodeRequest(request: Buffer): Request | undefined {
	if (request.length !== REQUEST_BYTES || !request.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
	return {
		handle: request.toString("latin1", HANDLE, HANDLE + HANDLE_LENGTH),
		at: request.readDoubleLE(AT),
		length: request.readDoubleLE(LENGTH),
	};
}

/** True if whoever wrote the request has the token. */
export function isAllowed(request: Buffer, token: Buffer): boolean {
	return timingSafeEqual(request.subarray(PROOF), proofOf(token, "pull", request));
}

export function encodeAnswer(answer: Answer, request: Buffer, token: Buffer): Buffer {
	return proofOf(token, answer, request);
}

/** Undefined if it does not come from one that has the token. */
export function decodeAnswer(proof: Buffer, request: Buffer, token: Buffer): Answer | undefined {
	return answers.find((each) => timingSafeEqual(proof, proofOf(token, each, request)));
}

/** True if the part that is asked for is one of a block of so many bytes. */
export function isInside({ at, length }: Request, size: number): boolean {
	const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;
	return isCount(at) && isCount(length) && at + length <= size;
}
