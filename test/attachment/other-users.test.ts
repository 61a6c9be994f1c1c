/** What other users of the machine can and can't do in a folder where everyone can create names. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Region, type RegionOptions } from "dhmem";
import { Task } from "dhmem/workflow";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findRegion } from "../../src/doctor/facts.js";
import { type File, shim } from "../../src/host/shim.js";
import { ContainerRuntime } from "../../src/runner/container-runtime.js";
import {
	Child,
	codeOf,
	DHMEM,
	directory,
	eachInFolder,
	errorOf,
	long,
	PATIENCE,
	regionPath,
	some,
} from "../fixture/index.js";

const module = new URL("./names-child.js", import.meta.url).href;
const JOIN_LOCK = 1024;
const ALICE = 1001;
const BOB = 1002;
const path = () => regionPath("region");
let files: File[] = [];

test.before(() => {
	assert.is(process.getuid?.(), 0, "these need root, to become somebody else");
});

eachInFolder();

test.before.each(() => {
	chmodSync(directory, 0o1777);
});

test.after.each(() => {
	for (const file of files) shim().closeFile(file);
	files = [];
	delete process.env.DHMEM_TRUST;
});

/** A region of another user that everyone may open, and in which nobody is. */
async function make(user: number, options: RegionOptions = {}, names = "region"): Promise<void> {
	const text = JSON.stringify({ permissions: 0o666, ...options });
	const child = new Child(module, "make", [directory, user, names, text]);
	assert.is(await child.hear(), "ready");
	await child.kill();
}

/** The code and message of another user's action. */
async function act(user: number, ...parameters: string[]): Promise<string[]> {
	return (await new Child(module, "actAs", [directory, user, ...parameters]).hear()) as string[];
}

function open(options: RegionOptions = {}): Region {
	return Region.open("region", { directory, size: "1MiB", ...options });
}

const opens = (options: RegionOptions) => codeOf(() => open(options).close());

test("a participant that gave up root, and may no longer read the folder, can still leave", () => {
	chmodSync(directory, 0o700);
	const region = open({ lifetime: "last-close" });
	process.seteuid?.(ALICE);
	try {
		region.close();
	} finally {
		process.seteuid?.(0);
	}
	assert.equal(Region.list({ directory }), [], "and whoever may look removes it");
});

const modes = ["open-or-create", "open", "read-only", "copy-on-write"] as const;
for (const mode of some(modes, 3)) {
	test(`a stranger's region is not joined in a folder where every user can create files: ${mode}`, async () => {
		await make(ALICE);
		const { code, message } = errorOf(() => open({ mode }));
		assert.is(code, "DHMEM_PERMISSION");
		assert.match(
			message,
			new RegExp(`user ${ALICE}.*trust: \\[${ALICE}\\].*DHMEM_TRUST=${ALICE}.*mkdir -m 2770`),
		);
		assert.is((await act(BOB, mode === "copy-on-write" ? "read-only" : "open"))[0], "DHMEM_PERMISSION");
		// Nobody took part in it.
		using seen = open({ mode: "read-only", trust: "any" });
		assert.equal(
			seen.stats().participants.filter(({ alive }) => alive),
			[],
		);
	});
}

long(test)("regions of the same user and of root are joined in every folder", async () => {
	open({ permissions: 0o666 }).close();
	assert.equal(await act(ALICE, "open"), ["done"]);
	Region.unlink("region", { directory });
	await make(ALICE);
	assert.equal(await act(ALICE, "open"), ["done"]);
});

long(test)("every region in a folder that others can't write to is joined", async () => {
	await make(ALICE);
	chmodSync(directory, 0o2770);
	assert.is(opens({}), "nothing");
	chmodSync(directory, 0o777);
	assert.is(opens({}), "DHMEM_PERMISSION");
});

test("trust lists users and groups; a group counts only where the folder does not give it to every file", async () => {
	await make(ALICE);
	chownSync(path(), ALICE, 12_000);
	for (const [trust, code] of [
		["owner", "DHMEM_PERMISSION"],
		["any", "nothing"],
		[ALICE, "nothing"],
		[[ALICE], "nothing"],
		[[BOB, 12_000], "nothing"],
		[[BOB, 1], "DHMEM_PERMISSION"],
	] as const) {
		assert.is(opens({ trust }), code, String(trust));
		const text = String(trust);
		process.env.DHMEM_TRUST = text;
		assert.is(opens({}), code, text);
		assert.is(opens({ trust: "owner" }), "DHMEM_PERMISSION");
		process.env.DHMEM_TRUST = "";
		assert.is(opens({}), "DHMEM_PERMISSION");
	}
	chmodSync(directory, 0o3777);
	assert.is(opens({ trust: [12_000] }), "DHMEM_PERMISSION");
	assert.is(opens({ trust: [12_000, ALICE] }), "nothing");
});

