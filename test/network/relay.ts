/** A relay before a server, which can cut connections and hold new ones up. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export class Relay {
	readonly #target: number;
	readonly #server = createServer((socket) => this.#onConnection(socket));
	readonly #sockets = new Set<Socket>();
	readonly #held: Socket[] = [];
	#isHolding = false;

	private constructor(target: number) {
		this.#target = target;
	}

	static async to(port: number): Promise<Relay> {
		const relay = new Relay(port);
		relay.#server.listen(0, "127.0.0.1");
		await once(relay.#server, "listening");
		return relay;
	}

	get address(): string {
		return `nats://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
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
				socket.destroy();
				other.destroy();
			});
		}
		socket.pipe(other).pipe(socket);
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
