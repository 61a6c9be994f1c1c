import { inspect, types } from "node:util";
import { KIND_ARRAY } from "../../assembly/layout.js";
import { Attachment } from "../attachment/attachment.js";
import { badArgument, DhmemError } from "../errors.js";
import type { NamedObject } from "../objects/named-object.js";
import { corrupt, describeTyped, payloadOf, typeIn } from "../objects/object-type.js";
import type { Wanted } from "../objects/open-object.js";
import { checkCount, checkOptions, lengthIn, optionNames } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import {
	bytesPer,
	checkDType,
	converted,
	type DType,
	dtypeNumber,
	type TypedArrayOf,
	typedArray,
	type ValueOf,
} from "../values/dtypes.js";
import { checkMade } from "../values/made.js";
import { checkValue } from "../values/schema.js";

/**
 * The type of an array, and the elements of a new one.
 *
 * @example
 * ```ts
 * const rotation = region.array("rotation", { dtype: "f64", shape: [2, 2], initial: [0, -1, 1, 0] });
 * ```
 */
export interface ArrayOptions<D extends DType> {
	/** The type of the elements. */
	dtype: D;
	/** The number of elements along each of 1 to 16 dimensions. If left out, the array must exist. */
	shape?: readonly number[] | undefined;
	/** The elements of a new array in row-major order; 0 by default. Ignored if the array exists. */
	initial?: ArrayLike<ValueOf<D>> | undefined;
}

const arrayNames = optionNames<ArrayOptions<DType>>({ dtype: true, shape: true, initial: true });

const MOST_DIMENSIONS = 16;

/** The object or block that contains an array's elements. */
type ArraySource = Pick<NamedObject, "attachment" | "name" | "checkNotRemoved">;

/** The elements by index, because TypeScript cannot index a generic typed array. */
interface Values<D extends DType> {
	[index: number]: ValueOf<D>;
}

/**
 * An n-dimensional array in shared memory, in row-major order. Returned by `region.array`. After the region
 * is closed, its elements are 0, and writes are lost.
 *
 * @example
 * ```ts
 * const field = region.array("field", { dtype: "f64", shape: [1000, 3] });
 * field.set(999, 2, 0.5);
 * field.data.fill(0);
 * ```
 */
export class SharedArray<D extends DType = DType> {
	readonly kind = "array";
	/** The name of the array in its region. */
	readonly name: string;
	/** The type of the elements. */
	readonly dtype: D;
	/** The number of elements along each dimension. */
	readonly shape: readonly number[];
	/** The distance between neighbours along each dimension, in elements. */
	readonly strides: readonly number[];
	/** @internal */
	readonly object: ArraySource;
	readonly #data: TypedArrayOf<D>;
	/** Copies of shape and strides, because reading a frozen array is four times slower. */
	readonly #sizes: readonly number[];
	readonly #steps: readonly number[];

	/** @internal */
	constructor(object: ArraySource, dtype: D, shape: readonly number[], data: TypedArrayOf<D>) {
		const isOurs = object?.attachment instanceof Attachment;
		checkMade(isOurs, "A SharedArray", "call region.array(name, { dtype, shape })");
		this.name = object.name;
		this.object = object;
		this.dtype = dtype;
		this.shape = Object.freeze([...shape]);
		this.#sizes = [...shape];
		const strides = [...shape];
		let stride = 1;
		for (let axis = shape.length - 1; axis >= 0; axis--) {
			strides[axis] = stride;
			stride *= shape[axis] as number;
		}
		this.strides = Object.freeze([...strides]);
		this.#steps = strides;
		this.#data = data;
	}

	/**
	 * All elements, as a typed array over the region. `Atomics` work on integer elements, except `wait` and
	 * `notify`, which do not reach other processes. Don't use it after the array was removed.
	 *
	 * @throws DHMEM_CLOSED after this participant has removed the array
	 */
	get data(): TypedArrayOf<D> {
		this.object.checkNotRemoved();
		return this.#data;
	}

