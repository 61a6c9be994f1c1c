import { inspect } from "node:util";
import { BLOCK_ALIGNMENT, OBJECT_COUNT, OBJECT_DATA, OBJECT_VERSION, OK } from "../../assembly/layout.js";
import { allocate } from "../attachment/allocation.js";
import { badArgument, DhmemError, isErrorNamed } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import { corrupt } from "../objects/object-type.js";
import { ObjectMutex } from "../sync/object-mutex.js";
import { checkCount } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import {
	bytesPer,
	converted,
	type DType,
	type TypedArrayOf,
	typedArray,
	type ValueOf,
} from "../values/dtypes.js";
import { checkMade } from "../values/made.js";
import { RESTLESS, readConsistently } from "./optimistic-read.js";

/** The elements by index, because TypeScript cannot index a generic typed array. */
interface Values<D extends DType> {
	[index: number]: ValueOf<D>;
}

/**
 * A growable sequence of numbers. It has its own mutex for changes, so changes wait for one another, and for
 * a participant that is stopped during a change. Reading never waits. Returned by `region.vector(name,
 * dtype)`.
 *
 * When it is full, its capacity doubles, so pushing an element takes amortised constant time.
 *
 * @example
 * ```ts
 * const residuals = region.vector("residuals", "f64");
 * residuals.push(0.5, 0.25);
 * console.log(residuals.at(-1), Math.max(...residuals));
 * ```
 */
export class Vector<D extends DType = DType> implements Iterable<ValueOf<D>> {
	readonly kind = "vector";
	/** The name of the vector in its region. */
	readonly name: string;
	/** The type of the elements. */
	readonly dtype: D;
	/** @internal */
	readonly object: NamedObject;
	readonly #mutex: ObjectMutex;
	/** The elements at the last address seen, and the version of that address. */
	#elements: TypedArrayOf<D>;
	#version = -1;

	/** @internal */
	constructor(object: NamedObject, dtype: D) {
		checkMade(object instanceof NamedObject, "A Vector", "call region.vector(name, dtype)");
		this.name = object.name;
		this.dtype = dtype;
		this.object = object;
		this.#mutex = new ObjectMutex(object);
		this.#elements = typedArray(dtype, object.attachment.buffer, 0, 0);
	}

	/** The number of elements. @throws DHMEM_CLOSED */
	get length(): number {
		this.object.check();
		return this.object.word(OBJECT_COUNT);
	}

