/** The words for what is wrong with a place, and what they are made from. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	howToGetAddresses,
	howToMakeRoom,
	howToTrust,
	whyKept,
	whyNoRegion,
	whyReadOnly,
	whyRefused,
	whyTooLarge,
} from "../../src/host/advice.js";
import { type Item, type Mount, mountOf, parseMounts, type Room } from "../../src/host/file-system.js";

const MIB = 2 ** 20;
const me = { user: 1000, groups: [1000, 2000] };

function item(changes: Partial<Item>): Item {
	return { path: "/x", isFolder: false, user: 0, group: 0, mode: 0o600, ...changes };
}

function mount(changes: Partial<Mount>): Mount {
	return { point: "/dev/shm", root: "/", type: "tmpfs", source: "shm", readOnly: false, ...changes };
}

function room(changes: Partial<Room>): Room {
	return { size: 64 * MIB, free: 60 * MIB, files: 1000, freeFiles: 900, ...changes };
}

test("the mount of a path is the innermost, and the last of several at one point", () => {
	const mounts = parseMounts(
		[
			"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
			"25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=64000k",
			"30 25 0:27 / /dev/shm rw,nosuid shared:4 master:1 - tmpfs shm rw,size=1024k",
			"31 30 0:23 /climate\\040model /dev/shm/dhmem ro,relatime - tmpfs tmpfs rw,size=64000k",
			"",
		].join("\n"),
	);
	assert.is(mountOf("/dev/shm", mounts)?.source, "shm");
	assert.is(mountOf("/dev/shm/x.dhmem", mounts)?.source, "shm");
	assert.equal(mountOf("/dev/shm/dhmem/x.dhmem", mounts), {
		point: "/dev/shm/dhmem",
		root: "/climate model",
		type: "tmpfs",
		source: "tmpfs",
		readOnly: true,
	});
	assert.is(mountOf("/dev/shmem", mounts)?.type, "ext4");
});

test("the error for a full private /dev/shm names the flag, with a sufficient size", () => {
	const advice = howToMakeRoom(mount({}), room({ free: 2 * MIB }), 100 * MIB);
	assert.match(advice, /2\.0 MiB free of 64 MiB/);
	assert.match(advice, /--shm-size=512m/);
});

test("the error for a full tmpfs from outside says to enlarge it there", () => {
	const advice = howToMakeRoom(mount({ source: "tmpfs", point: "/data" }), undefined, 1);
	assert.match(advice, /\/data is full.*remount.*sizeLimit/);
	assert.not.match(advice, /--shm-size/);
	assert.match(howToMakeRoom(mount({ type: "ext4" }), undefined, 1), /choose a folder in \/dev\/shm/);
});

test("a missing region in a private /dev/shm may be in another container's", () => {
	assert.match(whyNoRegion(mount({})), /-v \/dev\/shm\/NAME:\/dev\/shm\/dhmem.*--ipc=container:/);
	assert.not.match(whyNoRegion(mount({ source: "tmpfs" })), /--ipc/);
});

for (const [what, owner, remedy] of [
	["a region of a group that has it", { group: 3000, mode: 0o660 }, /--group-add=3000/],
	["a region of one's group, kept out", { group: 2000, mode: 0o640 }, /--user=0.*permissions: 0o660/],
	["a region for its user alone", { user: 5, mode: 0o600 }, /--user=5.*permissions: 0o660/],
	["one's own, of a wrong mode", { user: 1000, mode: 0o060 }, /chmod u\+rw/],
	["what the mode allows", { mode: 0o666 }, /SELinux.*:z/],
	["a group without a number here", { user: 65534, group: 65534, mode: 0o660 }, /--userns/],
	["a folder of a group", { isFolder: true, group: 3000, mode: 0o2770 }, /--group-add=3000/],
	["a folder that only its user may write", { isFolder: true, mode: 0o755 }, /chmod g\+wx.*--group-add=0/],
	["a sticky folder that can't", { isFolder: true, group: 3000, mode: 0o1770 }, /--group-add=3000/],
] as const) {
	test(`the error for a refused opening says how to open: ${what}`, () => {
		const advice = whyRefused(item(owner), me);
		assert.match(advice, remedy);
		assert.match(advice, /this process runs as user 1000 in groups 1000, 2000/);
	});
}

test("a file system that can't be written is told from shared memory that is mounted so", () => {
	assert.match(
		whyReadOnly(mount({ type: "overlay" }), "/dev/shm/dhmem"),
		/-v \/dev\/shm\/NAME:\/dev\/shm\/dhmem/,
	);
	assert.match(whyReadOnly(mount({}), "/dev/shm"), /:ro/);
});

test("a file system without room for another file is not called full", () => {
	const advice = howToMakeRoom(mount({ source: "tmpfs" }), room({ files: 6, freeFiles: 0 }), 1);
	assert.match(advice, /no room for another file.*6 inodes.*nr_inodes=/);
	assert.not.match(advice, /is full/);
	// Where it keeps no count, or has no bytes either, it is full.
	for (const full of [room({ files: 0, freeFiles: 0, free: 0 }), room({ freeFiles: 0, free: 0 })]) {
		assert.match(howToMakeRoom(mount({ source: "tmpfs" }), full, 4096), /is full/);
	}
});

test("in a sticky folder the error says who may remove another user's file, and suggests nothing that a stranger can't do", () => {
	const folder = item({ path: "/dev/shm", isFolder: true, mode: 0o1777 });
	const advice = whyKept(item({ path: "/dev/shm/x.dhmem", user: 5 }), folder, me);
	assert.match(advice ?? "", /mode 1777.*user 1000.*only user 5 and root.*mkdir -m 2770/);
	assert.not.match(advice ?? "", /chmod -t/);
	// Its own user, the folder's and root may; and so may everybody where the bit is not set.
	assert.is(whyKept(item({ user: 1000 }), folder, me), undefined);
	assert.is(whyKept(item({ user: 5 }), { ...folder, user: 1000 }, me), undefined);
	assert.is(whyKept(item({ user: 5 }), folder, { user: 0, groups: [0] }), undefined);
	assert.is(whyKept(item({ user: 5 }), { ...folder, mode: 0o777 }, me), undefined);
});

test("a limit of the process is named, with what lifts it", () => {
	assert.match(whyTooLarge(2 * MIB), /at most 2\.0 MiB.*smaller size.*ulimit -f unlimited/);
	assert.match(whyTooLarge(undefined), /file system.*smaller size/);
	const advice = howToGetAddresses(MIB, 8 * 2 ** 30, undefined);
	assert.match(
		advice,
		/10 GiB.*whatever its size.*8192 MiB.*ulimit -v unlimited.*--disable-wasm-trap-handler/,
	);
	assert.not.match(advice, /smaller size/);
	assert.match(
		howToGetAddresses(4096 * MIB, undefined, 500 * MIB),
		/^the region needs 4096 MiB .* 500 MiB of data.*ulimit -d unlimited.*smaller size/,
	);
});

test("the error for a stranger's region says how to trust its user, and which folder needs no trust", () => {
	const advice = howToTrust("/dev/shm/x.dhmem", 1001, 12000);
	assert.match(advice, /user 1001, group 12000.*trust: \[1001\].*DHMEM_TRUST=1001.*mkdir -m 2770/);
	// All users without a number look alike, so none of them can be named.
	assert.match(
		howToTrust("/dev/shm/x.dhmem", 65534, 65534),
		/without a number.*trust: "any".*DHMEM_TRUST=any/,
	);
});

test.run();
