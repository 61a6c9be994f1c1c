import { QUEUE_ENDED, QUEUE_HEAD, QUEUE_TAIL } from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { badArgument, DhmemError } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import { type EndpointOptions, endpointNames, type WaitOptions, waitOptions } from "../values/arguments.js";
import { dispose } from "../values/dispose.js";
import { checkMade } from "../values/made.js";
import { throwIfAborted } from "../values/signal.js";
import { breathe } from "../waiting/breathe.js";
import { Line } from "../waiting/line.js";
import { PENDING, type Pending, type Wait } from "../waiting/wait.js";
import { announce, holderOf, holdersSoFar, leaveEndpoint, nameOf, type Side, takeEndpoint } from "./side.js";

/** Checks an endpoint's options. Each is read once. */
export function endpointOptions(given: EndpointOptions | undefined, side: Side): EndpointOptions {
	const waits = waitOptions(given, {}, endpointNames, `The ${side} of a queue`);
	const patient = given?.patient ?? false;
	if (typeof patient !== "boolean") throw badArgument("patient", patient, "true or false");
	return { ...waits, patient };
}

/** A wait that begins. */
interface Turn {
	options: WaitOptions;
	/** True if an attempt may be made now: no earlier wait is pending, and it is not time to let others run. */
	now: boolean;
	/** Attempts begin when this resolves. */
	after: Promise<void> | undefined;
}

/**
 * One endpoint of a queue, held by this participant: the common part of producers and consumers of all
 * queues.
 */
export abstract class Endpoint {
	/** @internal */
	protected readonly queue: NamedObject;
	/** @internal */
	protected readonly attachment: Attachment;
	/** @internal */
	protected readonly at: number;
	/** @internal */
	protected readonly defaults: WaitOptions;
	readonly #side: Side;
	readonly #peer: Side;
	/** What to do when a wait takes too long. */
	readonly #advice: string;
	readonly #peersBefore: number;
	readonly #patient: boolean;
	/**
	 * The waits of this endpoint in their order: a small message must not overtake a large one that doesn't fit
	 * yet.
	 */
	readonly #line = new Line<Pending>();
	#closed = false;

	/**
	 * @throws DHMEM_ENDPOINT_TAKEN
	 * @internal
	 */
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
		this.#advice =
			side === "producer"
				? "allow more time, or check that the consumer is running and releases what it receives"
				: `allow more time, or check that the producer is running and has opened ${attachment.path} too`;
		takeEndpoint(queue, side);
		queue.endings.add(this.#onRemoval);
		this.#peersBefore = holdersSoFar(this.queue, this.#peer) - (holderOf(queue, this.#peer) === 0 ? 0 : 1);
	}

	readonly #onRemoval = (): void => this.close();

