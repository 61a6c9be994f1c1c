/** Turns facts into findings in plain words. A pure function. */
import {
	howToGetFolder,
	howToMakeRoom,
	isInMemory,
	isOutOfFiles,
	isOwnSharedMemory,
	mebibytes,
	SHARE,
} from "../host/advice.js";
import type { Room } from "../host/file-system.js";
import type { Facts, Folder, RegionFacts } from "./facts.js";

export interface Finding {
	about: string;
	/** A warning may be intended. With a problem, dhmem does not work. */
	status: "ok" | "warning" | "problem";
	text: string;
	/** The advice. */
	todo?: string;
}

/** The size of /dev/shm that container runtimes provide by default. It is small for data. */
const USUAL_ROOM = 64 * 2 ** 20;
/** Free memory that is worth a word. */
const WORTH_A_TRIM = 64 * 2 ** 20;

export function findingsOf(facts: Facts): Finding[] {
	return [
		platform(facts),
		node(facts),
		shim(facts),
		user(facts),
		...folder(facts.folder),
		...trial(facts),
		...facts.regions.map(region),
	];
}

function platform(facts: Facts): Finding {
	const about = "platform";
	if (facts.isSupported) return { about, status: "ok", text: facts.platform };
	return {
		about,
		status: "problem",
		text: `dhmem can't share regions on ${facts.platform}`,
		todo: "use 64-bit little-endian Linux; here only Region.temporary() works, within one thread",
	};
}

function node({ node: version, oldestNode }: Facts): Finding {
	const about = "Node";
	if (isAtLeast(version, oldestNode)) return { about, status: "ok", text: version };
	return {
		about,
		status: "problem",
		text: `${version} is too old`,
		todo: `use ${oldestNode} or newer`,
	};
}

function isAtLeast(version: string, least: string): boolean {
	return version.localeCompare(least, "en", { numeric: true }) >= 0;
}

function shim({ shimError, version }: Facts): Finding {
	const about = "dhmem";
	if (shimError === undefined) return { about, status: "ok", text: `${version}, with its native shim` };
	return {
		about,
		status: "problem",
		text: `${version}, but its native shim can't be loaded: ${shimError}`,
		todo: "install or build dhmem inside the image, for the C library and processor there",
	};
}

function user(facts: Facts): Finding {
	const { user: me, process, host } = facts;
	return {
		about: "user",
		status: "ok",
		text: `${me.user} in groups ${me.groups.join(", ")}; process ${process} on ${host}`,
	};
}

function folder(of: Folder): Finding[] {
	const { path, item, mount, room, identity } = of;
	const about = "folder";
	if (item === undefined) {
		return [{ about, status: "problem", text: `${path} does not exist`, todo: howToGetFolder(path) }];
	}
	if (!item.isFolder) {
		return [
			{
				about,
				status: "problem",
				text: `${path} is not a folder`,
				todo: "set DHMEM_DIR to a folder in shared memory",
			},
		];
	}
	const text = `${path}, number ${identity} (whoever sees the same folder sees the same number)`;
	return [folder(), ...(room === undefined ? [] : [space(room)])];

	function folder(): Finding {
		if (isOwnSharedMemory(mount)) {
			return {
				about,
				status: "warning",
				text: `${text}; this is the container's own /dev/shm, which only containers in its IPC namespace see`,
				todo: `start the other containers with --ipc=container:…, or give all containers one folder: ${SHARE}`,
			};
		}
		if (isInMemory(mount)) return { about, status: "ok", text };
		if (mount === undefined) {
			return {
				about,
				status: "warning",
				text: `${text}; whether it is in memory is unknown, because /proc/self/mountinfo can't be read`,
				todo: "mount /proc",
			};
		}
		return {
			about,
			status: "warning",
			text: `${text}; it is on ${mount.type}, not in memory, so it is slow and may not be shared`,
			todo: `set DHMEM_DIR to a folder in /dev/shm; in a container, mount one, for example with -v /dev/shm/NAME:${path}`,
		};
	}

	function space(has: Room): Finding {
		const said = `${mebibytes(has.free)} free of ${mebibytes(has.size)}`;
		if (has.free > 0 && isOutOfFiles(has)) {
			return {
				about: "room",
				status: "problem",
				text: `${said}, but no further file can be created`,
				todo: howToMakeRoom(mount, has, 0),
			};
		}
		if (has.free > 0 && has.size > USUAL_ROOM) return { about: "room", status: "ok", text: said };
		return {
			about: "room",
			status: has.free > 0 ? "warning" : "problem",
			text: has.free > 0 ? `${said}, which is little` : said,
			todo: howToMakeRoom(mount, undefined, USUAL_ROOM),
		};
	}
}

function trial({ trialError, isSupported, shimError, folder: { item } }: Facts): Finding[] {
	// Another finding already says what is wrong.
	if (!isSupported || shimError !== undefined || !item?.isFolder) return [];
	const about = "trial";
	if (trialError === undefined)
		return [{ about, status: "ok", text: "a region can be created here, and gets memory" }];
	return [{ about, status: "problem", text: "no region can be created here", todo: trialError }];
}

function region({
	name,
	error,
	isOthers,
	participants = 0,
	committed = 0,
	trimmable = 0,
}: RegionFacts): Finding {
	const about = `region ${name}`;
	if (error !== undefined && isOthers) {
		return {
			about,
			status: "warning",
			text: "belongs to another user, so it is not opened",
			todo: error,
		};
	}
	if (error !== undefined) return { about, status: "problem", text: "can't be opened", todo: error };
	const use = participants === 0 ? "not open" : `open ${participants} times`;
	const unused =
		trimmable < WORTH_A_TRIM ? "" : `, ${mebibytes(trimmable)} of it free: dhmem clean gives it back`;
	return { about, status: "ok", text: `${mebibytes(committed)}, ${use}${unused}` };
}
