/** Pulls a block over TCP, straight into the memory of a block of this region. */
import { Buffer } from "node:buffer";
import { connect, type OnReadOpts, type Socket } from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectSecurely } from "node:tls";
import { onAbort } from "../../../waiting/any-signal.js";
import { ciphers } from "./ciphers.js";
import type { Reference } from "./reference.js";
import { type Answer, decodeAnswer, encodeRequest, PROOF_BYTES } from "./request.js";

/** Milliseconds for a connection, with its handshake. */
const PATIENCE = 2000;
/** Milliseconds after which a connection that brings nothing is cut. */
const SILENCE = 10_000;
/** Connections in a row that bring nothing, after which no more is tried. */
const ATTEMPTS = 3;
const PAUSE = 50;

/** `failed`: its keeper can't be reached, or does not give it. */
export type Pulled = "whole" | "withdrawn" | "failed";

/** What one connection has brought. */
interface Brought {
	readonly isConnected: boolean;
	readonly bytes: number;
	/** The last thing that was said. */
	readonly answer: Answer | undefined;
}

/**
 * Fills `target`. A connection that is cut is followed by another one, which goes on with the next byte.
 *
 * @param signal nothing is written to `target` after it was aborted
 */
export async function pull(reference: Reference, target: Uint8Array, signal: AbortSignal): Promise<Pulled> {
	let filled = 0;
	for (let attempts = 0; attempts < ATTEMPTS && !signal.aborted; attempts++) {
		const { isConnected, bytes, answer } = await pullOnce(reference, target, filled, signal);
		filled += bytes;
		if (answer === "whole" || answer === "withdrawn") return answer;
		// Nobody listens there, or something on the way keeps connections out.
		if (!isConnected) break;
		if (bytes > 0) attempts = 0;
		await sleep(PAUSE, undefined, { ref: false });
	}
	return "failed";
}

function pullOnce(
	reference: Reference,
	target: Uint8Array,
	at: number,
	signal: AbortSignal,
): Promise<Brought> {
	const request = encodeRequest(
		{ handle: reference.handle, at, length: target.length - at },
		reference.token,
	);
	// A proof before the bytes, and one behind them.
	const proof = Buffer.alloc(PROOF_BYTES);
	let proven = 0;
	let filled = at;
	let answer: Answer | undefined;
	let isConnected = false;
	return new Promise((resolve) => {
		const onread: OnReadOpts = {
			// The kernel writes into what this returns.
			buffer: () =>
				answer === "here" && filled < target.length ? target.subarray(filled) : proof.subarray(proven),
			callback: (count) => {
				if (answer === "here" && filled < target.length) filled += count;
				else {
					proven += count;
					if (proven < PROOF_BYTES) return true;
					proven = 0;
					answer = decodeAnswer(proof, request, reference.token);
				}
				if (answer !== "here") socket.destroy();
				return answer === "here";
			},
		};
		const socket = open(reference, onread);
		// What waits for the message keeps the process alive.
		socket.unref();
		const timer = setTimeout(() => socket.destroy(), PATIENCE).unref();
		socket.on(reference.isSecure ? "secureConnect" : "connect", () => {
			isConnected = true;
			clearTimeout(timer);
			socket.setTimeout(SILENCE, () => socket.destroy());
			socket.write(request);
		});
		const stop = onAbort(signal, () => socket.destroy());
		socket.on("error", () => socket.destroy());
		socket.on("end", () => socket.destroy());
		socket.on("close", () => {
			clearTimeout(timer);
			stop();
			resolve({ isConnected, bytes: filled - at, answer });
		});
	});
}

function open({ host, port, isSecure, handle, token }: Reference, onread: OnReadOpts): Socket {
	if (!isSecure) return connect({ host, port, onread });
	// The type of the options lacks `onread`.
	const options = {
		host,
		port,
		onread,
		...ciphers,
		pskCallback: () => ({ psk: token, identity: handle }),
		checkServerIdentity: () => undefined,
	};
	return connectSecurely(options);
}
