/** Opens a named object: finds or makes it, and checks that it is what the user asked for. */
import { OBJECT_ELEMENT, OBJECT_KIND, OBJECT_REQUESTED } from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { describe, describeObject } from "./describe.js";
import { type Description, findObject, findOrConstruct, letGo } from "./directory.js";
import type { NamedObject } from "./named-object.js";
import { typeOf } from "./object-type.js";

/** The object that an opening asks for. */
export interface Wanted {
	/** The kinds that it may have. */
	kinds: readonly number[];
	/** A description with its article, for messages: "a vector of f64". */
	what: string;
	/** Tells whether an object of one of these kinds matches. Changes nothing. */
	accepts(object: NamedObject): boolean;
	/** How to make the object. Left out if the user has not given the full type. */
	description?: Description | undefined;
}

/**
 * Finds or makes the object that is `wanted`, and returns what `make` makes of it. After a failure, nothing
 * is open that was not open before.
 */
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
			`There is no ${name} in ${attachment.path}, and ${wanted.what} does not say enough to create it; give its full type`,
		);
	}
	return keepIf(object, () => {
		const isOfKind = wanted.kinds.includes(object.word(OBJECT_KIND));
		if (!isOfKind || !wanted.accepts(object)) throw typeMismatch(object, wanted.what, isOfKind);
		return make(object);
	});
}

/** Runs `use`. The object stays open if `use` succeeds, or if it was in use before. */
export function keepIf<T>(object: NamedObject, use: () => T): T {
	try {
		const result = use();
		object.inUse = true;
		return result;
	} catch (error) {
		if (!object.inUse) letGo(object);
		// A reader may have failed because others have just removed the object. Then say that.
		if (!object.isThere) object.check();
		throw error;
	}
}

/** Asks for exactly what a description says. The capacity counts only if the user gave one explicitly. */
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

/** If the kinds differ, the message adds that all kinds share one set of names, which users easily forget. */
function typeMismatch({ attachment, at, name }: NamedObject, wanted: string, isOfKind: boolean): DhmemError {
	const why = isOfKind ? "" : ". Objects of all kinds share one set of names in a region";
	return new DhmemError(
		"DHMEM_TYPE_MISMATCH",
		`${name} is ${describeObject(attachment, at)}, but was opened as ${wanted}; open it as what it is, or choose ` +
			`another name${why}`,
	);
}
