/**
 * Collects the facts for `dhmem doctor`. It changes nothing; the region that it creates as a trial is removed
 * at once.
 */
import { lstatSync, readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { openFile } from "../attachment/join-lock.js";
import { pathOf } from "../attachment/leftovers.js";
import { trustOf } from "../attachment/region-options.js";
import { openToWatch } from "../attachment/watching.js";
import { DhmemError } from "../errors.js";
import {
	findItem,
	findMount,
	findRoom,
	findUser,
	type Item,
	type Mount,
	type Room,
	type User,
} from "../host/file-system.js";
import { isSupported, shim } from "../host/shim.js";
import { readStats } from "../inspect/stats.js";
import { Region } from "../region.js";

export interface Facts {
	readonly platform: string;
	readonly isSupported: boolean;
	readonly node: string;
	/** The oldest supported version of Node. */
	readonly oldestNode: string;
	readonly version: string;
	/** The message of the error if the shim can't be loaded. */
	readonly shimError: string | undefined;
	readonly host: string;
	readonly process: number;
	readonly user: User;
	readonly folder: Folder;
	/** The message of the error if no region can be created in the folder. */
	readonly trialError: string | undefined;
	readonly regions: readonly RegionFacts[];
}

export interface Folder {
	readonly path: string;
	readonly item: Item | undefined;
	readonly mount: Mount | undefined;
	readonly room: Room | undefined;
	/** Device and inode. On one machine, two processes see the same number only if they see the same folder. */
	readonly identity: string | undefined;
}

export interface RegionFacts {
	readonly name: string;
	/** The message of the error if the region can't be opened. */
	readonly error?: string;
	/** True if this user may not open it because it belongs to another one. */
	readonly isOthers?: boolean;
	/** The number of participants that have it open. */
	readonly participants?: number;
	/** The memory that it occupies, in bytes. */
	readonly committed?: number;
	/** Bytes of it that are free, and would be given back. */
	readonly trimmable?: number;
}

/** The size of the block that the trial allocates: less memory than this would be of no use. */
const TRIAL_BYTES = 2 ** 20;

export function findFacts(directory: string): Facts {
	const { version, engines } = JSON.parse(
		readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
	) as { version: string; engines: { node: string } };
	return {
		platform: `${process.platform} on ${process.arch}`,
		isSupported: isSupported(),
		node: process.versions.node,
		oldestNode: engines.node.replace(">=", ""),
		version,
		shimError: errorOf(shim),
		host: hostname(),
		process: process.pid,
		user: findUser(),
		folder: findFolder(directory),
		trialError: errorOf(() => {
			using region = Region.temporary({ directory });
			region.allocate(TRIAL_BYTES).free();
		}),
		regions: findRegions(directory),
	};
}

function findFolder(path: string): Folder {
	const item = findItem(path);
	return {
		path,
		item,
		mount: findMount(path),
		room: findRoom(path),
		identity: item === undefined ? undefined : identityOf(path),
	};
}

function identityOf(path: string): string {
	const { dev, ino } = statSync(path);
	return `${dev}:${ino}`;
}

function findRegions(directory: string): RegionFacts[] {
	let names: string[] = [];
	try {
		names = Region.list({ directory });
	} catch {
		// The folder is wrong, and another finding says so.
	}
	return names.flatMap((name) => findRegion(directory, name) ?? []);
}

/** Undefined if the region is gone by now, like the trial region of another doctor. */
export function findRegion(directory: string, name: string): RegionFacts | undefined {
	const path = pathOf(directory, name);
	try {
		checkMayJoin(path);
		const attachment = openToWatch(path, trustOf({}));
		try {
			const { participants, committed, trimmable } = readStats(attachment);
			attachment.check();
			const alive = participants.filter((each) => each.alive).length;
			return { name, participants: alive, committed, trimmable };
		} finally {
			attachment.close();
		}
	} catch (error) {
		// It is gone, or this engine can't look.
		if (error instanceof DhmemError && /NOT_FOUND|UNSUPPORTED/.test(error.code)) return undefined;
		const isRefused = error instanceof DhmemError && error.code === "DHMEM_PERMISSION";
		return { name, error: messageOf(error), isOthers: isRefused && isOthers(pathOf(directory, name)) };
	}
}

/** Throws if this user may not join the region. Joining it would wait for a process that is stopped while it joins. */
function checkMayJoin(path: string): void {
	const file = openFile(path, true);
	if (file !== undefined) shim().closeFile(file);
}

function isOthers(path: string): boolean {
	const file = lstatSync(path, { throwIfNoEntry: false });
	return file !== undefined && file.uid !== findUser().user;
}

function errorOf(body: () => unknown): string | undefined {
	try {
		body();
		return undefined;
	} catch (error) {
		return messageOf(error);
	}
}

function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
