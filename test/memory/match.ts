/**
 * Two processes that allocate and free at random in one region: `node main.js --operations 1000000`. With
 * `--stops N` one of them is stopped N times meanwhile, and the other must go on.
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
import type { Report } from "./player.js";

const PLAYER = fileURLToPath(new URL("player.js", import.meta.url));

export interface Match {
	reports: Report[];
	/** Bytes in use before and after. */
	usedBefore: number;
	usedAfter: number;
	/** Largest free block by all that is free, after. */
	largestAfter: number;
	/** How often one was stopped, and how many operations the other did meanwhile. */
	stops: number;
	meanwhile: number;
}

function isStopped({ pid }: ChildProcess): boolean {
	const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
	return /^. T/.test(stat.slice(stat.lastIndexOf(")")));
}

export async function match(operations: number, stops: number): Promise<Match> {
	const directory = temporaryFolder();
	try {
		using region = Region.open(`match-${randomUUID()}`, { directory, size: "32MiB" });
		for (const which of [0, 1]) region.queue(`from ${which}`, { capacity: "16KiB" });
		const words = region.allocate(64);
		words.bytes.fill(0);
		const token = region.save(words);
		const progress = loadBlock(region, token).as("u32");
		// What objects need is needed once.
		const { used: usedBefore } = region.stats();
		const seeds = [randomInt(2 ** 31), randomInt(2 ** 31)];
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
		const disturbing = disturb(players, progress, stops, operations);
		const reports = await Promise.all(results);
		const { used: usedAfter, largestFree } = region.stats();
		return {
			reports,
			usedBefore,
			usedAfter,
			largestAfter: largestFree / (region.size - usedAfter),
			...(await disturbing),
		};
	} finally {
		rmSync(directory, { recursive: true });
	}
}

/** Stops one at a random moment; the other has to get on by so many operations before it continues. */
async function disturb(
	players: ChildProcess[],
	progress: Uint32Array,
	stops: number,
	operations: number,
): Promise<{ stops: number; meanwhile: number }> {
	const done = (which: number) => Atomics.load(progress, which);
	let stopped = 0;
	let meanwhile = 0;
	for (; stopped < stops; stopped++) {
		const which = randomInt(2);
		const [victim, other] = [which, 1 - which];
		const player = players[victim] as ChildProcess;
		const wanted = 300;
		const moment = done(victim) + randomInt(200);
		await until(() => done(victim) > moment || done(other) > operations - 2 * wanted);
		if (Math.max(done(0), done(1)) > operations - 2 * wanted) break;
		player.kill("SIGSTOP");
		await until(() => isStopped(player));
		const [before, frozen] = [done(other), done(victim)];
		try {
			await until(() => done(other) >= before + wanted);
			if (done(victim) !== frozen) throw new Error("a stopped process went on: nothing was tested");
			meanwhile += done(other) - before;
		} finally {
			player.kill("SIGCONT");
		}
	}
	return { stops: stopped, meanwhile };
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
