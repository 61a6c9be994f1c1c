/** Whether a region is sound, looked at without taking part: which of its invariants do not hold. */
import { SLOT_BYTES, SLOT_GENERATION, SLOT_ID, SLOTS, SLOTS_START } from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { readParticipants } from "../attachment/participants.js";
import { type Finding, type Grade, verify } from "../verify/index.js";

export interface Examination {
	/** How many have the region open, and how many died and were not recovered from. */
	readonly living: number;
	readonly dead: number;
	/** What was looked for: only while nobody is inside can more be expected than what holds always. */
	readonly grade: Grade;
	readonly findings: readonly Finding[];
}

/** Looks at what others write meanwhile. What is wrong is so at each; what only changed between two reads is not. */
const LOOKS = 3;

export function examine(attachment: Attachment): Examination {
	const { bytes } = attachment;
	const before = comings(attachment);
	const participants = readParticipants(attachment);
	const living = participants.filter(({ alive }) => alive).length;
	const dead = participants.length - living;
	if (participants.length === 0) {
		const findings = verify(bytes, "atRest");
		if (comings(attachment) === before) return { living, dead, grade: "atRest", findings };
	}
	let findings = verify(bytes, "always");
	for (let look = 1; look < LOOKS && findings.length > 0; look++) {
		const again = new Set(verify(bytes, "always").map(keyOf));
		findings = findings.filter((finding) => again.has(keyOf(finding)));
	}
	return { living, dead, grade: "always", findings };
}

function keyOf({ invariant, at }: Finding): string {
	return `${invariant} ${at}`;
}

/** Changes whenever somebody comes or leaves. */
function comings({ words }: Attachment): string {
	return Array.from({ length: SLOTS }, (_, index) => {
		const slot = SLOTS_START + index * SLOT_BYTES;
		return `${words[(slot + SLOT_ID) >> 2]} ${words[(slot + SLOT_GENERATION) >> 2]}`;
	}).join();
}
