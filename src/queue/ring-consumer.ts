/** The consumer of a byte queue. It reads messages in place, and asks the core for several at once. */
import {
	CORRUPT,
	EMPTY,
	OK,
	RECORD_BLOCK,
	RECORD_LARGE,
	SLOT_RESULT,
	SLOT_RESULT_2,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import type { NamedObject } from "../objects/named-object.js";
import type { EndpointOptions } from "../values/arguments.js";
import { Consumer } from "./consumer.js";
import type { Message } from "./message.js";
import { checkHandled, type PollHandler } from "./polling.js";
import { ringView } from "./ring-view.js";

/** The most messages that are fetched, and that `poll` releases, at once. */
const MOST = 256;
/** The most messages that are fetched to be received one by one. */
const FEW = 32;
/** The words of a description: position, offset of the payload, length. */
const WORDS = 3;

export class RingConsumer extends Consumer {
	/** The ring, by which handlers read messages. */
	readonly #view: DataView;
	/** Descriptions of messages that were fetched and not received yet, from the index `#first` to `#end`. */
	readonly #fetched = new Uint32Array(MOST * WORDS);
	/** The same, for the positions: from 2^31 on they would be objects to the engine if they had no sign. */
	readonly #positions = new Int32Array(this.#fetched.buffer);
	#first = 0;
	#end = 0;
	/** The index of the first message that `poll` has handled and not released. */
	#handled = 0;
	/** The kind of the record that the last fetch stopped before; 0 if none. */
	#stop = 0;

	constructor(queue: NamedObject, options?: EndpointOptions) {
		// First, because the endpoint would stay taken if this threw after it was taken.
		const view = ringView(queue, "consumer");
		super(queue, options);
		this.#view = view;
		this.attachment.flushers.add(this.#flush);
	}

	protected override next(): Message | number {
		if (this.#first === this.#end) {
			const status = this.#fetch(FEW);
			if (status !== OK) return status;
		}
		if (this.#first === this.#end) {
			const { core, me } = this.attachment;
			const offset = core.peek(me, this.at) >>> 0;
			return offset < STATUS_LIMIT ? offset : this.described(offset);
		}
		// The core was not asked, so it could not say that this participant was declared dead.
		this.attachment.check();
		const at = WORDS * this.#first++;
		this.#handled = this.#first;
		return this.plain(this.#position(at), this.#word(at + 1), this.#word(at + 2));
	}

	#word(index: number): number {
		return this.#fetched[index] as number;
	}

	#position(index: number): number {
		return this.#positions[index] as number;
	}

	/** Asks the core for up to `most` messages. Returns OK, also if the next one must be peeked at, or a status. */
	#fetch(most: number): number {
		const { attachment } = this;
		const { core, me, scratch } = attachment;
		const status = core.peekMany(me, this.at, most, scratch.byteOffset) >>> 0;
		if (status !== OK) return status;
		const words = attachment.result(SLOT_RESULT) * WORDS;
		this.#stop = attachment.result(SLOT_RESULT_2);
		const start = this.#view.byteOffset;
		const last = start + this.#view.byteLength;
		for (let i = 0; i < words; i += WORDS) {
			const offset = attachment.scratchWords[i + 1] as number;
			const length = attachment.scratchWords[i + 2] as number;
			// A faulty peer may have moved the ring since it was opened.
			if (offset < start || offset + length > last) throw this.unexpected(CORRUPT);
			this.#fetched[i] = attachment.scratchWords[i] as number;
			this.#fetched[i + 1] = offset;
			this.#fetched[i + 2] = length;
		}
		this.#first = 0;
		this.#handled = 0;
		this.#end = words / WORDS;
		return OK;
	}

	/** Fetches up to `most` messages unless there are some already. False if the queue is empty. */
	#fill(most: number): boolean {
		if (this.#first < this.#end) return true;
		const status = this.#fetch(most);
		if (status !== OK && status !== EMPTY) throw this.unexpected(status);
		return status === OK;
	}

	protected override isNextMessage(): boolean {
		if (!this.#fill(FEW)) return false;
		return this.#first < this.#end || this.#stop === RECORD_BLOCK || this.#stop === RECORD_LARGE;
	}

	protected override pollMany(handler: PollHandler, most: number): number {
		this.#fill(Math.min(most, MOST));
		const begin = this.#first;
		const end = Math.min(this.#end, begin + most);
		this.#handled = begin;
		try {
			const view = this.#view;
			const start = view.byteOffset;
			while (this.#first < end && !this.closed) {
				const at = WORDS * this.#first;
				checkHandled(handler(view, this.#word(at + 1) - start, this.#word(at + 2), undefined));
				this.#first++;
			}
		} finally {
			if (!this.closed) this.#releaseHandled();
		}
		return this.#first - begin;
	}

	/** Releases what `poll` has handled. */
	#releaseHandled(): void {
		if (this.#handled === this.#first) return;
		const first = this.#position(WORDS * this.#handled);
		const last = this.#position(WORDS * (this.#first - 1));
		this.#handled = this.#first;
		this.#releaseThrough(first, last);
	}

	/** The handler of `poll` may close the region, or wait for something else. */
	readonly #flush = (): void => {
		if (!this.closed) this.#releaseHandled();
	};

	/** The handler of `poll` may close this consumer. The messages before are handled. */
	protected override beforeClose(): void {
		this.#releaseHandled();
		this.attachment.flushers.delete(this.#flush);
	}

	/** Passes a message that lies in the ring and has an object, because it was given back or looked at. */
	protected override handle(handler: PollHandler, message: Message): void {
		const at = message.ringOffset;
		if (at === undefined) super.handle(handler, message);
		else checkHandled(handler(this.#view, at - this.#view.byteOffset, message.length, undefined));
	}

	protected override finish(hold: number, _block: number, keep: 0 | 1): number {
		const { core, me } = this.attachment;
		return core.release(me, this.at, hold, keep) >>> 0;
	}

	/**
	 * Releases a run by one operation. This is correct because no other message was received between its first
	 * and last.
	 *
	 * @internal
	 */
	override releaseRun(messages: readonly Message[]): void {
		if (this.closed) return;
		// Released messages are left out: their positions may since have wrapped around and mean other messages.
		const first = messages.find((message) => !message.released);
		const last = messages.findLast((message) => !message.released);
		if (first === undefined || last === undefined) return;
		for (const message of messages) message.noteFree();
		this.#releaseThrough(first.hold, last.hold);
		for (const message of messages) message.spend();
	}

	#releaseThrough(first: number, last: number): void {
		const { attachment } = this;
		const result = attachment.core.releaseThrough(attachment.me, this.at, first, last) >>> 0;
		if (result !== OK && result < STATUS_LIMIT) throw this.unexpected(result);
		attachment.wake(result);
	}
}
