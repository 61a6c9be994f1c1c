import {
	BLOCK_ALIGNMENT,
	CORRUPT,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OK,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { badArgument, type DhmemError, show } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import { checkAttached, type EndpointOptions, kindOf, lengthIn } from "../values/arguments.js";
import { bytesPer, type DType, type TypedArrayOf, typedArray, type ValueOf } from "../values/dtypes.js";
import { checkMade } from "../values/made.js";
import { Endpoint, type Side } from "./endpoint.js";

/** A ring or an array, for indexing: TypeScript cannot index a generic typed array. */
export interface Values<D extends DType> {
	[index: number]: ValueOf<D>;
}

/** Checks the figures in a queue's object, which a peer may have written, and returns its ring. */
function ringOf<D extends DType>(queue: NamedObject, side: Side, dtype: D): TypedArrayOf<D> {
	checkMade(queue instanceof NamedObject, `A ${side}`, `call queue.${side}()`);
	queue.check();
	const { attachment } = queue;
	const capacity = queue.word(OBJECT_CAPACITY);
	const data = queue.word(OBJECT_DATA);
	const isWhole = data % BLOCK_ALIGNMENT === 0 && data + capacity * bytesPer(dtype) <= attachment.size;
	if (!isWhole || capacity === 0 || (capacity & (capacity - 1)) !== 0)
		throw attachment.unexpected(CORRUPT, `Queue ${queue.name}`);
	return typedArray(dtype, attachment.buffer, data, capacity);
}

/** The common part of both endpoints of a queue of records: the ring as a typed array. */
export abstract class RecordEndpoint<D extends DType> extends Endpoint {
	protected readonly ring: TypedArrayOf<D>;
	protected readonly mask: number;

	protected constructor(queue: NamedObject, side: Side, dtype: D, options?: EndpointOptions) {
		// First, because the endpoint would stay taken if this threw after it was taken.
		const ring = ringOf(queue, side, dtype);
		super(queue, side, options);
		this.ring = ring;
		this.mask = ring.length - 1;
	}

	/** Checks that `values` is a typed array of this queue's dtype, and returns its length. */
	protected checkArray(values: TypedArrayOf<D>): number {
		if (!ArrayBuffer.isView(values)) throw this.#wrongArray(values);
		// An array from another realm has another constructor.
		if (values.constructor !== this.ring.constructor && kindOf(values) !== kindOf(this.ring)) {
			throw this.#wrongArray(values.constructor?.name);
		}
		// Compared with the engine's length, because the property may be a getter that changes it.
		const { length } = values;
		if (length !== lengthIn(values)) throw this.#wrongArray(`one of length ${show(length)}`);
		if (length === 0) checkAttached("The array", values);
		return length;
	}

	#wrongArray(given: unknown): DhmemError {
		return badArgument("The array", given, `a ${kindOf(this.ring)}`);
	}

	/** Wakes the peer if the result is a doorbell; throws if it is an error. */
	protected wakeOrThrow(result: number): void {
		if (result >= STATUS_LIMIT) this.attachment.wake(result);
		else if (result !== OK) throw this.unexpected(result);
	}
}
