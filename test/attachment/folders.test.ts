/** A region's path stays the same when the process changes its working directory, and what is left there is removed. */
import { mkdirSync, readdirSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Region } from "dhmem";
import { Task } from "dhmem/workflow";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { directoryOf } from "../../src/attachment/region-options.js";
import { findFacts } from "../../src/doctor/facts.js";
import { ContainerRuntime } from "../../src/runner/container-runtime.js";
import { Child, directory, eachInFolder, errorOf, long, some } from "../fixture/index.js";

const module = new URL("./names-child.js", import.meta.url).href;
const here = process.cwd();
const { DHMEM_DIR } = process.env;
let regions = "";

eachInFolder();

test.before.each(() => {
	regions = join(directory, "regions");
	mkdirSync(regions);
	mkdirSync(join(directory, "elsewhere"));
});

test.after.each(() => {
	process.chdir(here);
	if (DHMEM_DIR === undefined) delete process.env.DHMEM_DIR;
	else process.env.DHMEM_DIR = DHMEM_DIR;
});

/** Runs `body` where `regions` is the relative folder, and then lets the process work in another one. */
function there<T>(body: () => T): T {
	process.chdir(directory);
	try {
		return body();
	} finally {
		process.chdir(join(directory, "elsewhere"));
	}
}

for (const [how, options] of [
	["as an option", { directory: "regions" }],
	["in DHMEM_DIR", {}],
] as const) {
	test(`a relative folder ${how} is resolved when the region is opened`, () => {
		process.env.DHMEM_DIR = how === "in DHMEM_DIR" ? "regions" : "";
		const temporary = there(() => Region.temporary({ ...options, size: "1MiB" }));
		const region = there(() => Region.open("region", { ...options, size: "1MiB" }));
		assert.is(region.path, join(regions, "region.dhmem"));
		// A file with the same relative path here is another one.
		mkdirSync("regions");
		writeFileSync("regions/region.dhmem", "another");
		temporary.close();
		assert.equal(readdirSync(regions), ["region.dhmem"]);
		region.unlink();
		region.close();
		assert.equal(readdirSync(regions), []);
		assert.equal(readdirSync("regions"), ["region.dhmem"]);
	});
}

test("a task, a container and a doctor get the whole path of a relative folder", () => {
	process.env.DHMEM_DIR = "regions";
	const variables = { DHMEM_REGION: "region", DHMEM_DIR: "regions", DHMEM_TASK: "task", DHMEM_LINKS: "" };
	const task = there(() => Task.fromEnvironment(variables));
	assert.is(task.region.path, join(regions, "region.dhmem"));
	task.close();
	const region = { size: undefined, permissions: undefined, group: undefined };
	const workflow = { name: "w", folder: directory, region, tasks: [], links: [] };
	const runtime = new ContainerRuntime(workflow, "podman");
	const placement = there(() => runtime.prepare("run"));
	assert.is(placement.directory, join(regions, "dhmem-run-run"));
	placement.remove();
	assert.is(there(() => findFacts(directoryOf({}))).folder.path, regions);
});

long(test)(
	"if the working directory was removed, a relative folder is an error, and an absolute one is not",
	() => {
		process.chdir(join(directory, "elsewhere"));
		rmdirSync(join(directory, "elsewhere"));
		const { code, message } = errorOf(() => Region.open("region", { directory: "regions" }));
		assert.is(code, "DHMEM_NOT_FOUND");
		assert.match(message, /regions.*was removed.*absolute/);
		Region.open("region", { directory: regions, size: "1MiB" }).close();
	},
);

/** Temporary regions whose processes are killed, and other `last-close` regions. */
async function leave(temporary: number, names: string): Promise<void> {
	const children = Array.from({ length: temporary }, () => new Child(module, "makeTemporary", [regions]));
	children.push(new Child(module, "make", [regions, 0, names, '{"lifetime":"last-close"}']));
	for (const child of children) assert.is(await child.hear(), "ready");
	for (const child of children) await child.kill();
}

const files = () => readdirSync(regions).sort();

const modes = ["open-or-create", "create", "open", "force-create", "read-only"] as const;
for (const mode of some(modes, 3)) {
	test(`the next opening in a folder removes what killed processes left there: ${mode}`, async () => {
		await leave(2, "left,other");
		// They are made elsewhere and moved here, so that no opening here has tidied before.
		Region.open("region", { directory, size: "1MiB" }).close();
		const living = new Child(module, "makeTemporary", [regions]);
		assert.is(await living.hear(), "ready");
		await leave(2, "again");
		renameSync(
			join(directory, "region.dhmem"),
			join(regions, mode === "create" ? "kept.dhmem" : "region.dhmem"),
		);
		Region.open("region", { directory: regions, size: "1MiB", mode }).close();
		const [temporary, ...rest] = files().reverse();
		assert.match(temporary ?? "", new RegExp(`^temporary-${living.pid}-`));
		assert.equal(rest, mode === "create" ? ["region.dhmem", "kept.dhmem"] : ["region.dhmem"]);
	});
}

test("the error for a path that is not a folder does not suggest creating it", () => {
	const file = join(directory, "file");
	const loop = join(directory, "loop");
	writeFileSync(file, "");
	symlinkSync("loop", loop);
	for (const [folder, why] of [
		[file, "is not a folder"],
		[loop, "is a symbolic link that leads back to itself"],
	] as const) {
		for (const use of [
			() => Region.open("region", { directory: folder }),
			() => Region.open("region", { directory: folder, mode: "open" }),
			() => Region.list({ directory: folder }),
			() => Region.unlink("region", { directory: folder }),
		]) {
			const { code, message } = errorOf(use);
			assert.is(code, "DHMEM_NOT_FOUND");
			assert.is(
				message,
				`${folder} ${why}; choose a folder in shared memory, with DHMEM_DIR or the option directory`,
			);
		}
	}
});

long(test)("one opening looks at a bounded number of files, and several together look at all", async () => {
	const open = () => Region.open("region", { directory: regions, size: "1MiB" }).close();
	for (let i = 0; i < 100; i++) Region.open(`persistent-${i}`, { directory: regions, size: "1MiB" }).close();
	await leave(1, Array.from({ length: 40 }, (_, index) => `left-${index}`).join());
	const before = files().length;
	open();
	const after = files();
	assert.ok(after.length >= before - 16, `${before - after.length} were removed`);
	// Temporary ones come first: nobody would ever open them by name.
	assert.not(after.some((name) => name.startsWith("temporary-")));
	for (let i = 0; i < 1000 && files().some((name) => name.startsWith("left-")); i++) open();
	assert.is(files().length, 101);
});

test.run();
