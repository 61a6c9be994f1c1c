/** What is wrong with a folder for regions, in words, and what mends it: in containers the flag of the runtime. */
import { dirname } from "node:path";
import type { Item, Mount, Room, User } from "./file-system.js";

const MIB = 2 ** 20;
/** What shows users and groups that a user namespace has no number for. */
const NOBODY = 65534;

const STICKY = 0o1000;

/** A folder for some, on any machine. */
const OWN_FOLDER =
	'share a folder that strangers can\'t write to ("mkdir -m 2770 /dev/shm/NAME" with a common group, and DHMEM_DIR=/dev/shm/NAME)';

/** What gives containers one folder. */
export const SHARE = "-v /dev/shm/NAME:/dev/shm/dhmem -e DHMEM_DIR=/dev/shm/dhmem";

/** Whether it is the `/dev/shm` that a container runtime makes for one container, and for those who join its IPC. */
export function isOwnSharedMemory(mount: Mount | undefined): boolean {
	return mount?.type === "tmpfs" && mount.source === "shm";
}

export function isInMemory(mount: Mount | undefined): boolean {
	return mount?.type === "tmpfs" || mount?.type === "ramfs";
}

/** How `mount` gets room for `bytes` more than it has, or for another file. */
export function howToMakeRoom(mount: Mount | undefined, room: Room | undefined, bytes: number): string {
	if (room !== undefined && isOutOfFiles(room) && room.free >= bytes) return howToAllowFiles(mount, room);
	const has = room === undefined ? "" : ` (${mebibytes(room.free)} free of ${mebibytes(room.size)})`;
	if (isOwnSharedMemory(mount)) {
		const flag = `--shm-size=${room === undefined ? "1g" : `${enough(room.size + bytes)}m`}`;
		return (
			`this container's /dev/shm is too small${has}: free some, or start it with more, as with ${flag} ` +
			"(Kubernetes: an emptyDir in memory)"
		);
	}
	if (!isInMemory(mount)) return `its file system is full${has}: free some, or choose a folder in /dev/shm`;
	return (
		`the tmpfs at ${mount?.point} is full${has}: free some, or make it larger where it is mounted ` +
		'("mount -o remount,size=…" on the host, "size=" of a volume, "sizeLimit" of an emptyDir)'
	);
}

/** Whether there can be no further file, however much room there is. */
export function isOutOfFiles(room: Room): boolean {
	return room.files > 0 && room.freeFiles === 0;
}

function howToAllowFiles(mount: Mount | undefined, { files }: Room): string {
	const where = isInMemory(mount) ? `the tmpfs at ${mount?.point}` : "its file system";
	const more = isInMemory(mount)
		? 'or mount it with more ("mount -o remount,nr_inodes=…" on the host, "nr_inodes=" of a volume)'
		: "or choose a folder in /dev/shm";
	return `${where} has no room for another file (all of its ${files} inodes are in use): remove files there, ${more}`;
}

/** What to do where this user may not have more in the file system. */
export function howToGetQuota(mount: Mount | undefined): string {
	return (
		`the quota of this user in the file system at ${mount?.point ?? "the folder"} is used up: free some, have the ` +
		"quota raised, or choose a folder elsewhere"
	);
}

/** Why no file of its size can be made, and what to do. */
export function whyTooLarge(limit: number | undefined): string {
	return limit === undefined
		? "the file system has no files so large; give a smaller size, or choose a folder in /dev/shm"
		: `this process may make files of at most ${mebibytes(limit)}; give a smaller size, or raise the limit ("ulimit -f unlimited")`;
}

/** Why there are no addresses for a region of so many bytes, and what to do. */
export function howToGetAddresses(bytes: number, limit: number | undefined): string {
	const allowed = limit === undefined ? "" : `, and this process may have ${mebibytes(limit)} ("ulimit -v")`;
	return (
		`Node reserves about 10 GiB of addresses for each open region, whatever its size${allowed}: raise the limit ` +
		`("ulimit -v unlimited"), close other regions, or run node with --disable-wasm-trap-handler, and the region needs ` +
		`only its own size, ${mebibytes(bytes)}`
	);
}

/** A power of two in MiB that leaves as much again as is needed. */
function enough(bytes: number): number {
	return 2 ** Math.ceil(Math.log2((2 * bytes) / MIB));
}

export function mebibytes(bytes: number): string {
	return `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MiB`;
}

