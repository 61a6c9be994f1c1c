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
import { type DType, type TypedArrayOf, typedArray } from "../values/dtypes.js";
import { checkMade } from "../values/made.js";
import { Endpoint } from "./endpoint.js";
import { type RecordType, sizeOf } from "./record-type.js";
import type { Side } from "./side.js";
import { StructRing } from "./struct-ring.js";

/** A ring or an array of numbers, for indexing: TypeScript cannot index a generic typed array. */
export interface Values {
	[index: number]: number | bigint;
}

/** Checks the figures in a queue's object, which a peer may have written, and returns where its ring is. */
function ringOf(queue: NamedObject, side: Side, type: RecordType): { start: number; capacity: number } {
	checkMade(queue instanceof NamedObject, `A ${side}`, `call queue.${side}()`);
	queue.check();
	const { attachment } = queue;
	const capacity = queue.word(OBJECT_CAPACITY);
	const start = queue.word(OBJECT_DATA);
	const isWhole = start % BLOCK_ALIGNMENT === 0 && start + capacity * sizeOf(type) <= attachment.size;
	if (!isWhole || capacity === 0 || (capacity & (capacity - 1)) !== 0)
		throw attachment.unexpected(CORRUPT, `Queue ${queue.name}`);
	return { start, capacity };
}

/** The common part of both endpoints of a queue of records: its ring. */
export abstract class RecordEndpoint extends Endpoint {
	/** The numbers in the ring; of structs, an empty array. @internal */
	protected readonly ring: TypedArrayOf<DType>;
	/** The structs in the ring; undefined for numbers. @internal */
	protected readonly structs: StructRing | undefined;
	/** The number of records in the ring. @internal */
	protected readonly capacity: number;
	/** @internal */
	protected readonly mask: number;

	/** @internal */
	protected constructor(queue: NamedObject, side: Side, type: RecordType, options?: EndpointOptions) {
		// First, because the endpoint would stay taken if this threw after it was taken.
		const { start, capacity } = ringOf(queue, side, type);
		super(queue, side, options);
		this.capacity = capacity;
		this.mask = capacity - 1;
		const { attachment } = this;
		if (typeof type === "string") {
			this.structs = undefined;
			this.ring = typedArray(type, attachment.buffer, start, capacity);
		} else {
			const access = side === "producer" ? "writable" : "readable";
			this.structs = new StructRing(attachment, type, start, capacity, access);
			this.ring = new Uint8Array(0);
		}
	}

	/** Checks that `values` is a typed array of this queue's dtype, and returns its length. @internal */
	protected checkArray(values: TypedArrayOf<DType>): number {
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

	/** Wakes the peer if the result is a doorbell; throws if it is an error. @internal */
	protected wakeOrThrow(result: number): void {
		if (result >= STATUS_LIMIT) this.attachment.wake(result);
		else if (result !== OK) throw this.unexpected(result);
	}
}
