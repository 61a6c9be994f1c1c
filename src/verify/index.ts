/**
 * The invariants of a region as code. There is a file for each structure, and it begins with a list of what
 * must hold. The checks only read, and the memory may contain anything: a wrong value is reported, and not
 * followed.
 */
import { checkBlocks } from "./blocks.js";
import { checkBulk } from "./bulk.js";
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

/**
 * Reports the invariants that do not hold in a region with these bytes. Never throws, and takes time in
 * proportion to the region's size.
 */
export function verify(bytes: Uint8Array, grade: Grade): Finding[] {
	const memory = new Memory(bytes);
	const report = new Report(grade);
	if (!checkHeader(memory, report)) return report.findings;
	checkParticipants(memory, report);
	checkSpans(memory, report);
	checkBlocks(memory, report);
	checkBulk(memory, report);
	const claims = new Claims(memory, report);
	checkShares(memory, report, claims);
	checkHandles(memory, report, claims);
	for (const object of checkDirectory(memory, report)) checkObject(memory, report, claims, object);
	if (report.isAtRest) claims.check();
	return report.findings;
}
