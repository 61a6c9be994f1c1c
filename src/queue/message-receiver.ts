import { EMPTY, ENDED, SLOT_RESULT } from "../../assembly/layout.js";
import type { NamedObject } from "../objects/named-object.js";
import type { EndpointOptions } from "../values/arguments.js";
import { PENDING } from "../waiting/wait.js";
import { Endpoint } from "./endpoint.js";
import { describedMessage } from "./making-messages.js";
import { type Holder, Message } from "./message.js";

/**
 * What a consumer receives next: the messages that were given back, then those of the queue, then the end of the
 * stream.
 */
export abstract class MessageReceiver extends Endpoint {
	#ended = false;
	/** Messages that were given back, in their order. They are received again before all others. */
	#again: Message[] = [];
	/** The number of messages received so far, those given back once. */
	#count = 0;
	readonly #holder: Holder & { gone: boolean };

	/** @internal */
	constructor(queue: NamedObject, options?: EndpointOptions) {
		super(queue, "consumer", options);
		this.#holder = {
			gone: false,
			isGone: () => this.closed,
			finish: (hold, block, keep) => this.finish(hold, block, keep),
			giveBack: (message) => this.giveBack([message]),
		};
	}

	/** True when the stream has ended and all its messages were received. */
	get ended(): boolean {
		return this.#ended && this.#again.length === 0;
	}

	/** True when the queue has no more messages; some may have been given back. @internal */
	protected get hasSeenEnd(): boolean {
		return this.#ended;
	}

	/**
	 * Marks the stream as ended, for a stream that was read to its end before this endpoint was opened.
	 *
	 * @internal
	 */
	seeEndAgain(): void {
		this.#ended = true;
	}

	/** Receives the next message; undefined if the stream has ended. @internal */
	protected receiveNext(): Message | undefined | typeof PENDING {
		if (this.#again.length > 0) return this.#again.shift();
		if (this.#ended) return undefined;
		const message = this.next();
		if (message instanceof Message) return message;
		if (message === EMPTY) return PENDING;
		if (message !== ENDED) throw this.unexpected(message);
		this.#ended = true;
		this.attachment.wake(this.attachment.result(SLOT_RESULT));
		return undefined;
	}

	/** True if the next message was given back. @internal */
	protected get isNextGivenBack(): boolean {
		return this.#again.length > 0;
	}

	/** Keeps a message that was received to look at it: it is the next one again. @internal */
	protected keepForNext(message: Message): void {
		this.#again.push(message);
	}

	/**
	 * Takes back messages of this consumer that a reader did not use. They are received again, before all
	 * others.
	 *
	 * @internal
	 */
	giveBack(messages: readonly Message[]): void {
		if (messages.length === 0 || this.closed) return;
		// Several readers may each give back what they have not used.
		this.#again = [...messages, ...this.#again].sort((a, b) => a.index - b.index);
		// A pending wait may now get one of these.
		this.attachment.waiter.onRing();
	}

	/**
	 * Releases all messages of one call of `receiveMany`, of which some may be released already.
	 *
	 * @internal
	 */
	releaseRun(messages: readonly Message[]): void {
		if (this.closed) return;
		for (const message of messages) message.release();
	}

	/** @internal */
	protected override onLeft(): void {
		this.#holder.gone = true;
	}

	/** Makes the message that the core has just described, with its payload at `offset`. @internal */
	protected described(offset: number): Message {
		return describedMessage(this.attachment, this.#holder, this.#count++, offset);
	}

	/** Makes a message without a block. @internal */
	protected plain(hold: number, offset: number, length: number): Message {
		return new Message(this.attachment, this.#holder, this.#count++, hold, offset, length);
	}

	/** Receives the next message, or returns a status of the core. @internal */
	protected abstract next(): Message | number;
	/** True if the next thing to receive is a message, and not the end of the stream. @internal */
	protected abstract isNextMessage(): boolean;
	/**
	 * Releases a message; its block is freed, or with `keep` becomes this participant's own. Returns a status
	 * or a doorbell.
	 *
	 * @internal
	 */
	protected abstract finish(hold: number, block: number, keep: 0 | 1): number;
}
