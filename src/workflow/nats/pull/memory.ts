/** Which memory a region is, among all of all machines. */
import { readFileSync, statSync } from "node:fs";
import type { Region } from "../../../region.js";

/** The same for two tasks if their regions are the same file; empty if the file is gone. */
export function memoryOf({ path }: Region): string {
	try {
		const { dev, ino } = statSync(path);
		return [readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim(), dev, ino].join("/");
	} catch {
		return "";
	}
}
