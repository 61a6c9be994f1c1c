/** Loads the native shim when it is first needed, so that importing dhmem works on every platform. */
import { endianness } from "node:os";
import { DhmemError, errnoOf } from "../errors.js";
import { howToGetParts, pathOfPart } from "./parts.js";
import process from "./process.js";

// Through package.json, because the relative path differs between this source and the built file.
export type Shim = typeof import("#native-shim");
export type { File } from "#native-shim";

let loaded: Shim | undefined;

export function shim(): Shim {
	loaded ??= load();
	return loaded;
}

/** Tells whether there is a shim for this platform. */
export function isSupported(): boolean {
	return process.platform === "linux" && ["x64", "arm64"].includes(process.arch) && endianness() === "LE";
}

function load(): Shim {
	if (!isSupported()) {
		const here = `${process.platform}-${process.arch}`;
		throw new DhmemError(
			"DHMEM_UNSUPPORTED",
			`dhmem shares memory on Linux only, on x64 and arm64; this is ${here}. Region.temporary() works here too, in memory of this process alone`,
		);
	}
	const path = pathOfPart("shim.node");
	// Not by require(), which bundlers would take for one of their modules.
	const module = { exports: {} };
	try {
		process.dlopen(module, path);
		const shim = module.exports as Shim;
		keepGuard(shim, path);
		return shim;
	} catch (error) {
		throw refused(path, error);
	}
}

/**
 * Reinstalls the shim's SIGBUS handler when the process starts or stops listening for SIGBUS, because Node
 * then replaces it. This is done once for each shim, however often this module is loaded.
 */
function keepGuard(shim: Shim, path: string): void {
	const guarded = Symbol.for(`dhmem guard: ${path}`);
	if (guarded in process) return;
	Object.defineProperty(process, guarded, { value: true });
	const renew = (event: string | symbol) => {
		if (event !== "SIGBUS" || process.listenerCount(event) > 0) return;
		// Node's own listeners for these two events run first, so its handler is in place by now. Bun installs
		// its handler later.
		if (process.versions.bun === undefined) shim.renewGuard();
		else queueMicrotask(() => shim.renewGuard());
	};
	process.on("newListener", renew);
	process.on("removeListener", renew);
}

/** The error for a shim that Node or the system's loader refuses to load. */
function refused(path: string, cause: unknown): unknown {
	const code = errnoOf(cause);
	if (code === "ERR_DLOPEN_DISABLED") {
		return new DhmemError(
			"DHMEM_UNSUPPORTED",
			`Node is not allowed to load the native shim ${path}; run it without --no-addons, or add --allow-addons ` +
				"to --permission",
			{ cause },
		);
	}
	if (code !== "ERR_DLOPEN_FAILED") return cause;
	const { message } = cause as Error;
	const why = message.includes("failed to map segment")
		? "its file system is mounted noexec, or there is no address space left (ulimit -v): " +
			"install dhmem elsewhere, remount it with exec, or raise the limit"
		: `it is damaged, or was built for another kind of machine: ${howToGetParts()}`;
	return new DhmemError("DHMEM_UNSUPPORTED", `The native shim can't be loaded here (${message}); ${why}`, {
		cause,
	});
}
