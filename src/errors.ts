import { escapeControls } from "./terminal/escape.js";

/**
 * The stable codes by which programs tell errors apart.
 *
 * @example
 * ```ts
 * const waitLonger: DhmemErrorCode[] = ["DHMEM_TIMEOUT", "DHMEM_NOT_FOUND"];
 * ```
 */
export type DhmemErrorCode =
	| "DHMEM_EXISTS"
	| "DHMEM_NOT_FOUND"
	| "DHMEM_PERMISSION"
	| "DHMEM_NO_SPACE"
	| "DHMEM_REGION_FULL"
	| "DHMEM_FORMAT"
	| "DHMEM_VERSION"
	| "DHMEM_TYPE_MISMATCH"
	| "DHMEM_BAD_HANDLE"
	| "DHMEM_BAD_ARGUMENT"
	| "DHMEM_DOUBLE_FREE"
	| "DHMEM_ENDPOINT_TAKEN"
	| "DHMEM_QUEUE_ENDED"
	| "DHMEM_PEER_GONE"
	| "DHMEM_MESSAGE_TOO_LARGE"
	| "DHMEM_TIMEOUT"
	| "DHMEM_CLOSED"
	| "DHMEM_READ_ONLY"
	| "DHMEM_TRUNCATED"
	| "DHMEM_CORRUPT"
	| "DHMEM_TOO_MANY_PARTICIPANTS"
	| "DHMEM_UNSUPPORTED";

/**
 * Every error that dhmem throws for something a user can cause. The message says what happened, to what, and
 * what to do; `code` is for programs. If a process has loaded dhmem twice (two versions, or two module
 * registries as in Jest), there are two classes with this name. Then compare `code`, because `instanceof`
 * fails for the other class.
 *
 * @example
 * ```ts
 * try {
 *   Region.open("results", { mode: "open" });
 * } catch (error) {
 *   if (!(error instanceof DhmemError && error.code === "DHMEM_NOT_FOUND")) throw error;
 *   console.log("the other side has not started yet");
 * }
 * ```
 */
export class DhmemError extends Error {
	readonly code: DhmemErrorCode;

	/**
	 * @param message one line, or several; control characters in them are escaped, since other participants
	 * choose names
	 */
	constructor(code: DhmemErrorCode, message: string | readonly string[], options?: { cause?: unknown }) {
		const lines = typeof message === "string" ? [message] : message;
		super(lines.map(escapeControls).join("\n"), options);
		this.name = "DhmemError";
		this.code = code;
	}
}

/**
 * Tells whether a value is an error with this name, such as TypeError. It does not use `instanceof`: in Jest,
 * in vitest's vm pools and wherever else this module runs in its own context, errors from Node, the shim and
 * other modules belong to classes of another realm. `DhmemError` does not have this problem.
 */
export function isErrorNamed(error: unknown, name: string): boolean {
	return typeof error === "object" && error !== null && "name" in error && error.name === name;
}

/** The errno name of a failed system call, as the shim and `node:fs` report it. */
export function errnoOf(error: unknown): string | undefined {
	const isObject = typeof error === "object" && error !== null;
	return isObject && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Tells whether the error means that the region or its file system has no space left. */
export function isFull(error: unknown): error is DhmemError {
	return (
		error instanceof DhmemError && (error.code === "DHMEM_REGION_FULL" || error.code === "DHMEM_NO_SPACE")
	);
}

/** Formats a value for a message: at most 80 characters. Never throws. */
export function show(value: unknown): string {
	let text: string;
	try {
		// An empty array is an empty string.
		text = typeof value === "string" ? JSON.stringify(value) : String(value) || tagOf(value);
	} catch {
		text = tagOf(value);
	}
	return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** Describes a value that can't be converted to a string, for example `[object Object]`. */
function tagOf(value: unknown): string {
	try {
		return Object.prototype.toString.call(value);
	} catch {
		return typeof value;
	}
}

/** The error for a wrong argument. The message is `WHAT is VALUE; it must be WANTED`. */
export function badArgument(what: string, value: unknown, wanted: string): DhmemError {
	return new DhmemError("DHMEM_BAD_ARGUMENT", `${what} is ${show(value)}; it must be ${wanted}`);
}
