/** How the two ends of a connection find each other. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

type End = "a" | "b";
const fileOf = (place: string, end: End) => join(place, `port-${end}`);

/** Tells the other end a port of this one. */
export function tellPort(place: string, end: End, port: number): void {
	const file = fileOf(place, end);
	writeFileSync(`${file}.new`, `${port}`);
	renameSync(`${file}.new`, file);
}

/** Waits for the port of the other end. */
export async function portOfPeer(place: string, end: End): Promise<number> {
	const file = fileOf(place, end === "a" ? "b" : "a");
	while (!existsSync(file)) await sleep(5);
	return Number(readFileSync(file, "utf8"));
}
