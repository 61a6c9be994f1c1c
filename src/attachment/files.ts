/** Opens, creates, leaves and removes region files. Participants may do this in any order. */
import { getRandomValues } from "node:crypto";
import { unlinkSync } from "node:fs";
import {
	HEADER_BYTES,
	HEADER_IDENTITY,
	HEADER_LIFETIME,
	HEADER_SPANS,
	HEADER_TOUCHED,
	LIFETIME_LAST_CLOSE,
	LIFETIME_PERSISTENT,
	SLOTS,
	SPAN_BYTES,
} from "../../assembly/layout.js";
import { DhmemError } from "../errors.js";
import { localFile, localShim } from "../host/local-shim.js";
import { type File, shim } from "../host/shim.js";
import { isRefusal, notFound, systemError } from "../host/system-error.js";
import { checkTrusted, isTrusted, type Trust } from "../host/trust.js";
import { LARGEST_REGION } from "../values/arguments.js";
import { Attachment } from "./attachment.js";
import { commitRange } from "./committing.js";
import { debug } from "./debug.js";
import { isLastClose, readHeader } from "./header.js";
import { openFile, waitForLock, whileJoining, whileNamed } from "./join-lock.js";
import { isAbandoned, removeAbandoned, removeIfEmpty, tidy } from "./leftovers.js";
import type { Access } from "./mapping.js";
import { noteOpened } from "./openings.js";
import { ownOpenings } from "./own-openings.js";
import { READER_LOCK } from "./participants.js";

export interface FileOptions {
	mode: "open-or-create" | "create" | "open" | "force-create" | "read-only" | "copy-on-write";
	/** Spans; undefined if the user gave no size. */
	spans: number | undefined;
	permissions: number;
	lifetime: "persistent" | "last-close";
	label: string;
	trust: Trust;
}

/** The access that an opening in this mode has. */
function accessOf({ mode }: FileOptions): Access {
	return mode === "read-only" || mode === "copy-on-write" ? mode : "read-write";
}

/** Opens or creates the region at `path`, and joins it. */
export function attach(directory: string, path: string, options: FileOptions): Attachment {
	const attachment = findOrMake(directory, path, options);
	noteOpened(attachment, `${path}, opened ${options.mode} as ${options.label}`);
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
		if (access === "read-write") attachment.recover();
		return attachment;
	} catch (error) {
		attachment = undefined;
		throw systemError(error, path, "Opening");
	} finally {
		if (attachment === undefined) shim().closeFile(file);
	}
}

function checkSize(header: Uint32Array, path: string, { spans: wanted }: FileOptions): void {
	const spans = header[HEADER_SPANS >> 2] as number;
	if (wanted === undefined || wanted <= spans) return;
	throw new DhmemError(
		"DHMEM_TYPE_MISMATCH",
		`${path} has a size of ${spans * SPAN_BYTES} bytes, but ${wanted * SPAN_BYTES} were asked for; ` +
			"ask for no more, or unlink it first",
	);
}

/** Joins the region as a participant. An abandoned region is removed and counts as absent. */
function joinExisting(
	file: File,
	header: Uint32Array,
	path: string,
	{ mode, label }: FileOptions,
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
		const attachment = new Attachment(shim(), file, path, header[HEADER_SPANS >> 2] as number);
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
	return new Attachment(shim(), file, path, header[HEADER_SPANS >> 2] as number, access);
}

/** Creates a region at `path`, and joins it. Undefined if the name is taken. */
function create(directory: string, path: string, options: FileOptions): Attachment | undefined {
	const spans = options.spans ?? LARGEST_REGION / SPAN_BYTES;
	let file: File;
	try {
		file = shim().createFile(directory, spans * SPAN_BYTES, options.permissions);
	} catch (error) {
		throw systemError(error, path, "Creating");
	}
	try {
		const attachment = new Attachment(shim(), file, path, spans);
		format(attachment, options);
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
	const spans = options.spans ?? LARGEST_REGION / SPAN_BYTES;
	const attachment = new Attachment(localShim, localFile(), name, spans);
	format(attachment, options);
	return attachment;
}

/** Formats a new mapping as a region, and joins it. */
function format(attachment: Attachment, options: FileOptions): void {
	commitRange(attachment, 0, HEADER_BYTES);
	const identity = getRandomValues(new Uint32Array(2));
	const lifetime = options.lifetime === "last-close" ? LIFETIME_LAST_CLOSE : LIFETIME_PERSISTENT;
	attachment.core.format(attachment.spans, identity[0] as number, identity[1] as number, lifetime);
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
		if (isLast && access === "read-write") {
			whileJoining(file, path, () => {
				attachment.leave();
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