long(test)('a user without a number in this user namespace is trusted only by "any"', async () => {
	await make(ALICE);
	chownSync(path(), 65_534, 65_534);
	assert.match(errorOf(() => open()).message, /trust: "any"/);
	assert.is(opens({ trust: [65_534] }), "DHMEM_PERMISSION");
	assert.is(opens({ trust: "any" }), "nothing");
});

long(test)("a task trusts the owners that its environment names", async () => {
	await make(ALICE);
	const variables = { DHMEM_REGION: "region", DHMEM_DIR: directory, DHMEM_TASK: "task", DHMEM_LINKS: "" };
	const start = (more: object) => codeOf(() => Task.fromEnvironment({ ...variables, ...more }).close());
	assert.is(start({}), "DHMEM_PERMISSION");
	assert.is(start({ DHMEM_TRUST: String(ALICE) }), "nothing");
	assert.is(start({ DHMEM_TRUST: "everybody" }), "DHMEM_BAD_ARGUMENT");
});

test("a run does not wait for a task that it may not signal", () => {
	const script = `
		import { runChild } from ${JSON.stringify(new URL("../../src/runner/process-runtime.js", import.meta.url).href)};
		const task = runChild("sleep", ["1000"], { cwd: "/", env: process.env });
		process.setuid(${ALICE});
		task.kill("SIGTERM");
		task.kill("SIGKILL");
		console.log(JSON.stringify(await task.ended));`;
	const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
		encoding: "utf8",
		timeout: PATIENCE,
	});
	assert.match(stdout, '"out of reach"', stderr);
	process.kill(JSON.parse(stdout).process, "SIGKILL");
});

long(test)("doctor warns of a region that root keeps private", () => {
	open().close();
	process.seteuid?.(ALICE);
	try {
		assert.is(findRegion(directory, "region")?.isOthers, true);
		Region.open("own", { directory, size: "1MiB", permissions: 0 }).close();
		assert.is(findRegion(directory, "own")?.isOthers, false);
	} finally {
		process.seteuid?.(0);
	}
});

long(test)("commands leave a stranger's region alone, and say why", async () => {
	await make(ALICE);
	const run = (...words: string[]) =>
		spawnSync(process.execPath, [DHMEM, ...words], {
			env: { ...process.env, DHMEM_DIR: directory },
			encoding: "utf8",
		});
	assert.match(run("stat", "region").stderr, /DHMEM_TRUST=/);
	assert.equal(JSON.parse(run("ls", "--json").stdout), []);
	assert.equal(JSON.parse(run("clean", "--json").stdout), []);
	const doctor = run("doctor");
	assert.is(doctor.status, 0, doctor.stdout);
	assert.match(doctor.stdout, /^warning {2}region region: belongs to another user.*\n.*DHMEM_TRUST=/m);
	await make(ALICE, {}, "dhmem-doctor");
	const peer = run("doctor", "--peer", "--timeout=1");
	assert.is(peer.status, 1);
	assert.match(peer.stdout, /^problem {2}peer: .*\n.*dhmem-doctor\.dhmem belongs to user 1001/m);
	assert.is(run("rm", "region").status, 0);
	assert.equal(readdirSync(directory), ["dhmem-doctor.dhmem"]);
});

test("a run in containers does not read a stranger's folder", async () => {
	const folder = join(directory, "dhmem-run-old");
	mkdirSync(folder);
	const left = new Child(module, "make", [folder, 0, "region", '{"lifetime":"last-close"}']);
	assert.is(await left.hear(), "ready");
	await left.kill();
	process.env.DHMEM_DIR = directory;
	try {
		const region = { size: undefined, permissions: undefined, group: undefined };
		const workflow = { name: "w", folder: directory, region, tasks: [], links: [] };
		for (const [user, isEmptied] of [
			[ALICE, false],
			[0, true],
		] as const) {
			chownSync(folder, user, user);
			new ContainerRuntime(workflow, "podman").prepare(`run-${user}`).remove();
			assert.is(readdirSync(folder).length === 0, isEmptied);
		}
	} finally {
		delete process.env.DHMEM_DIR;
	}
});

long(test)("a wrong value for `trust` is refused, from any source", () => {
	for (const trust of ["me", "", [], ["x"], -1, 1.5, {}, null, "1,", "1;2"]) {
		assert.is(opens({ trust: trust as "any" }), "DHMEM_BAD_ARGUMENT", JSON.stringify(trust));
	}
	process.env.DHMEM_TRUST = "everybody";
	assert.match(errorOf(() => open()).message, /DHMEM_TRUST.*everybody.*"owner", "any"/);
});

