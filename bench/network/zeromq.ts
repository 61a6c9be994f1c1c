/** ZeroMQ over TCP, without acknowledgements. */
import { packageOf } from "../peers/packages.js";
import { type Channel, check, fill, type OpenChannel, windowOf } from "./channel.js";
import { portOfPeer, tellPort } from "./ports.js";

interface Push {
	sendHighWaterMark: number;
	readonly lastEndpoint: string;
	bind(address: string): Promise<void>;
	send(message: Uint8Array): Promise<void>;
	close(): void;
}

interface Pull {
	receiveHighWaterMark: number;
	connect(address: string): void;
	receive(): Promise<Uint8Array[]>;
	close(): void;
}

export const open: OpenChannel = async (end, place, bytes) => {
	const zeromq = await packageOf<{ Push: new () => Push; Pull: new () => Pull }>("zeromq");
	const push = new zeromq.Push();
	push.sendHighWaterMark = windowOf(bytes);
	await push.bind("tcp://127.0.0.1:*");
	tellPort(place, end, Number(new URL(push.lastEndpoint).port));
	const pull = new zeromq.Pull();
	pull.receiveHighWaterMark = windowOf(bytes);
	pull.connect(`tcp://127.0.0.1:${await portOfPeer(place, end)}`);
	return new ZeroMQ(push, pull);
};

class ZeroMQ implements Channel {
	readonly #push: Push;
	readonly #pull: Pull;

	constructor(push: Push, pull: Pull) {
		this.#push = push;
		this.#pull = pull;
	}

	/** Each message has memory of its own, because zeromq keeps it until it is written. */
	send(sequence: number, bytes: number): Promise<void> {
		const message = Buffer.allocUnsafeSlow(bytes);
		fill(message, sequence);
		return this.#push.send(message);
	}

	async flush(): Promise<void> {}

	async receive(sequence: number, bytes: number): Promise<void> {
		const [message = new Uint8Array(8)] = await this.#pull.receive();
		check(message, sequence, bytes);
	}

	async close(): Promise<void> {
		this.#push.close();
		this.#pull.close();
	}
}
