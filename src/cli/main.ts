#!/usr/bin/env node
/** The command `dhmem`. */
import { constants } from "node:os";
import { Command, CommanderError } from "commander";
import { DhmemError } from "../errors.js";
import { escapeControls } from "../terminal/escape.js";
import { Interrupted } from "../workflow/interruption.js";
import { commands } from "./commands.js";
import { UsageError } from "./usage-error.js";
import { writeWhole } from "./write-out.js";

const program = new Command("dhmem")
	.description("Memory shared between processes and containers")
	.showHelpAfterError("(--help says more)")
	.exitOverride();
for (const register of commands) register(program);

writeWhole(process.stdout);
writeWhole(process.stderr);
// What can't be written is a failure too, which the console passes over, and others would not catch.
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
	// What nobody has read of the output would keep it alive.
	if (error instanceof Interrupted) process.exit();
}

/** Says what went wrong, as far as it was not said; the exit status: 2 for a wrong call, 1 for all else. */
function fail(error: unknown): number {
	if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
	if (error instanceof Interrupted) return error.status;
	// Nobody reads any more: as SIGPIPE would, which Node ignores.
	if (codeOf(error) === "EPIPE") return 128 + constants.signals.SIGPIPE;
	if (error instanceof UsageError) {
		console.error(`dhmem: ${error.message.split("\n").map(escapeControls).join("\n")}`);
		return 2;
	}
	if (isOf(error, "write")) {
		console.error(`dhmem: the output can't be written: ${error.message}`);
		return 1;
	}
	if (isOf(error, "read")) {
		console.error(`dhmem: the input can't be read: ${error.message}`);
		return 1;
	}
	if (!(error instanceof DhmemError)) {
		console.error("dhmem:", error);
		return 1;
	}
	console.error(`dhmem: ${error.message} (${error.code})`);
	// What can't be given to a function was given to us.
	return error.code === "DHMEM_BAD_ARGUMENT" ? 2 : 1;
}

/** Whether a system call of this name has failed. */
function isOf(error: unknown, call: string): error is Error {
	return error instanceof Error && "syscall" in error && error.syscall === call;
}

function codeOf(error: unknown): unknown {
	return error instanceof Error && "code" in error ? error.code : undefined;
}
