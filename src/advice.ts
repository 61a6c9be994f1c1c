/** What is wrong with a place for regions, in words, and what mends it: in containers the flag of the runtime. */
import type { Item, Mount, Room, User } from "./place.js";

const MIB = 2 ** 20;
/** What shows users and groups that a user namespace has no number for. */
const NOBODY = 65534;

const STICKY = 0o1000;

/** What gives containers one folder. */
export const SHARE = "-v /dev/shm/NAME:/dev/shm/dhmem -e DHMEM_DIR=/dev/shm/dhmem";

/** Whether it is the `/dev/shm` that a container runtime makes for one container, and for those who join its IPC. */
export function isOwnSharedMemory(mount: Mount | undefined): boolean {
	return mount?.type === "tmpfs" && mount.source === "shm";
}

export function isInMemory(mount: Mount | undefined): boolean {
	return mount?.type === "tmpfs" || mount?.type === "ramfs";
}

/** How `mount` gets room for `bytes` more than it has. */
export function howToMakeRoom(mount: Mount | undefined, room: Room | undefined, bytes: number): string {
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
	const facts =
		`${path} is of user ${user}, group ${group}, mode ${mode.toString(8)}, ` +
		`and this is user ${me.user} of groups ${me.groups.join(", ")}`;
	return `${facts}; ${remedy()}`;

	function remedy(): string {
		const shift = me.user === user ? 6 : me.groups.includes(group) ? 3 : 0;
		if (allows(shift) && (mode & STICKY) !== 0) {
			return `its sticky bit keeps what is in it for each one's own user: chmod -t ${path}`;
		}
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

/** What to do about a file system that can't be written. */
export function whyReadOnly(mount: Mount | undefined, folder: string): string {
	if (isInMemory(mount))
		return `${mount?.point} is mounted read-only: leave out :ro of -v, or "readOnly" of the mount`;
	return (
		`${folder} is on a read-only file system (${mount?.type ?? "unknown"}), not on shared memory: ` +
		`mount some there, as with -v /dev/shm/NAME:${folder}`
	);
}
