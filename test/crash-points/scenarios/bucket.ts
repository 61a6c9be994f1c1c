/** Names that belong in the same bucket of the directory. */
import { STATUS_LIMIT } from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { expect } from "./stage.js";

function bucketOf(name: string): number {
	let hash = 2166136261;
	for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 16777619);
	return hash & 63;
}

/** Names that share a bucket with "a". */
export const sharing = Array.from({ length: 5000 }, (_, i) => `n${i}`).filter(
	(name) => bucketOf(name) === bucketOf("a"),
);

/** The objects of the bucket, from first to last, as a search passes them. */
export function listed(who: Participant, name: string): number[] {
	const objects = [];
	for (let object = 0; ; ) {
		object = who.core.nextObject(bucketOf(name), object) >>> 0;
		if (object < STATUS_LIMIT) return objects;
		objects.push(object);
		expect(objects.length < 100, "a list without an end");
	}
}
