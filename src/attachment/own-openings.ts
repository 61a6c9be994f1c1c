/** Lists the openings of a region in this process, for the error when a region has no slot left. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { SLOTS } from "../../assembly/layout.js";
import type { Mapping } from "./mapping.js";
import { readParticipants } from "./participants.js";

/** The file offset of the first slot's lock byte. SYNC: native-shim/host/lock.c */
const FIRST_LOCK_BYTE = 2 ** 40;

/** A line of `/proc/self/fdinfo` about a write lock: device and inode, first and last byte. */
const LOCK = /OFDLCK +ADVISORY +WRITE +\S+ +(\S+) +(\d+) +(\d+)/g;

const FOLDER = "/proc/self/fdinfo";

/**
 * A sentence about the openings in all threads of this process that were not closed. Empty if there are none,
 * or they can't be determined.
 */
export function ownOpenings(mapping: Mapping): string {
	try {
		const slots = ownSlots(mapping.path);
		const labels = readParticipants(mapping)
			.filter(({ slot }) => slots.has(slot))
			.map(({ label }) => JSON.stringify(label));
		if (labels.length === 0) return "";
		return `. This process opened ${labels.length} of them and has not closed them: ${counted(labels)}`;
	} catch {
		return "";
	}
}

/**
 * The slots of the file at `path` whose locks this process holds. The kernel lists the locks of each
 * descriptor.
 */
function ownSlots(path: string): Set<number> {
	const file = fileKey(path);
	const slots = new Set<number>();
	for (const descriptor of readdirSync(FOLDER)) {
		for (const [, of, first, last] of locksOf(descriptor).matchAll(LOCK)) {
			if (of !== file) continue;
			for (let slot = 0; slot < SLOTS; slot++) {
				const byte = FIRST_LOCK_BYTE + slot;
				if (Number(first) <= byte && byte <= Number(last)) slots.add(slot);
			}
		}
	}
	return slots;
}

/** The file's device and inode, as the kernel writes them in a line about a lock. */
function fileKey(path: string): string {
	const { dev, ino } = statSync(path, { bigint: true });
	const major = (dev >> 8n) & 0xfffn;
	const minor = (dev & 0xffn) | ((dev >> 12n) & 0xfff00n);
	return `${[major, minor].map((part) => part.toString(16).padStart(2, "0")).join(":")}:${ino}`;
}

/** The kernel's text about a descriptor. Empty if the descriptor was closed meanwhile. */
function locksOf(descriptor: string): string {
	try {
		return readFileSync(`${FOLDER}/${descriptor}`, "utf8");
	} catch {
		return "";
	}
}

/** Lists each text once, with its count. */
function counted(texts: readonly string[]): string {
	const counts = new Map<string, number>();
	for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
	return Array.from(counts, ([text, count]) => (count === 1 ? text : `${text} ${count} times`)).join(", ");
}
