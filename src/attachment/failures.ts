/** Why a participant can't go on with a region, as errors. */
import { DhmemError, isErrorNamed } from "../errors.js";
import type { Host } from "../host/local-shim.js";
import type { File } from "../host/shim.js";
import { noSpace } from "../host/system-error.js";

export function regionClosed(path: string): DhmemError {
	return new DhmemError("DHMEM_CLOSED", `The region ${path} is closed; open it again`);
}

/** Some other participant found this one's lock dropped. */
export function takenForDead(path: string): DhmemError {
	return new DhmemError(
		"DHMEM_CLOSED",
		`Another participant took this one of ${path} for dead, so it has left; open it again`,
	);
}

/** For a status of the core that no caller expects, or a word that can't be right. */
export function corruptRegion(path: string, what: string, status: number): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`${what}: the region ${path} is corrupted (status ${status}); replace it`,
	);
}

/** A trap means that the core met a word that can't be right; anything else came from outside. */
export function cutOff(path: string, cause: unknown): DhmemError {
	const left = "so this participant has left";
	return isErrorNamed(cause, "RuntimeError")
		? new DhmemError("DHMEM_CORRUPT", `The region ${path} is corrupted, ${left}; replace it`, { cause })
		: new DhmemError("DHMEM_CLOSED", `An operation on ${path} was cut off, ${left}; open it again`, {
				cause,
			});
}

/** Why there was a fault in a mapping of `mapped` bytes. Undefined if there was none. */
export function mappingFault(shim: Host, file: File, path: string, mapped: number): DhmemError | undefined {
	const { size } = shim.statFile(file);
	if (size < mapped) {
		return new DhmemError(
			"DHMEM_TRUNCATED",
			`Another program cut ${path} from ${mapped} to ${size} bytes, so this participant has left; ` +
				"its contents are lost: remove it",
		);
	}
	if (!shim.isBroken(file)) return undefined;
	return new DhmemError(
		"DHMEM_NO_SPACE",
		`${noSpace(path, 4096).message}; without it this participant has left: open the region again`,
	);
}
