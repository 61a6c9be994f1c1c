/** The words for what is wrong with a place, and what they are made from. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { howToMakeRoom, whyNoRegion, whyReadOnly, whyRefused } from "../src/advice.js";
import { type Item, type Mount, mountOf, parseMounts } from "../src/place.js";

const MIB = 2 ** 20;
const me = { user: 1000, groups: [1000, 2000] };

function item(changes: Partial<Item>): Item {
	return { path: "/x", isFolder: false, user: 0, group: 0, mode: 0o600, ...changes };
}

function mount(changes: Partial<Mount>): Mount {
	return { point: "/dev/shm", root: "/", type: "tmpfs", source: "shm", readOnly: false, ...changes };
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

test("a full /dev/shm of a container's own names the flag, with a size that would do", () => {
	const advice = howToMakeRoom(mount({}), { size: 64 * MIB, free: 2 * MIB }, 100 * MIB);
	assert.match(advice, /2\.0 MiB free of 64 MiB/);
	assert.match(advice, /--shm-size=512m/);
});

test("a full tmpfs that was mounted from outside is to be made larger there", () => {
	const advice = howToMakeRoom(mount({ source: "tmpfs", point: "/data" }), undefined, 1);
	assert.match(advice, /\/data is full.*remount.*sizeLimit/);
	assert.not.match(advice, /--shm-size/);
	assert.match(howToMakeRoom(mount({ type: "ext4" }), undefined, 1), /choose a folder in \/dev\/shm/);
});

test("an absent region in a /dev/shm of a container's own may be in another one's", () => {
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
	["a sticky folder that can be written", { isFolder: true, mode: 0o1777 }, /chmod -t/],
	["a sticky folder that can't", { isFolder: true, group: 3000, mode: 0o1770 }, /--group-add=3000/],
] as const) {
	test(`who is refused is told the way to open: ${what}`, () => {
		const advice = whyRefused(item(owner), me);
		assert.match(advice, remedy);
		assert.match(advice, /this is user 1000 of groups 1000, 2000/);
	});
}

test("a file system that can't be written is told from shared memory that is mounted so", () => {
	assert.match(
		whyReadOnly(mount({ type: "overlay" }), "/dev/shm/dhmem"),
		/-v \/dev\/shm\/NAME:\/dev\/shm\/dhmem/,
	);
	assert.match(whyReadOnly(mount({}), "/dev/shm"), /:ro/);
});

test.run();
