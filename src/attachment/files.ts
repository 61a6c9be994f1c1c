/** Opens, creates and leaves region files. Participants may do this in any order. */
import { getRandomValues } from "node:crypto";
import {
	HEADER_BYTES,
	HEADER_LIFETIME,
	HEADER_TOUCHED,
	LIFETIME_LAST_CLOSE,
	LIFETIME_PERSISTENT,
	SLOTS,
} from "../../assembly/layout.js";
import { DhmemError } from "../errors.js";
import { localFile, localShim } from "../host/local-shim.js";
import { type File, shim } from "../host/shim.js";
import { isRefusal, notFound, systemError } from "../host/system-error.js";
import { checkTrusted, isTrusted, type Trust } from "../host/trust.js";
import { type Extent, fileSize, USUAL_EXTENT } from "../values/region-size.js";
import { Attachment } from "./attachment.js";
import { debug } from "./debug.js";
import { extentIn, isLastClose, readHeader } from "./header.js";
import { dropLock, openFile, waitForLock, whileJoining, whileNamed } from "./join-lock.js";
import { isAbandoned, removeAbandoned, removeIfEmpty, tidy } from "./leftovers.js";
import type { Access } from "./mapping.js";
import { noteOpened } from "./openings.js";
import { ownOpenings } from "./own-openings.js";
import { commitRange } from "./pages.js";
import { READER_LOCK } from "./participants.js";
import type { Trim } from "./trimmer.js";

export interface FileOptions {
	mode: "open-or-create" | "create" | "open" | "force-create" | "read-only" | "copy-on-write";
	/** Undefined if the user gave no size. */
	extent: Extent | undefined;
	permissions: number;
	lifetime: "persistent" | "last-close";
	label: string;
	trust: Trust;
	trim: Trim;
}

/** The access that an opening in this mode has. */
function accessOf({ mode }: FileOptions): Access {
	return mode === "read-only" || mode === "copy-on-write" ? mode : "read-write";
}

/** Opens or creates the region at `path`, and joins it. */
export function attach(directory: string, path: string, options: FileOptions): Attachment {
	const attachment = findOrMake(directory, path, options);
	noteOpened(attachment, `${path}, opened ${options.mode} as ${options.label}`);
	attachment.announce(options.mode, options.label);
	return attachment;
}

function findOrMake(directory: string, path: string, options: FileOptions): Attachment {
	tidy(directory, options.trust, path);
	// Each further turn means that another process has changed the name meanwhile, which can't go on for long.
	for (let turn = 0; turn < 1000; turn++) {
		if (options.mode !== "create" && options.mode !== "force-create") {
			const found = openExisting(path, options);
			if (found === "changed") continue;
			if (found !== undefined) return found;
			if (options.mode !== "open-or-create") {
				throw notFound(path);
			}
		} else if (options.mode === "create") {
			removeAbandoned(path, options.trust, "wait");
		}
		const made = create(directory, path, options);
		if (made !== undefined) return made;
		if (options.mode === "create") {
			throw new DhmemError(
				"DHMEM_EXISTS",
				`The region at ${path} already exists; open it, or unlink it first`,
			);
		}
	}
	throw new DhmemError(
		"DHMEM_TIMEOUT",
		`Others keep creating and removing ${path}; stop them, or choose another name`,
	);
}

/** Joins an existing region. Undefined if there is none; "changed" if it disappeared meanwhile. */
function openExisting(path: string, options: FileOptions): Attachment | "changed" | undefined {
	const access = accessOf(options);
	const file = openFile(path, access === "read-write");
	if (file === undefined) return undefined;
	let attachment: Attachment | undefined;
	try {
		checkTrusted(file, path, options.trust);
		const header = readHeader(file, path);
		checkSize(header, path, options);
		const outcome =
			access === "read-write"
				? joinExisting(file, header, path, options)
				: readExisting(file, header, path, access);
		if (outcome instanceof Attachment) attachment = outcome;
		else return outcome;
		if (access === "read-write") {
			attachment.trimmer.start(options.trim);
			attachment.recover();
		}
		return attachment;
	} catch (error) {
		attachment = undefined;
		throw systemError(error, path, "Opening");
	} finally {
		if (attachment === undefined) shim().closeFile(file);
	}
}

function checkSize(header: Uint32Array, path: string, { extent }: FileOptions): void {
	const size = fileSize(extentIn(header));
	const wanted = extent === undefined ? 0 : fileSize(extent);
	if (wanted <= size) return;
	throw new DhmemError(
		"DHMEM_TYPE_MISMATCH",
		`${path} has a size of ${size} bytes, but ${wanted} were asked for; ` +
			"ask for no more, or unlink it first",
	);
}

