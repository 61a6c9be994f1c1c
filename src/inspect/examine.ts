/** Checks a region's invariants by reading it, without becoming a participant. */
import { SLOT_BYTES, SLOT_GENERATION, SLOT_ID, SLOTS, SLOTS_START } from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { readParticipants } from "../attachment/participants.js";
import { type Finding, type Grade, verify } from "../verify/index.js";

export interface Examination {
	/**
	 * The number of participants that have the region open, and of those that died and were not recovered from.
	 */
	readonly living: number;
	readonly dead: number;
	/** Which invariants were checked. Some hold only while no participant has the region open ("atRest"). */
	readonly grade: Grade;
	readonly findings: readonly Finding[];
}

/**
 * The number of passes while participants are writing. A violation counts only if every pass finds it, since
 * a change between two reads of one pass can look like a violation.
 */
const PASSES = 3;

export function examine(attachment: Attachment): Examination {
	const { bytes } = attachment;
	const before = joinState(attachment);
	const participants = readParticipants(attachment);
	const living = participants.filter(({ alive }) => alive).length;
	const dead = participants.length - living;
	if (participants.length === 0) {
		const findings = verify(bytes, "atRest");
		if (joinState(attachment) === before) return { living, dead, grade: "atRest", findings };
	}
	let findings = verify(bytes, "always");
	for (let pass = 1; pass < PASSES && findings.length > 0; pass++) {
		const again = new Set(verify(bytes, "always").map(keyOf));
		findings = findings.filter((finding) => again.has(keyOf(finding)));
	}
	return { living, dead, grade: "always", findings };
}

function keyOf({ invariant, at }: Finding): string {
	return `${invariant} ${at}`;
}

/** A text that changes whenever a participant joins or leaves. */
function joinState({ words }: Attachment): string {
	return Array.from({ length: SLOTS }, (_, index) => {
		const slot = SLOTS_START + index * SLOT_BYTES;
		return `${words[(slot + SLOT_ID) >> 2]} ${words[(slot + SLOT_GENERATION) >> 2]}`;
	}).join();
}
