/** Gives the blocks of a task to the receivers that have their tokens. One for each task, on a port of its own. */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createSecureServer } from "node:tls";
import { ciphers } from "./ciphers.js";
import { newReference, type Reference } from "./reference.js";
import { decodeRequest, encodeAnswer, isAllowed, REQUEST_BYTES } from "./request.js";

/** The most receivers at a time. Others are refused, and try again. */
const MOST = 64;
/** Milliseconds after which a connection that does not move is cut. Its receiver begins again where it was. */
const SILENCE = 10_000;
/** Bytes that are written at a time. */
const PIECE = 2 ** 24;

/** A block that can be pulled. */
interface Offer {
	readonly reference: Reference;
	/** Undefined after its sender has given the send up. */
	bytes: Uint8Array | undefined;
	onServed(): void;
	readonly sockets: Set<Socket>;
}

export interface ListenerOptions {
	/** The address to listen on. */
	readonly host: string;
	/** 0 for any. */
	readonly port: number;
	/** The host that receivers connect to, if it is another. */
	readonly announced: string;
	readonly isSecure: boolean;
}

export class Listener {
	readonly #options: ListenerOptions;
	readonly #server: Server;
	readonly #offers = new Map<string, Offer>();

	private constructor(options: ListenerOptions) {
		this.#options = options;
		const onConnection = (socket: Socket) => this.#onConnection(socket);
		if (options.isSecure) {
			const server = createSecureServer({
				...ciphers,
				pskCallback: (_, identity) => this.#offers.get(identity)?.reference.token ?? null,
				handshakeTimeout: SILENCE,
			});
			server.on("secureConnection", onConnection);
			server.on("connection", (socket: Socket) => socket.unref());
			server.on("tlsClientError", () => {});
			this.#server = server;
		} else this.#server = createServer(onConnection);
		this.#server.maxConnections = MOST;
		// Accepting failed, which it may do again later.
		this.#server.on("error", () => {});
		this.#server.unref();
	}

	/** Rejects if it can't listen there. */
	static async open(options: ListenerOptions): Promise<Listener> {
		const listener = new Listener(options);
		listener.#server.listen(options.port, options.host);
		await once(listener.#server, "listening");
		return listener;
	}

	/**
	 * @param handle of the block, if it is saved
	 * @param onServed called each time that a receiver has got something of the block
	 */
	offer(bytes: Uint8Array, handle: string | undefined, onServed: () => void): Reference {
		const { announced: host, isSecure } = this.#options;
		const { port } = this.#server.address() as AddressInfo;
		const reference = newReference({ host, port, isSecure, handle });
		this.#offers.set(reference.id, { reference, bytes, onServed, sockets: new Set() });
		return reference;
	}

	/** The block is pulled no more: receivers that still ask are told that its send was given up. */
	withdraw(id: string): void {
		const offer = this.#offers.get(id);
		if (offer === undefined) return;
		offer.bytes = undefined;
		for (const socket of offer.sockets) socket.destroy();
	}

	/** Nobody asks for the block any more. Nothing reads its memory after this. */
	remove(id: string): void {
		this.withdraw(id);
		this.#offers.delete(id);
	}

	#onConnection(socket: Socket): void {
		socket.unref();
		socket.setTimeout(SILENCE, () => socket.destroy());
		socket.on("error", () => socket.destroy());
		let request = Buffer.alloc(0);
		const onData = (data: Buffer) => {
			request = Buffer.concat([request, data]);
			if (request.length < REQUEST_BYTES) return;
			socket.off("data", onData);
			this.#answer(socket, request);
		};
		socket.on("data", onData);
	}

	#answer(socket: Socket, request: Buffer): void {
		const { id = "", at = 0, length = 0 } = decodeRequest(request) ?? {};
		const offer = this.#offers.get(id);
		// Whoever has no token learns nothing, not even whether there is such a block.
		if (offer === undefined || !isAllowed(request, offer.reference.token)) {
			socket.destroy();
			return;
		}
		const { bytes, reference, sockets } = offer;
		if (bytes === undefined) {
			socket.end(encodeAnswer("withdrawn", request, reference.token));
			return;
		}
		const isInside =
			Number.isSafeInteger(at) &&
			Number.isSafeInteger(length) &&
			at >= 0 &&
			length >= 0 &&
			at + length <= bytes.length;
		if (!isInside) {
			socket.destroy();
			return;
		}
		sockets.add(socket);
		socket.on("close", () => sockets.delete(socket));
		socket.write(encodeAnswer("here", request, reference.token));
		this.#write(socket, bytes.subarray(at, at + length), offer);
	}

	#write(socket: Socket, bytes: Uint8Array, offer: Offer): void {
		if (socket.destroyed) return;
		if (bytes.length === 0) {
			socket.end();
			return;
		}
		socket.write(bytes.subarray(0, PIECE), (error) => {
			if (error) return;
			offer.onServed();
			this.#write(socket, bytes.subarray(PIECE), offer);
		});
	}

	close(): void {
		for (const id of [...this.#offers.keys()]) this.remove(id);
		this.#server.close();
	}
}
