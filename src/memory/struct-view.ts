/** Structs over shared memory: objects whose fields are read and written in place. */
import type { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { bytesPer, type DType, dtypes, type TypedArrayOf, typedArray } from "../values/dtypes.js";
import { type Fields, roundUp, type Schema, type Struct } from "../values/schema.js";

/** A typed array of each dtype over a whole memory. */
type Views = { readonly [D in DType]: TypedArrayOf<D> };

const viewsOf = new WeakMap<SharedArrayBuffer, Views>();

/** The views of the region's memory, or of a window of its bulk space. */
function views(buffer: SharedArrayBuffer): Views {
	let made = viewsOf.get(buffer);
	if (made === undefined) {
		made = viewsOver(buffer, buffer.byteLength);
		viewsOf.set(buffer, made);
	}
	return made;
}

/** Makes a typed array of each dtype over the first `bytes` bytes, a multiple of 8. */
function viewsOver(buffer: SharedArrayBuffer, bytes: number): Views {
	return Object.fromEntries(
		dtypes.map((dtype) => [dtype, typedArray(dtype, buffer, 0, bytes / bytesPer(dtype))]),
	) as unknown as Views;
}

/**
 * A struct. To users it is an object with the schema's fields and nothing else. The fields are its own
 * properties, so `{ ...struct }` makes a copy, and no field can collide with a method.
 */
class StructView {
	#views: Views;
	/** The offset in the region, aligned for every field. */
	#at: number;

	constructor(views: Views, at: number, accessors: PropertyDescriptorMap) {
		this.#views = views;
		this.#at = at;
		Object.defineProperties(this, accessors);
		// An assignment to an unknown field throws, because no other participant would see the value.
		Object.preventExtensions(this);
	}

	/** How users recognise a struct from `region.load`, unless a field is called "kind". */
	get kind(): string {
		return "struct";
	}

	/** Moves a removed struct to private memory, so that it can't change the region any more. */
	static revoke(struct: StructView, bytes: number): void {
		struct.#views = viewsOver(new SharedArrayBuffer(bytes), bytes);
		struct.#at = 0;
	}

	/** Moves it to another offset of the same memory. */
	static move(struct: StructView, at: number): void {
		struct.#at = at;
	}

	/** Node's console shows the fields. */
	[Symbol.for("nodejs.util.inspect.custom")](): object {
		return { ...this };
	}

	/**
	 * The accessor of a field. Each dtype has its own code, which always meets the same kind of array: this
	 * makes it fast.
	 *
	 * A value is converted to a number before its address is computed, because the conversion may run user code
	 * that removes the struct.
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

/** The makers for each type: with fields that can be changed, and with read-only fields. */
const makers = { writable: new WeakMap<Schema, Maker>(), readable: new WeakMap<Schema, Maker>() };

/** The setter of read-only fields. */
function refuse(): never {
	throw new DhmemError(
		"DHMEM_READ_ONLY",
		"This struct can only be read, because its region was opened read-only or it is a received record; change a copy",
	);
}

/** Returns the function that makes the structs of a type. */
function makerOf(type: Schema, access: keyof typeof makers): Maker {
	let maker = makers[access].get(type);
	if (maker === undefined) {
		const accessors = Object.fromEntries(
			type.layout.map(({ name, dtype, offset }) => {
				const accessor = { ...StructView.accessor(dtype, offset), enumerable: true };
				return [name, access === "writable" ? accessor : { ...accessor, set: refuse }];
			}),
		);
		// A class for each type: with one class for all types, V8 would turn the objects into slow dictionaries.
		class OfType extends StructView {}
		// To code that compares it, a struct looks like a plain object.
		Object.defineProperty(OfType.prototype, "constructor", { value: Object });
		maker = (views, at) => new OfType(views, at, accessors);
		makers[access].set(type, maker);
	}
	return maker;
}

/**
 * Makes the struct at an offset of the region's memory, or of `buffer`. The offset is aligned, and the struct lies
 * within the memory.
 */
export function structAt<F extends Fields>(
	attachment: Attachment,
	type: Schema<F>,
	at: number,
	access: keyof typeof makers = attachment.access === "read-only" ? "readable" : "writable",
	buffer = attachment.buffer,
): Struct<F> {
	return makerOf(type, access)(views(buffer), at) as unknown as Struct<F>;
}

/**
 * Makes a struct in private memory, and returns it with that memory, to convert structs to bytes and back.
 */
export function localStruct<F extends Fields>(type: Schema<F>): { struct: Struct<F>; bytes: Uint8Array } {
	const room = roundUp(type.size, 8);
	const buffer = new SharedArrayBuffer(room);
	const struct = makerOf(type, "writable")(viewsOver(buffer, room), 0) as unknown as Struct<F>;
	return { struct, bytes: new Uint8Array(buffer, 0, type.size) };
}

/**
 * Returns an array of the whole structs in these bytes of the region, which are aligned. Each is made when it is first
 * read.
 */
export function structsAt<F extends Fields>(
	attachment: Attachment,
	type: Schema<F>,
	{ buffer, byteOffset, length }: Uint8Array,
): readonly Struct<F>[] {
	const structs = new Array<Struct<F>>(Math.floor(length / type.size));
	const make = (key: string | symbol) => {
		const index = typeof key === "string" ? Number(key) >>> 0 : 0;
		if (index < structs.length && String(index) === key) {
			const at = byteOffset + index * type.size;
			structs[index] ??= structAt(attachment, type, at, undefined, buffer as SharedArrayBuffer);
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

/** Moves a struct to another aligned offset of the region. */
export function moveStruct(struct: Struct, at: number): void {
	StructView.move(struct as unknown as StructView, at);
}

/** Moves a removed struct to private memory, so that it can't change the region any more. */
export function revokeStruct(struct: Struct, type: Schema): void {
	StructView.revoke(struct as unknown as StructView, roundUp(type.size, 8));
}
