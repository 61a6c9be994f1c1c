/** The native shim, loaded when it is first needed, so that importing works on every platform. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { endianness } from "node:os";
import { fileURLToPath } from "node:url";
import { DhmemError } from "./errors.js";

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
	const require = createRequire(import.meta.url);
	const built = fileURLToPath(new URL("../shim.node", import.meta.url));
	if (existsSync(built)) return require(built) as Shim;
	throw new DhmemError("DHMEM_UNSUPPORTED", `The native shim is missing; run "npm run build" (${built})`);
}
