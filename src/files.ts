/** Region files: finding, creating and joining them, whatever order people come in. */
import { getRandomValues } from "node:crypto";
import { readdirSync, unlinkSync } from "node:fs";
import { join as joinPath } from "node:path";
import {
	BUCKET_BYTES,
	HEADER_AVAILABLE,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	HEADER_BUSY,
	HEADER_BYTES,
	HEADER_COMMITTED,
	HEADER_DESCRIPTORS,
	HEADER_FEATURES_ALL,
	HEADER_FEATURES_WRITE,
	HEADER_HEAP,
	HEADER_LIFETIME,
	HEADER_MAGIC,
	HEADER_OWNED,
	HEADER_OWNERS,
	HEADER_SPANS,
	HEADER_TOUCHED,
	HEADER_TOUCHED_BYTES,
	HEADER_VERSION,
	LAYOUT_VERSION,
	LIFETIME_LAST_CLOSE,
	LIFETIME_PERSISTENT,
	MAGIC_HIGH,
	MAGIC_LOW,
	SLOT_BYTES,
	SLOTS,
	SLOTS_START,
	SPAN_BYTES,
} from "../assembly/layout.js";
import { type Access, Attachment, debug, READER_LOCK } from "./attachment.js";
import { DhmemError, errnoOf } from "./errors.js";
import { localFile, localShim } from "./local-shim.js";
import { isRegionName, LARGEST_REGION } from "./options.js";
import { type File, shim } from "./shim.js";
import { isRefusal, notFound, systemError } from "./system-error.js";

/** Indexes of lock bytes behind the slots'. Who joins, and who leaves last, holds this one. */
const JOIN_LOCK = 1024;
/** Milliseconds to wait for it: only a stopped process holds it longer than a moment. */
const JOIN_TIMEOUT = 10_000;
const SUFFIX = ".dhmem";
/** What the shim calls a file before it has its name. */
const TEMPORARY = /^\.dhmem-[0-9a-f]{16}\.tmp$/;
/** How often to open a path that names another file each time. */
const MOST_OPENINGS = 100;

export interface FileOptions {
	mode: "open-or-create" | "create" | "open" | "force-create" | "read-only" | "copy-on-write";
	/** Spans, if the size was given. */
	spans: number | undefined;
	permissions: number;
	lifetime: "persistent" | "last-close";
	label: string;
}

export function pathOf(directory: string, name: string): string {
	return joinPath(directory, name + SUFFIX);
}

/** Names of the regions in `directory`, also of those that are left over. */
export function namesIn(directory: string): string[] {
	return readdirSync(directory)
		.filter((file) => file.endsWith(SUFFIX) && !file.startsWith("."))
		.map((file) => file.slice(0, -SUFFIX.length))
		.filter(isRegionName)
		.sort();
}

/** Names of the regions in `directory`. What dead ones left there is removed. */
export function listRegions(directory: string): string[] {
	removeLitterIn(directory);
	return namesIn(directory).filter((name) => !removeAbandoned(pathOf(directory, name)));
}

/** Removes files that have a temporary name, and whose makers died. They are in nobody's way if it can't. */
function removeLitter(directory: string): void {
	for (const name of readdirSync(directory).filter((file) => TEMPORARY.test(file))) {
		const path = joinPath(directory, name);
		let file: File | undefined;
		try {
			// For reading, which a maker that lives is kept off by just as well, and more may do.
			file = openFile(path, "read-only");
			if (file === undefined || !shim().tryLock(file, shim().makerLock)) continue;
			if (!shim().isNamed(file, path)) continue;
			unlinkSync(path);
			debug("%s: removed, its maker is dead", path);
		} catch (error) {
			debug("%s: it can't be removed: %s", path, error);
		} finally {
			if (file !== undefined) shim().closeFile(file);
		}
	}
}

/** Before another file is made, so that there is never more than what one death left. */
function removeLitterIn(directory: string): void {
	try {
		removeLitter(directory);
	} catch (error) {
		debug("%s: it can't be looked through: %s", directory, error);
	}
}

