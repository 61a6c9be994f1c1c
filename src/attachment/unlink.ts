/** Removes the names of regions. */
import { unlinkSync } from "node:fs";
import { HEADER_IDENTITY } from "../../assembly/layout.js";
import { DhmemError } from "../errors.js";
import { localShim } from "../host/local-shim.js";
import { type File, shim } from "../host/shim.js";
import { notFound, systemError } from "../host/system-error.js";
import { isTrusted, type Trust } from "../host/trust.js";
import type { Attachment } from "./attachment.js";
import { readHeader } from "./header.js";
import { whileNamed } from "./join-lock.js";

/**
 * Removes the file with this name, whatever it is.
 *
 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION, DHMEM_TIMEOUT
 */
export function unlink(path: string, trust: Trust): void {
	try {
		const isWaitedFor = (file: File) => isTrusted(file, path, trust);
		if (!whileNamed(path, isWaitedFor, () => unlinkSync(path))) throw notFound(path);
	} catch (error) {
		throw systemError(error, path, "Removing");
	}
}

/**
 * Removes the name of an opened region, unless the name belongs to another region by now.
 *
 * @throws as `unlink`
 */
export function unlinkOwn(attachment: Attachment, identity: Identity): void {
	const { path } = attachment;
	if (attachment.shim === localShim) throw notFound(path);
	try {
		const isOwn = (file: File | undefined) =>
			attachment.closed ? hasIdentity(file, path, identity) : shim().isNamed(attachment.file, path);
		// Don't wait for the locks of another file that has the name by now: a stranger may hold them.
		const isThere = whileNamed(path, isOwn, (file) => {
			if (!isOwn(file)) {
				throw new DhmemError(
					"DHMEM_NOT_FOUND",
					`${path} is another region now: the one that was opened here has been replaced or unlinked. ` +
						"To remove the new one, use Region.unlink()",
				);
			}
			unlinkSync(path);
		});
		if (!isThere) throw notFound(path);
	} catch (error) {
		throw systemError(error, path, "Removing");
	}
}

/** The random number that identifies a region. */
export type Identity = readonly [number, number];

export function identityOf(attachment: Attachment): Identity {
	return [attachment.header(HEADER_IDENTITY), attachment.header(HEADER_IDENTITY + 4)];
}

function hasIdentity(file: File | undefined, path: string, [low, high]: Identity): boolean {
	if (file === undefined) return false;
	try {
		const header = readHeader(file, path);
		return header[HEADER_IDENTITY >> 2] === low && header[(HEADER_IDENTITY + 4) >> 2] === high;
	} catch (error) {
		if (error instanceof DhmemError) return false;
		throw error;
	}
}
