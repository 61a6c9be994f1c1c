import { inspect } from "node:util";
import { OBJECT_REQUESTED } from "../../assembly/layout.js";
import type { EndpointOptions, WaitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { acquire } from "./acquire.js";
import { AnyQueue } from "./any-queue.js";
import type { Consumer } from "./consumer.js";
import { MailboxConsumer, MailboxProducer } from "./mailbox.js";
import type { Producer } from "./producer.js";
import { RingConsumer } from "./ring-consumer.js";
import { RingProducer } from "./ring-producer.js";

/**
 * A single-producer single-consumer queue of messages of any size. From `region.queue(name)`.
 *
 * The ring has no locks. Each side writes only its own position, and reads that of the other side only when the
 * value it remembers does not suffice (as rigtorp/SPSCQueue does). A message never wraps around the end of the
 * ring (as in Agrona's ring buffer), so it can be read in place.
 *
 * @example
 * ```ts
 * const queue = region.queue("fields", { capacity: "8MiB" });
 * using producer = queue.producer();
 * using consumer = queue.consumer();
 * ```
 */
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

	/**
	 * Takes the receiving endpoint as soon as its holder has left or died.
	 *
	 * @throws as `acquireProducer`
	 * @example
	 * ```ts
	 * using consumer = await region.queue("steps").acquireConsumer({ timeout: 10_000 });
	 * ```
	 */
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