	/**
	 * Reads the element at `index`, counted from the end if it is negative. Undefined if there is none.
	 *
	 * @throws DHMEM_CLOSED, DHMEM_CORRUPT
	 * @example
	 * ```ts
	 * const residuals = region.vector("residuals", "f64");
	 * residuals.push(0.5, 0.25);
	 * console.log(residuals.at(0), residuals.at(-1), residuals.at(2)); // 0.5 0.25 undefined
	 * ```
	 */
	at(index: number): ValueOf<D> | undefined {
		// As in `Array.prototype.at`, a fraction is cut off, and NaN is 0.
		const whole = Math.trunc(index) || 0;
		return this.#read((elements, length) => {
			const element = whole < 0 ? length + whole : whole;
			return element < length ? (elements as unknown as Values<D>)[element] : undefined;
		});
	}

	/**
	 * Changes the element at `index`. In a region opened copy-on-write the change is private.
	 *
	 * @throws DHMEM_BAD_ARGUMENT if there is no such element, or for a wrong value; DHMEM_READ_ONLY,
	 * DHMEM_CLOSED
	 * @example
	 * ```ts
	 * const residuals = region.vector("residuals", "f64");
	 * residuals.push(0.5);
	 * residuals.set(0, 0.25);
	 * ```
	 */
	set(index: number, value: ValueOf<D>): void {
		checkCount("The index", index, 0, 2 ** 32 - 1);
		const [element] = this.#converted([value]) as unknown as Iterable<ValueOf<D>>;
		const write = (elements: TypedArrayOf<D>, length: number) => {
			checkCount("The index", index, 0, length - 1);
			(elements as unknown as Values<D>)[index] = element as ValueOf<D>;
		};
		if (this.object.attachment.access === "copy-on-write") this.#read(write);
		else this.#change((length) => write(this.#look(), length));
	}

	/**
	 * Appends elements, all in one step, and returns the new length.
	 *
	 * @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_BAD_ARGUMENT, DHMEM_READ_ONLY, DHMEM_CLOSED
	 * @example
	 * ```ts
	 * const residuals = region.vector("residuals", "f64");
	 * console.log(residuals.push(0.5, 0.25)); // 2
	 * ```
	 */
	push(...values: ValueOf<D>[]): number {
		const elements = this.#converted(values);
		return this.#change((length) => {
			this.#reserve(length, length + elements.length);
			this.#look().set(elements as never, length);
			return this.#setLength(length + elements.length);
		});
	}

	/**
	 * Removes the last element and returns it; undefined if there is none.
	 *
	 * @throws DHMEM_READ_ONLY, DHMEM_CLOSED
	 * @example
	 * ```ts
	 * const residuals = region.vector("residuals", "f64");
	 * console.log(residuals.pop()); // undefined
	 * ```
	 */
	pop(): ValueOf<D> | undefined {
		return this.#change((length) => {
			if (length === 0) return undefined;
			const last = (this.#look() as unknown as Values<D>)[length - 1];
			this.#setLength(length - 1);
			return last;
		});
	}

	/**
	 * Changes the length to `length` elements; new elements are 0.
	 *
	 * @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE, DHMEM_BAD_ARGUMENT, DHMEM_READ_ONLY, DHMEM_CLOSED
	 * @example
	 * ```ts
	 * const residuals = region.vector("residuals", "f64");
	 * residuals.resize(1000);
	 * residuals.view.fill(1);
	 * ```
	 */
	resize(length: number): void {
		checkCount("The length", length, 0, 2 ** 32 - 1);
		this.#change((before) => {
			this.#reserve(before, length);
			if (length > before) (this.#look() as Float64Array).fill(this.#zero, before, length);
			this.#setLength(length);
		});
	}

	/**
	 * The elements, as a typed array over the region. It is valid until the vector grows again.
	 *
	 * @throws DHMEM_CLOSED, DHMEM_CORRUPT
	 */
	get view(): TypedArrayOf<D> {
		return this.#read((elements, length) => elements.subarray(0, length) as TypedArrayOf<D>);
	}

	/** Iterates over a copy of the elements as they are now. */
	[Symbol.iterator](): Iterator<ValueOf<D>> {
		const copy = this.#read((elements, length) => elements.slice(0, length));
		return (copy as unknown as Iterable<ValueOf<D>>)[Symbol.iterator]();
	}

	get #zero(): never {
		return (this.dtype === "i64" || this.dtype === "u64" ? 0n : 0) as never;
	}

	/** The elements at their current address. @throws DHMEM_CORRUPT */
	#look(): TypedArrayOf<D> {
		const { attachment } = this.object;
		const version = this.object.word(OBJECT_VERSION);
		if (version === this.#version) return this.#elements;
		const data = this.object.word(OBJECT_DATA);
		const capacity = data === 0 ? 0 : attachment.core.capacityOf(data) >>> 0;
		if (data % BLOCK_ALIGNMENT !== 0 || data + capacity > attachment.size) throw corrupt(this.name);
		this.#elements = typedArray(
			this.dtype,
			attachment.buffer,
			capacity === 0 ? 0 : data,
			Math.floor(capacity / bytesPer(this.dtype)),
		);
		this.#version = version;
		return this.#elements;
	}

	/**
	 * Returns what `body` reads from elements that did not move meanwhile.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_CLOSED, DHMEM_CORRUPT
	 */
	#read<T>(body: (elements: TypedArrayOf<D>, length: number) => T): T {
		const result = readConsistently(this.object, 1000, () => {
			const length = this.object.word(OBJECT_COUNT);
			const elements = this.#look();
			if (length <= elements.length) return body(elements, length);
			this.#version = -1;
			throw corrupt(this.name);
		});
		if (result !== RESTLESS) return result;
		throw new DhmemError(
			"DHMEM_TIMEOUT",
			`Vector ${this.name} grows too often to be read; push many elements at once`,
		);
	}

	/** Runs `body` under the vector's mutex. */
	#change<T>(body: (length: number) => T): T {
		return this.#mutex.hold((abandoned) => {
			// The dead holder may have moved the elements, so look them up again.
			if (abandoned) this.#version = -1;
			return body(this.length);
		});
	}

	/**
	 * Converts the values to elements before anything else, because the conversion may run the user's code.
	 * @throws DHMEM_BAD_ARGUMENT
	 */
	#converted(values: ValueOf<D>[]): TypedArrayOf<D> {
		try {
			return converted(this.dtype, values);
		} catch (cause) {
			if (!isErrorNamed(cause, "TypeError") && !isErrorNamed(cause, "SyntaxError")) throw cause;
			throw this.#wrong(values);
		}
	}

	#wrong(values: unknown): DhmemError {
		const wanted = `${this.#zero === (0n as never) ? "bigints" : "numbers"}, because its dtype is ${this.dtype}`;
		return badArgument(`A value for vector ${this.name}`, values, wanted);
	}

	#setLength(length: number): number {
		const { attachment, at } = this.object;
		this.#check(attachment.core.setVectorLength(attachment.me, at, length) >>> 0);
		return length;
	}

	#check(status: number): void {
		if (status !== OK) throw this.object.attachment.unexpected(status, `Vector ${this.name}`);
	}

	/**
	 * Makes room for `wanted` elements. Doubles the capacity, so that pushing takes amortised constant time.
	 */
	#reserve(length: number, wanted: number): void {
		const elements = this.#look();
		if (wanted <= elements.length) return;
		const { attachment, at } = this.object;
		const size = bytesPer(this.dtype);
		const fresh = allocate(attachment, Math.max(wanted, elements.length * 2, 8) * size);
		this.#check(attachment.core.moveVector(attachment.me, at, fresh, length * size) >>> 0);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Vector", () => ({ name: this.name, dtype: this.dtype }));
	}
}
