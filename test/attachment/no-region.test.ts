/** Files that are no region, and regions of other users. */
import { execFileSync } from "node:child_process";
import {
	copyFileSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	HEADER_BULK_SPANS,
	HEADER_FEATURES,
	HEADER_FEATURES_ALL,
	HEADER_FEATURES_WRITE,
	HEADER_MAGIC,
	HEADER_SPANS,
	HEADER_VERSION,
} from "../../assembly/layout.js";
import {
	codeOf,
	count,
	directory,
	eachInFolder,
	errorOf,
	limitedTest,
	regionPath,
	some,
	within,
} from "../fixture/index.js";
import type { Failure } from "./region-scenarios.js";
import { isRoot, open, start } from "./stage.js";

eachInFolder();

limitedTest("long paths and folders that are none", () => {
	assert.is(
		codeOf(() => open({ directory: join(directory, "missing") })),
		"DHMEM_NOT_FOUND",
	);
	writeFileSync(join(directory, "file"), "");
	assert.is(
		codeOf(() => open({ directory: join(directory, "file") })),
		"DHMEM_NOT_FOUND",
	);
	assert.is(
		codeOf(() => Region.list({ directory: join(directory, "file") })),
		"DHMEM_NOT_FOUND",
	);
	assert.is(
		codeOf(() => open({ directory: "/x".repeat(3000) })),
		"DHMEM_BAD_ARGUMENT",
	);
	const error = errorOf(() => open({ directory: join(directory, "missing") }));
	assert.match(error.message, join(directory, "missing"));
	assert.is(
		codeOf(() => open({}, "a".repeat(200))),
		"nothing",
	);
});

/** A region's file with a word of its header changed. */
function patched(name: string, field: number, change: (word: number) => number): void {
	copyFileSync(regionPath("region"), regionPath(name));
	const bytes = readFileSync(regionPath(name));
	bytes.writeUInt32LE(change(bytes.readUInt32LE(field)) >>> 0, field);
	writeFileSync(regionPath(name), bytes);
}

limitedTest("a file that is not a region is refused in every mode, and left unchanged", () => {
	open({ size: "1MiB" }).close();
	const make: Record<string, [string, (path: string) => void]> = {
		empty: ["DHMEM_FORMAT", (path) => writeFileSync(path, "")],
		text: ["DHMEM_FORMAT", (path) => writeFileSync(path, "hello, this is a text file\n")],
		zeros: ["DHMEM_FORMAT", (path) => writeFileSync(path, new Uint8Array(1 << 20))],
		short: ["DHMEM_FORMAT", (path) => copyFileSync(regionPath("region"), path)],
		"magic only": [
			"DHMEM_FORMAT",
			(path) => writeFileSync(path, readFileSync(regionPath("region")).subarray(0, 8)),
		],
		long: ["DHMEM_FORMAT", (path) => copyFileSync(regionPath("region"), path)],
		magic: ["DHMEM_FORMAT", () => patched("magic", HEADER_MAGIC, (word) => word ^ 1)],
		"no spans": ["DHMEM_FORMAT", () => patched("no-spans", HEADER_SPANS, () => 0)],
		"more spans": ["DHMEM_FORMAT", () => patched("more-spans", HEADER_SPANS, (word) => word + 1)],
		"many spans": ["DHMEM_FORMAT", () => patched("many-spans", HEADER_SPANS, () => 0xffffffff)],
		older: ["DHMEM_VERSION", () => patched("older", HEADER_VERSION, (word) => word - 1)],
		newer: ["DHMEM_VERSION", () => patched("newer", HEADER_VERSION, (word) => word + 1)],
		"feature for all": ["DHMEM_VERSION", () => patched("feature-for-all", HEADER_FEATURES_ALL, () => 4)],
		"feature for writers": [
			"DHMEM_VERSION",
			() => patched("feature-for-writers", HEADER_FEATURES_WRITE, () => 4),
		],
		"a bulk space": ["DHMEM_FORMAT", () => patched("a-bulk-space", HEADER_BULK_SPANS, () => 1)],
		symlink: ["DHMEM_FORMAT", (path) => symlinkSync(regionPath("region"), path)],
		dangling: ["DHMEM_FORMAT", (path) => symlinkSync(join(directory, "nothing"), path)],
		folder: ["DHMEM_FORMAT", (path) => mkdirSync(path)],
		fifo: ["DHMEM_FORMAT", (path) => execFileSync("mkfifo", [path])],
	};
	for (const [what, [code, prepare]] of Object.entries(make)) {
		const name = what.replaceAll(" ", "-");
		const path = regionPath(name);
		prepare(path);
		if (what === "short") truncateSync(path, 512 * 1024);
		if (what === "long") truncateSync(path, 2 * 1024 * 1024);
		for (const mode of ["open", "open-or-create"] as const) {
			const error = errorOf(() => open({ size: "64KiB", mode }, name));
			assert.is(error.code, code, `${what}, ${mode}: ${error.message}`);
			assert.match(error.message, name);
			if (code === "DHMEM_VERSION") assert.match(error.message, "use the same version on all sides");
		}
		assert.is(
			codeOf(() => open({ mode: "create" }, name)),
			"DHMEM_EXISTS",
			what,
		);
		// Listing looks into none of them, and none stops it.
		assert.ok(Region.list({ directory }).includes("region"), what);
		// `force-create` replaces them, as it should; but it can't replace a folder.
		const replacing = codeOf(() => open({ mode: "force-create" }, name).close());
		assert.is(replacing, what === "folder" ? "DHMEM_FORMAT" : "nothing", `${what}: ${replacing}`);
		rmSync(path, { recursive: true });
	}
	// Features that any reader may ignore are ignored.
	patched("optional", HEADER_FEATURES, () => 0xffffffff);
	assert.is(
		codeOf(() => open({ size: undefined, mode: "open" }, "optional")),
		"nothing",
	);
	// The region that was linked to and copied is as it was.
	assert.is(open({ size: undefined, mode: "open" }).size, 2 ** 20);
	assert.equal(readdirSync(directory).sort(), ["optional.dhmem", "region.dhmem"]);
});

