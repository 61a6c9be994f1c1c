/** Errors that say why a participant can't continue to use a region. */
import { DhmemError, isErrorNamed } from "../errors.js";
import type { Host } from "../host/local-shim.js";
import type { File } from "../host/shim.js";
import { noSpace } from "../host/system-error.js";

export function regionClosed(path: string): DhmemError {
	return new DhmemError("DHMEM_CLOSED", `The region ${path} is closed; open it again`);
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

/** Explains a fault in a mapping of `mapped` bytes. Undefined if there was no fault. */
export function mappingFault(shim: Host, file: File, path: string, mapped: number): DhmemError | undefined {
	const { size } = shim.statFile(file);
	if (size < mapped) {
		return new DhmemError(
			"DHMEM_TRUNCATED",
			`Another program truncated ${path} from ${mapped} to ${size} bytes, so this participant has left; ` +
				"its contents are lost: remove it",
		);
	}
	if (!shim.isBroken(file)) return undefined;
	return new DhmemError(
		"DHMEM_NO_SPACE",
		`${noSpace(path, 4096).message}. A page was missing, so this participant has left: open the region again after that`,
	);
}
