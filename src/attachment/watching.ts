/** Opens a region to watch it from outside. */
import { checkReading } from "../host/engines.js";
import { shim } from "../host/shim.js";
import { notFound, systemError } from "../host/system-error.js";
import { checkTrusted, type Trust } from "../host/trust.js";
import { Attachment } from "./attachment.js";
import { extentIn, readHeader } from "./header.js";
import { openFile } from "./join-lock.js";

/**
 * Opens a region for reading. Unlike `attach`, it takes no lock and removes nothing: so it never waits, and a
 * `last-close` region goes with its last participant although it is watched. Close it by `close()`, because
 * `detach` would remove such a region.
 *
 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION, DHMEM_FORMAT, DHMEM_VERSION, DHMEM_CORRUPT, DHMEM_UNSUPPORTED
 */
export function openToWatch(path: string, trust: Trust): Attachment {
	checkReading("read-only");
	const file = openFile(path, false);
	if (file === undefined) throw notFound(path);
	let attachment: Attachment | undefined;
	try {
		checkTrusted(file, path, trust);
		const header = readHeader(file, path);
		attachment = new Attachment(shim(), file, path, extentIn(header), "read-only");
		return attachment;
	} catch (error) {
		throw systemError(error, path, "Opening");
	} finally {
		if (attachment === undefined) shim().closeFile(file);
	}
}

/** Tells whether the path still names the region's file. False if that can't be determined. */
export function isStillNamed({ file, path }: Attachment): boolean {
	try {
		return shim().isNamed(file, path);
	} catch {
		return false;
	}
}