limitedTest(
	"a header that was spoilt at random gives an error, or a region, and neither a crash nor a hang",
	async () => {
		const region = open({ size: "1MiB" });
		const producer = region.queue("q", { capacity: 1024 }).producer();
		for (let i = 0; i < 5; i++) producer.trySend(`message ${i}`);
		region.close();
		const child = start("spoilt", [count(100, 400)]);
		const codes = (await within(50_000, "the spoilt ones", child.hear())) as Record<string, number>;
		const odd = Object.keys(codes).filter((code) => !/^(nothing|DHMEM_[A-Z_]+)$/.test(code));
		assert.equal(odd, []);
		// The control: some were refused, and some words don't matter.
		assert.ok((codes.nothing ?? 0) > 0 && Object.keys(codes).length > 2, JSON.stringify(codes));
		assert.is((await child.ended).code, 0);
	},
);

limitedTest("the error for an ordinary user names the region's owner and the user", async () => {
	assert.ok(isRoot, "this test needs root, to become somebody else");
	const { chmodSync } = await import("node:fs");
	chmodSync(directory, 0o1777);
	open({ size: "1MiB" });
	open({ size: "1MiB", permissions: 0o644 }, "readable");
	open({ size: "1MiB", permissions: 0o666 }, "everybody");
	for (const [name, mode, code] of some(
		[
			["region", "open", "DHMEM_PERMISSION"],
			["region", "open-or-create", "DHMEM_PERMISSION"],
			["region", "create", "DHMEM_EXISTS"],
			["region", "force-create", "DHMEM_PERMISSION"],
			["readable", "open", "DHMEM_PERMISSION"],
			["everybody", "open", "nothing"],
			["of-my-own", "create", "nothing"],
		] as const,
		3,
	)) {
		const result = (await start("ordinary", [name, mode]).hear()) as Failure & { list: string[] };
		assert.is(result.code, code, `${name}, ${mode}: ${result.message}`);
		if (code === "DHMEM_PERMISSION") {
			assert.match(result.message, /user 0\b/);
			assert.match(result.message, /group 0\b/);
			// The folder decides who may replace, and the file who may open.
			const reason =
				mode === "force-create" ? /mode 1777.*sticky/ : name === "region" ? /mode 600/ : /mode 644/;
			assert.match(result.message, reason);
			assert.match(result.message, /65534/);
			assert.match(result.message, regionPath(name));
		}
		// Regions of other users are listed, whoever may open them.
		assert.ok(result.list.includes("region") && result.list.includes("readable"), String(result.list));
	}
	chmodSync(directory, 0o755);
	const folder = (await start("ordinary", ["new", "open-or-create"]).hear()) as Failure;
	assert.is(folder.code, "DHMEM_PERMISSION");
	assert.match(folder.message, directory);
	chmodSync(directory, 0o700);
	const closed = (await start("ordinary", ["region", "open"]).hear()) as Failure;
	assert.is(closed.code, "DHMEM_PERMISSION");

	// The last user in a `last-close` region can't remove a file of another user, and that is no error.
	chmodSync(directory, 0o1777);
	const going = open({ mode: "force-create", lifetime: "last-close", permissions: 0o666 });
	const child = start("lastButNotOwner");
	const hearing = child.hear();
	assert.is(((await hearing) as Failure).code, "nothing");
	// This one is abandoned, and they can't remove it either: it counts as absent, but its name is taken.
	const { copyFileSync } = await import("node:fs");
	copyFileSync(going.path, regionPath("abandoned"));
	chmodSync(regionPath("abandoned"), 0o666);
	for (const [mode, code] of [
		["open", "DHMEM_NOT_FOUND"],
		["open-or-create", "DHMEM_PERMISSION"],
	] as const) {
		assert.is(((await start("ordinary", ["abandoned", mode]).hear()) as Failure).code, code);
	}
	going.close();
	assert.not(readdirSync(directory).includes("region.dhmem"));
});

test.run();