/** Joins the region as a participant. An abandoned region is removed and counts as absent. */
function joinExisting(
	file: File,
	header: Uint32Array,
	path: string,
	{ mode, label, trust }: FileOptions,
): Attachment | "changed" | undefined {
	return whileJoining(file, path, () => {
		if (!shim().isNamed(file, path)) return "changed";
		if (isLastClose(header)) {
			try {
				if (removeIfEmpty(file, path)) return mode === "open" ? undefined : "changed";
			} catch (error) {
				// The other modes need the name for a new region, so for them this is an error.
				if (mode !== "open" || !isRefusal(error)) throw systemError(error, path, "Removing");
				return undefined;
			}
		}
		const attachment = new Attachment(shim(), file, path, extentIn(header), "read-write", trust);
		if (attachment.join(label)) return attachment;
		throw new DhmemError(
			"DHMEM_TOO_MANY_PARTICIPANTS",
			`${path} has ${SLOTS} participants already, the maximum; close some${ownOpenings(attachment)}`,
		);
	});
}

/**
 * Opens the region for reading, without the join lock. An abandoned region counts as absent; participants
 * that may write remove it.
 */
function readExisting(
	file: File,
	header: Uint32Array,
	path: string,
	access: Access,
): Attachment | "changed" | undefined {
	if (isAbandoned(file, header)) return undefined;
	// In this order, because a process that removes the name write-locks this byte.
	waitForLock(file, READER_LOCK, path);
	if (!shim().isNamed(file, path)) return "changed";
	return new Attachment(shim(), file, path, extentIn(header), access);
}

/** Creates a region at `path`, and joins it. Undefined if the name is taken. */
function create(directory: string, path: string, options: FileOptions): Attachment | undefined {
	const extent = options.extent ?? USUAL_EXTENT;
	let file: File;
	try {
		file = shim().createFile(directory, fileSize(extent), options.permissions);
	} catch (error) {
		throw systemError(error, path, "Creating");
	}
	try {
		const attachment = new Attachment(shim(), file, path, extent, "read-write", options.trust);
		format(attachment, options);
		attachment.trimmer.start(options.trim);
		if (publish(file, path, options)) return attachment;
		attachment.close();
		return undefined;
	} catch (error) {
		shim().closeFile(file);
		throw systemError(error, path, "Creating");
	}
}

/** Gives a new file its name. False if the name is taken and the mode does not replace it. */
function publish(file: File, path: string, { mode, trust }: FileOptions): boolean {
	const replace = () => {
		shim().publishFile(file, path, true);
	};
	const isWaitedFor = (found: File) => isTrusted(found, path, trust);
	if (mode === "force-create" && whileNamed(path, isWaitedFor, replace)) return true;
	return shim().publishFile(file, path, false);
}

/** Makes a region in private memory of this thread. */
export function attachLocal(name: string, options: FileOptions): Attachment {
	const attachment = new Attachment(localShim, localFile(), name, options.extent ?? USUAL_EXTENT);
	format(attachment, options);
	attachment.announce(options.mode, options.label);
	return attachment;
}

/** Formats a new mapping as a region, and joins it. */
function format(attachment: Attachment, options: FileOptions): void {
	commitRange(attachment, 0, HEADER_BYTES);
	const identity = getRandomValues(new Uint32Array(2));
	const lifetime = options.lifetime === "last-close" ? LIFETIME_LAST_CLOSE : LIFETIME_PERSISTENT;
	const { core, spans, bulk } = attachment;
	core.format(spans, identity[0] as number, identity[1] as number, lifetime, bulk.spans);
	commitRange(attachment, 0, attachment.header(HEADER_TOUCHED));
	attachment.join(options.label);
}

/** Leaves the region. Removes the file if this was the last participant of a "last-close" region. */
export function detach(attachment: Attachment): void {
	if (attachment.closed) return;
	const { file, path, access } = attachment;
	const isLast = attachment.shim !== localShim && attachment.header(HEADER_LIFETIME) === LIFETIME_LAST_CLOSE;
	let isReadLast = false;
	try {
		// A region that goes with its last participant takes its memory along.
		if (!isLast || attachment.hasCompany()) attachment.trimAndLeave();
		if (isLast && access === "read-write") {
			whileJoining(file, path, () => {
				attachment.leave();
				// While the join lock is held: otherwise the next one to leave finds this slot's lock, and keeps the file.
				dropLock(file, attachment.slot);
				if (hasName(attachment)) removeIfMay(file, path);
			});
		} else {
			attachment.leave();
			// Another file that has the name by now is left alone: a stranger may hold its locks.
			isReadLast = isLast && hasName(attachment);
		}
	} catch (error) {
		throw systemError(error, path, "Leaving");
	} finally {
		attachment.close();
	}
	if (isReadLast) removeIfLeft(path);
}

/** Removes an empty region, if this user may: in a folder with the sticky bit only its owner may. */
function removeIfMay(file: File, path: string): void {
	try {
		removeIfEmpty(file, path);
	} catch (error) {
		if (!isRefusal(error)) throw error;
		debug("%s: it can't be removed: %s", path, error);
	}
}

/**
 * Tells whether the region still has its name. False if that can't be determined, for example because the
 * process has dropped root privileges.
 */
function hasName({ file, path }: Attachment): boolean {
	try {
		return shim().isNamed(file, path);
	} catch (error) {
		debug("%s: it can't be looked at: %s", path, error);
		return false;
	}
}

/** Removes an abandoned region after a reader has left it, if this user may. */
function removeIfLeft(path: string): void {
	try {
		removeAbandoned(path, "any", "wait");
	} catch (error) {
		debug("%s: it can't be removed: %s", path, error);
	}
}
