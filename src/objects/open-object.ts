/** Opening a named object: found or made, and checked to be what was asked for. */
import { OBJECT_ELEMENT, OBJECT_KIND, OBJECT_REQUESTED } from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { describe, describeObject } from "./describe.js";
import { type Description, findObject, findOrConstruct, letGo } from "./directory.js";
import type { NamedObject } from "./named-object.js";
import { typeOf } from "./object-type.js";

/** What an opening asks for. */
export interface Wanted {
	/** The kinds it may be of. */
	kinds: readonly number[];
	/** In words, with its article. */
	what: string;
	/** Whether an object of such a kind is what was asked for. It only looks. */
	accepts(object: NamedObject): boolean;
	/** How to make one; left out where the type is not known in full. */
	description?: Description | undefined;
}

/** What `wanted` finds or makes, as `make` sees it. A failure leaves nothing open that was not open before. */
export function openObject<T>(
	attachment: Attachment,
	name: string,
	wanted: Wanted,
	make: (object: NamedObject) => T,
): T {
	const object = wanted.description
		? findOrConstruct(attachment, name, wanted.description)
		: findObject(attachment, name);
	if (object === undefined) {
		throw new DhmemError(
			"DHMEM_NOT_FOUND",
			`There is no ${name} in ${attachment.path}, and ${wanted.what} is not enough to make it; give its type in full`,
		);
	}
	return keepIf(object, () => {
		const isOfKind = wanted.kinds.includes(object.word(OBJECT_KIND));
		if (!isOfKind || !wanted.accepts(object)) throw typeMismatch(object, wanted.what, isOfKind);
		return make(object);
	});
}

/** Runs `use`. The object stays open if that succeeds, or if it was in use before. */
export function keepIf<T>(object: NamedObject, use: () => T): T {
	try {
		const result = use();
		object.inUse = true;
		return result;
	} catch (error) {
		if (!object.inUse) letGo(object);
		// What a reader found wrong may be because others have removed it just now.
		if (!object.isThere) object.check();
		throw error;
	}
}

/** Asks for what a description says; for the capacity only if that was explicit. */
export function wantedExactly(description: Description, explicit = false): Wanted {
	const { kind, element = 0, type = "", requested } = description;
	return {
		kinds: [kind],
		what: describe(explicit ? description : { ...description, requested: 0 }),
		accepts: (object) =>
			object.word(OBJECT_ELEMENT) === element &&
			(typeOf(object.attachment, object.at) ?? "") === type &&
			(!explicit || object.word(OBJECT_REQUESTED) === requested),
		description,
	};
}

/** All kinds of objects have their names in common, which is easily forgotten where the kinds differ. */
function typeMismatch({ attachment, at, name }: NamedObject, wanted: string, isOfKind: boolean): DhmemError {
	const why = isOfKind ? "" : ". Objects of all kinds share the names of a region";
	return new DhmemError(
		"DHMEM_TYPE_MISMATCH",
		`${name} is ${describeObject(attachment, at)}, and was opened as ${wanted}; open it as what it is, or choose ` +
			`another name${why}`,
	);
}
