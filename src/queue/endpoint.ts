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

/** The participant that has a side of the queue, 0 for nobody. */
export function holderOf(queue: NamedObject, side: Side): number {
	return queue.word(words[side].holder);
}

/** An endpoint's options, checked; each is read once. */
export function endpointOptions(given: EndpointOptions | undefined, side: Side): EndpointOptions {
	const waits = waitOptions(given, {}, endpointNames, `The ${side} of a queue`);
	const patient = given?.patient ?? false;
	if (typeof patient !== "boolean") throw badArgument("patient", patient, "true or false");
	return { ...waits, patient };
}

/** One endpoint of a queue, held by this participant: what the four kinds have in common. */
export abstract class Endpoint {
	protected readonly queue: NamedObject;
	protected readonly attachment: Attachment;
	protected readonly at: number;
	protected readonly defaults: WaitOptions;
	readonly #side: Side;
	readonly #peer: Side;
	readonly #peersBefore: number;
	readonly #patient: boolean;
	/** The waits of this endpoint, in turn: a message that would fit must not overtake one that doesn't yet. */
	readonly #line = new Line<Pending>();
	/** How many waits have not settled: until they have, a later one must not resolve before them. */
	#waiting = 0;
	#closed = false;

	/** @throws DHMEM_ENDPOINT_TAKEN */
	protected constructor(queue: NamedObject, side: Side, options: EndpointOptions | undefined) {
		checkMade(queue instanceof NamedObject, `A ${side}`, `call queue.${side}()`);
		// The options first: a getter could remove the queue.
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
				`Queue ${this.queue.name} has a ${this.#side} already (participant ${who}` +
					`${who === me ? ", this one" : ""}); it may have one at a time: dispose that one first, or wait for it to ` +
					`leave with queue.acquire${this.#side === "producer" ? "Producer" : "Consumer"}()`,
			);
		}
		if (result !== OK && result < STATUS_LIMIT) throw this.attachment.unexpected(result, this.what);
		this.attachment.wake(result);
	}

	readonly #onRemoval = (): void => this.close();

	/** How many there have been on the other side. */
	#peers(): number {
		return this.queue.word(words[this.#peer].count);
	}

	/** For messages. */
	protected get what(): string {
		return `The ${this.#side} of queue ${this.queue.name}`;
	}

	/** Whether this endpoint was left or the region closed. */
	get closed(): boolean {
		return this.#closed || this.attachment.closed;
	}

	/** Leaves this endpoint. It does not end the stream, and what was not released is delivered again. */
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

	/** As loggers make it. Its fields lead to the whole ring. @internal */
	toJSON(): object {
		return { queue: this.queue.name, side: this.#side, closed: this.closed };
	}

	/** What has to be handed over before leaving. */
	protected beforeClose(): void {}

	protected checkOpen(): void {
		this.attachment.check();
		this.checkHeld();
	}

	/** Enough before an operation of the core, which finds by itself that the participant has left: FENCED. */
	protected checkHeld(): void {
		if (this.#closed) throw new DhmemError("DHMEM_CLOSED", `${this.what} was closed; open a new one`);
	}

	/** An error for a status of an operation of this endpoint. */
	protected unexpected(status: number): DhmemError {
		return this.attachment.unexpected(status, this.what);
	}

	/** Throws if the peer came, and left or died without ending the stream, unless another is waited for. */
	protected checkPeer(): void {
		if (this.#patient) return;
		// In this order: an endpoint that is taken is counted after, so one that comes between the looks is seen.
		const count = this.#peers();
		if (count === this.#peersBefore || holderOf(this.queue, this.#peer) !== 0) return;
		// The producer of the stream before this one may still have been there when this endpoint was opened.
		const ended = this.queue.word(QUEUE_ENDED);
		if (this.#peer === "producer" && ended === count) return;
		// Another one has come since, and what was read may be of both.
		if (this.#peers() !== count) return;
		throw new DhmemError(
			"DHMEM_PEER_GONE",
			`The ${this.#peer} of queue ${this.queue.name} left or died without end(); ` +
				"wait for the next one with queue.waitForPeer(), or give up",
		);
	}

	/** A stream can't end before the one before it was read. */
	protected unread(): DhmemError {
		return new DhmemError(
			"DHMEM_TIMEOUT",
			`Queue ${this.queue.name} is full of streams that have ended and were not read; let a consumer drain it first`,
		);
	}

	/** Whether something was sent and not yet released. */
	protected get hasContents(): boolean {
		return this.queue.word(QUEUE_TAIL) !== this.queue.word(QUEUE_HEAD);
	}

	/** A wait for `attempt` to give something; it fails when the peer has gone and nothing is left to do. */
	#wait<T>(what: string, attempt: () => T | typeof PENDING): Wait<T> {
		return {
			what: `${what} queue ${this.queue.name}`,
			attempt: () => {
				this.checkOpen();
				const result = attempt();
				if (result !== PENDING) return result;
				// The peer's last act may lie between the two looks.
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

	/** Waits in turn, without blocking. */
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
