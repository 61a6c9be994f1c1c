/**
 * What goes over the connection on which a block is pulled:
 *
 * ```text
 * receiver → sender   magic (8) | id (16) | nonce (16) | at, f64 | length, f64 | proof (32)
 * sender → receiver   proof (32) | the bytes from `at` on
 * ```
 *
 * A proof is an HMAC whose key is the token. So each side knows that the other has the token, which itself is not sent
 * here.
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const MAGIC = Buffer.from("dhmem-1\n");
const ID = 8;
const NONCE = 24;
const AT = 40;
const LENGTH = 48;
const PROOF = 56;
export const PROOF_BYTES = 32;
export const REQUEST_BYTES = PROOF + PROOF_BYTES;

/** What a sender answers: here are the bytes, or it has withdrawn the block. */
export const answers = ["here", "withdrawn"] as const;
export type Answer = (typeof answers)[number];

export interface Request {
	readonly id: string;
	readonly at: number;
	readonly length: number;
}

function proofOf(token: Buffer, what: "pull" | Answer, request: Uint8Array): Buffer {
	return createHmac("sha256", token).update(what).update(request.subarray(0, PROOF)).digest();
}

export function encodeRequest({ id, at, length }: Request, token: Buffer): Buffer {
	const request = Buffer.alloc(REQUEST_BYTES);
	MAGIC.copy(request);
	request.write(id, ID, "hex");
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
		id: request.toString("hex", ID, NONCE),
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
