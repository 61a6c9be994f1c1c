/** What the facts mean, in plain words: pure. */
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
	/** A warning may be meant so; with a problem nothing works. */
	status: "ok" | "warning" | "problem";
	text: string;
	/** What to do about it. */
	todo?: string;
}

/** What runtimes give a container that asks for nothing: little for data. */
const USUAL_ROOM = 64 * 2 ** 20;

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
		text: `${facts.platform} has no shared regions`,
		todo: "use 64-bit little-endian Linux; Region.temporary() works here, in memory of one thread",
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
		text: `${version}; its native shim can't be loaded: ${shimError}`,
		todo: "install or build it inside the image, for its C library and processor",
	};
}

function user(facts: Facts): Finding {
	const { user: me, process, host } = facts;
	return {
		about: "user",
		status: "ok",
		text: `${me.user} of groups ${me.groups.join(", ")}; process ${process} of ${host}`,
	};
}

function folder(of: Folder): Finding[] {
	const { path, item, mount, room, identity } = of;
	const about = "folder";
	if (item === undefined) {
		return [{ about, status: "problem", text: `${path} is not there`, todo: howToGetFolder(path) }];
	}
	if (!item.isFolder) {
		return [
			{
				about,
				status: "problem",
				text: `${path} is no folder`,
				todo: "set DHMEM_DIR to one in shared memory",
			},
		];
	}
	const text = `${path}, number ${identity}, which is the same wherever it is the same folder`;
	return [folder(), ...(room === undefined ? [] : [space(room)])];

	function folder(): Finding {
		if (isOwnSharedMemory(mount)) {
			return {
				about,
				status: "warning",
				text: `${text}; a /dev/shm of this container's own, seen only by those who join its IPC namespace`,
				todo: `unless they do (--ipc=container:…), give all containers one folder: ${SHARE}`,
			};
		}
		if (isInMemory(mount)) return { about, status: "ok", text };
		return {
			about,
			status: "warning",
			text: `${text}; on ${mount?.type ?? "an unknown file system"}, not in memory: slow, and perhaps seen here alone`,
			todo: `set DHMEM_DIR to a folder in /dev/shm; in a container mount one, as with -v /dev/shm/NAME:${path}`,
		};
	}

	function space(has: Room): Finding {
		const said = `${mebibytes(has.free)} free of ${mebibytes(has.size)}`;
		if (has.free > 0 && isOutOfFiles(has)) {
			return {
				about: "room",
				status: "problem",
				text: `${said}, and no further file can be made`,
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
	// What is wrong was said.
	if (!isSupported || shimError !== undefined || !item?.isFolder) return [];
	const about = "trial";
	if (trialError === undefined)
		return [{ about, status: "ok", text: "a region can be made here, and has memory" }];
	return [{ about, status: "problem", text: "no region can be made here", todo: trialError }];
}

function region({ name, error, isStrangers, participants = 0, committed = 0 }: RegionFacts): Finding {
	const about = `region ${name}`;
	if (error !== undefined && isStrangers) {
		return { about, status: "warning", text: "belongs to another user, and is left alone", todo: error };
	}
	if (error !== undefined) return { about, status: "problem", text: "can't be opened", todo: error };
	const who = participants === 0 ? "nobody has it open" : `open ${participants} times`;
	return { about, status: "ok", text: `${mebibytes(committed)}, ${who}` };
}
