/** Saving values under handles, and loading them. */
import {
	BAD_HANDLE,
	HANDLE_REFERENCE,
	KIND_ARRAY,
	KIND_STRUCT,
	KIND_VECTOR,
	OBJECT_ELEMENT,
	OBJECT_KIND,
	OBJECT_NONCE,
	OK,
	REFERENCE_LENGTH,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { openArray, SharedArray } from "../collections/array.js";
import { objectOfStruct, openStruct } from "../collections/struct.js";
import { Vector } from "../collections/vector.js";
import { badArgument, DhmemError } from "../errors.js";
import { Block } from "../memory/block.js";
import { describeObject } from "../objects/describe.js";
import { objectAt, objectWord } from "../objects/directory.js";
import type { NamedObject } from "../objects/named-object.js";
import { corrupt, typeIn } from "../objects/object-type.js";
import { keepIf } from "../objects/open-object.js";
import { bytesPer, type DType, dtypeOf } from "../values/dtypes.js";
import type { Schema, Struct } from "../values/schema.js";
import { badHandle, decodeHandle, encodeHandle, type Handle, type Target } from "./handle.js";
import { identityOf, ReservedHandle } from "./reserved-handle.js";

/**
 * A struct that was loaded without a schema. `kind` is not its own property, so `{ ...struct }` has only the
 * fields.
 *
 * @example
 * ```ts
 * const params = region.struct("params", { dt: "f64", step: "u32" });
 * const loaded = region.load(String(region.save(params)));
 * if (loaded.kind === "struct") console.log({ ...loaded }); // { dt: 0, step: 0 }
 * ```
 */
export type LoadedStruct = Struct & { readonly kind: "struct" };

/**
 * A loaded value. Its `kind` tells which type it has.
 *
 * @example
 * ```ts
 * function describe(value: Loaded): string {
 *   switch (value.kind) {
 *     case "block":
 *       return `${value.length} bytes`;
 *     case "array":
 *       return `${value.dtype} elements, ${value.shape.join(" x ")}`;
 *     case "vector":
 *       return `${value.length} ${value.dtype} elements`;
 *     case "struct":
 *       return `fields ${Object.keys(value).join(", ")}`;
 *   }
 * }
 * ```
 */
export type Loaded = Block | SharedArray | Vector | LoadedStruct;

/**
 * A value that can be saved.
 *
 * @example
 * ```ts
 * function tokenOf(value: Saveable): string {
 *   return String(region.save(value));
 * }
 * ```
 */
export type Saveable = Block | SharedArray | Vector | Struct;

export function save<T extends Saveable>(attachment: Attachment, value: T): Handle<T> {
	const object = objectOf(value);
	if (object !== undefined) return saveObject(attachment, object);
	if (Block.isBlock(value)) return saveBlock(attachment, value);
	throw badArgument("The value to save", value, "a Block, or an array, vector or struct that has a name");
}

function objectOf(value: unknown): NamedObject | undefined {
	if (value instanceof Vector) return value.object;
	if (value instanceof SharedArray) return "at" in value.object ? (value.object as NamedObject) : undefined;
	return typeof value === "object" && value !== null ? objectOfStruct(value) : undefined;
}

/**
 * Named objects belong to the region already, and their record contains a nonce, so saving one changes
 * nothing.
 */
function saveObject<T>(attachment: Attachment, object: NamedObject): Handle<T> {
	object.check();
	if (object.attachment !== attachment) {
		throw badArgument("The value to save", object.name, `from this same opening of ${attachment.path}`);
	}
	const nonce: [number, number] = [object.word(OBJECT_NONCE), object.word(OBJECT_NONCE + 4)];
	return encodeHandle({ of: "object", region: identityOf(attachment), at: object.at, nonce });
}

function saveBlock<T>(attachment: Attachment, block: Block): Handle<T> {
	attachment.checkWritable();
	block.owned(attachment);
	const reserved = new ReservedHandle(attachment);
	reserved.save(block);
	return reserved.handle as Handle<T>;
}

/** Loads the value that a handle refers to. With `type`, checks that the value has that type. */
export function load(
	attachment: Attachment,
	handle: Handle | string,
	type?: DType | Schema,
): Loaded | Struct {
	const target = decodeHandle(handle);
	attachment.check();
	const [low, high] = identityOf(attachment);
	if (target.region[0] !== low || target.region[1] !== high) {
		throw badHandle(`belongs to another region than ${attachment.path}`);
	}
	return target.of === "block" ? loadBlock(attachment, target, type) : loadObject(attachment, target, type);
}

const gone = "is forged, or refers to a value that was freed or removed";

function loadBlock(attachment: Attachment, { at, nonce }: Target, type?: DType | Schema): Loaded | Struct {
	const { core, me } = attachment;
	const offset = core.lookUp(at, ...nonce) >>> 0;
	const length = objectWord(attachment, at, HANDLE_REFERENCE + REFERENCE_LENGTH);
	// The handle may have been freed between the first lookup and the read of the length, so it is looked up
	// again.
	if (offset === BAD_HANDLE || core.lookUp(at, ...nonce) >>> 0 !== offset) throw badHandle(gone);
	const free = () => {
		const status = core.freeSaved(me, at, ...nonce) >>> 0;
		if (status === BAD_HANDLE) throw badHandle(gone);
		if (status !== OK) throw attachment.unexpected(status, "Freeing a saved block");
	};
	const check = () => {
		attachment.check();
		if (core.lookUp(at, ...nonce) >>> 0 !== offset) throw badHandle(gone);
	};
	const block = new Block(attachment, offset, length, "region", { check, free });
	return type === undefined ? block : typed(attachment, block, type);
}

/** Views a block as the requested type, if its length allows it. A block has no type of its own. */
function typed(attachment: Attachment, block: Block, type: DType | Schema): SharedArray | Struct {
	if (typeof type === "object") {
		if (block.length >= type.size) return block.as(type)[0] as Struct;
		throw otherType(`a block of ${block.length} bytes`, `a struct ${type}, which has ${type.size} bytes`);
	}
	const size = bytesPer(type);
	if (block.length % size !== 0)
		throw otherType(`a block of ${block.length} bytes`, `${type} elements of ${size} bytes`);
	const source = { attachment, name: "of a saved block", checkNotRemoved() {} };
	return new SharedArray(source, type, [block.length / size], block.as(type));
}

function loadObject(attachment: Attachment, { at, nonce }: Target, type?: DType | Schema): Loaded | Struct {
	const { core, me } = attachment;
	const isReader = attachment.access !== "read-write";
	const found = isReader ? core.isNoted(at, ...nonce) !== 0 : core.openAt(me, at, ...nonce) >>> 0 === OK;
	if (!found) throw badHandle(gone);
	const object = objectAt(attachment, at);
	return keepIf(object, () => loaded(object, type));
}

function loaded(object: NamedObject, type?: DType | Schema): Loaded | Struct {
	const kind = object.word(OBJECT_KIND);
	const asked = typeof type === "object" ? String(type) : type;
	const mismatch = () =>
		otherType(
			`${object.name}, ${describeObject(object.attachment, object.at)}`,
			typeof type === "object" ? `a struct ${type}` : `${type}`,
		);
	if (kind === KIND_VECTOR) {
		const dtype = dtypeOf(object.word(OBJECT_ELEMENT));
		if (dtype === undefined) throw corrupt(object.name);
		if (asked !== undefined && asked !== dtype) throw mismatch();
		return new Vector(object, dtype);
	}
	if (kind !== KIND_ARRAY && kind !== KIND_STRUCT) throw corrupt(object.name);
	if (kind === KIND_STRUCT) {
		if (asked !== undefined && asked !== typeIn(object)) throw mismatch();
		return openStruct(object);
	}
	const array = openArray(object);
	if (asked !== undefined && asked !== array.dtype) throw mismatch();
	return array;
}

function otherType(is: string, wanted: string): DhmemError {
	return new DhmemError(
		"DHMEM_TYPE_MISMATCH",
		`The handle refers to ${is}, but was loaded as ${wanted}; load it as the type it has`,
	);
}
