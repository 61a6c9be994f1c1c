import { inspect } from "node:util";
import type { NamedObject } from "../objects/named-object.js";
import type { EndpointOptions, WaitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import type { DType } from "../values/dtypes.js";
import type { Fields, Schema } from "../values/schema.js";
import { acquire } from "./acquire.js";
import { AnyQueue } from "./any-queue.js";
import { RecordConsumer, StructConsumer } from "./record-consumer.js";
import { RecordProducer, StructProducer } from "./record-producer.js";

/** A queue of records of any type, with endpoints `P` and `C`. */
abstract class TypedQueue<P, C> extends AnyQueue {
	/**
	 * Takes the pushing endpoint.
	 *
	 * @throws DHMEM_ENDPOINT_TAKEN, DHMEM_CLOSED, DHMEM_READ_ONLY, DHMEM_BAD_ARGUMENT
	 * @example
	 * ```ts
	 * using producer = region.queue("values", { record: "f64" }).producer();
	 * producer.pushMany(Float64Array.of(1, 2, 3));
	 * ```
	 */
	abstract producer(defaults?: EndpointOptions): P;

	/**
	 * Takes the popping endpoint.
	 *
	 * @throws DHMEM_ENDPOINT_TAKEN, DHMEM_CLOSED, DHMEM_READ_ONLY, DHMEM_BAD_ARGUMENT
	 * @example
	 * ```ts
	 * using consumer = region.queue("samples", { record: "f64" }).consumer();
	 * console.log(consumer.pop()); // 0.5
	 * ```
	 */
	abstract consumer(defaults?: EndpointOptions): C;

	/**
	 * Takes the pushing endpoint as soon as its holder has left or died.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, DHMEM_READ_ONLY, the signal's reason
	 * @example
	 * ```ts
	 * using producer = await region.queue("values", { record: "f64" }).acquireProducer({ timeout: 10_000 });
	 * ```
	 */
	acquireProducer(options?: WaitOptions, defaults?: EndpointOptions): Promise<P> {
		return acquire(this.object, "producer", (checked) => this.producer(checked), options, defaults);
	}

	/**
	 * Takes the popping endpoint as soon as its holder has left or died.
	 *
	 * @throws as `acquireProducer`
	 * @example
	 * ```ts
	 * using consumer = await region.queue("samples", { record: "f64" }).acquireConsumer({ timeout: 10_000 });
	 * ```
	 */
	acquireConsumer(options?: WaitOptions, defaults?: EndpointOptions): Promise<C> {
		return acquire(this.object, "consumer", (checked) => this.consumer(checked), options, defaults);
	}
}

/**
 * A single-producer single-consumer queue of numbers. From `region.queue(name, { record: "f64" })`. Like `Queue`,
 * it is a ring without locks; the numbers lie in it one after another, as in a typed array.
 *
 * @example
 * ```ts
 * const samples = region.queue("numbers", { record: "f64" });
 * using producer = samples.producer();
 * producer.push(0.5);
 * ```
 */
export class RecordQueue<D extends DType = DType> extends TypedQueue<RecordProducer<D>, RecordConsumer<D>> {
	/** The type of the records. */
	readonly dtype: D;

	/** @internal */
	constructor(object: NamedObject, dtype: D) {
		super(object);
		this.dtype = dtype;
	}

	override producer(defaults?: EndpointOptions): RecordProducer<D> {
		return new RecordProducer(this.object, this.dtype, defaults);
	}

	override consumer(defaults?: EndpointOptions): RecordConsumer<D> {
		return new RecordConsumer(this.object, this.dtype, defaults);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("RecordQueue", () => ({ name: this.name, record: this.dtype }));
	}
}

/**
 * A single-producer single-consumer queue of structs. From `region.queue(name, { record: { … } })`. Like
 * `RecordQueue`, and the structs lie in it end to end.
 *
 * @example
 * ```ts
 * const points = region.queue("points", { record: { id: "u32", x: "f64" } });
 * using producer = points.producer();
 * producer.push({ id: 7, x: 0.5 });
 * ```
 */
export class StructQueue<F extends Fields = Fields> extends TypedQueue<StructProducer<F>, StructConsumer<F>> {
	/** The type of the records. */
	readonly schema: Schema<F>;

	/** @internal */
	constructor(object: NamedObject, schema: Schema<F>) {
		super(object);
		this.schema = schema;
	}

	override producer(defaults?: EndpointOptions): StructProducer<F> {
		return new StructProducer(this.object, this.schema, defaults);
	}

	override consumer(defaults?: EndpointOptions): StructConsumer<F> {
		return new StructConsumer(this.object, this.schema, defaults);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("StructQueue", () => ({ name: this.name, record: String(this.schema) }));
	}
}