	/**
	 * Reads an element.
	 *
	 * @param indices one index for each dimension, from 0
	 * @throws DHMEM_BAD_ARGUMENT if there is no such element; DHMEM_CLOSED
	 * @example
	 * ```ts
	 * const field = region.array("field", { dtype: "f64", shape: [1000, 3] });
	 * console.log(field.get(999, 2)); // 0
	 * ```
	 */
	get(...indices: number[]): ValueOf<D> {
		return (this.data as unknown as Values<D>)[this.#elementIndex(indices, indices.length)] as ValueOf<D>;
	}

	/**
	 * Changes an element. Pass one index for each dimension, then the value, which is converted as by a typed
	 * array.
	 *
	 * @throws DHMEM_BAD_ARGUMENT if there is no such element; DHMEM_READ_ONLY; DHMEM_CLOSED; a TypeError if the
	 * dtype needs a bigint and the value is a number
	 * @example
	 * ```ts
	 * const field = region.array("field", { dtype: "f64", shape: [1000, 3] });
	 * field.set(999, 2, 0.5);
	 * ```
	 */
	set(...given: [...indices: number[], value: ValueOf<D>]): void {
		const { access } = this.object.attachment;
		if (access === "read-only") throw this.object.attachment.readOnlyError();
		const rank = given.length - 1;
		let value = given[rank] as ValueOf<D>;
		// Converted before the element is looked up, because the conversion may run user code that removes the
		// array.
		if (typeof value === "object" || typeof value === "function")
			[value] = converted(this.dtype, [value]) as unknown as [ValueOf<D>];
		(this.data as unknown as Values<D>)[this.#elementIndex(given, rank)] = value;
	}

	/** The index in `data` of the element at the first `count` of `indices`. @throws DHMEM_BAD_ARGUMENT */
	#elementIndex(indices: readonly unknown[], count: number): number {
		const sizes = this.#sizes;
		const steps = this.#steps;
		if (count !== sizes.length) throw this.#outside(indices, count);
		let element = 0;
		for (let axis = 0; axis < sizes.length; axis++) {
			const index = indices[axis] as number;
			const inside = typeof index === "number" && index >>> 0 === index && index < (sizes[axis] as number);
			if (!inside) throw this.#outside(indices, count);
			element += index * (steps[axis] as number);
		}
		return element;
	}

	#outside(indices: readonly unknown[], count: number): DhmemError {
		const given = indices.slice(0, Math.max(count, 0)).map(String).join(", ");
		return new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			`There is no element (${given}) in array ${this.name}, which is ${typeText(this.dtype, this.shape)}; ` +
				"give one whole number from 0 for each dimension",
		);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("SharedArray", () => ({ name: this.object.name, dtype: this.dtype, shape: this.shape }));
	}
}

function typeText(dtype: DType, shape: readonly number[]): string {
	return `${dtype}[${shape.join(",")}]`;
}

/**
 * Parses the text of an array's type from the region. Undefined if dhmem would not have written that text.
 */
function parseType(text: string): { dtype: DType; shape: number[] } | undefined {
	const [, name, sizes] = /^(\w+)\[([\d,]+)\]$/.exec(text) ?? [];
	if (name === undefined || sizes === undefined) return undefined;
	try {
		const dtype = checkDType(name);
		const shape = checkShape(sizes.split(",").map(Number));
		return typeText(dtype, shape) === text ? { dtype, shape } : undefined;
	} catch (error) {
		if (error instanceof DhmemError) return undefined;
		throw error;
	}
}

/** Checks and copies a shape, reading each size once. @throws DHMEM_BAD_ARGUMENT */
function checkShape(shape: readonly number[]): number[] {
	if (!Array.isArray(shape)) throw badArgument("shape", shape, "an array of whole numbers such as [1000, 3]");
	const rank = checkCount("The number of dimensions", shape.length, 1, MOST_DIMENSIONS);
	return Array.from({ length: rank }, (_, axis) =>
		checkCount(`shape[${axis}]`, shape[axis] as number, 0, 2 ** 32 - 1),
	);
}

