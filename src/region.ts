import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { Attachment } from "./attachment/attachment.js";
import { attach, attachLocal, detach } from "./attachment/files.js";
import { listRegions, pathOf, TEMPORARY_REGION } from "./attachment/leftovers.js";
import {
	directoryOf,
	type FolderOptions,
	fileOptions,
	folderOptionNames,
	type RegionOptions,
	regionOptionNames,
	type TemporaryOptions,
	temporaryOptionNames,
	trustOf,
} from "./attachment/region-options.js";
import { trimAll } from "./attachment/trimming.js";
import { type Identity, identityOf, unlink, unlinkOwn } from "./attachment/unlink.js";
import { withRights } from "./host/engines.js";
import process from "./host/process.js";
import { isSupported } from "./host/shim.js";
import { systemError } from "./host/system-error.js";
import { type Peeked, peekAt } from "./inspect/peek.js";
import {
	type Activity,
	type Entry,
	type RegionStats,
	readActivity,
	readEntries,
	readStats,
} from "./inspect/stats.js";
import { RegionContents } from "./region-contents.js";
import { checkOptions, checkRegionName } from "./values/arguments.js";
import { inspected } from "./values/console.js";
import { dispose } from "./values/dispose.js";
import { checkMade } from "./values/made.js";

/**
 * Memory that processes, threads and containers share by opening it under the same name.
 *
 * @example
 * ```ts
 * using region = Region.open("climate");
 * using steps = region.queue("steps").producer();
 * await steps.send("step 1");
 * steps.end();
 * ```
 */
export class Region extends RegionContents {
	/** The name of the region. */
	readonly name: string;
	readonly #attachment: Attachment;
	readonly #identity: Identity;

	private constructor(name: string, attachment: Attachment) {
		checkMade(attachment instanceof Attachment, "A Region", "call Region.open(name) or Region.temporary()");
		super(attachment);
		this.name = name;
		this.#attachment = attachment;
		this.#identity = identityOf(attachment);
	}

	/**
	 * Opens the region of this name, or creates it. Each opening is a participant of its own. It stays open
	 * until it is closed, or until the engine collects it because nothing of it, not even a view, can be
	 * reached in this thread. It is never collected while it holds a lock.
	 *
	 * @param name 1 to 200 of `A-Z a-z 0-9 . _ -`, not starting with a dot
	 * @throws DHMEM_EXISTS, DHMEM_NOT_FOUND (also for `"read-only"` and `"copy-on-write"`), DHMEM_PERMISSION,
	 * DHMEM_NO_SPACE, DHMEM_FORMAT, DHMEM_VERSION, DHMEM_TYPE_MISMATCH (an explicit size above the region's),
	 * DHMEM_TOO_MANY_PARTICIPANTS, DHMEM_BAD_ARGUMENT, DHMEM_UNSUPPORTED; DHMEM_TIMEOUT while a stopped process
	 * is opening or closing it
	 * @example
	 * ```ts
	 * using region = Region.open("results", { size: "256MiB" });
	 * ```
	 */
	static open(name: string, options: RegionOptions = {}): Region {
		checkRegionName(name);
		checkOptions(options, regionOptionNames, "Region.open");
		return withRights(() => {
			const directory = directoryOf(options);
			return new Region(name, attach(directory, pathOf(directory, name), fileOptions(options)));
		});
	}

	/**
	 * Creates a region with a unique name, which is removed when it is disposed. On systems other than Linux it
	 * is private memory of this thread, so code can be tried and tested anywhere.
	 *
	 * @throws as `open`
	 * @example
	 * ```ts
	 * using region = Region.temporary({ size: "16MiB" });
	 * ```
	 */
	static temporary(options: TemporaryOptions = {}): Region {
		checkOptions(options, temporaryOptionNames, "Region.temporary");
		const name = `${TEMPORARY_REGION}${process.pid}-${randomUUID()}`;
		if (isSupported()) return Region.open(name, { ...options, mode: "create", lifetime: "last-close" });
		return new Region(name, attachLocal(name, fileOptions({ size: "64MiB", ...options })));
	}

	/**
	 * Removes the name of a region. Participants that have the region open keep it.
	 *
	 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION; DHMEM_TIMEOUT while a stopped process is opening or closing it
	 * @example
	 * ```ts
	 * Region.unlink("climate");
	 * ```
	 */
	static unlink(name: string, options: FolderOptions = {}): void {
		checkOptions(options, folderOptionNames, "Region.unlink");
		withRights(() => unlink(pathOf(directoryOf(options), checkRegionName(name)), trustOf({})));
	}

