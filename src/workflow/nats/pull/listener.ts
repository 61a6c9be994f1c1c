/** Gives the blocks of a keeper to the receivers that have their tokens, on a port of its own. */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createSecureServer } from "node:tls";
import { ciphers } from "./ciphers.js";
import { decodeRequest, encodeAnswer, isAllowed, isInside, REQUEST_BYTES } from "./request.js";

/** The most receivers at a time. Others are refused, and try again. */
const MOST = 256;
/** Milliseconds after which a connection that does not move is cut. Its receiver begins again where it was. */
const SILENCE = 10_000;
/** Bytes that are written at a time. */
const PIECE = 2 ** 24;

/** What a listener gives. */
export interface Source {
	/** The secret of a block, and of one that is not there. */
	tokenOf(handle: string): Buffer;
	/** Undefined if it is not there any more, because its send was given up. */
	bytesOf(handle: string): Uint8Array | undefined;
}

export interface ListenerOptions {
	/** The address to listen on. */
	readonly host: string;
	/** 0 for any. */
	readonly port: number;
	readonly isSecure: boolean;
}

export class Listener {
	readonly #source: Source;
	readonly #server: Server;
	/** By the handles of the blocks that go over them. */
	readonly #sockets = new Map<Socket, string>();

	private constructor(options: ListenerOptions, source: Source) {
		this.#source = source;
		const onConnection = (socket: Socket) => this.#onConnection(socket);
		if (options.isSecure) {
			const server = createSecureServer({
				...ciphers,
				pskCallback: (_, identity) => source.tokenOf(identity),
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
	static async open(options: ListenerOptions, source: Source): Promise<Listener> {
		const listener = new Listener(options, source);
		listener.#server.listen(options.port, options.host);
		await once(listener.#server, "listening");
		return listener;
	}

	get port(): number {
		return (this.#server.address() as AddressInfo).port;
	}

	/** Cuts all connections over which a block goes. Nothing reads its memory after this. */
	cut(handle: string): void {
		for (const [socket, of] of this.#sockets) if (of === handle) socket.destroy();
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
			try {
				this.#answer(socket, request);
			} catch {
				// The region is corrupted.
				socket.destroy();
			}
		};
		socket.on("data", onData);
	}

	#answer(socket: Socket, request: Buffer): void {
		const asked = decodeRequest(request);
		if (asked === undefined) {
			socket.destroy();
			return;
		}
		const { handle, at, length } = asked;
		const token = this.#source.tokenOf(handle);
		// Whoever has no token learns nothing, not even whether there is such a block.
		if (!isAllowed(request, token)) {
			socket.destroy();
			return;
		}
		const bytes = this.#source.bytesOf(handle);
		if (bytes === undefined) {
			socket.end(encodeAnswer("withdrawn", request, token));
			return;
		}
		if (!isInside(asked, bytes.length)) {
			socket.destroy();
			return;
		}
		this.#sockets.set(socket, handle);
		socket.on("close", () => this.#sockets.delete(socket));
		socket.write(encodeAnswer("here", request, token));
		this.#write(socket, bytes.subarray(at, at + length), () => {
			// If it is there now, it was there while its bytes were read.
			if (this.#source.bytesOf(handle) === undefined) socket.destroy();
			else socket.end(encodeAnswer("whole", request, token));
		});
	}

	#write(socket: Socket, bytes: Uint8Array, onWritten: () => void): void {
		if (socket.destroyed) return;
		if (bytes.length === 0) {
			onWritten();
			return;
		}
		socket.write(bytes.subarray(0, PIECE), (error) => {
			if (!error) this.#write(socket, bytes.subarray(PIECE), onWritten);
		});
	}

	close(): void {
		for (const socket of this.#sockets.keys()) socket.destroy();
		this.#server.close();
	}
}
