/** The two ends of a byte queue. */
import * as layout from "../../dist/assembly/layout.js";
import type { Region } from "./region.ts";

const encoder = new TextEncoder();

class Endpoint {
	protected readonly region: Region;
	readonly #at: number;
	readonly #kind: string;
	readonly #peer: number;
	readonly #count: number;
	readonly #noted: number;

	constructor(region: Region, name: string, kind: "Producer" | "Consumer") {
		const [peer, count] =
			kind === "Producer"
				? [layout.QUEUE_CONSUMER, layout.QUEUE_CONSUMER_COUNT]
				: [layout.QUEUE_PRODUCER, layout.QUEUE_PRODUCER_COUNT];
		const bytes = encoder.encode(name);
		this.region = region;
		this.#kind = kind;
		this.#at = region.offset("open", region.me, region.inOwnPage(bytes), bytes.length);
		if (region.word(this.#at + layout.OBJECT_KIND) !== layout.KIND_QUEUE)
			throw new Error(`${name} is no byte queue`);
		this.#peer = this.#at + peer;
		this.#count = this.#at + count;
		this.change(`attach${kind}`);
		// A peer that holds its end now, and one that comes later, are both noticed when they go.
		this.#noted = region.load(this.#count) - Number(region.load(this.#peer) !== 0);
	}

	protected call(name: string, ...parameters: number[]): number {
		return this.region.call(name, this.region.me, this.#at, ...parameters);
	}

	protected change(name: string, ...parameters: number[]): void {
		this.region.wake(name, this.call(name, ...parameters));
	}

	#isPeerGone(): boolean {
		const count = this.region.load(this.#count);
		const holder = this.region.load(this.#peer);
		return count === this.region.load(this.#count) && count !== this.#noted && holder === 0;
	}

	/** Waits until an export returns something else than the status that stands for nothing yet. */
	protected until(pending: number, name: string, ...parameters: number[]): number {
		const look = () => {
			const result = this.call(name, ...parameters);
			return result === pending ? undefined : result;
		};
		const attempt = () => {
			const result = look();
			if (result !== undefined || !this.#isPeerGone()) return result;
			// It may have done something just before it left.
			const last = look();
			if (last === undefined) throw new Error("The other side of the queue is gone");
			return last;
		};
		const announce = () => this.change(`announce${this.#kind}`);
		return this.region.wait(announce, attempt, () => this.region.load(this.#peer));
	}

	close(): void {
		this.change(`detach${this.#kind}`);
		this.region.change("unpin", this.region.me, this.#at);
	}
}

export class Producer extends Endpoint {
	constructor(region: Region, name: string) {
		super(region, name, "Producer");
	}

	/** What is larger than half the ring travels in a block. */
	send(bytes: Uint8Array): void {
		const payload = this.until(layout.NO_ROOM, "reserve", bytes.length);
		if (payload !== layout.TOO_LARGE) {
			this.region.write(this.region.expect("reserve", payload), bytes);
			this.change("commit", bytes.length);
		} else {
			const block = this.region.allocate(bytes.length);
			this.region.write(block, bytes);
			this.#handOver(new Uint8Array(0), 1, block, bytes.length);
		}
	}

	/** Sends bytes, and hands over a block with so many bytes of content. */
	sendBlock(bytes: Uint8Array, block: number, length: number): void {
		this.#handOver(bytes, 0, block, length);
	}

	#handOver(bytes: Uint8Array, large: number, block: number, length: number): void {
		const all = layout.REFERENCE_BYTES + bytes.length;
		const payload = this.region.expect("reserve", this.until(layout.NO_ROOM, "reserve", all));
		this.region.write(payload + layout.REFERENCE_BYTES, bytes);
		this.change("commitBlock", all, large, block, length);
	}

	end(): void {
		this.region.wake("end", this.until(layout.NO_ROOM, "end"));
	}
}

/** What the producer sent, in place, until it is released. */
export interface Message {
	bytes: Uint8Array;
	/** Those of the block that came with it. */
	block?: Uint8Array;
	release(): void;
}

export class Consumer extends Endpoint {
	constructor(region: Region, name: string) {
		super(region, name, "Consumer");
	}

	/** Undefined at the end of the stream. */
	receive(): Message | undefined {
		const payload = this.until(layout.EMPTY, "peek");
		const [position = 0, length = 0, kind, block = 0, blockLength = 0] = [0, 1, 2, 3, 4].map((index) =>
			this.region.result(index),
		);
		if (payload === layout.ENDED) {
			this.region.wake("peek", position);
			return undefined;
		}
		this.region.expect("peek", payload);
		const release = () => this.change("release", position, 0);
		if (kind === layout.RECORD_DATA) return { bytes: this.region.view(payload, length), release };
		// A block that comes with a message may be a reference; `bytesOf` knows where its bytes are.
		const content = this.region.view(this.region.offset("bytesOf", block), blockLength);
		if (kind === layout.RECORD_LARGE) return { bytes: content, release };
		const { REFERENCE_BYTES } = layout;
		return {
			bytes: this.region.view(payload + REFERENCE_BYTES, length - REFERENCE_BYTES),
			block: content,
			release,
		};
	}
}
