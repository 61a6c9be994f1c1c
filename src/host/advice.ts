/**
 * Sentences that say what is wrong with a folder for regions and how to fix it: in containers, with which
 * flag.
 */
import { dirname } from "node:path";
import type { Item, Mount, Room, User } from "./file-system.js";
import type { MemoryLimit } from "./memory-limit.js";
import process from "./process.js";

const MIB = 2 ** 20;
/** The number that stands for every user or group without a mapping in this user namespace. */
const NOBODY = 65534;

const STICKY = 0o1000;

/** How to make a folder for a group of users, on any machine. */
const OWN_FOLDER =
	'share a folder that strangers can\'t write to ("mkdir -m 2770 /dev/shm/NAME" with a common group, and DHMEM_DIR=/dev/shm/NAME)';

/** The flags that give containers a common folder. */
export const SHARE = "-v /dev/shm/NAME:/dev/shm/dhmem -e DHMEM_DIR=/dev/shm/dhmem";

/**
 * Tells whether this is the `/dev/shm` that a container runtime makes for one container and the containers
 * that join its IPC namespace.
 */
export function isOwnSharedMemory(mount: Mount | undefined): boolean {
	return mount?.type === "tmpfs" && mount.source === "shm";
}

export function isInMemory(mount: Mount | undefined): boolean {
	return mount?.type === "tmpfs" || mount?.type === "ramfs";
}

/** Explains how to make room on `mount` for `bytes` more, or for another file. */
export function howToMakeRoom(mount: Mount | undefined, room: Room | undefined, bytes: number): string {
	if (room !== undefined && isOutOfFiles(room) && room.free >= bytes) return howToAllowFiles(mount, room);
	const has = room === undefined ? "" : ` (${mebibytes(room.free)} free of ${mebibytes(room.size)})`;
	if (isOwnSharedMemory(mount)) {
		const flag = `--shm-size=${room === undefined ? "1g" : `${enough(room.size + bytes)}m`}`;
		return (
			`this container's /dev/shm is too small${has}: free some space, or start the container with ${flag} ` +
			"(Kubernetes: an emptyDir in memory)"
		);
	}
	if (!isInMemory(mount))
		return `its file system is full${has}: free some space, or choose a folder in /dev/shm`;
	return (
		`the tmpfs at ${mount?.point} is full${has}: free some space, or enlarge it where it is mounted ` +
		'("mount -o remount,size=…" on the host, "size=" of a volume, "sizeLimit" of an emptyDir)'
	);
}

/** Explains that the kernel would kill this process for using `bytes` more, and what to do. */
export function howToRaiseMemory({ limit, left }: MemoryLimit, bytes: number): string {
	return (
		`this process may use only ${mebibytes(left)} more of ${mebibytes(limit)} of memory, and the kernel would kill it: ` +
		`free some blocks, or start the container with --memory=${enough((limit + bytes) / 2)}m (Kubernetes: resources.limits.memory, ` +
		'elsewhere the limit of its cgroup, such as "MemoryMax=" of a service)'
	);
}

/** Tells whether the file system can't have another file, even if it has free space. */
export function isOutOfFiles(room: Room): boolean {
	return room.files > 0 && room.freeFiles === 0;
}

function howToAllowFiles(mount: Mount | undefined, { files }: Room): string {
	const where = isInMemory(mount) ? `the tmpfs at ${mount?.point}` : "its file system";
	const more = isInMemory(mount)
		? 'or mount it with more inodes ("mount -o remount,nr_inodes=…" on the host, "nr_inodes=" of a volume)'
		: "or choose a folder in /dev/shm";
	return `${where} has no room for another file (all of its ${files} inodes are in use): remove files there, ${more}`;
}

/** Explains what to do when this user's quota on the file system is used up. */
export function howToGetQuota(mount: Mount | undefined): string {
	return (
		`this user's quota on the file system at ${mount?.point ?? "the folder"} is used up: free some space, have the ` +
		"quota raised, or choose a folder elsewhere"
	);
}

/** Explains why a file of this size can't be created, and what to do. */
export function whyTooLarge(limit: number | undefined): string {
	return limit === undefined
		? "the file system does not support files that large; choose a smaller size, or a folder in /dev/shm"
		: `this process may create files of at most ${mebibytes(limit)}; choose a smaller size, or raise the limit ` +
				'("ulimit -f unlimited")';
}

/** Explains why there is no address space for a region of `bytes` bytes, and what to do. */
export function howToGetAddresses(
	bytes: number,
	limit: number | undefined,
	dataLimit: number | undefined,
): string {
	if (limit === undefined && dataLimit !== undefined) {
		return (
			`the region needs ${mebibytes(bytes)} while it is being opened, but this process is limited to ` +
			`${mebibytes(dataLimit)} of data ("ulimit -d"): raise the limit ("ulimit -d unlimited"), or choose a smaller size`
		);
	}
	if (process.versions.bun !== undefined) {
		return (
			`Bun allows all open regions together about three times the machine's memory, and counts ${mebibytes(bytes)} ` +
			"for this one: choose a smaller size, or close other regions"
		);
	}
	const allowed =
		limit === undefined ? "" : `, and this process is limited to ${mebibytes(limit)} ("ulimit -v")`;
	return (
		`Node reserves about 10 GiB of address space for each open region, whatever its size, and for each 4 GiB of its ` +
		`large blocks${allowed}: raise the limit ` +
		`("ulimit -v unlimited"), close other regions, or run node with --disable-wasm-trap-handler; this then ` +
		`needs only ${mebibytes(bytes)}`
	);
}

