/** A relay before a server, which can cut connections and hold new ones up. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export class Relay {
	readonly #target: number;
	readonly #server = createServer((socket) => this.#onConnection(socket));
	readonly #sockets = new Set<Socket>();
	/** The connections of clients, with theirs to the target. */
	readonly #pairs = new Map<Socket, Socket>();
	readonly #held: Socket[] = [];
	#isHolding = false;
	#most = Number.POSITIVE_INFINITY;
	#hasStalled = false;
	#stallAt = Number.POSITIVE_INFINITY;
	/** The number of connections so far. */
	connections = 0;

	private constructor(target: number) {
		this.#target = target;
	}

	/** @param own where it listens */
	static async to(port: number, own = { host: "127.0.0.1", port: 0 }): Promise<Relay> {
		const relay = new Relay(port);
		relay.#server.listen(own.port, own.host);
		await once(relay.#server, "listening");
		return relay;
	}

	get address(): string {
		return `nats://127.0.0.1:${this.port}`;
	}

	get port(): number {
		return (this.#server.address() as AddressInfo).port;
	}

	/** Cuts each connection when it has brought so many bytes from the target. */
	cutAfter(bytes: number): void {
		this.#most = bytes;
	}

	/** Stops each connection when it has brought so many bytes from the target. */
	stallAfter(bytes: number): void {
		this.#stallAt = bytes;
	}

	/** What clients send does not reach the target until `pass`. */
	delay(): void {
		for (const [socket, other] of this.#pairs) socket.unpipe(other).pause();
	}

	/** Lets the target have what clients have sent, also of a client that has gone. */
	pass(): void {
		for (const [socket, other] of this.#pairs) socket.pipe(other);
	}

	/** Resolves when a connection has stopped. */
	async isStalled(): Promise<void> {
		while (!this.#hasStalled) await sleep(5);
	}

	#onConnection(socket: Socket): void {
		if (this.#isHolding) this.#held.push(socket);
		else this.#connect(socket);
	}

	#connect(socket: Socket): void {
		const other = connect(this.#target, "127.0.0.1");
		for (const each of [socket, other]) {
			this.#sockets.add(each);
			each.on("error", () => {});
			each.on("close", () => {
				this.#sockets.delete(each);
				this.#pairs.delete(socket);
				socket.destroy();
				other.destroy();
			});
		}
		this.connections++;
		this.#pairs.set(socket, other);
		let count = 0;
		socket.pipe(other);
		other.on("data", (data: Buffer) => {
			const room = Math.max(Math.min(this.#most, this.#stallAt) - count, 0);
			count += data.length;
			const goesOn = socket.write(data.subarray(0, room));
			if (data.length >= room) {
				other.pause();
				if (this.#most <= this.#stallAt) socket.end(() => socket.destroy());
				else this.#hasStalled = true;
			} else if (!goesOn) {
				other.pause();
				socket.once("drain", () => other.resume());
			}
		});
		other.on("end", () => socket.end());
	}

	/** Cuts all connections, and lets new ones wait. */
	hold(): void {
		this.#isHolding = true;
		for (const socket of this.#sockets) socket.destroy();
	}

	/** Resolves when a new connection waits. */
	async isHolding(): Promise<void> {
		while (this.#held.length === 0) await sleep(5);
	}

	/** Cuts the connections that wait. */
	cut(): void {
		for (const socket of this.#held.splice(0)) socket.destroy();
	}

	go(): void {
		this.#isHolding = false;
		for (const socket of this.#held.splice(0)) this.#connect(socket);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.hold();
		this.cut();
		this.#server.close();
	}
}
