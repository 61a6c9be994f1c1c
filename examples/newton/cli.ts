import { DhmemError } from "dhmem";

/** What the user typed or supplied is wrong: told without a stack, exit status 2. */
export class InputError extends Error {
	override name = "InputError";
}

/** Runs a program to its end, and turns what it throws into a message and an exit status: 2 for a wrong call. */
export async function program(name: string, body: () => Promise<void>): Promise<void> {
	try {
		await body();
	} catch (error) {
		// Asked to end: the task has seen to the exit status.
		if (error instanceof DOMException && error.name === "AbortError") throw error;
		const wrongCall = error instanceof InputError || isParseArgsError(error);
		process.exitCode = wrongCall ? 2 : 1;
		if (wrongCall) console.error(`${name}: ${error.message}`);
		else if (error instanceof DhmemError) console.error(`${name}: ${error.message} (${error.code})`);
		else if (isSystemError(error)) console.error(`${name}: ${error.message}`);
		else console.error(`${name}:`, error);
	}
}

/** What the operating system refused: its message names the file. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
	return error instanceof Error && "syscall" in error;
}

function isParseArgsError(error: unknown): error is Error {
	return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_");
}
