import { inspect } from "node:util";
import { OBJECT_CAPACITY, OBJECT_REQUESTED } from "../../assembly/layout.js";
import { DhmemError } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import { type EndpointOptions, type WaitOptions, waitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import type { DType } from "../values/dtypes.js";
import { checkMade } from "../values/made.js";
import { PENDING } from "../waiting/waiter.js";
import type { Consumer } from "./consumer.js";
import { endpointOptions, holderOf, type Side } from "./endpoint.js";
import { MailboxConsumer, MailboxProducer } from "./mailbox.js";
import type { Producer } from "./producer.js";
import { RecordConsumer } from "./record-consumer.js";
import { RecordProducer } from "./record-producer.js";
import { RingConsumer, RingProducer } from "./ring.js";

/** The common part of all queues. */
abstract class AnyQueue {
	readonly name: string;
	protected readonly object: NamedObject;

	/** @internal */
	constructor(object: NamedObject) {
		checkMade(object instanceof NamedObject, "A queue", "call region.queue(name)");
		this.name = object.name;
		this.object = object;
	}

	/** The size of the ring, in bytes or records: the requested capacity, rounded up to a power of two. */
	get capacity(): number {
		this.object.check();
		return this.object.word(OBJECT_CAPACITY);
	}

	/**
	 * Waits until a participant holds the other endpoint: the one that this participant does not hold itself.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, the signal's reason
	 * @example
	 * ```ts
	 * using steps = queue.producer();
	 * await queue.waitForPeer({ timeout: 10_000 });
	 * ```
	 */
	async waitForPeer(options?: WaitOptions): Promise<void> {
		const { attachment, at } = this.object;
		const { core, me } = attachment;
		// Read before the check, because a getter in the options could remove the queue.
		const checked = waitOptions(options, {});
		this.object.check();
		const others = () => {
			const sides: Side[] = ["producer", "consumer"];
			const ours = sides.filter((side) => holderOf(this.object, side) === me);
			// A participant that holds neither endpoint waits for either; one that holds both is its own peer.
			const rest = sides.filter((side) => !ours.includes(side));
			return rest.length === 0 ? ours : rest;
		};
		const present = () => others().find((side) => holderOf(this.object, side) !== 0);
		await attachment.waiter.wait(
			{
				what: `the other endpoint of queue ${this.name}`,
				attempt: () => {
					this.object.check();
					const side = present();
					if (side === undefined) return PENDING;
					if (attachment.isAlive(holderOf(this.object, side))) return true;
					attachment.recover();
					return PENDING;
				},
				announce: () => {
					core.announceProducer(me, at);
					core.announceConsumer(me, at);
				},
				peer: () => 0,
				dependsOn: [this.object],
			},
			checked,
		);
	}
}

/** Takes an endpoint of a queue as soon as its holder has left or died. */
async function acquire<T>(
	object: NamedObject,
	side: Side,
	take: (defaults: EndpointOptions) => T,
	options: WaitOptions | undefined,
	given: EndpointOptions | undefined,
): Promise<T> {
	const checked = waitOptions(options, {});
	// Read once and now, not later when the endpoint is free.
	const defaults = endpointOptions(given, side);
	object.check();
	const { attachment } = object;
	attachment.checkWritable();
	const holder = () => holderOf(object, side);
	return attachment.waiter.wait(
		{
			what: `the ${side} of queue ${object.name} to leave`,
			attempt: () => {
				object.check();
				const other = holder();
				if (other !== 0 && attachment.isAlive(other)) return PENDING;
				try {
					return take(defaults);
				} catch (error) {
					// Another waiting participant was faster.
					if (error instanceof DhmemError && error.code === "DHMEM_ENDPOINT_TAKEN") return PENDING;
					throw error;
				}
			},
			// A participant that leaves wakes only the other endpoint, so this wait polls instead.
			announce() {},
			peer: holder,
			dependsOn: [object],
			slice: POLL_INTERVAL,
		},
		checked,
	);
}

/** Milliseconds between checks whether an endpoint is free. */
const POLL_INTERVAL = 20;

/** A single-producer single-consumer queue of messages of any size. From `region.queue(name)`. */
export class Queue extends AnyQueue {
	/**
	 * Takes the sending endpoint. A queue has one at a time.
	 *
	 * @param defaults for every wait of the endpoint
	 * @throws DHMEM_ENDPOINT_TAKEN while another participant, or this one, holds it; DHMEM_CLOSED,
	 * DHMEM_READ_ONLY, DHMEM_BAD_ARGUMENT
	 * @example
	 * ```ts
	 * using producer = region.queue("steps").producer({ timeout: 5000 });
	 * ```
	 */
	producer(defaults?: EndpointOptions): Producer {
		return new RingProducer(this.object, defaults);
	}

	/**
	 * Takes the receiving endpoint. A queue has one at a time. Messages that the previous consumer had not
	 * released are delivered again.
	 *
	 * @param defaults for every wait of the endpoint, iteration included
	 * @throws DHMEM_ENDPOINT_TAKEN while another participant, or this one, holds it; DHMEM_CLOSED,
	 * DHMEM_READ_ONLY, DHMEM_BAD_ARGUMENT
	 * @example
	 * ```ts
	 * using consumer = region.queue("steps").consumer();
	 * for await (const message of consumer) console.log(message.text());
	 * ```
	 */
	consumer(defaults?: EndpointOptions): Consumer {
		return new RingConsumer(this.object, defaults);
	}

	/**
	 * Takes the sending endpoint as soon as its holder has left or died. Use it in a task that is restarted
	 * while its predecessor may still be running.
	 *
	 * @param options for this wait
	 * @param defaults for every wait of the endpoint
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, DHMEM_READ_ONLY, the signal's reason
	 * @example
	 * ```ts
	 * using producer = await queue.acquireProducer({ timeout: 10_000 });
	 * ```
	 */
	acquireProducer(options?: WaitOptions, defaults?: EndpointOptions): Promise<Producer> {
		return acquire(this.object, "producer", (checked) => this.producer(checked), options, defaults);
	}

	/** Takes the receiving endpoint as soon as its holder has left or died. @throws as `acquireProducer` */
	acquireConsumer(options?: WaitOptions, defaults?: EndpointOptions): Promise<Consumer> {
		return acquire(this.object, "consumer", (checked) => this.consumer(checked), options, defaults);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Queue", () => ({ name: this.name }));
	}
}

/** A queue that drops its oldest message when it is full. From `region.queue(name, { policy })`. */
export class Mailbox extends Queue {
	/** The number of messages that the queue keeps. */
	override get capacity(): number {
		this.object.check();
		return this.object.word(OBJECT_REQUESTED);
	}

	override producer(defaults?: EndpointOptions): Producer {
		return new MailboxProducer(this.object, defaults);
	}

	/** Takes the receiving endpoint. Messages that it has not released are freed when it leaves. */
	override consumer(defaults?: EndpointOptions): Consumer {
		return new MailboxConsumer(this.object, defaults);
	}
}

/** A single-producer single-consumer queue of numbers. From `region.queue(name, { record: "f64" })`. */
export class RecordQueue<D extends DType = DType> extends AnyQueue {
	readonly dtype: D;

	/** @internal */
	constructor(object: NamedObject, dtype: D) {
		super(object);
		this.dtype = dtype;
	}

	/**
	 * Takes the pushing endpoint.
	 *
	 * @throws DHMEM_ENDPOINT_TAKEN, DHMEM_CLOSED, DHMEM_READ_ONLY, DHMEM_BAD_ARGUMENT
	 */
	producer(defaults?: EndpointOptions): RecordProducer<D> {
		return new RecordProducer(this.object, this.dtype, defaults);
	}

	/**
	 * Takes the popping endpoint.
	 *
	 * @throws DHMEM_ENDPOINT_TAKEN, DHMEM_CLOSED, DHMEM_READ_ONLY, DHMEM_BAD_ARGUMENT
	 */
	consumer(defaults?: EndpointOptions): RecordConsumer<D> {
		return new RecordConsumer(this.object, this.dtype, defaults);
	}

	/**
	 * Takes the pushing endpoint as soon as its holder has left or died.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, DHMEM_READ_ONLY, the signal's reason
	 */
	acquireProducer(options?: WaitOptions, defaults?: EndpointOptions): Promise<RecordProducer<D>> {
		return acquire(this.object, "producer", (checked) => this.producer(checked), options, defaults);
	}

	/** Takes the popping endpoint as soon as its holder has left or died. @throws as `acquireProducer` */
	acquireConsumer(options?: WaitOptions, defaults?: EndpointOptions): Promise<RecordConsumer<D>> {
		return acquire(this.object, "consumer", (checked) => this.consumer(checked), options, defaults);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("RecordQueue", () => ({ name: this.name, record: this.dtype }));
	}
}
