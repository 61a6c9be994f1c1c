import {
	OK,
	QUEUE_CONSUMER,
	QUEUE_CONSUMER_COUNT,
	QUEUE_ENDED,
	QUEUE_HEAD,
	QUEUE_PRODUCER,
	QUEUE_PRODUCER_COUNT,
	QUEUE_TAIL,
	STATUS_LIMIT,
	TAKEN,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { badArgument, DhmemError } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import { type EndpointOptions, endpointNames, type WaitOptions, waitOptions } from "../values/arguments.js";
import { dispose } from "../values/dispose.js";
import { checkMade } from "../values/made.js";
import { Line } from "../waiting/line.js";
import { PENDING, type Pending, type Wait } from "../waiting/waiter.js";

export type Side = "producer" | "consumer";

const words = {
	producer: { holder: QUEUE_PRODUCER, count: QUEUE_PRODUCER_COUNT },
	consumer: { holder: QUEUE_CONSUMER, count: QUEUE_CONSUMER_COUNT },
};

/** Returns the participant that holds an endpoint of the queue, 0 if none does. */
export function holderOf(queue: NamedObject, side: Side): number {
	return queue.word(words[side].holder);
}

/** Checks an endpoint's options. Each is read once. */
export function endpointOptions(given: EndpointOptions | undefined, side: Side): EndpointOptions {
	const waits = waitOptions(given, {}, endpointNames, `The ${side} of a queue`);
	const patient = given?.patient ?? false;
	if (typeof patient !== "boolean") throw badArgument("patient", patient, "true or false");
	return { ...waits, patient };
}

/**
 * One endpoint of a queue, held by this participant: the common part of producers and consumers of all
 * queues.
 */
export abstract class Endpoint {
	protected readonly queue: NamedObject;
	protected readonly attachment: Attachment;
	protected readonly at: number;
	protected readonly defaults: WaitOptions;
	readonly #side: Side;
	readonly #peer: Side;
	readonly #peersBefore: number;
	readonly #patient: boolean;
	/**
	 * The waits of this endpoint in their order: a small message must not overtake a large one that doesn't fit
	 * yet.
	 */
	readonly #line = new Line<Pending>();
	/** The number of pending waits. While there are any, a later wait must not resolve before them. */
	#waiting = 0;
	#closed = false;

	/** @throws DHMEM_ENDPOINT_TAKEN */
	protected constructor(queue: NamedObject, side: Side, options: EndpointOptions | undefined) {
		checkMade(queue instanceof NamedObject, `A ${side}`, `call queue.${side}()`);
		// Read before the check, because a getter in the options could remove the queue.
		const { patient = false, ...defaults } = endpointOptions(options, side);
		this.defaults = defaults;
		queue.check();
		const { attachment, at } = queue;
		this.queue = queue;
		this.attachment = attachment;
		this.at = at;
		this.#patient = patient;
		this.#side = side;
		this.#peer = side === "producer" ? "consumer" : "producer";
		this.#attach();
		queue.endings.add(this.#onRemoval);
		this.#peersBefore = this.#peers() - (holderOf(queue, this.#peer) === 0 ? 0 : 1);
	}

	#attach(): void {
		const { core, me } = this.attachment;
		const attach = () =>
			(this.#side === "producer" ? core.attachProducer(me, this.at) : core.attachConsumer(me, this.at)) >>> 0;
		let result = attach();
		if (result === TAKEN && this.attachment.recover() > 0) result = attach();
		if (result === TAKEN) {
			const who = this.attachment.result();
			throw new DhmemError(
				"DHMEM_ENDPOINT_TAKEN",
				`Queue ${this.queue.name} already has a ${this.#side} (participant ${who}` +
					`${who === me ? ", this one" : ""}), and can have only one at a time; close that one first, or wait for ` +
					`it to leave with queue.acquire${this.#side === "producer" ? "Producer" : "Consumer"}()`,
			);
		}
		if (result !== OK && result < STATUS_LIMIT) throw this.attachment.unexpected(result, this.what);
		this.attachment.wake(result);
	}

	readonly #onRemoval = (): void => this.close();

	/** The number of participants that have held the other endpoint so far. */
	#peers(): number {
		return this.queue.word(words[this.#peer].count);
	}

	/** How error messages name this endpoint. */
	protected get what(): string {
		return `The ${this.#side} of queue ${this.queue.name}`;
	}

	/** True after this endpoint or the region was closed. */
	get closed(): boolean {
		return this.#closed || this.attachment.closed;
	}

	/**
	 * Leaves this endpoint, which another participant can take then. This does not end the stream, and
	 * unreleased messages are delivered again.
	 */
	close(): void {
		if (this.closed) return;
		this.queue.endings.delete(this.#onRemoval);
		this.beforeClose();
		const { core, me } = this.attachment;
		const result =
			(this.#side === "producer" ? core.detachProducer(me, this.at) : core.detachConsumer(me, this.at)) >>> 0;
		this.#closed = true;
		this.attachment.wake(result);
		this.attachment.waiter.onRing();
	}

	[dispose](): void {
		this.close();
	}

	/** What loggers print. Without this they would follow the fields into the whole ring. @internal */
	toJSON(): object {
		return { queue: this.queue.name, side: this.#side, closed: this.closed };
	}

	/** Called before this endpoint leaves, while it can still hand things over. */
	protected beforeClose(): void {}

	protected checkOpen(): void {
		this.attachment.check();
		this.checkHeld();
	}

	/**
	 * A sufficient check before an operation of the core, which itself returns FENCED if the participant has
	 * left.
	 */
	protected checkHeld(): void {
		if (this.#closed) throw new DhmemError("DHMEM_CLOSED", `${this.what} was closed; open a new one`);
	}

	/** Returns the error for a status that this endpoint's operation does not expect. */
	protected unexpected(status: number): DhmemError {
		return this.attachment.unexpected(status, this.what);
	}

	/**
	 * Throws if the peer left or died without ending the stream. A patient endpoint waits for the next peer
	 * instead.
	 */
	protected checkPeer(): void {
		if (this.#patient) return;
		// The count is read before the holder. A new peer takes the endpoint before it is counted, so a peer that
		// comes between the two reads is seen as holder.
		const count = this.#peers();
		if (count === this.#peersBefore || holderOf(this.queue, this.#peer) !== 0) return;
		// The peer that left may be the producer of the previous stream, which still held its endpoint when this
		// one opened.
		const ended = this.queue.word(QUEUE_ENDED);
		if (this.#peer === "producer" && ended === count) return;
		// Another peer has come since, so the words read above may belong to either of them.
		if (this.#peers() !== count) return;
		throw new DhmemError(
			"DHMEM_PEER_GONE",
			`The ${this.#peer} of queue ${this.queue.name} left or died without calling end(); ` +
				"wait for the next one with queue.waitForPeer(), or give up",
		);
	}

	/** The error of an `end()` that finds no room, because earlier ended streams were not read yet. */
	protected unread(): DhmemError {
		return new DhmemError(
			"DHMEM_TIMEOUT",
			`Queue ${this.queue.name} is full of ended streams that no consumer has read; let a consumer drain it first`,
		);
	}

	/** True while the queue contains messages that were sent and not yet released. */
	protected get hasContents(): boolean {
		return this.queue.word(QUEUE_TAIL) !== this.queue.word(QUEUE_HEAD);
	}

	/**
	 * A wait that repeats `attempt` until it succeeds. It fails if the peer is gone and a last attempt brings
	 * nothing.
	 */
	#wait<T>(what: string, attempt: () => T | typeof PENDING): Wait<T> {
		return {
			what: `${what} queue ${this.queue.name}`,
			attempt: () => {
				this.checkOpen();
				const result = attempt();
				if (result !== PENDING) return result;
				// The peer may have sent or released something between the attempt and its death.
				try {
					this.checkPeer();
				} catch (gone) {
					const last = attempt();
					if (last !== PENDING) return last;
					throw gone;
				}
				return PENDING;
			},
			announce: () => {
				if (this.closed) return;
				const { core, me } = this.attachment;
				if (this.#side === "producer") core.announceProducer(me, this.at);
				else core.announceConsumer(me, this.at);
			},
			peer: () => (this.closed ? 0 : holderOf(this.queue, this.#peer)),
		};
	}

	/** Waits behind this endpoint's earlier waits, without blocking the event loop. */
	protected async waitFor<T>(
		what: string,
		attempt: () => T | typeof PENDING,
		options?: WaitOptions,
		known?: ReadonlySet<string>,
	): Promise<T> {
		const checked = waitOptions(options, this.defaults, known);
		checked.signal?.throwIfAborted();
		this.checkOpen();
		const { waiter } = this.attachment;
		const breath = waiter.breathe();
		if (breath === undefined && this.#waiting === 0) {
			const result = attempt();
			if (result !== PENDING) return result;
		}
		this.#waiting++;
		try {
			const wait = this.#wait(what, attempt);
			return await waiter.wait({ ...wait, line: this.#line, after: breath }, checked);
		} finally {
			this.#waiting--;
		}
	}

	protected waitForSync<T>(
		what: string,
		attempt: () => T | typeof PENDING,
		options?: WaitOptions,
		known?: ReadonlySet<string>,
	): T {
		const checked = waitOptions(options, this.defaults, known);
		checked.signal?.throwIfAborted();
		this.checkOpen();
		const result = attempt();
		if (result !== PENDING) return result;
		return this.attachment.waiter.waitSync(this.#wait(what, attempt), checked);
	}
}