/** What an opening in this mode may do. */
function accessOf({ mode }: FileOptions): Access {
	return mode === "read-only" || mode === "copy-on-write" ? mode : "read-write";
}

/** Opens or makes the region at `path`, and joins it. */
export function attach(directory: string, path: string, options: FileOptions): Attachment {
	// Each turn meets a change that somebody else has made meanwhile; nobody is that busy for long.
	for (let turn = 0; turn < 1000; turn++) {
		if (options.mode !== "create" && options.mode !== "force-create") {
			const found = openExisting(path, options);
			if (found === "changed") continue;
			if (found !== undefined) return found;
			if (options.mode !== "open-or-create") {
				throw notFound(path);
			}
		} else if (options.mode === "create") {
			removeAbandoned(path);
		}
		const made = create(directory, path, options);
		if (made !== undefined) return made;
		if (options.mode === "create") {
			throw new DhmemError(
				"DHMEM_EXISTS",
				`The region at ${path} exists already; open it, or unlink it first`,
			);
		}
	}
	throw new DhmemError("DHMEM_TIMEOUT", `The region at ${path} is made and removed without end by others`);
}

/** Runs `body` holding the join lock. */
function whileJoining<T>(file: File, path: string, body: () => T): T {
	const deadline = Date.now() + JOIN_TIMEOUT;
	const pause = new Int32Array(new SharedArrayBuffer(4));
	while (!shim().tryLock(file, JOIN_LOCK)) {
		if (Date.now() > deadline) {
			throw new DhmemError(
				"DHMEM_TIMEOUT",
				`Somebody has been joining ${path} for ${JOIN_TIMEOUT / 1000} s; is a process that uses it stopped?`,
			);
		}
		Atomics.wait(pause, 0, 0, 0.2 + Math.random());
	}
	try {
		return body();
	} finally {
		unlockUnlessClosed(file);
	}
}

/** Drops the join lock; where the core threw meanwhile, the file is closed, and the lock dropped with it. */
function unlockUnlessClosed(file: File): void {
	try {
		shim().unlock(file, JOIN_LOCK);
	} catch (error) {
		if (errnoOf(error) !== "ECLOSED") throw error;
	}
}

function openFile(path: string, access: Access): File | undefined {
	for (let turn = 0; ; turn++) {
		try {
			return shim().openFile(path, access === "read-write");
		} catch (error) {
			if (errnoOf(error) === "ENOENT") return undefined;
			// Without /proc it is opened twice by its path, and was replaced between.
			if (errnoOf(error) === "ESTALE" && turn < MOST_OPENINGS) continue;
			throw systemError(error, path, "Opening");
		}
	}
}

/** What the file's header says, once it is known to be a region's. */
function readHeader(file: File, path: string): Uint32Array {
	const header = new Uint8Array(HEADER_BYTES);
	const length = shim().readFile(file, header, 0);
	const words = new Uint32Array(header.buffer);
	const word = (field: number) => words[field >> 2] as number;
	const { size } = shim().statFile(file);
	if (length < HEADER_BYTES || word(HEADER_MAGIC) !== MAGIC_LOW || word(HEADER_MAGIC + 4) !== MAGIC_HIGH) {
		throw new DhmemError("DHMEM_FORMAT", `${path} is not a dhmem region; remove it, or choose another name`);
	}
	if (
		word(HEADER_VERSION) !== LAYOUT_VERSION ||
		(word(HEADER_FEATURES_ALL) | word(HEADER_FEATURES_WRITE)) !== 0
	) {
		throw new DhmemError(
			"DHMEM_VERSION",
			`${path} has layout ${word(HEADER_VERSION)} (features ${word(HEADER_FEATURES_ALL)}, ` +
				`${word(HEADER_FEATURES_WRITE)}); this dhmem knows layout ${LAYOUT_VERSION}: use one version on all sides`,
		);
	}
	const spans = word(HEADER_SPANS);
	if (size > LARGEST_REGION) {
		throw new DhmemError(
			"DHMEM_FORMAT",
			`${path} is ${size} bytes long, and a region has at most ${LARGEST_REGION}; remove it`,
		);
	}
	if (size !== spans * SPAN_BYTES || spans === 0) {
		throw new DhmemError(
			"DHMEM_FORMAT",
			`${path} is ${size} bytes long, and its header says ${spans * SPAN_BYTES}: it was cut or extended; remove it`,
		);
	}
	checkTables(word, path);
	return words;
}

