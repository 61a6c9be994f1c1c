#!/usr/bin/env node
/** The command `dhmem`. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { Interrupted } from "../workflow/interruption.js";
import { commands } from "./commands.js";
import { fail } from "./failure.js";
import { writeWhole } from "./write-out.js";

const program = new Command("dhmem")
	.description("Memory shared between processes and containers")
	.version(version(), "-V, --version", "print the version")
	.showHelpAfterError("(see --help)")
	.exitOverride();
for (const register of commands) register(program);

writeWhole(process.stdout);
writeWhole(process.stderr);
// A failed write is a failure too. The console ignores it, and most code does not wait for its writes.
let unwritten: unknown;
process.stdout.on("error", (error) => {
	unwritten ??= error;
});
process.stderr.on("error", () => {});
process.once("exit", () => {
	if (unwritten !== undefined) process.exitCode ||= fail(unwritten);
});

try {
	await program.parseAsync();
} catch (error) {
	process.exitCode = fail(error);
	// Otherwise unread output would keep the process alive.
	if (error instanceof Interrupted) process.exit();
}

function version(): string {
	const file = new URL("../../../package.json", import.meta.url);
	return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
