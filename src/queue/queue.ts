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

/** What all queues have in common. */
abstract class AnyQueue {
	readonly name: string;
	protected readonly object: NamedObject;

	/** @internal */
	constructor(object: NamedObject) {
		checkMade(object instanceof NamedObject, "A queue", "call region.queue(name)");
		this.name = object.name;
		this.object = object;
	}

	/** Room in the ring, in bytes or records: what was asked for, rounded up to a power of two. */
	get capacity(): number {
		this.object.check();
		return this.object.word(OBJECT_CAPACITY);
	}

	/**
	 * Waits until somebody holds the other endpoint: the one that this participant does not hold itself.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, the signal's reason
	 */
	async waitForPeer(options?: WaitOptions): Promise<void> {
		const { attachment, at } = this.object;
		const { core, me } = attachment;
		// The options first: a getter could remove the queue.
		const checked = waitOptions(options, {});
		this.object.check();
		const others = () => {
			const sides: Side[] = ["producer", "consumer"];
			const ours = sides.filter((side) => holderOf(this.object, side) === me);
			// Holding neither endpoint, either is a peer; holding both, this participant is its own.
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
	// Once, and not when the endpoint is free at last.
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
					// Another one that waits was first.
					if (error instanceof DhmemError && error.code === "DHMEM_ENDPOINT_TAKEN") return PENDING;
					throw error;
				}
			},
			// Nobody rings for this: a participant that leaves wakes the other endpoint. So this looks in slices.
			announce() {},
			peer: holder,
			dependsOn: [object],
			slice: LOOK,
		},
		checked,
	);
}

/** Milliseconds between looks at whether an endpoint is free. */
const LOOK = 20;

/** A single-producer single-consumer queue of messages of any size. From `region.queue(name)`. */
export class Queue extends AnyQueue {
	/**
	 * The one sending endpoint.
	 *
	 * @param defaults for every wait of it
	 * @throws DHMEM_ENDPOINT_TAKEN while another participant, or this one, has it
	 */
	producer(defaults?: EndpointOptions): Producer {
		return new RingProducer(this.object, defaults);
	}

	/**
	 * The one receiving endpoint. What the last one did not release is delivered again.
	 *
	 * @param defaults for every wait of it, iteration included
	 * @throws DHMEM_ENDPOINT_TAKEN while another participant, or this one, has it
	 */
	consumer(defaults?: EndpointOptions): Consumer {
		return new RingConsumer(this.object, defaults);
	}

	/**
	 * The sending endpoint, as soon as its holder has left or died: for a task that is restarted while its predecessor may
	 * still be there.
	 *
	 * @param options of this wait
	 * @param defaults for every wait of the endpoint
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, the signal's reason
	 * @example
	 * ```ts
	 * using producer = await queue.acquireProducer({ timeout: 10_000 });
	 * ```
	 */
	acquireProducer(options?: WaitOptions, defaults?: EndpointOptions): Promise<Producer> {
		return acquire(this.object, "producer", (checked) => this.producer(checked), options, defaults);
	}

	/** The same of the receiving endpoint. @throws as `acquireProducer` */
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
	/** How many messages it keeps. */
	override get capacity(): number {
		this.object.check();
		return this.object.word(OBJECT_REQUESTED);
	}

	override producer(defaults?: EndpointOptions): Producer {
		return new MailboxProducer(this.object, defaults);
	}

	/** The one receiving endpoint. What it did not release is gone when it leaves. */
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

	/** The one pushing endpoint. @throws DHMEM_ENDPOINT_TAKEN */
	producer(defaults?: EndpointOptions): RecordProducer<D> {
		return new RecordProducer(this.object, this.dtype, defaults);
	}

	/** The one popping endpoint. @throws DHMEM_ENDPOINT_TAKEN */
	consumer(defaults?: EndpointOptions): RecordConsumer<D> {
		return new RecordConsumer(this.object, this.dtype, defaults);
	}

	/** The pushing endpoint, as soon as its holder has left or died. @throws DHMEM_TIMEOUT, DHMEM_CLOSED, the signal's reason */
	acquireProducer(options?: WaitOptions, defaults?: EndpointOptions): Promise<RecordProducer<D>> {
		return acquire(this.object, "producer", (checked) => this.producer(checked), options, defaults);
	}

	/** The same of the popping endpoint. @throws as `acquireProducer` */
	acquireConsumer(options?: WaitOptions, defaults?: EndpointOptions): Promise<RecordConsumer<D>> {
		return acquire(this.object, "consumer", (checked) => this.consumer(checked), options, defaults);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("RecordQueue", () => ({ name: this.name, record: this.dtype }));
	}
}
