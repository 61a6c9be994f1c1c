/** Structs over memory: objects whose fields are read and written in place. */
import type { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { bytesPer, type DType, dtypes, type TypedArrayOf, typedArray } from "../values/dtypes.js";
import { type Fields, roundUp, type Schema, type Struct } from "../values/schema.js";

/** The whole region as an array of each dtype. */
type Views = { readonly [D in DType]: TypedArrayOf<D> };

const viewsOf = new WeakMap<Attachment, Views>();

function views(attachment: Attachment): Views {
	let made = viewsOf.get(attachment);
	if (made === undefined) {
		made = viewsOver(attachment.buffer, attachment.size);
		viewsOf.set(attachment, made);
	}
	return made;
}

/** The first `bytes` bytes, a multiple of 8, as an array of each dtype. */
function viewsOver(buffer: SharedArrayBuffer, bytes: number): Views {
	return Object.fromEntries(
		dtypes.map((dtype) => [dtype, typedArray(dtype, buffer, 0, bytes / bytesPer(dtype))]),
	) as unknown as Views;
}

/**
 * A struct: to its user, an object with the schema's fields and nothing else. They are its own properties, so
 * `{ ...struct }` is a copy, and none of them can be in the way of a method.
 */
class StructView {
	#views: Views;
	/** Offset in the region, aligned for every field. */
	#at: number;

	constructor(views: Views, at: number, accessors: PropertyDescriptorMap) {
		this.#views = views;
		this.#at = at;
		Object.defineProperties(this, accessors);
		// A field that is not there would be a value that nobody else sees.
		Object.preventExtensions(this);
	}

	/** What `region.load` tells it by, unless a field is called so. */
	get kind(): string {
		return "struct";
	}

	/** Moves a struct that was removed to memory of its own, so that it is in nobody's way. */
	static revoke(struct: StructView, bytes: number): void {
		struct.#views = viewsOver(new SharedArrayBuffer(bytes), bytes);
		struct.#at = 0;
	}

	/** How Node's console shows it. */
	[Symbol.for("nodejs.util.inspect.custom")](): object {
		return { ...this };
	}

	/**
	 * A field. Each dtype has code of its own, which always meets the same kind of array: that is what makes it fast.
	 *
	 * A value becomes a number before its address is computed: the conversion may run user code that removes the struct.
	 */
	static accessor(dtype: DType, offset: number): PropertyDescriptor & ThisType<StructView> {
		switch (dtype) {
			case "i8":
				return {
					get() {
						return this.#views.i8[this.#at + offset];
					},
					set(value: number) {
						const number = +value;
						this.#views.i8[this.#at + offset] = number;
					},
				};
			case "u8":
				return {
					get() {
						return this.#views.u8[this.#at + offset];
					},
					set(value: number) {
						const number = +value;
						this.#views.u8[this.#at + offset] = number;
					},
				};
			case "i16":
				return {
					get() {
						return this.#views.i16[(this.#at + offset) >>> 1];
					},
					set(value: number) {
						const number = +value;
						this.#views.i16[(this.#at + offset) >>> 1] = number;
					},
				};
			case "u16":
				return {
					get() {
						return this.#views.u16[(this.#at + offset) >>> 1];
					},
					set(value: number) {
						const number = +value;
						this.#views.u16[(this.#at + offset) >>> 1] = number;
					},
				};
			case "i32":
				return {
					get() {
						return this.#views.i32[(this.#at + offset) >>> 2];
					},
					set(value: number) {
						const number = +value;
						this.#views.i32[(this.#at + offset) >>> 2] = number;
					},
				};
			case "u32":
				return {
					get() {
						return this.#views.u32[(this.#at + offset) >>> 2];
					},
					set(value: number) {
						const number = +value;
						this.#views.u32[(this.#at + offset) >>> 2] = number;
					},
				};
			case "i64":
				return {
					get() {
						return this.#views.i64[(this.#at + offset) >>> 3];
					},
					set(value: bigint) {
						const number = BigInt.asIntN(64, value);
						this.#views.i64[(this.#at + offset) >>> 3] = number;
					},
				};
			case "u64":
				return {
					get() {
						return this.#views.u64[(this.#at + offset) >>> 3];
					},
					set(value: bigint) {
						const number = BigInt.asUintN(64, value);
						this.#views.u64[(this.#at + offset) >>> 3] = number;
					},
				};
			case "f32":
				return {
					get() {
						return this.#views.f32[(this.#at + offset) >>> 2];
					},
					set(value: number) {
						const number = +value;
						this.#views.f32[(this.#at + offset) >>> 2] = number;
					},
				};
			case "f64":
				return {
					get() {
						return this.#views.f64[(this.#at + offset) >>> 3];
					},
					set(value: number) {
						const number = +value;
						this.#views.f64[(this.#at + offset) >>> 3] = number;
					},
				};
		}
	}
}

type Maker = (views: Views, at: number) => StructView;

/** By type, for those who may change the fields and for those who may not. */
const makers = { writable: new WeakMap<Schema, Maker>(), readable: new WeakMap<Schema, Maker>() };

/** The setter of fields that can't be changed. */
function refuse(): never {
	throw new DhmemError(
		"DHMEM_READ_ONLY",
		"A field of a struct in a region that was opened read-only can't be changed; open the region in another mode",
	);
}

/** What makes the structs of a type. */
function makerOf(type: Schema, access: keyof typeof makers): Maker {
	let maker = makers[access].get(type);
	if (maker === undefined) {
		const accessors = Object.fromEntries(
			type.layout.map(({ name, dtype, offset }) => {
				const accessor = { ...StructView.accessor(dtype, offset), enumerable: true };
				return [name, access === "writable" ? accessor : { ...accessor, set: refuse }];
			}),
		);
		// A class for each type: with one for all, V8 takes its objects for dictionaries.
		class OfType extends StructView {}
		// To whoever compares it, a struct is a plain object.
		Object.defineProperty(OfType.prototype, "constructor", { value: Object });
		maker = (views, at) => new OfType(views, at, accessors);
		makers[access].set(type, maker);
	}
	return maker;
}

/** The struct at an offset of the region, which is aligned, and has room for it. */
export function structAt<F extends Fields>(attachment: Attachment, type: Schema<F>, at: number): Struct<F> {
	const access = attachment.access === "read-only" ? "readable" : "writable";
	return makerOf(type, access)(views(attachment), at) as unknown as Struct<F>;
}

/** A struct in memory of this process alone, and that memory: to turn structs into bytes and back. */
export function localStruct<F extends Fields>(type: Schema<F>): { struct: Struct<F>; bytes: Uint8Array } {
	const room = roundUp(type.size, 8);
	const buffer = new SharedArrayBuffer(room);
	const struct = makerOf(type, "writable")(viewsOver(buffer, room), 0) as unknown as Struct<F>;
	return { struct, bytes: new Uint8Array(buffer, 0, type.size) };
}

/**
 * As many structs as there are whole ones in `bytes`, each made when it is first asked for. `at` is aligned, and
 * the bytes are in the region.
 */
export function structsAt<F extends Fields>(
	attachment: Attachment,
	type: Schema<F>,
	at: number,
	bytes: number,
): readonly Struct<F>[] {
	const structs = new Array<Struct<F>>(Math.floor(bytes / type.size));
	const make = (key: string | symbol) => {
		const index = typeof key === "string" ? Number(key) >>> 0 : 0;
		if (index < structs.length && String(index) === key) {
			structs[index] ??= structAt(attachment, type, at + index * type.size);
		}
	};
	return new Proxy(structs, {
		get(_, key, self) {
			make(key);
			return Reflect.get(structs, key, self);
		},
		has(_, key) {
			make(key);
			return Reflect.has(structs, key);
		},
		getOwnPropertyDescriptor(_, key) {
			make(key);
			return Reflect.getOwnPropertyDescriptor(structs, key);
		},
		ownKeys() {
			for (let index = 0; index < structs.length; index++) make(String(index));
			return Reflect.ownKeys(structs);
		},
		defineProperty: () => false,
		deleteProperty: () => false,
	});
}

/** Moves a struct that was removed to memory of its own, so that it is in nobody's way. */
export function revokeStruct(struct: Struct, type: Schema): void {
	StructView.revoke(struct as unknown as StructView, roundUp(type.size, 8));
}
