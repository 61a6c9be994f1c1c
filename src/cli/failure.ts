/** Turns errors into messages for the user and into exit statuses. */
import { constants } from "node:os";
import { CommanderError } from "commander";
import { DhmemError } from "../errors.js";
import { escapeControls } from "../terminal/escape.js";
import { Interrupted } from "../workflow/interruption.js";
import { UsageError } from "./usage-error.js";

/**
 * Prints the error unless that was done already. Returns the exit status: 2 for a wrong call, otherwise
 * mostly 1.
 */
export function fail(error: unknown): number {
	if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
	if (error instanceof Interrupted) return error.status;
	// The reader is gone. SIGPIPE would give this status, but Node ignores that signal.
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
	// The wrong argument came from the command line.
	return error.code === "DHMEM_BAD_ARGUMENT" ? 2 : 1;
}

/** True if the error is a failure of the system call `call`. */
function isOf(error: unknown, call: string): error is Error {
	return error instanceof Error && "syscall" in error && error.syscall === call;
}

function codeOf(error: unknown): unknown {
	return error instanceof Error && "code" in error ? error.code : undefined;
}
