/** The native shim, loaded when it is first needed, so that importing works on every platform. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { endianness } from "node:os";
import { fileURLToPath } from "node:url";
import { DhmemError, errnoOf } from "./errors.js";

export type Shim = typeof import("../native-shim/index.d.ts");
export type { File } from "../native-shim/index.d.ts";

let loaded: Shim | undefined;

export function shim(): Shim {
	loaded ??= load();
	return loaded;
}

/** Whether there can be a shim here: 64-bit little-endian Linux. */
export function isSupported(): boolean {
	return process.platform === "linux" && ["x64", "arm64"].includes(process.arch) && endianness() === "LE";
}

function load(): Shim {
	if (!isSupported()) {
		const here = `${process.platform}-${process.arch}`;
		throw new DhmemError("DHMEM_UNSUPPORTED", `dhmem needs 64-bit little-endian Linux; this is ${here}`);
	}
	// Where it was bundled as CommonJS there is none.
	const here: string | undefined = import.meta.url;
	const built = here === undefined ? "" : fileURLToPath(new URL("../shim.node", here));
	if (existsSync(built)) {
		try {
			return createRequire(built)(built) as Shim;
		} catch (error) {
			throw refused(built, error);
		}
	}
	throw new DhmemError(
		"DHMEM_UNSUPPORTED",
		`The native shim is missing; run "npm run build", or if dhmem is in a bundle, leave it outside (${built})`,
	);
}

/** The error for a shim that is there, and that Node or the system's loader will not have. */
function refused(built: string, cause: unknown): unknown {
	const code = errnoOf(cause);
	if (code === "ERR_DLOPEN_DISABLED") {
		return new DhmemError(
			"DHMEM_UNSUPPORTED",
			`Node may not load the native shim ${built}; run it without --no-addons, or with --allow-addons where ` +
				"it has --permission",
			{ cause },
		);
	}
	if (code !== "ERR_DLOPEN_FAILED") return cause;
	return new DhmemError(
		"DHMEM_UNSUPPORTED",
		`The native shim can't be loaded here (${(cause as Error).message}); run "npm run build" on this machine`,
		{ cause },
	);
}