	/**
	 * Returns the names of the regions in the folder.
	 *
	 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION
	 * @example
	 * ```ts
	 * for (const name of Region.list()) console.log(name); // climate
	 * ```
	 */
	static list(options: FolderOptions = {}): string[] {
		checkOptions(options, folderOptionNames, "Region.list");
		return withRights(() => {
			const directory = directoryOf(options);
			try {
				return listRegions(directory, trustOf({}));
			} catch (error) {
				throw systemError(error, directory, "Listing");
			}
		});
	}

	/** The path of the region's file. */
	get path(): string {
		return this.#attachment.path;
	}

	/** The largest size the region may grow to, in bytes. */
	get size(): number {
		return this.#attachment.fileSize;
	}

	/**
	 * Leaves the region: this participant's locks are released, and memory that it has not handed over is
	 * freed. Pending waits are rejected with DHMEM_CLOSED. Remaining views, also those posted to other threads,
	 * read as zeros.
	 *
	 * @example
	 * ```ts
	 * const region = Region.open("climate");
	 * region.close();
	 * ```
	 */
	close(): void {
		detach(this.#attachment);
	}

	[dispose](): void {
		this.close();
	}

	/**
	 * Removes this region's name. Participants that have the region open keep it. If another region has taken
	 * over the name, that one keeps it.
	 *
	 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION; DHMEM_TIMEOUT while a stopped process is opening or closing it
	 * @example
	 * ```ts
	 * using region = Region.open("climate");
	 * region.unlink(); // the file is gone when the last participant has closed it
	 * ```
	 */
	unlink(): void {
		unlinkOwn(this.#attachment, this.#identity);
	}

	/**
	 * Returns the name and type of each named object.
	 *
	 * @throws DHMEM_CLOSED
	 * @example
	 * ```ts
	 * console.log(region.entries().map(({ name }) => name).sort()); // [ 'samples', 'steps' ]
	 * ```
	 */
	entries(): Entry[] {
		this.#attachment.check();
		return readEntries(this.#attachment);
	}

	/**
	 * Counts what is in the region. Others may change it meanwhile, so the figures are approximate. The call
	 * reads the state of every span.
	 *
	 * @throws DHMEM_CLOSED
	 * @example
	 * ```ts
	 * const { committed, participants } = region.stats();
	 * console.log(`${committed} bytes, ${participants.length} participants`);
	 * ```
	 */
	stats(): RegionStats {
		this.#attachment.check();
		return readStats(this.#attachment);
	}

	/**
	 * Copies the messages or records that wait in a queue, without receiving them.
	 *
	 * @internal
	 */
	peek(name: string): Peeked {
		this.#attachment.check();
		return peekAt(this.#attachment, name);
	}

	/**
	 * Returns only the participants and queues of `stats()`, which cost little to read.
	 *
	 * @internal
	 */
	activity(): Activity {
		this.#attachment.check();
		return readActivity(this.#attachment);
	}

	/**
	 * Calls `inside` with the attachment, for code that most programs do not load.
	 *
	 * @internal
	 */
	lookWith<T>(inside: (attachment: Attachment) => T): T {
		this.#attachment.check();
		return inside(this.#attachment);
	}

	/**
	 * Looks for participants that died, and frees what they held. This also happens without a call: when a
	 * participant opens the region, waits for a dead peer, or finds no room.
	 *
	 * @returns the number of dead participants found
	 * @throws DHMEM_READ_ONLY, DHMEM_CLOSED
	 * @example
	 * ```ts
	 * console.log(region.recover()); // 0
	 * ```
	 */
	recover(): number {
		this.#attachment.checkWritable();
		return this.#attachment.recover();
	}

	/**
	 * Gives the memory of freed blocks back to the machine: the pages of all free memory of the region, whoever
	 * freed it. It takes about 0.3 s for each GiB. Memory that vectors and maps have outgrown stays.
	 *
	 * @returns how many bytes were given back
	 * @throws DHMEM_READ_ONLY, DHMEM_CLOSED; DHMEM_UNSUPPORTED on file systems that can't give pages back
	 * @example
	 * ```ts
	 * region.allocate(2 ** 28).free();
	 * console.log(region.trim()); // 268435456
	 * ```
	 */
	trim(): number {
		this.#attachment.checkWritable();
		return trimAll(this.#attachment);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Region", () => ({
			name: this.name,
			path: this.path,
			size: this.size,
			closed: this.#attachment.closed,
		}));
	}
}
