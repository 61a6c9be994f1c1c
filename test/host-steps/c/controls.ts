/** Leaves steps out of the library for C, or changes their order, one at a time. The sweeps must find each. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { apply, type Control, change } from "../controls.js";

export const controls: readonly Control[] = [
	{
		name: "a region has its name before it is initialised",
		changes: [
			change("src/opening.c", "*code == DHMEM_OK ? format_guarded(region, options) : *code;", "*code;"),
			change(
				"src/opening.c",
				"\treturn publish(region, path, options, code);",
				"\tenum outcome outcome = publish(region, path, options, code);\n" +
					"\tif (outcome == FOUND) {\n\t\t*code = format_guarded(region, options);\n\t}\n" +
					"\treturn *code == DHMEM_OK ? outcome : FAILED;",
			),
		],
		operation: "create a last-close region",
		mode: "kill-after",
		finds: /is not a dhmem region/,
	},
	{
		name: "nobody takes the lock of a slot",
		changes: [
			change(
				"host/lock.c",
				"*taken = control(file, F_OFD_SETLK, &range) == 0;",
				"*taken = true;\n\t(void)range;",
			),
		],
		operation: "allocate 30 of 30000 bytes",
		mode: "stop",
		finds: /: DHMEM_CLOSED: Error: it should be done/,
	},
	{
		name: "litter is never removed",
		changes: [change("src/tidying.c", "\t\tunlink(path);\n")],
		operation: "list, and there is litter",
		mode: "stop",
		finds: /litter/,
	},
	{
		name: "who recovers leaves the pipe of the dead",
		changes: [change("src/participants.c", "forget_sleep(region, slot);")],
		operation: "recover from somebody who slept on a pipe",
		mode: "stop",
		finds: /a pipe is left/,
	},
	{
		name: "a region that all have left is in the way",
		changes: [
			change(
				"src/opening.c",
				"options->mode == DHMEM_CREATE ? remove_abandoned(",
				"false ? remove_abandoned(",
			),
		],
		operation: "create, and all are dead",
		mode: "stop",
		finds: /it came out as DHMEM_EXISTS/,
	},
	{
		name: "the last reader leaves the region",
		changes: [change("src/region.c", "if (is_left) {", "if (is_left && false) {")],
		operation: "close a reader as the last one",
		mode: "stop",
		finds: /close a reader as the last one: stop/,
	},
	{
		name: "an opening that fails stays open",
		changes: [change("src/opening.c", "\t\tregion_drop(region);\n")],
		operation: "open",
		mode: "fail-once",
		finds: /descriptors are left/,
	},
	{
		name: "addresses that could not be used are kept",
		changes: [change("src/bulk.c", "\t\tmunmap(base, length);\n")],
		operation: "map a window",
		mode: "fail-once",
		finds: /bytes of memory are left/,
	},
	{
		name: "pages that could not be given back count as given back",
		changes: [
			change(
				"src/committing.c",
				"CALL(region, cancel, region->me);\n\t}\n\treturn code;",
				"CALL(region, punched, region->me);\n\t}\n\treturn code;",
			),
		],
		operation: "trim",
		mode: "fail-once",
		finds: /bytes have pages after a trim/,
	},
	{
		name: "an interrupted commit is taken for done",
		changes: [
			change(
				"host/pages.c",
				"FALLOC_FL_KEEP_SIZE, offset, part) == 0)",
				"FALLOC_FL_KEEP_SIZE, offset, part) == 0 || errno == EINTR)",
			),
		],
		operation: "allocate 1 of 1000000 bytes",
		mode: "fail-once",
		finds: /bytes have pages/,
	},
	{
		name: "an error is taken for a wake-up",
		changes: [
			change("src/waiting.c", "awaited == AWAITED_RING ? result", "awaited != AWAITED_TIMEOUT ? result"),
		].concat(change("src/waiting.c", "\t\tnanosleep(&pause, NULL);", "\t\t(void)pause;")),
		operation: "receiveSync",
		mode: "fail-always",
		finds: /its process ended with 99/,
	},
];

const MAIN = fileURLToPath(new URL("main.js", import.meta.url));

/** Runs the sweep of the control's operation with a changed copy of the source package, and returns its output. */
export function spoilPackage(sources: string, { changes, operation, mode }: Control): string {
	const folder = mkdtempSync(join(tmpdir(), "dhmem-control-"));
	try {
		// With its times, so that `make` compiles only what is changed.
		cpSync(sources, folder, { recursive: true, preserveTimestamps: true });
		apply(changes, folder);
		execFileSync("make", ["-s", "-C", folder, "build/libdhmem.so", "CFLAGS=-O2 -w"]);
		const args = [MAIN, "--package", folder, "--operation", operation, "--modes", mode];
		const env = { ...process.env, STEPS_PATIENCE: "1000" };
		return spawnSync(process.execPath, args, { env, encoding: "utf8" }).stdout;
	} finally {
		rmSync(folder, { recursive: true });
	}
}
