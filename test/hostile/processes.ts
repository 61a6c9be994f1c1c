/** Processes use a region while this one, a hostile peer, overwrites, cuts, extends and replaces its file. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inFolder } from "../acceptance/row.js";
import { Child, randomFrom, within } from "../fixture/index.js";
import { attack } from "./attacks.js";
import type { Findings } from "./user.js";

const MODULE = new URL("./user.js", import.meta.url).href;
/** Milliseconds after which a process that was told to stop counts as hanging: its operation has not returned. */
const PATIENCE = 180_000;
const USERS = ["read-write", "read-write", "read-write", "read-only"];

export interface Siege {
	attacks: Record<string, number>;
	writes: number;
	operations: number;
	openings: number;
	codes: Record<string, number>;
	longest: { milliseconds: number; operation: string };
	failures: string[];
}

function pause(milliseconds: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** How far a siege has come. */
export interface Progress {
	attacks: number;
	/** What the processes have done, all together, and how often they found the region to be damaged, or what must not be. */
	operations: number;
	openings: number;
	corrupt: number;
	failures: number;
	/** What each is about. */
	doing: string[];
}

/** Attacks processes until `until()` returns true. */
export function besiege(
	seed: number,
	until: (progress: Progress) => boolean,
	{ users: accesses = USERS, patience = PATIENCE } = {},
): Promise<Siege> {
	return inFolder(async (directory) => {
		const random = randomFrom(seed);
		const siege: Siege = {
			attacks: {},
			writes: 0,
			operations: 0,
			openings: 0,
			codes: {},
			longest: { milliseconds: 0, operation: "" },
			failures: [],
		};
		const path = join(directory, "region.dhmem");
		const users = accesses.map((access, index) => {
			const notes = join(directory, `notes ${index}`);
			const parameters = [directory, "region", random(2 ** 31), notes, access];
			return { child: new Child(MODULE, "user", parameters), notes };
		});
		const ended = new Set<Child>();
		for (const { child, notes } of users) {
			child.ended.then(({ code, signal, errors }) => {
				ended.add(child);
				if (code === 0) return;
				// If this process has ended it, that was noted before.
				siege.failures.push(`a process ended with ${code ?? signal} at "${noted(notes)}": ${errors}`);
			});
			await child.hear();
		}
		let count = 0;
		while (
			!until(
				progressOf(
					count,
					users.map(({ notes }) => notes),
				),
			) &&
			siege.failures.length === 0
		) {
			// This is time to open it, and to begin something.
			await pause(20 + random(60));
			try {
				for (let times = 1 + random(3); times > 0; times--) {
					count++;
					const { name, writes } = attack(path, random);
					siege.attacks[name] = (siege.attacks[name] ?? 0) + 1;
					siege.writes += writes;
					await pause(random(30));
				}
			} catch {
				// The file is gone, or was cut to nothing, so there is nothing left to attack.
			}
			await pause(random(60));
			if (existsSync(path)) rmSync(path);
		}
		for (const { child } of users) if (!ended.has(child)) child.say("stop");
		for (const { child, notes } of users) {
			try {
				const found = (await within(patience, "", child.hear())) as Findings;
				siege.operations += found.operations;
				siege.openings += found.openings;
				for (const [code, times] of Object.entries(found.codes)) {
					siege.codes[code] = (siege.codes[code] ?? 0) + times;
				}
				if (found.longest.milliseconds > siege.longest.milliseconds) siege.longest = found.longest;
				siege.failures.push(...found.failures);
			} catch {
				if (!ended.has(child)) siege.failures.push(`a process hangs in "${noted(notes)}"`);
			}
		}
		const { failures } = siege;
		// Processes that hang end with the folder, which is no failure of its own.
		return { ...siege, failures: [...failures] };
	});
}

/** What a process is about. */
function noted(notes: string): string {
	return readFileSync(notes, "utf8").slice(0, 40).trim();
}

function progressOf(attacks: number, users: readonly string[]): Progress {
	const figures = users.map((notes) => readFileSync(notes, "utf8").slice(40).split(" ").map(Number));
	const sum = (which: number) => figures.reduce((total, each) => total + (each[which] ?? 0), 0);
	const [operations, openings, corrupt, failures] = [sum(0), sum(1), sum(2), sum(3)];
	return { attacks, operations, openings, corrupt, failures, doing: users.map(noted) };
}