/** Why a region is not in a folder that is there. */
export function whyNoRegion(mount: Mount | undefined): string {
	if (!isOwnSharedMemory(mount)) return "create it, or check DHMEM_DIR";
	return (
		"create it; if another container has it, that one has a /dev/shm of its own, as this one has: give both one " +
		`folder (${SHARE}), or join its IPC namespace (--ipc=container:THAT, where THAT runs with --ipc=shareable)`
	);
}

/** What to do about something that is no folder. */
export const howToChooseFolder = "choose a folder in shared memory, by DHMEM_DIR or the option directory";

/** What to do about a folder that is not there. */
export function howToGetFolder(folder: string): string {
	return (
		`in a container mount it, as with -v /dev/shm/NAME:${folder}; ` +
		`elsewhere make it, as with "mkdir -m 2770 ${folder}", or check DHMEM_DIR`
	);
}

/** Why `me` may not open, or make something in, `item`, and what to do. Of a folder, writing is asked for. */
export function whyRefused(item: Item, me: User): string {
	const { path, isFolder, user, group, mode } = item;
	const wanted = isFolder ? 0o3 : 0o6;
	const allows = (shift: number) => ((mode >> shift) & wanted) === wanted;
	const letters = isFolder ? "wx" : "rw";
	return `${factsOf(item, me)}; ${remedy()}`;

	function remedy(): string {
		const shift = me.user === user ? 6 : me.groups.includes(group) ? 3 : 0;
		if (allows(shift)) {
			return "its mode would allow it, so something else does not, as SELinux may: put :z behind the volume";
		}
		if (shift === 6) return `its mode keeps its own user out: chmod u+${letters} ${path}`;
		if (shift === 3)
			return `its mode keeps the group out: be its user (containers: --user=${user}), or ${giveGroup()}`;
		if (group === NOBODY) {
			return "its group is not in this container's user namespace: use one map on all sides (--userns)";
		}
		return allows(3)
			? `join its group (containers: --group-add=${group}), or be its user (--user=${user})`
			: `be its user (containers: --user=${user}), or ${giveGroup()} and --group-add=${group}`;
	}

	function giveGroup(): string {
		return isFolder
			? `chmod g+${letters} ${path}`
			: `create it with { permissions: 0o660 }, or chmod g+rw ${path}`;
	}
}

function factsOf({ path, user, group, mode }: Item, me: User): string {
	return (
		`${path} is of user ${user}, group ${group}, mode ${mode.toString(8)}, ` +
		`and this is user ${me.user} of groups ${me.groups.join(", ")}`
	);
}

/** Why `me` may write a folder and not remove or replace another user's file in it; undefined if that is not so. */
export function whyKept(file: Item | undefined, folder: Item, me: User): string | undefined {
	if (file === undefined || (folder.mode & STICKY) === 0) return undefined;
	if ([file.user, folder.user, 0].includes(me.user)) return undefined;
	const users = [...new Set([file.user, folder.user, 0])].map((user) =>
		user === 0 ? "root" : `user ${user}`,
	);
	return (
		`${factsOf(folder, me)}; its sticky bit lets only ${users.join(" and ")} remove or replace the file, which is of ` +
		`user ${file.user}: ask them to ("dhmem rm"), choose another name, or ${OWN_FOLDER}`
	);
}

/** Why a file of this user and group is not joined, and what to do. */
export function howToTrust(path: string, user: number, group: number): string {
	const isUnmapped = user === NOBODY;
	const owner = isUnmapped ? "a user that has no number in this container" : `user ${user}, group ${group}`;
	const [option, variable] = isUnmapped ? ['"any"', "any"] : [`[${user}]`, user];
	return (
		`${path} belongs to ${owner}, and everybody can make names in ${dirname(path)}: a stranger may have put it there. ` +
		`If that user is meant, open it with { trust: ${option} } or set DHMEM_TRUST=${variable}; or better, ${OWN_FOLDER}`
	);
}

/** What to do about a file system that can't be written. */
export function whyReadOnly(mount: Mount | undefined, folder: string): string {
	if (isInMemory(mount))
		return `${mount?.point} is mounted read-only: leave out :ro of -v, or "readOnly" of the mount`;
	return (
		`${folder} is on a read-only file system (${mount?.type ?? "unknown"}), not on shared memory: ` +
		`mount some there, as with -v /dev/shm/NAME:${folder}`
	);
}
