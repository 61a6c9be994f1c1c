/** Two processes take turns by a condition: no wake-up is lost. */
import { Region, schema } from "dhmem";
import * as assert from "uvu/assert";
import { clock, type Scenario, serve } from "../fixture/index.js";
import { type Conditions, hear, inRegion, type Row, rate, start } from "./row.js";

const TURNS = schema({ turn: "u32" });
/** A waiter that is not woken looks by itself after 50 ms, so a wait of this many milliseconds may be a lost wake-up. */
const SLOW = 45;
/** The number of rounds without a notification. */
const SILENT = 6;

interface Played {
	slow: number;
	longest: number;
}

/** Waits for its turn, in one way or the other, and gives the turn to the other process. */
const play: Scenario = async (_, name, me, rounds, way, notifies): Promise<Played> => {
	using region = Region.open(name as string, { mode: "open" });
	const turns = region.struct("turns", TURNS);
	const mutex = region.mutex("mutex");
	const condition = region.condition("turn");
	const result = { slow: 0, longest: 0 };
	const until = () => turns.turn % 2 === Number(me);
	const sync = (round: number) => (way === "both" ? round % 2 === 0 : way === "waitSync");
	for (let round = 0; round < Number(rounds); round++) {
		using held = sync(round) ? mutex.lockSync() : await mutex.lock();
		const began = clock();
		if (sync(round)) condition.waitSync(held, { until, timeout: 30_000 });
		else await condition.wait(held, { until, timeout: 30_000 });
		const took = clock() - began;
		// In the first two rounds the other process may still be starting.
		if (round > 1) {
			result.longest = Math.max(result.longest, took);
			if (took >= SLOW) result.slow++;
		}
		turns.turn++;
		if (notifies === "yes") condition.notifyOne();
	}
	return result;
};

async function runOnce(rounds: number, way: string, notifies: "yes" | "no") {
	return inRegion({ size: "16MiB" }, async (region) => {
		const turns = region.struct("turns", TURNS);
		const began = clock();
		const players = [0, 1].map((me) =>
			start(import.meta.url, "play", region.name, me, rounds, way, notifies),
		);
		const played = await Promise.all(players.map((player) => hear<Played>(player)));
		assert.is(turns.turn, 2 * rounds);
		return {
			took: clock() - began,
			slow: played.reduce((sum, { slow }) => sum + slow, 0),
			longest: Math.max(...played.map(({ longest }) => longest)),
		};
	});
}

async function run(count: number, { timed }: Conditions): Promise<string[]> {
	const lines: string[] = [];
	// The control: without notifications the waits are slow, and are counted.
	const silent = await runOnce(SILENT, "waitSync", "no");
	assert.ok(silent.slow >= SILENT - 2, `${silent.slow} slow waits without notifying`);
	for (const way of ["waitSync", "wait", "both"]) {
		const rounds = Math.ceil(count / 3);
		const { took, slow, longest } = await runOnce(rounds, way, "yes");
		lines.push(
			`${way}: ${rounds} rounds, ${rate(rounds, took)}; ${slow} waits of ${SLOW} ms or more, ` +
				`the longest ${longest.toFixed(1)} ms`,
		);
		// On a busy machine a few are late because they got no core.
		assert.ok(slow <= 5 + rounds / (timed ? 1000 : 20), lines.at(-1));
	}
	return lines;
}

export const pingPong: Row = {
	title: "no wake-up of a condition is lost",
	unit: "rounds",
	full: 100_000,
	short: 1500,
	run,
};

serve(import.meta.url, { play });
