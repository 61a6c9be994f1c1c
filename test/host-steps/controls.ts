/** Leaves steps out, or changes their order, one at a time, in a copy of the package. The sweeps must find each. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Change {
	/** A source in C, or a compiled file of the binding. */
	file: string;
	text: string;
	replacement: string;
}

export interface Control {
	name: string;
	changes: Change[];
	/** The operation that must fail, what happens in it, and the error that it must fail with. */
	operation: string;
	mode: string;
	finds: RegExp;
}

export const change = (file: string, text: string, replacement = ""): Change => ({ file, text, replacement });

export const controls: readonly Control[] = [
	{
		name: "a region has its name before it is initialised",
		changes: [
			change(
				"dist/src/attachment/files.js",
				"        format(attachment, options);\n        attachment.trimmer",
				"        attachment.trimmer",
			),
			change(
				"dist/src/attachment/files.js",
				"if (publish(file, path, options))\n            return attachment;",
				"if (publish(file, path, options)) {\n format(attachment, options); return attachment; }",
			),
		],
		operation: "create a last-close region",
		mode: "kill-after",
		finds: /is not a dhmem region/,
	},
	{
		name: "who makes a file does not say so",
		changes: [
			change(
				"native-shim/host/new-file.c",
				"!lock_try(file, MAKER_LOCK, claimed, failure)",
				"!(*claimed = true)",
			),
		],
		operation: "create without O_TMPFILE",
		mode: "stop",
		finds: /create without O_TMPFILE: stop at step/,
	},
	{
		name: "litter is never removed",
		changes: [
			change(
				"dist/src/attachment/leftovers.js",
				'unlinkSync(path);\n            debug("%s: removed, its maker',
				'debug("%s: removed, its maker',
			),
		],
		operation: "force-create",
		mode: "kill-before",
		finds: /litter is left for ever/,
	},
	{
		name: "nobody takes the lock of a slot",
		changes: [
			change(
				"native-shim/host/lock.c",
				"*taken = control(file, F_OFD_SETLK, &range) == 0;",
				"*taken = true;\n\t(void)range;",
			),
		],
		operation: "open or create, and there is one",
		mode: "kill-before",
		finds: /DHMEM_CLOSED|declared this one dead/,
	},
	{
		name: "who sleeps never looks by itself",
		changes: [
			change("dist/src/waiting/waiter.js", "const SLICE = 50;", "const SLICE = 1e9;"),
			change(
				"native-shim/host/waiter.c",
				"#define SLICE_MAX 50000000LL",
				"#define SLICE_MAX 50000000000000LL",
			),
		],
		operation: "send to a consumer that sleeps",
		mode: "kill-before",
		finds: /the wait took more than/,
	},
	{
		name: "who recovers leaves the pipe of the dead",
		changes: [
			change(
				"dist/src/attachment/participants.js",
				"removePipe(mapping, slot);\n    for",
				"clearSleep(mapping, slot);\n    for",
			),
		],
		operation: "recover from somebody who slept on a pipe",
		mode: "stop",
		finds: /a pipe is left/,
	},
	{
		name: "pipes of the dead are never removed",
		changes: [
			change(
				"dist/src/attachment/peer-pipes.js",
				"if (shim().removeDeadPipe(path))",
				"if (path === undefined)",
			),
		],
		operation: "receive",
		mode: "kill-before",
		finds: /litter is left for ever: \.dhmem-\w+\.bell/,
	},
	{
		name: "an error is taken for a wake-up",
		changes: [
			change(
				"native-shim/host/futex.c",
				"errno == ETIMEDOUT",
				"errno == ENOSYS) {\n\t\t\treturn AWAITED_RING;\n\t\t}\n\t\tif (errno == ETIMEDOUT",
			),
		],
		operation: "receiveSync",
		mode: "fail-always",
		finds: /its process ended with 99/,
	},
	{
		name: "an interrupted commit is taken for done",
		changes: [
			change(
				"native-shim/host/pages.c",
				"FALLOC_FL_KEEP_SIZE, offset, part) == 0)",
				"FALLOC_FL_KEEP_SIZE, offset, part) == 0 || errno == EINTR)",
			),
		],
		operation: "allocate 1 of 1000000 bytes",
		mode: "fail-once",
		finds: /bytes have pages/,
	},
	{
		name: "pages that could not be given back count as given back",
		changes: [
			change(
				"dist/src/attachment/trimming.js",
				"mapping.core.cancel(mapping.me)",
				"mapping.core.punched(mapping.me)",
			),
		],
		operation: "trim",
		mode: "fail-once",
		finds: /bytes have pages after a trim/,
	},
	{
		name: "a block whose window can't be mapped is lost",
		changes: [
			change("dist/src/attachment/allocation.js", "mapping.core.free(mapping.me, block);", "void block;"),
		],
		operation: "map a window",
		mode: "fail-once",
		finds: /it leaves something behind/,
	},
	{
		name: "a window that could not be mapped whole stays",
		changes: [
			change(
				"native-shim/host/mapping.c",
				"if (!done) {\n\t\tmapping_close(mapping);",
				"if (!done && mapping->is_first) {\n\t\tmapping_close(mapping);",
			),
		],
		operation: "map a window",
		mode: "fail-once",
		finds: /it leaves something behind/,
	},
	{
		name: "a file that could not be opened whole is not closed",
		changes: [
			change(
				"native-shim/host/file.c",
				"done = done && open_lock_descriptor(file, path, failure);\n\tif (!done) {\n\t\tfile_close(file);",
				"done = done && open_lock_descriptor(file, path, failure);\n\tif (!done) {",
			),
		],
		operation: "open",
		mode: "fail-once",
		finds: /descriptors are left/,
	},
];

const root = join(import.meta.dirname, "../../..");

export function apply(changes: readonly Change[], folder: string): void {
	for (const { file, text, replacement } of changes) {
		const path = join(folder, file);
		const parts = readFileSync(path, "utf8").split(text);
		if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${text}`);
		writeFileSync(path, parts.join(replacement));
	}
}

/** Runs the sweep of the control's operation in a changed copy of the package, and returns its output. */
export function spoil({ changes, operation, mode }: Control): string {
	const folder = mkdtempSync(join(tmpdir(), "dhmem-control-"));
	try {
		for (const path of ["package.json", "native-shim", "scripts", "test/host-steps", "prebuilds", "dist"]) {
			cpSync(join(root, path), join(folder, path), { recursive: true });
		}
		symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
		apply(changes, folder);
		if (changes.some(({ file }) => file.endsWith(".c"))) {
			execFileSync(process.execPath, ["scripts/build-shim.mjs"], { cwd: folder });
		}
		const args = ["dist/test/host-steps/main.js", "--operation", operation, "--modes", mode];
		const env = { ...process.env, STEPS_PATIENCE: "1000" };
		return spawnSync(process.execPath, args, { cwd: folder, env, encoding: "utf8" }).stdout;
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** Tries controls, each by `run`, which returns the output of a sweep. Returns how many were not found. */
export function missedControls(tried = controls, run = spoil): number {
	let missed = 0;
	for (const control of tried) {
		const said = run(control);
		const isFound = control.finds.test(said);
		if (!isFound) missed++;
		console.log(`${control.name}: ${isFound ? "found" : `MISSED\n${said}`}`);
	}
	console.log(`${tried.length - missed} controls found, ${missed} missed`);
	return missed;
}