/** The header's words that say where the tables are, in the order in which they lie in the file. */
const tables = [
	HEADER_BUSY,
	HEADER_COMMITTED,
	HEADER_OWNED,
	HEADER_BUCKETS,
	HEADER_TOUCHED,
	HEADER_DESCRIPTORS,
	HEADER_AVAILABLE,
	HEADER_OWNERS,
];

/** Throws unless the tables lie one behind the other, in front of the heap, and have room for what they hold. */
function checkTables(word: (field: number) => number, path: string): void {
	let end = SLOTS_START + SLOTS * SLOT_BYTES;
	let sound = true;
	for (const start of [
		...tables.map(word),
		word(HEADER_HEAP) * SPAN_BYTES,
		word(HEADER_SPANS) * SPAN_BYTES,
	]) {
		sound &&= start >= end;
		end = start;
	}
	sound &&= (word(HEADER_BUCKET_MASK) + 1) * BUCKET_BYTES <= word(HEADER_TOUCHED) - word(HEADER_BUCKETS);
	sound &&= word(HEADER_TOUCHED_BYTES) * SLOTS <= word(HEADER_DESCRIPTORS) - word(HEADER_TOUCHED);
	if (!sound) {
		throw new DhmemError("DHMEM_CORRUPT", `${path} has a header that can't be true; remove it`);
	}
}

/** Whether nobody is there any more in a region that was to go with its last participant. */
function isAbandoned(file: File, header: Uint32Array): boolean {
	if (header[HEADER_LIFETIME >> 2] !== LIFETIME_LAST_CLOSE) return false;
	for (let slot = 0; slot < SLOTS; slot++) if (shim().isLocked(file, slot)) return false;
	return !shim().isLocked(file, READER_LOCK);
}

/** Removes the region at `path` if it is an abandoned one. */
function removeAbandoned(path: string): boolean {
	return ifAbandoned(path, () => {
		unlinkSync(path);
		debug("%s: removed, its last participant is gone", path);
	});
}

/** Whether the region at `path` is an abandoned one. */
export function isLeftOver(path: string): boolean {
	return ifAbandoned(path, () => {});
}

/** Whether the region at `path` is an abandoned one; if so, `body` is run while nobody can join it. */
function ifAbandoned(path: string, body: () => void): boolean {
	let opened: File | undefined;
	try {
		const file = openFile(path, "read-write");
		if (file === undefined) return false;
		opened = file;
		const header = readHeader(file, path);
		return whileJoining(file, path, () => {
			if (!isAbandoned(file, header) || !shim().isNamed(file, path)) return false;
			body();
			return true;
		});
	} catch (error) {
		// Not a region, or another user's: not ours to remove.
		if (error instanceof DhmemError || isRefusal(error)) return false;
		throw systemError(error, path, "Looking at");
	} finally {
		if (opened !== undefined) shim().closeFile(opened);
	}
}

/** Removes the name; if it is another user's, in a folder where that matters, whoever may will. */
function removeName(path: string): void {
	try {
		unlinkSync(path);
	} catch (error) {
		if (!isRefusal(error)) throw error;
	}
}

