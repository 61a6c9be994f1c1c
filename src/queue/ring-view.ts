import { CORRUPT, OBJECT_CAPACITY, OBJECT_DATA } from "../../assembly/layout.js";
import { NamedObject } from "../objects/named-object.js";
import { checkMade } from "../values/made.js";
import type { Side } from "./side.js";

/** Checks the figures in a byte queue's object, which a peer may have written, and returns a view of its ring. */
export function ringView(queue: NamedObject, side: Side): DataView {
	checkMade(queue instanceof NamedObject, `A ${side}`, `call queue.${side}()`);
	queue.check();
	const { attachment } = queue;
	const start = queue.word(OBJECT_DATA);
	const capacity = queue.word(OBJECT_CAPACITY);
	if (start + capacity > attachment.size) throw attachment.unexpected(CORRUPT, `Queue ${queue.name}`);
	return new DataView(attachment.buffer, start, capacity);
}