/** A power of two in MiB, at least twice as much as is needed. */
function enough(bytes: number): number {
	return 2 ** Math.ceil(Math.log2((2 * bytes) / MIB));
}

export function mebibytes(bytes: number): string {
	return `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MiB`;
}

/** Explains why an existing folder does not have the region, and what to do. */
export function whyNoRegion(mount: Mount | undefined): string {
	if (!isOwnSharedMemory(mount)) return "create it, or check DHMEM_DIR";
	return (
		"create it. If another container has created it, each of the two has its own /dev/shm: give both the same " +
		`folder (${SHARE}), or join its IPC namespace (--ipc=container:THAT, where THAT runs with --ipc=shareable)`
	);
}

/** What to do about a path that is not a folder. */
export const howToChooseFolder = "choose a folder in shared memory, with DHMEM_DIR or the option directory";

/** Explains what to do about a folder that does not exist. */
export function howToGetFolder(folder: string): string {
	return (
		`in a container, mount it (-v /dev/shm/NAME:${folder}); ` +
		`elsewhere, create it ("mkdir -m 2770 ${folder}"), or check DHMEM_DIR`
	);
}

/** Explains why `me` may not open the file `item`, or create a file in the folder `item`, and what to do. */
export function whyRefused(item: Item, me: User): string {
	const { path, isFolder, user, group, mode } = item;
	const wanted = isFolder ? 0o3 : 0o6;
	const allows = (shift: number) => ((mode >> shift) & wanted) === wanted;
	const letters = isFolder ? "wx" : "rw";
	return `${factsOf(item, me)}; ${remedy()}`;

	function remedy(): string {
		const shift = me.user === user ? 6 : me.groups.includes(group) ? 3 : 0;
		if (allows(shift)) {
			return "its mode allows it, so something else forbids it; if that is SELinux, append :z to the volume";
		}
		if (shift === 6) return `its mode keeps even its own user out: chmod u+${letters} ${path}`;
		if (shift === 3)
			return `its mode keeps the group out: run as its user (containers: --user=${user}), or ${giveGroup()}`;
		if (group === NOBODY) {
			return "its group is not mapped into this container's user namespace: use the same mapping on all sides (--userns)";
		}
		return allows(3)
			? `join its group (containers: --group-add=${group}), or run as its user (--user=${user})`
			: `run as its user (containers: --user=${user}), or ${giveGroup()} and --group-add=${group}`;
	}

	function giveGroup(): string {
		return isFolder
			? `chmod g+${letters} ${path}`
			: `create it with { permissions: 0o660 }, or chmod g+rw ${path}`;
	}
}

function factsOf({ path, user, group, mode }: Item, me: User): string {
	return (
		`${path} belongs to user ${user} and group ${group}, with mode ${mode.toString(8)}, ` +
		`and this process runs as user ${me.user} in groups ${me.groups.join(", ")}`
	);
}

/**
 * Explains why `me` can't remove or replace another user's file in a folder, though `me` may write to the
 * folder. Undefined if the sticky bit is not the reason.
 */
export function whyKept(file: Item | undefined, folder: Item, me: User): string | undefined {
	if (file === undefined || (folder.mode & STICKY) === 0) return undefined;
	if ([file.user, folder.user, 0].includes(me.user)) return undefined;
	const users = [...new Set([file.user, folder.user, 0])].map((user) =>
		user === 0 ? "root" : `user ${user}`,
	);
	return (
		`${factsOf(folder, me)}; its sticky bit lets only ${users.join(" and ")} remove or replace the file, ` +
		`which belongs to user ${file.user}: ask that user to remove it ("dhmem rm"), choose another name, or ${OWN_FOLDER}`
	);
}

/** Explains why dhmem does not join a file of this user and group, and what to do. */
export function howToTrust(path: string, user: number, group: number): string {
	const isUnmapped = user === NOBODY;
	const owner = isUnmapped ? "a user without a number in this container" : `user ${user}, group ${group}`;
	const [option, variable] = isUnmapped ? ['"any"', "any"] : [`[${user}]`, user];
	return (
		`${path} belongs to ${owner}, and anyone can create files in ${dirname(path)}: a stranger may have put it there. ` +
		`If you trust that user, open it with { trust: ${option} } or set DHMEM_TRUST=${variable}; or better, ${OWN_FOLDER}`
	);
}

/** Explains what to do about a read-only file system. */
export function whyReadOnly(mount: Mount | undefined, folder: string): string {
	if (isInMemory(mount))
		return `${mount?.point} is mounted read-only: remove :ro from -v, or "readOnly" from the mount`;
	return (
		`${folder} is on a read-only file system (${mount?.type ?? "unknown"}), not on shared memory: ` +
		`mount shared memory there (-v /dev/shm/NAME:${folder})`
	);
}
