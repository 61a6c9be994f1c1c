/** Looks at the regions of a folder again and again, from outside: for `dhmem top` and `dhmem serve`. */
import type { Attachment } from "../attachment/attachment.js";
import { namesIn, pathOf } from "../attachment/leftovers.js";
import { trimmable } from "../attachment/trimming.js";
import { isStillNamed, openToWatch } from "../attachment/watching.js";
import { DhmemError, type DhmemErrorCode } from "../errors.js";
import { systemError } from "../host/system-error.js";
import type { Trust } from "../host/trust.js";
import { type Contents, readContents } from "./contents.js";
import { type MemoryPart, readMemoryMap } from "./memory-map.js";

/** What a folder of regions looked like at one moment. Plain data. */
export interface Snapshot {
	/** Milliseconds since 1970. */
	time: number;
	directory: string;
	/** Sorted by name. */
	regions: WatchedRegion[];
}

export type WatchedRegion = ReadRegion | UnreadableRegion;

interface Named {
	name: string;
	path: string;
}

/** A region that could be read. */
export interface ReadRegion extends Named, Contents {
	error?: undefined;
	/** When it was read, in milliseconds of a clock that never jumps. */
	clock: number;
	/** The largest size the region may grow to, in bytes. */
	size: number;
	/** Bytes of blocks that are in use. Counting them takes long in a large region, so it may be a little old. */
	used: number;
	/** Bytes of the file that the file system has allocated. */
	committed: number;
	/** Bytes of these that `dhmem clean` would give back. */
	trimmable: number;
}

/** A region that can't be read: it is corrupted, gone, another user's, or of another version; or no region. */
export interface UnreadableRegion extends Named {
	error: { code: DhmemErrorCode | undefined; text: string };
}

/** A region that is kept open between snapshots. */
interface Opened {
	readonly attachment: Attachment;
	used: number;
	/** When `used` is to be counted again. */
	usedUntil: number;
}

/** Counting `used` reads the owner of every block. It may take one part in this many of the time. */
const SHARE_OF_COUNTING = 50;

/**
 * Reads regions without joining them, without taking or waiting for any lock, and without writing. A region
 * that is watched costs its participants nothing but the cache lines that they share for a moment.
 *
 * It keeps the regions mapped between snapshots. The memory of a removed region is given back at the next
 * snapshot, so take one every few seconds, or close the watcher.
 */
export class Watcher {
	readonly directory: string;
	readonly #trust: Trust;
	readonly #names: readonly string[] | undefined;
	readonly #opened = new Map<string, Opened>();

	/** @param names the regions to watch; by default all regions of the folder, also those to come */
	constructor(directory: string, trust: Trust, names?: readonly string[]) {
		this.directory = directory;
		this.#trust = trust;
		this.#names = names;
	}

	/** @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION: the folder can't be listed */
	snapshot(): Snapshot {
		const names = this.#names ?? this.#listed();
		for (const name of this.#opened.keys()) if (!names.includes(name)) this.#close(name);
		const regions = names.map((name) => this.#look(name));
		return {
			time: Date.now(),
			directory: this.directory,
			// Between listing and opening, a region may be removed.
			regions:
				this.#names === undefined
					? regions.filter(({ error }) => error?.code !== "DHMEM_NOT_FOUND")
					: regions,
		};
	}

	/**
	 * How the memory of a region is used, part by part. It takes longer than a snapshot.
	 *
	 * @throws DHMEM_NOT_FOUND and others: the region can't be read
	 */
	memoryMap(name: string): MemoryPart[] {
		const { attachment } = this.#open(name, pathOf(this.directory, name));
		attachment.check();
		return readMemoryMap(attachment);
	}

	/** Closes all regions. A later snapshot opens them again. */
	close(): void {
		for (const name of this.#opened.keys()) this.#close(name);
	}

	#listed(): string[] {
		try {
			return namesIn(this.directory);
		} catch (error) {
			throw systemError(error, this.directory, "Listing");
		}
	}

	#look(name: string): WatchedRegion {
		const path = pathOf(this.directory, name);
		try {
			return { name, path, ...this.#read(name, path) };
		} catch (error) {
			this.#close(name);
			// Whatever a region contains, the others are still to be watched.
			const text = error instanceof Error ? error.message : String(error);
			return { name, path, error: { code: error instanceof DhmemError ? error.code : undefined, text } };
		}
	}

	#read(name: string, path: string): Omit<ReadRegion, keyof Named> {
		const opened = this.#open(name, path);
		const { attachment } = opened;
		attachment.check();
		const clock = performance.now();
		const { committed } = attachment.shim.statFile(attachment.file);
		if (clock >= opened.usedUntil) {
			opened.used = attachment.core.used();
			const took = performance.now() - clock;
			opened.usedUntil = clock + took * SHARE_OF_COUNTING;
		}
		const contents = readContents(attachment);
		// If a participant has truncated the file meanwhile, these contents are zeros.
		attachment.check();
		return {
			clock,
			size: attachment.fileSize,
			used: opened.used,
			committed,
			trimmable: trimmable(attachment),
			...contents,
		};
	}

	#open(name: string, path: string): Opened {
		const known = this.#opened.get(name);
		if (known !== undefined && isStillNamed(known.attachment)) return known;
		this.#close(name);
		const opened = { attachment: openToWatch(path, this.#trust), used: 0, usedUntil: 0 };
		this.#opened.set(name, opened);
		return opened;
	}

	#close(name: string): void {
		this.#opened.get(name)?.attachment.close();
		this.#opened.delete(name);
	}
}
