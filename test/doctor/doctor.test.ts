/** What `dhmem doctor` makes of what it sees, and what the command says. */
import { execFile } from "node:child_process";
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SLOT_BYTES, SLOT_ID, SLOTS_START } from "../../assembly/layout.js";
import { JOIN_LOCK } from "../../src/attachment/join-lock.js";
import { type Facts, findFacts, findRegion } from "../../src/doctor/facts.js";
import { type Finding, findingsOf } from "../../src/doctor/findings.js";
import { nobody } from "../../src/doctor/peer.js";
import { findingsIn, soundnessOf } from "../../src/doctor/soundness.js";
import { shim } from "../../src/host/shim.js";
import { DHMEM, long, temporaryFolder } from "../fixture/index.js";

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

test("a sound folder gives no findings", () => {
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
	["an old Node", "Node", { node: "20.9.0" }, "problem", /use 20\.19/],
	[
		"a shim that was built elsewhere",
		"dhmem",
		{ shimError: "no ELF" },
		"problem",
		/no ELF.*inside the image/,
	],
	["no folder", "folder", { folder: { item: undefined } }, "problem", /-v \/dev\/shm\/NAME/],
	["a full folder", "room", { folder: { room: { ...ROOM, free: 0 } } }, "problem", /enlarge it/],
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
	test(`the advice says what to do about ${what}`, () => {
		const finding = found(about, changes);
		assert.is(finding?.status, status);
		assert.match(`${finding?.text} ${finding?.todo}`, words);
	});
}

long(test)("without /proc, the folder's file system is unknown", () => {
	const finding = found("folder", { folder: { mount: undefined } });
	assert.is(finding?.status, "warning");
	assert.match(`${finding?.text} ${finding?.todo}`, /unknown.*mount \/proc/);
	assert.not.match(finding?.text ?? "", "not in memory");
});

test("a folder on a disk is no shared memory", () => {
	const mount = { point: "/", root: "/", type: "ext4", source: "/dev/sda", readOnly: false };
	const finding = found("folder", { folder: { mount } });
	assert.is(finding?.status, "warning");
	assert.match(`${finding?.text} ${finding?.todo}`, /on ext4, not in memory.*folder in \/dev\/shm/);
});

long(test)("each region is named, with its participants or the reason why it can't be opened", () => {
	using _region = Region.open("good", { directory, size: "1MiB" });
	writeFileSync(join(directory, "bad.dhmem"), "nothing");
	assert.match(found("region good", {})?.text ?? "", /open 1 times/);
	const bad = found("region bad", {});
	assert.is(bad?.status, "problem");
	assert.match(bad?.todo ?? "", /not a dhmem region/);
});

test("a region that another user keeps private is only a warning", () => {
	const others = { name: "others", error: "mode 600", isOthers: true };
	const finding = found("region others", { regions: [others] });
	assert.is(finding?.status, "warning");
	assert.is(finding?.todo, "mode 600");
});

long(test)("a region may disappear after the folder was listed", () => {
	assert.is(findRegion(directory, "gone"), undefined);
	writeFileSync(join(directory, "garbage.dhmem"), "no region");
	assert.match(findRegion(directory, "garbage")?.error ?? "", "not a dhmem region");
});

test("regions are looked at without joining them, so locks that others hold don't matter", () => {
	using region = Region.open("held", { directory, size: "1MiB" });
	const file = shim().openFile(region.path, true);
	assert.ok(shim().tryLock(file, JOIN_LOCK));
	assert.equal(
		[findRegion(directory, "held")?.participants, findRegion(directory, "held")?.error],
		[1, undefined],
	);
	shim().closeFile(file);
});

test("a participant that met nobody learns which folder the other side has to mount", () => {
	const { folder } = findFacts(directory);
	const mount = { point: directory, root: "/climate", type: "tmpfs", source: "tmpfs", readOnly: false };
	assert.match(nobody({ folder: { ...folder, mount } }).todo ?? "", /the same folder, \/climate/);
});

long(test)("the command's exit status says whether there is a problem", async () => {
	const run = (folder: string) =>
		promisify(execFile)(process.execPath, [DHMEM, "doctor"], { env: { ...process.env, DHMEM_DIR: folder } });
	assert.match((await run(directory)).stdout, /^ok {7}trial: /m);
	const failed = await run(join(directory, "none")).catch((error) => error);
	assert.is(failed.code, 1);
	assert.match(failed.stdout, /^problem {2}folder: /m);
});

/** Has slot 5 say a participant that nobody is. */
function damage(name: string): void {
	const file = openSync(join(directory, `${name}.dhmem`), "r+");
	writeSync(file, Uint32Array.of(0x777), 0, 4, SLOTS_START + 5 * SLOT_BYTES + SLOT_ID);
	closeSync(file);
}

test("a region that is not in use is checked for every invariant, one in use only for those that always hold", () => {
	const region = Region.open("sound", { directory, size: "1MiB" });
	using producer = region.queue("steps", { capacity: 64 }).producer();
	producer.sendSync("a message");
	region.map("map", { key: "string", value: "f64" }).set("key", 1);
	region.vector("vector", "f64").push(1, 2, 3);
	region.array("array", { dtype: "f32", shape: [10] });
	region.struct("struct", { a: "f64" });
	region.queue("latest", { policy: "latest" }).producer().sendSync("newest");
	region.queue("numbers", { record: "f64" }).producer().push(1);
	region.condition("condition");
	region.save(region.allocate(100));
	const held = region.mutex("mutex").lockSync();
	const [used, ...none] = soundnessOf(directory, "sound");
	assert.equal(none, []);
	assert.is(used?.status, "ok");
	assert.match(used?.text ?? "", /must always hold.*1 participant has it open/);
	held.unlock();
	region.close();
	const unused = soundnessOf(directory, "sound");
	assert.equal(unused, [
		{ about: "region sound", status: "ok", text: "every invariant holds; no participant has it open" },
	]);
});

long(test)("a region that was overwritten is reported, whether or not it is in use", () => {
	using region = Region.open("spoilt", { directory, size: "1MiB" });
	damage("spoilt");
	const found = soundnessOf(directory, "spoilt");
	assert.is(found.length, 2, JSON.stringify(found));
	assert.match(found[0]?.text ?? "", /invariant P1 does not hold at \d+: slot 5 has participant 1911/);
	assert.match(found[0]?.todo ?? "", /dhmem rm spoilt.*report this output/);
	assert.is(found[0]?.status, "problem");
	region.close();
	assert.match(soundnessOf(directory, "spoilt")[0]?.text ?? "", "invariant P1");
});

test("dead participants are named, so that the region is checked again after recovery", () => {
	const [died, ...none] = findingsIn("r", { living: 0, dead: 2, grade: "always", findings: [] });
	assert.is(died?.status, "warning");
	assert.match(`${died?.text} ${died?.todo}`, /2 participants have died.*dhmem clean/);
	assert.is(none.length, 1);
});

long(test)("looking into a missing file, or one that is not a region, is an error", () => {
	writeFileSync(join(directory, "bad.dhmem"), "nothing");
	for (const [name, words] of [
		["none", /none/],
		["bad", /not a dhmem region/],
	] as const) {
		const [finding] = soundnessOf(directory, name);
		assert.is(finding?.status, "problem");
		assert.match(finding?.todo ?? "", words);
	}
});

test("the command looks into the region that --region names, and its exit status says what it found", async () => {
	const run = (...args: string[]) =>
		promisify(execFile)(process.execPath, [DHMEM, "doctor", ...args], {
			env: { ...process.env, DHMEM_DIR: directory },
		});
	Region.open("mine", { directory, size: "1MiB" }).close();
	assert.match(
		(await run("--region", "mine")).stdout,
		/^ok {7}region mine: every invariant holds; no participant/m,
	);
	assert.not.match((await run()).stdout, "invariant");
	damage("mine");
	const failed = await run("--region", "mine").catch((error) => error);
	assert.is(failed.code, 1);
	assert.match(failed.stdout, /^problem {2}region mine: invariant P1 /m);
	// The doctor opens each region, and so has recovered from the participant that there seemed to be.
	damage("mine");
	const inJson = await run("--region", "mine", "--json").catch((error) => error);
	assert.is(JSON.parse(inJson.stdout).ok, false);
	const wrong = await run("--region", "../x").catch((error) => error);
	assert.is(wrong.code, 2);
});

long(test)("two on one machine meet", async () => {
	const env = { ...process.env, DHMEM_DIR: directory };
	const meet = () => promisify(execFile)(process.execPath, [DHMEM, "doctor", "--peer"], { env });
	for (const { stdout } of await Promise.all([meet(), meet()]))
		assert.match(stdout, /^ok {7}peer: exchanged messages with process/m);
	assert.equal(Region.list({ directory }), []);
});

test.run();
