/** What a region's name means, and who may change it: nobody takes away the name of another region. */
import {
	existsSync,
	readdirSync,
	renameSync,
	statSync,
	symlinkSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { Region, type RegionOptions } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type File, shim } from "../../src/host/shim.js";
import { Child, codeOf, directory, eachInFolder, errorOf, long, regionPath, some } from "../fixture/index.js";

const module = new URL("./names-child.js", import.meta.url).href;
const JOIN_LOCK = 1024;
const READER_LOCK = 4096;
const path = () => regionPath("region");
let files: File[] = [];

eachInFolder();

test.after.each(() => {
	for (const file of files) shim().closeFile(file);
	files = [];
});

function open(options: RegionOptions = {}, name = "region"): Region {
	return Region.open(name, { directory, size: "1MiB", ...options });
}

/** Holds a lock byte of the file at `path`, like a process that opens or leaves the region there. */
function hold(index = JOIN_LOCK, at = path()): File {
	const file = shim().openFile(at, true);
	files.push(file);
	assert.ok(shim().tryLock(file, index));
	return file;
}

/** Starts an action in another process: on the region, or on one that it opened with `options` before. */
async function start(action: string, options?: RegionOptions): Promise<Child> {
	const child = new Child(module, "act", [
		directory,
		action,
		...(options === undefined ? [] : [JSON.stringify(options)]),
	]);
	if (options !== undefined) assert.is(await child.hear(), "open");
	return child;
}

const inode = (at = path()) => statSync(at).ino;

const changes = [
	["force-create", undefined],
	["Region.unlink", undefined],
	["region.unlink", { mode: "open" }],
	["close", { mode: "open" }],
] as const;

for (const [action, options] of some(changes, 2)) {
	test(`${action} changes the name only under the join lock of the file that has it`, async () => {
		const first = open({ lifetime: "last-close" });
		const old = inode();
		const child = await start(action, options);
		if (action === "close") first.close();
		const file = hold();
		if (options !== undefined) child.say("go");
		assert.is(await child.hear(), "waiting");
		assert.is(inode(), old);
		shim().unlock(file, JOIN_LOCK);
		assert.equal(await child.hear(), ["done"]);
		assert.is(existsSync(path()), action === "force-create");
		assert.ok(action !== "force-create" || inode() !== old);
		await child.ended;
		first.close();
	});
}

for (const [action, options, outcome] of some(
	[
		["force-create", undefined, "done"],
		["Region.unlink", undefined, "done"],
		["region.unlink", { mode: "open" }, "DHMEM_NOT_FOUND"],
		["close", { mode: "open" }, "done"],
		["open", undefined, "done"],
	] as const,
	2,
	1,
)) {
	test(`${action} looks under the lock which file has the name`, async () => {
		const first = open({ lifetime: "last-close" });
		const next = open({}, "next");
		const child = await start(action, options);
		if (action === "close") first.close();
		const file = hold();
		if (options !== undefined) child.say("go");
		assert.is(await child.hear(), "waiting");
		const replacement = inode(next.path);
		renameSync(next.path, path());
		shim().unlock(file, JOIN_LOCK);
		assert.is(((await child.hear()) as string[])[0], outcome);
		// `force-create` replaces the region that came in its place, `Region.unlink` removes it, the others keep it.
		if (action === "Region.unlink") assert.not(existsSync(path()));
		else assert.is(inode() === replacement, action !== "force-create");
		await child.ended;
		next.close();
		first.close();
	});
}

test("a read-only opening takes no join lock", async () => {
	const region = open();
	hold();
	const child = await start("read-only");
	assert.equal(await child.hear(), ["done"]);
	region.close();
});

long(test)("a read-only opening waits for the remover of the region, and then finds it gone", async () => {
	open({ lifetime: "last-close" });
	const file = hold(READER_LOCK);
	const child = await start("read-only");
	assert.is(await child.hear(), "waiting");
	unlinkSync(path());
	shim().unlock(file, READER_LOCK);
	assert.is(((await child.hear()) as string[])[0], "DHMEM_NOT_FOUND");
});

