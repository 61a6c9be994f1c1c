/**
 * A stream of a cluster, where a test chooses what its consumer delivers, and what is lost of that and of the
 * acknowledgements, as when another server becomes its leader. Consumers after the first one deliver everything.
 */
import { setImmediate } from "node:timers";
import type { Session } from "../../src/workflow/nats/session.js";
import { NO_STREAM } from "../../src/workflow/nats/stream.js";

class Messages {
	readonly #waiting: object[] = [];
	#wake: () => void = () => {};
	#isStopped = false;

	push(record: object): void {
		this.#waiting.push(record);
		this.#wake();
	}

	stop(): void {
		this.#isStopped = true;
		this.#wake();
	}

	getReceived(): number {
		return this.#waiting.length;
	}

	getProcessed(): number {
		return 0;
	}

	status(): readonly { type: string }[] {
		return [];
	}

	async *[Symbol.asyncIterator](): AsyncGenerator<object> {
		for (;;) {
			const next = this.#waiting.shift();
			if (next !== undefined) yield next;
			else if (this.#isStopped) return;
			else
				await new Promise<void>((resolve) => {
					this.#wake = resolve;
				});
		}
	}
}

export class SimulatedConsumers {
	readonly session: Session;
	/** The positions of the records that were acknowledged or deleted. */
	readonly gone = new Set<number>();
	/** The number of consumers that were made. */
	count = 0;
	/** True while acknowledgements go to a server that is gone. */
	losesAcknowledgements = false;
	/** Resolves when the first consumer delivers. */
	readonly ready: Promise<void>;
	#isReady: () => void = () => {};
	readonly #numbers: readonly number[];
	#name: string | undefined;
	#messages = new Messages();
	/** The position of the next record, and how many were delivered by this consumer. */
	#next = 1;
	#delivered = 0;

	/** @param numbers the number of each record among those of its sender, which is its content too */
	constructor(numbers: readonly number[]) {
		this.#numbers = numbers;
		this.ready = new Promise((resolve) => {
			this.#isReady = resolve;
		});
		let info: object | undefined;
		const keys = new Map<string, { revision: number }>();
		const session = {
			replicas: 3,
			packages: {
				jetstream: {
					RetentionPolicy: {},
					StorageType: {},
					DiscardPolicy: {},
					AckPolicy: {},
					DeliverPolicy: {},
				},
			},
			connection: { isClosed: () => false, publish: () => {}, request: async () => {} },
			manager: {
				jetstream: () => ({ consumers: { get: async () => ({ consume: async () => this.#consume() }) } }),
				streams: {
					info: async () => {
						if (info === undefined) throw Object.assign(new Error("no stream"), { code: NO_STREAM });
						return info;
					},
					add: async (config: object) => {
						info = { created: new Date(1).toISOString(), config, state: { first_seq: 1, last_seq: 0 } };
						return info;
					},
					deleteMessage: async (_: string, position: number) => this.gone.add(position),
				},
				consumers: {
					list: () => [],
					delete: async () => {},
					add: async (_: string, { durable_name }: { durable_name: string }) => this.#make(durable_name),
				},
			},
			bucket: async () => ({
				get: async (key: string) => keys.get(key) ?? null,
				put: async (key: string) => {
					keys.set(key, { revision: 1 });
					return 1;
				},
			}),
			onReconnect: () => {},
			onRefusal: () => {},
			onLockout: () => {},
			explain: (error: unknown) => error,
		};
		this.session = session as unknown as Session;
	}

	#make(name: string): void {
		if (name === this.#name) throw new Error(`${name} is used twice`);
		this.#name = name;
		this.count++;
		this.#next = 1;
		this.#delivered = 0;
	}

	#consume(): Messages {
		this.#messages = new Messages();
		if (this.count > 1) this.deliver(this.#numbers.length);
		// The receiver has it then.
		else setImmediate(this.#isReady);
		return this.#messages;
	}

	/** Delivers the next records that are there. */
	deliver(count: number, isLost = false): void {
		for (let left = count; left > 0 && this.#next <= this.#numbers.length; this.#next++) {
			if (this.gone.has(this.#next)) continue;
			left--;
			this.#delivered++;
			if (!isLost) this.#messages.push(this.#record(this.#next, this.#delivered));
		}
	}

	/** A new leader does not know of the last deliveries. */
	goBack(count: number): void {
		this.#next -= count;
		this.#delivered -= count;
	}

	#record(seq: number, deliverySequence: number): object {
		const number = this.#numbers[seq - 1] ?? 0;
		const headers = new Map([
			["Dhmem-Epoch", "1"],
			["Dhmem-Record", String(number)],
		]);
		return {
			seq,
			headers,
			subject: "dhmem.run.a.out.b.in.1.whole",
			data: Uint8Array.of(number),
			info: { deliverySequence },
			reply: "reply",
			ack: () => {
				if (!this.losesAcknowledgements) this.gone.add(seq);
			},
		};
	}
}
