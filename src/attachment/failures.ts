/** Errors that say why a participant can't continue to use a region. */
import { dirname } from "node:path";
import { HEADER_MAGIC, MAGIC_HIGH, MAGIC_LOW, SLOT_GENERATION } from "../../assembly/layout.js";
import { DhmemError, isErrorNamed } from "../errors.js";
import { findRoom } from "../host/file-system.js";
import type { Host } from "../host/local-shim.js";
import type { File } from "../host/shim.js";
import { noSpace } from "../host/system-error.js";

/** A file system with more free bytes than this is not full. */
const AMPLE = 2 ** 20;

export function regionClosed(path: string): DhmemError {
	return new DhmemError("DHMEM_CLOSED", `The region ${path} is closed; open it again`);
}

/** For calls that wait when the region is closed, usually because the program did not await them. */
export function closedWhileWaiting(path: string): DhmemError {
	return new DhmemError(
		"DHMEM_CLOSED",
		`The region ${path} was closed while this call was waiting; close it when no call waits any more`,
	);
}

/** Another participant found that this one's lock was dropped. */
export function takenForDead(path: string): DhmemError {
	return new DhmemError(
		"DHMEM_CLOSED",
		`Another participant of ${path} declared this one dead, so it has left; open the region again`,
	);
}

/** For an unexpected status of the core, or an impossible value in the region. */
export function corruptRegion(path: string, what: string, status: number): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`${what}: the region ${path} is corrupted (status ${status}); replace it`,
	);
}

/** A faulty peer may have written the address or the length of some bytes. */
export function outside(): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		"These bytes would lie outside the region, so the region is corrupted; replace it",
	);
}

/**
 * A trap means that the core found an impossible value. Any other exception came from outside, such as a
 * stack overflow.
 */
export function cutOff(path: string, cause: unknown): DhmemError {
	const left = "so this participant has left";
	return isErrorNamed(cause, "RuntimeError")
		? new DhmemError("DHMEM_CORRUPT", `The region ${path} is corrupted, ${left}; replace it`, { cause })
		: new DhmemError("DHMEM_CLOSED", `An operation on ${path} was interrupted, ${left}; open it again`, {
				cause,
			});
}

/**
 * Tells whether the pages of the header and of this participant's slot are still those that were written. Reads the
 * file itself, because after a fault the mapping shows zeros. A slot that had a participant has a generation.
 */
function isIntact(shim: Host, file: File, slot: number | undefined): boolean {
	const word = (offset: number) => {
		const words = new Uint32Array(1);
		return shim.readFile(file, new Uint8Array(words.buffer), offset) === 4 ? words[0] : undefined;
	};
	if (word(HEADER_MAGIC) !== MAGIC_LOW || word(HEADER_MAGIC + 4) !== MAGIC_HIGH) return false;
	return slot === undefined || word(slot + SLOT_GENERATION) !== 0;
}

/**
 * Explains a fault in a mapping of `mapped` bytes. Undefined if there was no fault.
 *
 * @param slot the offset of this participant's slot, if it has one
 */
export function mappingFault(
	shim: Host,
	file: File,
	path: string,
	mapped: number,
	slot: number | undefined,
): DhmemError | undefined {
	const { size } = shim.statFile(file);
	if (size < mapped) {
		return new DhmemError(
			"DHMEM_TRUNCATED",
			`Another program truncated ${path} from ${mapped} to ${size} bytes, so this participant has left; ` +
				"its contents are lost: remove it",
		);
	}
	if (!isIntact(shim, file, slot)) {
		return new DhmemError(
			"DHMEM_TRUNCATED",
			`Another program truncated ${path} and made it as long as before, or overwrote it, so this participant has ` +
				"left; its contents are lost: remove it",
		);
	}
	if (!shim.isBroken(file)) return undefined;
	if ((findRoom(dirname(path))?.free ?? 0) > AMPLE) {
		return new DhmemError(
			"DHMEM_TRUNCATED",
			`A page of ${path} was missing, so this participant has left: another program truncated the file for a moment, ` +
				"and parts of its contents are lost, or its file system was full for a moment; remove it, or open it again " +
				"after `dhmem doctor --region NAME` found it sound",
		);
	}
	return new DhmemError(
		"DHMEM_NO_SPACE",
		`${noSpace(path, 4096).message}. A page was missing, so this participant has left; open the region again when there is room`,
	);
}
