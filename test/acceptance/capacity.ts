/** A region grows to its capacity. Then allocating is DHMEM_REGION_FULL, and freeing makes room again. */
import { type Block, Region } from "dhmem";
import * as assert from "uvu/assert";
import { codeOf, isMarked, randomFrom, type Scenario, serve } from "../fixture/index.js";
import { type Conditions, hear, inRegion, type Row, start } from "./row.js";

const BYTES = 500_000;

/** Says, whenever it is asked, whether there is room for one more. */
const another: Scenario = async (talk, name) => {
	const region = Region.open(name as string, { mode: "open" });
	for (;;) {
		await talk.hear();
		talk.say(codeOf(() => region.allocate(BYTES).free()));
	}
};

async function run(count: number, { seed }: Conditions): Promise<string[]> {
	return inRegion({ size: "64MiB" }, async (region) => {
		const random = randomFrom(seed);
		const { used, committed } = region.stats();
		assert.ok(committed < region.size / 20, `${committed} bytes are committed at first`);
		const other = start(import.meta.url, "another", region.name);
		const ask = () => {
			other.say("room?");
			return hear<string>(other);
		};
		assert.is(await ask(), "nothing");
		const blocks: Block[] = [];
		const fill = () => {
			const code = codeOf(() => {
				for (;;) {
					const block = region.allocate(BYTES);
					block.bytes.fill(blocks.length);
					blocks.push(block);
				}
			});
			assert.is(code, "DHMEM_REGION_FULL");
		};
		fill();
		const most = blocks.length;
		const full = region.stats();
		assert.ok(full.used > region.size * 0.9 && full.committed > region.size * 0.9, JSON.stringify(full));
		for (let turn = 0; turn < count; turn++) {
			assert.is(await ask(), "DHMEM_REGION_FULL");
			const some = 1 + random(most - 1);
			for (const block of blocks.splice(most - some)) block.free();
			assert.is(await ask(), "nothing", `${some} were freed`);
			fill();
			assert.is(blocks.length, most, `after ${some} were freed, and allocated again`);
		}
		for (const [index, block] of blocks.entries()) assert.ok(isMarked(block.bytes, index & 0xff));
		for (const block of blocks) block.free();
		assert.is(region.stats().used, used);
		return [
			`from ${(committed / 2 ** 20).toFixed(1)} to ${(full.committed / 2 ** 20).toFixed(1)} of 64 MiB, ` +
				`filled and freed ${count} times, full for another process too`,
		];
	});
}

export const capacity: Row = {
	title: "a region grows to its capacity, is full, and freeing makes room again",
	unit: "turns",
	full: 200,
	short: 10,
	run,
};

serve(import.meta.url, { another });