long(test)("strangers' regions are listed, but neither waited for nor removed", async () => {
	const names = ["a", "b", "c"];
	await make(ALICE, { lifetime: "last-close" }, names.join());
	for (const name of names) {
		const file = shim().openFile(regionPath(name), true);
		files.push(file);
		assert.ok(shim().tryLock(file, JOIN_LOCK));
	}
	const before = performance.now();
	assert.equal(Region.list({ directory }), names);
	const lister = new Child(module, "list", [directory, BOB]);
	assert.equal(await lister.hear(), names);
	open().close();
	Region.unlink("a", { directory });
	Region.open("b", { directory, size: "1MiB", mode: "force-create" }).close();
	assert.ok(performance.now() - before < 10_000, "joining waits for 10 s");
	assert.equal(readdirSync(directory).sort(), ["b.dhmem", "c.dhmem", "region.dhmem"]);
	// Without locks they are not removed either, except by those who trust their owner.
	for (const file of files) shim().closeFile(file);
	assert.equal(Region.list({ directory }), ["b", "c", "region"]);
	process.env.DHMEM_TRUST = "any";
	assert.equal(Region.list({ directory }), ["b", "region"]);
});

test("an open does not wait for a stranger's region that has replaced its own", async () => {
	const region = open();
	const reader = open({ mode: "read-only" });
	Region.unlink("region", { directory });
	const lastClose = open({ lifetime: "last-close" });
	const lastReader = open({ mode: "read-only" });
	lastClose.unlink();
	await make(ALICE, { lifetime: "last-close" });
	const file = shim().openFile(path(), true);
	files.push(file);
	assert.ok(shim().tryLock(file, JOIN_LOCK));
	const started = performance.now();
	assert.is(
		codeOf(() => region.unlink()),
		"DHMEM_NOT_FOUND",
	);
	for (const each of [region, reader, lastClose, lastReader]) each.close();
	assert.is(
		codeOf(() => region.unlink()),
		"DHMEM_NOT_FOUND",
	);
	assert.ok(performance.now() - started < 10_000, "it was waited for");
	writeFileSync(path(), "no region");
	assert.is(
		codeOf(() => region.unlink()),
		"DHMEM_NOT_FOUND",
	);
	assert.ok(existsSync(path()));
});

long(test)(
	"in one's own folder another user's file is unlinked and replaced, whether it can be opened or not",
	async () => {
		chmodSync(directory, 0o777);
		for (const permissions of [0o600, 0o644, 0o666]) {
			for (const action of ["Region.unlink", "force-create"]) {
				open({ permissions }).close();
				assert.equal(await act(ALICE, action), ["done"], `${action}, ${permissions.toString(8)}`);
				assert.ok(!existsSync(path()) || statSync(path()).uid === ALICE);
				if (existsSync(path())) Region.unlink("region", { directory });
			}
		}
	},
);

long(test)("a user who may only read removes nothing", async () => {
	chmodSync(directory, 0o777);
	await make(0, { lifetime: "last-close", permissions: 0o644 });
	assert.is((await act(ALICE, "read-only"))[0], "DHMEM_NOT_FOUND");
	assert.equal(await act(ALICE, "list"), ["done"]);
	assert.ok(existsSync(path()));
	// Nor by the last one that leaves.
	const writer = open({ lifetime: "last-close", permissions: 0o644 });
	const reader = new Child(module, "actAs", [directory, ALICE, "close", '{"mode":"read-only"}']);
	assert.is(await reader.hear(), "open");
	writer.close();
	reader.say("go");
	assert.equal(await reader.hear(), ["done"]);
	assert.ok(existsSync(path()));
	assert.equal(Region.list({ directory }), []);
});

test("in a sticky folder the error says who may remove a region, and not to change the folder", async () => {
	await make(0, { lifetime: "last-close" });
	writeFileSync(regionPath("other"), "nothing");
	for (const action of ["open-or-create", "Region.unlink", "force-create"]) {
		const [code, message = ""] = await act(ALICE, action);
		assert.is(code, "DHMEM_PERMISSION", action);
		assert.match(message, /only root remove or replace.*dhmem rm.*mkdir -m 2770/);
		assert.not.match(message, /chmod/);
	}
	assert.is((await act(ALICE, "open"))[0], "DHMEM_NOT_FOUND");
});

long(test)("a region is made by a user whose umask takes even the owner's rights away", async () => {
	for (const umask of [0o277, 0o400, 0o777]) {
		const name = `umask-${umask.toString(8)}`;
		const before = process.umask(umask);
		let child: Child;
		try {
			child = new Child(module, "make", [directory, ALICE, name, "{}"]);
		} finally {
			process.umask(before);
		}
		assert.is(await child.hear(), "ready", name);
		await child.kill();
		assert.is(statSync(regionPath(name)).mode & 0o777, 0o600, name);
	}
});

test.run();
