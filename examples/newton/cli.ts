import { DhmemError } from "dhmem";

/** A mistake in the user's arguments or files. It is reported without a stack, and the exit status is 2. */
export class InputError extends Error {
	override name = "InputError";
}

/**
 * Runs a program. Errors that the user can fix are reported in one line, with exit status 2 for a wrong call.
 */
export async function program(name: string, body: () => Promise<void>): Promise<void> {
	try {
		await body();
	} catch (error) {
		const wrongCall = error instanceof InputError || isParseArgsError(error);
		// Other errors are mistakes in this program, or the reason of `task.signal`, which the task handles.
		if (!wrongCall && !(error instanceof DhmemError) && !isSystemError(error)) throw error;
		console.error(`${name}: ${error.message}${error instanceof DhmemError ? ` (${error.code})` : ""}`);
		process.exitCode = wrongCall ? 2 : 1;
	}
}

/** True for a failed system call. Its message names the file. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
	return error instanceof Error && "syscall" in error;
}

function isParseArgsError(error: unknown): error is Error {
	return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_");
}