function lengthOf(shape: readonly number[]): number {
	return shape.reduce((product, size) => product * size, 1);
}

/**
 * Checks the initial elements. Copies them, reading each once, unless they are a typed array.
 *
 * @throws DHMEM_BAD_ARGUMENT
 */
function initialElements(initial: ArrayLike<unknown>, dtype: DType, length: number): ArrayLike<never> {
	if (typeof initial !== "object" || initial === null) throw wrongInitial(initial, length);
	if (types.isTypedArray(initial)) {
		const count = lengthIn(initial);
		if (count !== length) throw wrongInitial(initial, length);
		// All elements of a typed array have one type, so checking one is enough.
		if (length > 0) checkValue("initial[0]", initial[0], dtype);
		return initial as unknown as ArrayLike<never>;
	}
	if (initial.length !== length) throw wrongInitial(initial, length);
	const values = Array.from({ length }, (_, index) => {
		const value = initial[index];
		checkValue(`initial[${index}]`, value, dtype);
		return value;
	});
	return converted(dtype, values) as unknown as ArrayLike<never>;
}

function wrongInitial(initial: ArrayLike<unknown>, length: number): DhmemError {
	return badArgument("initial", describeValues(initial), `an array or typed array of ${length} elements`);
}

function describeValues(values: ArrayLike<unknown>): string {
	return typeof values === "object" && values !== null ? `of ${values.length} elements` : String(values);
}

/**
 * What opening a named array asks for. If dtype or shape is left out, any existing one is accepted.
 *
 * @throws DHMEM_BAD_ARGUMENT
 */
export function wantedArray(attachment: Attachment, options: Partial<ArrayOptions<DType>>): Wanted {
	checkOptions(options, arrayNames, "An array");
	const { initial, dtype: givenDType, shape: givenShape } = options;
	const dtype = givenDType === undefined ? undefined : checkDType(givenDType);
	const shape = givenShape === undefined ? undefined : checkShape(givenShape);
	if (dtype === undefined || shape === undefined) {
		if (initial !== undefined)
			throw badArgument("initial", "given", "left out, unless dtype and shape are given");
		const parts = [dtype && ` of ${dtype}`, shape && ` of shape [${shape}]`];
		return {
			kinds: [KIND_ARRAY],
			what: `an array${parts.join("")}`,
			accepts(object) {
				const found = parseType(typeIn(object));
				return (
					(dtype ?? found?.dtype) === found?.dtype && String(shape ?? found?.shape) === String(found?.shape)
				);
			},
		};
	}
	const text = typeText(dtype, shape);
	const length = lengthOf(shape);
	const elements = initial === undefined ? undefined : initialElements(initial, dtype, length);
	return {
		kinds: [KIND_ARRAY],
		what: `an array ${text}`,
		accepts: (object) => typeIn(object) === text,
		description: describeTyped(
			attachment,
			{
				kind: KIND_ARRAY,
				element: dtypeNumber(dtype),
				type: text,
				bytes: length * bytesPer(dtype),
				isBulk: true,
			},
			({ buffer, byteOffset }) => {
				if (elements === undefined || length === 0) return;
				typedArray(dtype, buffer as SharedArrayBuffer, byteOffset, length).set(elements);
			},
		),
	};
}

const arrayOf = new WeakMap<NamedObject, SharedArray>();

/** Returns the array of an object, the same one each time. @throws DHMEM_CORRUPT */
export function openArray(object: NamedObject): SharedArray {
	let array = arrayOf.get(object);
	if (array === undefined) {
		const type = parseType(typeIn(object));
		if (type === undefined) throw corrupt(object.name);
		const length = lengthOf(type.shape);
		const { buffer, byteOffset } = payloadOf(object, length * bytesPer(type.dtype));
		const data = typedArray(type.dtype, buffer as SharedArrayBuffer, byteOffset, length);
		array = new SharedArray(object, type.dtype, type.shape, data);
		arrayOf.set(object, array);
	}
	return array;
}