/** The region, joined; undefined if there is none; "changed" if it went away meanwhile. */
function openExisting(path: string, options: FileOptions): Attachment | "changed" | undefined {
	const access = accessOf(options);
	const file = openFile(path, access);
	if (file === undefined) return undefined;
	let attachment: Attachment | undefined;
	try {
		const header = readHeader(file, path);
		const spans = header[HEADER_SPANS >> 2] as number;
		if (options.spans !== undefined && options.spans > spans) {
			throw new DhmemError(
				"DHMEM_TYPE_MISMATCH",
				`${path} has a size of ${spans * SPAN_BYTES} bytes, and ${options.spans * SPAN_BYTES} were asked for; ` +
					"ask for no more, or unlink it first",
			);
		}
		const gone = whileJoining(file, path, () => {
			if (!shim().isNamed(file, path)) return "changed";
			if (isAbandoned(file, header)) {
				// Who makes another needs its name; for anybody else it counts as absent, whoever may remove it.
				if (options.mode !== "open-or-create") {
					removeName(path);
					return "absent";
				}
				unlinkSync(path);
				return "changed";
			}
			attachment = joined(file, path, spans, access, options.label);
			return undefined;
		});
		if (gone !== undefined) {
			shim().closeFile(file);
			return gone === "changed" ? gone : undefined;
		}
		if (access === "read-write") attachment?.recover();
		return attachment;
	} catch (error) {
		shim().closeFile(file);
		throw systemError(error, path, "Opening");
	}
}

function joined(file: File, path: string, spans: number, access: Access, label: string): Attachment {
	const attachment = new Attachment(shim(), file, path, spans, access);
	if (access === "read-write" ? attachment.join(label) : shim().tryLock(file, READER_LOCK)) return attachment;
	throw new DhmemError(
		"DHMEM_TOO_MANY_PARTICIPANTS",
		`${path} has ${SLOTS} participants, which is the most; close some`,
	);
}

/** A new region at `path`, joined; undefined if the name is taken. */
function create(directory: string, path: string, options: FileOptions): Attachment | undefined {
	const spans = options.spans ?? LARGEST_REGION / SPAN_BYTES;
	removeLitterIn(directory);
	let file: File;
	try {
		file = shim().createFile(directory, spans * SPAN_BYTES, options.permissions);
	} catch (error) {
		throw systemError(error, path, "Creating");
	}
	try {
		const attachment = new Attachment(shim(), file, path, spans);
		format(attachment, options);
		if (shim().publishFile(file, path, options.mode === "force-create")) return attachment;
		attachment.close();
		return undefined;
	} catch (error) {
		shim().closeFile(file);
		throw systemError(error, path, "Creating");
	}
}

/** A region in memory of this thread alone. */
export function attachLocal(name: string, options: FileOptions): Attachment {
	const spans = options.spans ?? LARGEST_REGION / SPAN_BYTES;
	const attachment = new Attachment(localShim, localFile(), name, spans);
	format(attachment, options);
	return attachment;
}

/** Makes a fresh mapping a region, and joins it. */
function format(attachment: Attachment, options: FileOptions): void {
	attachment.commitRange(0, HEADER_BYTES);
	const identity = getRandomValues(new Uint32Array(2));
	const lifetime = options.lifetime === "last-close" ? LIFETIME_LAST_CLOSE : LIFETIME_PERSISTENT;
	attachment.core.format(attachment.spans, identity[0] as number, identity[1] as number, lifetime);
	attachment.commitRange(0, attachment.header(HEADER_TOUCHED));
	attachment.join(options.label);
}

/** Leaves, and takes the file along if it was to go with its last participant. */
export function detach(attachment: Attachment): void {
	if (attachment.closed) return;
	const { file, path } = attachment;
	try {
		if (attachment.shim !== localShim && attachment.header(HEADER_LIFETIME) === LIFETIME_LAST_CLOSE) {
			whileJoining(file, path, () => {
				attachment.leave();
				if (!attachment.hasCompany() && shim().isNamed(file, path)) removeName(path);
			});
		} else attachment.leave();
	} catch (error) {
		throw systemError(error, path, "Leaving");
	} finally {
		attachment.close();
	}
}
