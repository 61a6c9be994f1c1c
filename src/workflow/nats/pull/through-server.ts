/** Pulls a block through the server, in parts, where no connection to the keeper of its sender can be had. */
import { Buffer } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";
import { DhmemError } from "../../../errors.js";
import { chunkOf } from "../chunks.js";
import { request } from "../requesting.js";
import { decodeAnswer, encodeRequest, PROOF_BYTES } from "./request.js";
import type { Retrieval, Retrieved } from "./retrieval.js";

/** Parts that are asked for at a time. */
const AT_ONCE = 4;
/** Milliseconds for an answer, and between attempts. */
const PATIENCE = 5000;
const PAUSE = 100;
/** Milliseconds for which nobody may listen: the keeper's connection was lost, and it may come back. */
const ABSENCE = 16_000;

/** The largest part that the server takes. */
export function partOf(maxPayload: number): number {
	return chunkOf(maxPayload) - PROOF_BYTES;
}

/** @throws DHMEM_PEER_GONE if the keeper is gone */
export async function pullThroughServer(retrieval: Retrieval): Promise<Retrieved> {
	const { endpoint, target, signal } = retrieval;
	const size = partOf(endpoint.session.maxPayload);
	let next = 0;
	let isWithdrawn = false;
	const getParts = async () => {
		while (next < target.length && !isWithdrawn && !signal.aborted) {
			const at = next;
			next += size;
			if ((await getPart(retrieval, at, size)) === "withdrawn") isWithdrawn = true;
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, getParts));
	if (signal.aborted) return "closed";
	return isWithdrawn ? "withdrawn" : "whole";
}

async function getPart(
	{ endpoint, reference, target, signal }: Retrieval,
	at: number,
	size: number,
): Promise<Retrieved> {
	const { session, names } = endpoint;
	const { handle, token } = reference;
	const length = Math.min(size, target.length - at);
	let heard = performance.now();
	while (!signal.aborted) {
		const asked = encodeRequest({ handle, at, length }, token);
		const answer = session.connection.isClosed()
			? "silent"
			: await request(session, names.blocks, asked, PATIENCE, signal);
		if (signal.aborted) break;
		if (typeof answer !== "string") {
			const { data } = answer;
			const proof = Buffer.from(data.subarray(0, PROOF_BYTES));
			const said = proof.length === PROOF_BYTES ? decodeAnswer(proof, asked, token) : undefined;
			if (said === "withdrawn") return said;
			if (said === "here" && data.length === PROOF_BYTES + length) {
				target.set(data.subarray(PROOF_BYTES), at);
				return "whole";
			}
		}
		if (answer !== "nobody") heard = performance.now();
		else if (performance.now() - heard > ABSENCE) {
			throw new DhmemError(
				"DHMEM_PEER_GONE",
				`The runner that keeps a block of ${names.link} is gone (was it killed?); run the workflow again`,
			);
		}
		await sleep(PAUSE, undefined, { ref: false });
	}
	return "closed";
}
