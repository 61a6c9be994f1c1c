/** What `dhmem doctor` makes of what it sees, and what the command says. */
import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Facts, findFacts, findRegion } from "../src/doctor/facts.js";
import { type Finding, findingsOf } from "../src/doctor/findings.js";
import { nobody } from "../src/doctor/peer.js";
import { Region } from "../src/index.js";
import { temporaryFolder } from "./allocator/main.js";

const DHMEM = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
let directory = "";

test.before.each(() => {
	directory = temporaryFolder();
});

test.after.each(() => rmSync(directory, { recursive: true, force: true }));

const ROOM = { size: 2 ** 30, free: 2 ** 30, files: 1000, freeFiles: 900 };

type Changes = Partial<Omit<Facts, "folder">> & { folder?: Partial<Facts["folder"]> };

/** What is found when all is as here, in a large tmpfs, but for what is given. */
function findings(changes: Changes): Finding[] {
	const facts = findFacts(directory);
	const mount = { point: "/dev/shm", root: "/", type: "tmpfs", source: "tmpfs", readOnly: false };
	const room = { ...ROOM };
	return findingsOf({ ...facts, ...changes, folder: { ...facts.folder, mount, room, ...changes.folder } });
}

function found(about: string, changes: Changes): Finding | undefined {
	return findings(changes).find((finding) => finding.about === about);
}

test("where all is well nothing is to be done", () => {
	for (const { status, todo, about } of findings({})) {
		assert.is(status, "ok", about);
		assert.is(todo, undefined);
	}
	assert.equal(Region.list({ directory }), []);
});

for (const [what, about, changes, status, words] of [
	[
		"another system",
		"platform",
		{ isSupported: false, platform: "darwin on arm64" },
		"problem",
		/64-bit.*Linux/,
	],
	["an old Node", "Node", { node: "20.9.0" }, "problem", /use 20\.11/],
	[
		"a shim that was built elsewhere",
		"dhmem",
		{ shimError: "no ELF" },
		"problem",
		/no ELF.*inside the image/,
	],
	["no folder", "folder", { folder: { item: undefined } }, "problem", /-v \/dev\/shm\/NAME/],
	["a full folder", "room", { folder: { room: { ...ROOM, free: 0 } } }, "problem", /make it larger/],
	[
		"a folder that can have no more files",
		"room",
		{ folder: { room: { ...ROOM, freeFiles: 0 } } },
		"problem",
		/no further file.*nr_inodes/,
	],
	[
		"little room",
		"room",
		{ folder: { room: { ...ROOM, size: 2 ** 26, free: 2 ** 26 } } },
		"warning",
		/is little/,
	],
] as const) {
	test(`it is said what to do about ${what}`, () => {
		const finding = found(about, changes);
		assert.is(finding?.status, status);
		assert.match(`${finding?.text} ${finding?.todo}`, words);
	});
}

test("a folder on a disk is no shared memory", () => {
	const mount = { point: "/", root: "/", type: "ext4", source: "/dev/sda", readOnly: false };
	const finding = found("folder", { folder: { mount } });
	assert.is(finding?.status, "warning");
	assert.match(`${finding?.text} ${finding?.todo}`, /on ext4, not in memory.*folder in \/dev\/shm/);
});

test("each region is named, with who has it open, or why it can't be", () => {
	using _region = Region.open("good", { directory, size: "1MiB" });
	writeFileSync(join(directory, "bad.dhmem"), "nothing");
	assert.match(found("region good", {})?.text ?? "", /open 1 times/);
	const bad = found("region bad", {});
	assert.is(bad?.status, "problem");
	assert.match(bad?.todo ?? "", /not a dhmem region/);
});

test("a region that has gone since the folder was listed is no problem", () => {
	assert.is(findRegion(directory, "gone"), undefined);
	writeFileSync(join(directory, "garbage.dhmem"), "no region");
	assert.match(findRegion(directory, "garbage")?.error ?? "", "not a dhmem region");
});

test("who met nobody is told which folder the other side has to mount", () => {
	const { folder } = findFacts(directory);
	const mount = { point: directory, root: "/climate", type: "tmpfs", source: "tmpfs", readOnly: false };
	assert.match(nobody({ folder: { ...folder, mount } }).todo ?? "", /the same folder, \/climate/);
});

test("the command's exit status says whether there is a problem", async () => {
	const run = (folder: string) =>
		promisify(execFile)(process.execPath, [DHMEM, "doctor"], { env: { ...process.env, DHMEM_DIR: folder } });
	assert.match((await run(directory)).stdout, /^ok {7}trial: /m);
	const failed = await run(join(directory, "none")).catch((error) => error);
	assert.is(failed.code, 1);
	assert.match(failed.stdout, /^problem {2}folder: /m);
});

test("two on one machine meet", async () => {
	const env = { ...process.env, DHMEM_DIR: directory };
	const meet = () => promisify(execFile)(process.execPath, [DHMEM, "doctor", "--peer"], { env });
	for (const { stdout } of await Promise.all([meet(), meet()]))
		assert.match(stdout, /^ok {7}peer: met user/m);
	assert.equal(Region.list({ directory }), []);
});

test.run();
