/**
 * The invariants of a region as code: one file per structure, which begins with the invariants as equations. The bytes
 * may be anything: what is read is checked before it is used, so that damage is reported and never followed.
 */
import { checkBlocks } from "./blocks.js";
import { Claims } from "./claims.js";
import { checkDirectory } from "./directory.js";
import { checkHandles } from "./handles.js";
import { checkHeader } from "./header.js";
import { Memory } from "./memory.js";
import { checkObject } from "./objects.js";
import { checkParticipants } from "./participants.js";
import { type Finding, type Grade, Report } from "./report.js";
import { checkShares } from "./shares.js";
import { checkSpans } from "./spans.js";

export type { Finding, Grade } from "./report.js";

/** Which invariants do not hold in a region with these bytes. Never throws, and takes time in proportion to their number. */
export function verify(bytes: Uint8Array, grade: Grade): Finding[] {
	const memory = new Memory(bytes);
	const report = new Report(grade);
	if (!checkHeader(memory, report)) return report.findings;
	checkParticipants(memory, report);
	checkSpans(memory, report);
	checkBlocks(memory, report);
	const claims = new Claims(memory, report);
	checkShares(memory, report, claims);
	checkHandles(memory, report, claims);
	for (const object of checkDirectory(memory, report)) checkObject(memory, report, claims, object);
	if (report.isAtRest) claims.check();
	return report.findings;
}
