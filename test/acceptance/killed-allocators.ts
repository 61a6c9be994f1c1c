/** Processes are killed while they allocate and free: the others neither hang nor see memory that is not theirs. */
import { type Block, Region } from "dhmem";
import * as assert from "uvu/assert";
import { isMarked, randomFrom, type Scenario, serve, until } from "../fixture/index.js";
import { randomSize } from "../memory/player.js";
import { type Conditions, hear, inRegion, type Row, start } from "./row.js";

const SURVIVORS = 2;
/** The words of the shared array: whether to stop, and the number of operations done. */
const STOP = 0;
const VICTIM = 1;
const FIRST = 2;
/** The number of operations that each survivor must do after a kill. */
const WANTED = 500;
const HELD = 200;

function progressOf(region: Region): Uint32Array {
	return region.array("progress", { dtype: "u32", shape: [FIRST + SURVIVORS] }).data;
}

/** Allocates and frees until told to stop. No two processes use the same marks. */
function churn(region: Region, who: number, seed: number): number {
	const random = randomFrom(seed);
	const progress = progressOf(region);
	const held: { block: Block; mark: number }[] = [];
	let operations = 0;
	const free = () => {
		const [one] = held.splice(random(held.length), 1);
		if (one === undefined) return;
		if (!isMarked(one.block.bytes, one.mark)) {
			throw new Error(`a block of ${one.block.length} bytes was written by somebody else`);
		}
		one.block.free();
	};
	while (Atomics.load(progress, STOP) === 0) {
		// It always holds one, so a process that is killed leaves something.
		if (held.length === HELD || (held.length > 1 && random(2) === 0)) free();
		else {
			const mark = who + (FIRST + SURVIVORS) * random(50);
			const block = region.allocate(randomSize(random, 2 ** 20));
			block.bytes.fill(mark);
			held.push({ block, mark });
		}
		operations++;
		Atomics.add(progress, who, 1);
	}
	while (held.length > 0) free();
	return operations;
}

const victim: Scenario = async (talk, name, seed) => {
	const region = Region.open(name as string, { mode: "open" });
	talk.say("ready");
	await talk.hear();
	churn(region, VICTIM, Number(seed));
};

const survivor: Scenario = async (talk, name, who, seed) => {
	const region = Region.open(name as string, { mode: "open" });
	for (let round = 0; ; round++) {
		await talk.hear();
		talk.say(churn(region, Number(who), Number(seed) + round));
	}
};

async function run(count: number, { seed }: Conditions): Promise<string[]> {
	return inRegion({ size: "512MiB" }, async (region) => {
		const random = randomFrom(seed);
		const progress = progressOf(region);
		const baseline = region.stats().used;
		const survivors = Array.from({ length: SURVIVORS }, (_, index) => ({
			word: FIRST + index,
			child: start(import.meta.url, "survivor", region.name, FIRST + index, random(2 ** 31)),
		}));
		let operations = 0;
		let reclaimed = 0;
		let most = 0;
		for (let kill = 0; kill < count; kill++) {
			Atomics.store(progress, STOP, 0);
			Atomics.store(progress, VICTIM, 0);
			const dying = start(import.meta.url, "victim", region.name, random(2 ** 31));
			assert.is(await dying.hear(), "ready");
			for (const child of [dying, ...survivors.map(({ child }) => child)]) child.say("go");
			const moment = 1 + random(3000);
			await until(() => Atomics.load(progress, VICTIM) >= moment, "the victim");
			await dying.kill();
			const reached = survivors.map(({ word }) => Atomics.load(progress, word));
			await until(
				() =>
					survivors.every(
						({ word }, index) => (Atomics.load(progress, word) - (reached[index] as number)) >>> 0 >= WANTED,
					),
				"the survivors, which hang",
			);
			Atomics.store(progress, STOP, 1);
			for (const { child } of survivors) operations += await hear<number>(child);
			const left = region.stats().used - baseline;
			region.recover();
			assert.is(region.stats().used, baseline, `kill ${kill} of seed ${seed}: bytes in use`);
			reclaimed += left;
			most = Math.max(most, left);
		}
		// The controls: there was something to reclaim, and one wrong byte would have been seen.
		assert.ok(reclaimed > 0);
		using block = region.allocate(1000);
		block.bytes.fill(7);
		assert.ok(isMarked(block.bytes, 7));
		block.bytes[999] = 8;
		assert.not(isMarked(block.bytes, 7));
		return [
			`${count} kills, ${SURVIVORS} survivors, ${operations} operations of theirs verified; ` +
				`${(reclaimed / count / 1024).toFixed(0)} KiB reclaimed after a kill on average, ` +
				`${(most / 1024).toFixed(0)} at most; then in use as before`,
		];
	});
}

export const killedAllocators: Row = {
	title: "who goes on when another is killed while it allocates neither hangs nor sees corruption",
	unit: "kills",
	full: 200,
	short: 3,
	run,
};

serve(import.meta.url, { victim, survivor });
