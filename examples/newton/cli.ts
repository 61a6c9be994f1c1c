import { DhmemError } from "dhmem";

/** What the user typed or supplied is wrong: told without a stack, exit status 2. */
export class InputError extends Error {
	override name = "InputError";
}

/** Runs a program to its end. What its user can mend is told in a line, with exit status 2 for a wrong call. */
export async function program(name: string, body: () => Promise<void>): Promise<void> {
	try {
		await body();
	} catch (error) {
		const wrongCall = error instanceof InputError || isParseArgsError(error);
		// Other errors are mistakes in here, or the reason of `task.signal`, which the task knows what to do with.
		if (!wrongCall && !(error instanceof DhmemError) && !isSystemError(error)) throw error;
		console.error(`${name}: ${error.message}${error instanceof DhmemError ? ` (${error.code})` : ""}`);
		process.exitCode = wrongCall ? 2 : 1;
	}
}

/** What the operating system refused: its message names the file. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
	return error instanceof Error && "syscall" in error;
}

function isParseArgsError(error: unknown): error is Error {
	return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_");
}