	/** How error messages name this endpoint. @internal */
	protected get what(): string {
		return nameOf(this.queue, this.#side);
	}

	/** True after this endpoint or the region was closed. */
	get closed(): boolean {
		return this.#closed || this.attachment.closed;
	}

	/**
	 * Leaves this endpoint, which another participant can take then. This does not end the stream, and
	 * unreleased messages are delivered again.
	 *
	 * @example
	 * ```ts
	 * const steps = region.queue("steps").producer();
	 * steps.close(); // another participant can take the endpoint now
	 * ```
	 */
	close(): void {
		if (this.closed) return;
		this.queue.endings.delete(this.#onRemoval);
		this.beforeClose();
		const result = leaveEndpoint(this.queue, this.#side);
		this.#closed = true;
		this.onLeft();
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

	/** Called before this endpoint leaves, while it can still hand things over. @internal */
	protected beforeClose(): void {}

	/** Called once this endpoint has left, before anything of the user's runs. @internal */
	protected onLeft(): void {}

	/** @internal */
	protected checkOpen(): void {
		this.attachment.check();
		this.checkHeld();
	}

	/**
	 * A sufficient check before an operation of the core, which itself returns FENCED if the participant has
	 * left.
	 *
	 * @internal
	 */
	protected checkHeld(): void {
		if (this.#closed) throw new DhmemError("DHMEM_CLOSED", `${this.what} was closed; open a new one`);
	}

	/** Returns the error for a status that this endpoint's operation does not expect. @internal */
	protected unexpected(status: number): DhmemError {
		return this.attachment.unexpected(status, this.what);
	}

	/**
	 * Throws if the peer left or died without ending the stream. A patient endpoint waits for the next peer
	 * instead.
	 *
	 * @internal
	 */
	protected checkPeer(): void {
		if (this.#patient) return;
		// The count is read before the holder. A new peer takes the endpoint before it is counted, so a peer that
		// comes between the two reads is seen as holder.
		const count = holdersSoFar(this.queue, this.#peer);
		if (count === this.#peersBefore || holderOf(this.queue, this.#peer) !== 0) return;
		// The peer that left may be the producer of the previous stream, which still held its endpoint when this
		// one opened.
		const ended = this.queue.word(QUEUE_ENDED);
		if (this.#peer === "producer" && ended === count) return;
		// Another peer has come since, so the words read above may belong to either of them.
		if (holdersSoFar(this.queue, this.#peer) !== count) return;
		throw new DhmemError(
			"DHMEM_PEER_GONE",
			`The ${this.#peer} of queue ${this.queue.name} left or died without calling end(); ` +
				"wait for the next one with queue.waitForPeer(), or give up",
		);
	}

	/** The error of sending after `end()`. @internal */
	protected endedBefore(): DhmemError {
		return new DhmemError(
			"DHMEM_QUEUE_ENDED",
			`This producer of queue ${this.queue.name} has called end(); open a new one for the next stream`,
		);
	}

	/** The error of an `end()` that finds no room, because earlier ended streams were not read yet. @internal */
	protected unread(): DhmemError {
		return new DhmemError(
			"DHMEM_TIMEOUT",
			`Queue ${this.queue.name} is full of ended streams that no consumer has read; let a consumer drain it first`,
		);
	}

	/** True while the queue contains messages that were sent and not yet released. @internal */
	protected get hasContents(): boolean {
		return this.queue.word(QUEUE_TAIL) !== this.queue.word(QUEUE_HEAD);
	}

	/**
	 * A wait that repeats `attempt` until it succeeds. It fails if the peer is gone and a last attempt brings
	 * nothing.
	 */
	#wait<T>(
		what: string,
		attempt: () => T | typeof PENDING,
		{ line, after }: Pick<Wait<T>, "line" | "after">,
	): Wait<T> {
		return {
			line,
			after,
			what: `${what} queue ${this.queue.name}`,
			advice: this.#advice,
			attempt: () => {
				// One endpoint closes first when the queue is removed, and the other is still open then.
				this.queue.checkNotRemoved();
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
				if (!this.closed) announce(this.queue, this.#side);
			},
			peer: () => (this.closed ? 0 : holderOf(this.queue, this.#peer)),
		};
	}

	/** True while a wait of this endpoint is pending. A later wait must not resolve before it. @internal */
	protected get isWaiting(): boolean {
		return this.#line.first !== undefined;
	}

	/** Waits behind this endpoint's earlier waits, without blocking the event loop. @internal */
	protected waitFor<T>(
		what: string,
		attempt: () => T | typeof PENDING,
		options?: WaitOptions,
		known?: ReadonlySet<string>,
	): Promise<T> {
		// Not an async function: its promise would be a second one, and resolve later.
		try {
			const turn = this.beginWait(options, known);
			const result = turn.now ? attempt() : PENDING;
			return result === PENDING ? this.waitInTurn(what, attempt, turn) : Promise.resolve(result);
		} catch (error) {
			return Promise.reject(error);
		}
	}

	/** Checks a wait's options, and whether an attempt may be made now. @internal */
	protected beginWait(options: WaitOptions | undefined, known?: ReadonlySet<string>): Turn {
		const checked = waitOptions(options, this.defaults, known);
		throwIfAborted(checked.signal);
		this.checkOpen();
		const after = breathe();
		return { options: checked, now: after === undefined && !this.isWaiting, after };
	}

	/** @internal */
	protected waitInTurn<T>(
		what: string,
		attempt: () => T | typeof PENDING,
		{ options, after }: Turn,
	): Promise<T> {
		const wait = this.#wait(what, attempt, { line: this.#line, after });
		return this.attachment.waiter.wait(wait, options);
	}

	/** @internal */
	protected waitForSync<T>(
		what: string,
		attempt: () => T | typeof PENDING,
		options?: WaitOptions,
		known?: ReadonlySet<string>,
	): T {
		const checked = waitOptions(options, this.defaults, known);
		throwIfAborted(checked.signal);
		this.checkOpen();
		const result = attempt();
		if (result !== PENDING) return result;
		return this.attachment.waiter.waitSync(this.#wait(what, attempt, {}), checked);
	}
}
