/**
 * Plain TCP, with the length before each message. Each direction has its own connection, which its receiver opens,
 * because only then Node reads straight into the receiver's memory.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type Channel, check, fill, LARGE, type OpenChannel, Turns, windowOf } from "./channel.js";
import { portOfPeer, tellPort } from "./ports.js";

const HOST = "127.0.0.1";
/** The length as u32, and as much again, so that the message can be filled with numbers. */
const HEAD = 8;
const CHUNK = 2 ** 16;

export const open: OpenChannel = async (end, place, bytes) => {
	const server = createServer({ noDelay: true });
	server.listen(0, HOST);
	await once(server, "listening");
	const accepted = once(server, "connection");
	tellPort(place, end, (server.address() as AddressInfo).port);
	const frames = new Frames(bytes, HOST, await portOfPeer(place, end));
	const [socket] = (await accepted) as [Socket];
	server.close();
	return new Tcp(socket, frames, bytes);
};

/** Reads messages. What is left of a large one goes straight into its place. */
class Frames {
	readonly #socket: Socket;
	readonly #chunk = Buffer.alloc(CHUNK);
	readonly #head = Buffer.alloc(HEAD);
	#headFilled = 0;
	readonly #body: Buffer;
	/** The length of the message that is read now. */
	#length = 0;
	#filled = 0;
	#isDirect = false;
	/** Bytes of the chunk that belong to later messages. */
	#rest = this.#chunk.subarray(0, 0);
	#onMessage: ((message: Buffer) => void) | undefined;
	#onFailure: (error: Error) => void = () => {};

	constructor(bytes: number, host: string, port: number) {
		this.#body = Buffer.alloc(bytes);
		const buffer = () => {
			this.#isDirect = this.#headFilled === HEAD && this.#length - this.#filled >= CHUNK;
			return this.#isDirect ? this.#body.subarray(this.#filled, this.#length) : this.#chunk;
		};
		const callback = (count: number) => {
			if (this.#isDirect) this.#filled += count;
			else this.#rest = this.#chunk.subarray(0, count);
			this.#take();
			return this.#rest.length === 0;
		};
		this.#socket = connect({ host, port, noDelay: true, onread: { buffer, callback } });
		this.#socket.on("close", () => this.#onFailure(new Error("The peer closed the connection")));
		this.#socket.on("error", () => {});
	}

	/** Resolves with the next message, which is valid until the next call. */
	next(): Promise<Buffer> {
		return new Promise((resolve, reject) => {
			this.#onFailure = reject;
			this.#onMessage = resolve;
			this.#take();
			if (this.#rest.length === 0) this.#socket.resume();
		});
	}

	/** Takes what has come as far as somebody waits for it. */
	#take(): void {
		while (this.#onMessage !== undefined) {
			if (this.#headFilled < HEAD) {
				this.#headFilled += this.#move(this.#head, this.#headFilled, HEAD);
				if (this.#headFilled < HEAD) return;
				this.#length = this.#head.readUInt32LE(0);
			}
			this.#filled += this.#move(this.#body, this.#filled, this.#length);
			if (this.#filled < this.#length) return;
			this.#headFilled = 0;
			this.#filled = 0;
			const take = this.#onMessage;
			this.#onMessage = undefined;
			take(this.#body.subarray(0, this.#length));
		}
	}

	#move(target: Buffer, at: number, end: number): number {
		const count = this.#rest.copy(target, at, 0, Math.min(end - at, this.#rest.length));
		this.#rest = this.#rest.subarray(count);
		return count;
	}

	close(): void {
		this.#socket.destroy();
	}
}

class Tcp implements Channel {
	readonly #socket: Socket;
	readonly #frames: Frames;
	readonly #turns: Turns<Buffer>;

	constructor(socket: Socket, frames: Frames, bytes: number) {
		this.#socket = socket;
		this.#frames = frames;
		const count = bytes < LARGE ? 4 * windowOf(bytes) : windowOf(bytes);
		this.#turns = new Turns(Array.from({ length: count }, () => Buffer.from(new ArrayBuffer(HEAD + bytes))));
	}

	/** A buffer is used again when it was written. */
	send(sequence: number, bytes: number): Promise<void> {
		return this.#turns.begin((buffer) => {
			buffer.writeUInt32LE(bytes, 0);
			fill(buffer.subarray(HEAD, HEAD + bytes), sequence);
			return new Promise<void>((resolve, reject) => {
				this.#socket.write(buffer.subarray(0, HEAD + bytes), (error) => (error ? reject(error) : resolve()));
			});
		});
	}

	flush(): Promise<void> {
		return this.#turns.settle();
	}

	async receive(sequence: number, bytes: number): Promise<void> {
		check(await this.#frames.next(), sequence, bytes);
	}

	async close(): Promise<void> {
		this.#frames.close();
		this.#socket.destroy();
	}
}
