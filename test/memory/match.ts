/**
 * Two processes that allocate and free at random in one region: `node match.js --operations 1000000`. With
 * `--stops N` they continue until one of them was stopped N times, and the other must work meanwhile.
 */
import { type ChildProcess, fork } from "node:child_process";
import { randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Region } from "dhmem";
import { loadBlock, temporaryFolder, until } from "../fixture/index.js";
import { type Report, WANTED } from "./player.js";

const PLAYER = fileURLToPath(new URL("player.js", import.meta.url));

export interface Match {
	reports: Report[];
	/** Bytes in use before and after. */
	usedBefore: number;
	usedAfter: number;
	/** The size of the largest free block divided by all free bytes, after the match. */
	largestAfter: number;
	/** The number of operations that the other did while one was stopped. */
	meanwhile: number;
}

function isStopped({ pid }: ChildProcess): boolean {
	const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
	return /^. T/.test(stat.slice(stat.lastIndexOf(")")));
}

export async function match(operations: number, stops: number, seed = randomInt(2 ** 31)): Promise<Match> {
	const directory = temporaryFolder();
	try {
		using region = Region.open(`match-${randomUUID()}`, { directory, size: "32MiB" });
		for (const which of [0, 1]) region.queue(`from ${which}`, { capacity: "16KiB" });
		const words = region.allocate(64);
		words.bytes.fill(0);
		const token = region.save(words);
		const progress = loadBlock(region, token).as("u32");
		// They go on until all stops are made.
		Atomics.store(progress, WANTED, stops > 0 ? 2 ** 32 - 1 : 0);
		// What objects need is taken only once.
		const { used: usedBefore } = region.stats();
		const seeds = [seed, seed + 1];
		const players = seeds.map((seed, which) =>
			fork(PLAYER, [directory, region.name, which, operations, seed, token].map(String)),
		);
		const results = players.map(async (player, which) => {
			const message = once(player, "message");
			const [code, signal] = await once(player, "exit");
			if (code !== 0) throw new Error(`player ${which} of seeds ${seeds} ended with ${code ?? signal}`);
			const [report] = await message;
			return report as Report;
		});
		const disturbing = disturb(players, progress, stops);
		const reports = await Promise.all(results);
		const { used: usedAfter, largestFree } = region.stats();
		return {
			reports,
			usedBefore,
			usedAfter,
			largestAfter: largestFree / (region.size - usedAfter),
			meanwhile: await disturbing,
		};
	} finally {
		rmSync(directory, { recursive: true });
	}
}

/** Stops one at a random moment. The other must do this many operations before the first continues. */
async function disturb(players: ChildProcess[], progress: Uint32Array, stops: number): Promise<number> {
	const done = (which: number) => Atomics.load(progress, which);
	let meanwhile = 0;
	for (let stopped = 0; stopped < stops; stopped++) {
		const which = randomInt(2);
		const [victim, other] = [which, 1 - which];
		const player = players[victim] as ChildProcess;
		const wanted = 300;
		const moment = done(victim) + randomInt(200);
		await until(() => done(victim) > moment);
		// Not by its own method, which sends only one signal in Deno.
		process.kill(player.pid as number, "SIGSTOP");
		await until(() => isStopped(player));
		const [before, frozen] = [done(other), done(victim)];
		try {
			await until(() => done(other) >= before + wanted);
			if (done(victim) !== frozen) throw new Error("a stopped process went on: nothing was tested");
			meanwhile += done(other) - before;
		} finally {
			process.kill(player.pid as number, "SIGCONT");
		}
	}
	Atomics.store(progress, WANTED, 0);
	return meanwhile;
}

if (process.argv[1] === join(import.meta.dirname, "match.js")) {
	const { values } = parseArgs({
		options: {
			operations: { type: "string", default: "1000000" },
			stops: { type: "string", default: "0" },
		},
	});
	const { reports, usedBefore, usedAfter, ...rest } = await match(
		Number(values.operations),
		Number(values.stops),
	);
	console.table(reports);
	console.log({ usedBefore, usedAfter, ...rest });
	if (usedBefore !== usedAfter) process.exitCode = 1;
}
