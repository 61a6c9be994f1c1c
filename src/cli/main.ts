#!/usr/bin/env node
/** The command `dhmem`. */
import { Command, CommanderError } from "commander";
import { DhmemError } from "../errors.js";
import { Interrupted } from "../workflow/interruption.js";
import { commands } from "./commands.js";
import { UsageError } from "./usage-error.js";

const program = new Command("dhmem")
	.description("Memory shared between processes and containers")
	.showHelpAfterError("(--help says more)")
	.exitOverride();
for (const register of commands) register(program);

try {
	await program.parseAsync();
} catch (error) {
	process.exitCode = fail(error);
}

/** Says what went wrong, as far as it was not said; the exit status: 2 for a wrong call, 1 for all else. */
function fail(error: unknown): number {
	if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
	if (error instanceof Interrupted) return error.status;
	if (error instanceof UsageError) {
		console.error(`dhmem: ${error.message}`);
		return 2;
	}
	if (error instanceof DhmemError) console.error(`dhmem: ${error.message} (${error.code})`);
	else console.error("dhmem:", error);
	return 1;
}