test("the last reader of a last-close region removes it, not the first", async () => {
	const writer = open({ lifetime: "last-close" });
	const readers = await Promise.all([1, 2].map(() => start("close", { mode: "read-only" })));
	writer.close();
	for (const [index, reader] of readers.entries()) {
		assert.ok(existsSync(path()));
		reader.say("go");
		assert.equal(await reader.hear(), ["done"]);
		assert.is((await reader.ended).code, 0);
		assert.is(existsSync(path()), index === 0);
	}
});

long(test)("a reader that leaves does not remove the name of a newer region", async () => {
	const old = open({ lifetime: "last-close" });
	const reader = open({ mode: "read-only" });
	old.close();
	using fresh = open({ mode: "force-create" });
	reader.close();
	assert.is(inode(), inode(fresh.path));
	assert.ok(open({ mode: "open" }));
});

test("region.unlink does not remove a region that has replaced this one, open or closed", () => {
	const old = open();
	using fresh = open({ mode: "force-create" });
	const unlink = () => old.unlink();
	const { code, message } = errorOf(unlink);
	assert.is(code, "DHMEM_NOT_FOUND");
	assert.match(message, /another region.*Region\.unlink/);
	old.close();
	assert.is(codeOf(unlink), "DHMEM_NOT_FOUND");
	assert.ok(existsSync(path()));
	fresh.close();
	fresh.unlink();
	assert.not(existsSync(path()));
	assert.is(
		codeOf(() => fresh.unlink()),
		"DHMEM_NOT_FOUND",
	);
});

long(test)("a file that is not a region can be replaced and unlinked by its name", () => {
	const make: Record<string, () => void> = {
		"an empty file": () => writeFileSync(path(), ""),
		"a text": () => writeFileSync(path(), "nothing of ours"),
		"a link to nowhere": () => symlinkSync("/nowhere", path()),
	};
	for (const [what, thing] of Object.entries(make)) {
		thing();
		assert.is(
			codeOf(() => open()),
			"DHMEM_FORMAT",
			what,
		);
		open({ mode: "force-create" }).close();
		open({ mode: "open" }).unlink();
		thing();
		Region.unlink("region", { directory });
		assert.equal(readdirSync(directory), [], what);
	}
});

test("two processes that replace one name at once each get a region, and the later one has the name", async () => {
	open().close();
	const file = hold();
	const children = await Promise.all([start("force-create"), start("force-create")]);
	for (const child of children) assert.is(await child.hear(), "waiting");
	shim().unlock(file, JOIN_LOCK);
	for (const child of children) assert.equal(await child.hear(), ["done"]);
	assert.equal(readdirSync(directory), ["region.dhmem"]);
	open({ mode: "open" }).close();
});

long(test)("a timeout names the stopped process that holds the locks, by any clock", async () => {
	open({ lifetime: "last-close" });
	hold();
	hold(READER_LOCK);
	const actions = ["open", "read-only", "force-create", "Region.unlink"];
	const children = await Promise.all(actions.map((action) => start(action)));
	for (const [index, child] of children.entries()) {
		assert.is(await child.hear(), "waiting");
		const [code, message = ""] = (await child.hear()) as string[];
		assert.is(code, "DHMEM_TIMEOUT", actions[index]);
		assert.match(message, /region\.dhmem for 10 s.*stopped.*end it/);
	}
});

test("a timeout does not depend on the wall clock, which runs an hour per millisecond here", async () => {
	open();
	const file = hold();
	const child = await start("open");
	// It prints this after it has looked several times.
	assert.is(await child.hear(), "waiting");
	shim().unlock(file, JOIN_LOCK);
	assert.equal(await child.hear(), ["done"]);
});

long(test)("listing does not wait, even if all participants are dead", async () => {
	open({}, "persistent");
	const child = new Child(module, "make", [directory, 0, "region", '{"lifetime":"last-close"}']);
	assert.is(await child.hear(), "ready");
	await child.kill();
	hold();
	const before = performance.now();
	assert.equal(Region.list({ directory }), ["persistent", "region"]);
	assert.ok(performance.now() - before < 10_000, "joining waits for 10 s");
});

test.run();
