/** Clones whose holders are killed, or free them: the memory is freed with the last one, and not before. */
import { type Block, Region } from "dhmem";
import * as assert from "uvu/assert";
import { type Child, isMarked, randomFrom, type Scenario, serve, until } from "../fixture/index.js";
import { type Conditions, hear, inRegion, type Row, start } from "./row.js";

const HOLDERS = 4;
const BYTES = 20_000;

interface Verified {
	clones: number;
	right: boolean;
}

function progressOf(region: Region): Uint32Array {
	return region.array("progress", { dtype: "u32", shape: [HOLDERS] }).data;
}

/** Takes a block, then clones and frees without end, until it is told to free everything, or killed. */
const holder: Scenario = async (talk, name, which, seed) => {
	const region = Region.open(name as string, { mode: "open" });
	const consumer = region.queue(`holder ${which}`, { capacity: 256 }).consumer();
	const progress = progressOf(region);
	const random = randomFrom(Number(seed));
	talk.say("ready");
	for (let clones: Block[] = [], mark = 0; ; ) {
		const message = clones.length === 0 ? await consumer.receive() : consumer.tryReceive();
		if (message?.block) {
			mark = Number(message.text());
			clones.push(message.take());
		} else if (message) {
			message.release();
			const right = clones.every(({ bytes }) => isMarked(bytes, mark));
			talk.say({ clones: clones.length, right });
			for (const clone of clones.splice(0)) clone.free();
		} else if (clones.length < 2 || (clones.length < 40 && random(2) === 0)) {
			clones.push((clones[random(clones.length)] as Block).clone());
		} else clones.splice(random(clones.length), 1)[0]?.free();
		Atomics.add(progress, Number(which), 1);
	}
};

async function run(count: number, { seed }: Conditions): Promise<string[]> {
	return inRegion({ size: "64MiB" }, async (region) => {
		const random = randomFrom(seed);
		const progress = progressOf(region);
		const producers = Array.from({ length: HOLDERS }, (_, which) =>
			region.queue(`holder ${which}`, { capacity: 256 }).producer(),
		);
		const { used } = region.stats();
		const holders: (Child | undefined)[] = Array.from({ length: HOLDERS });
		let kills = 0;
		let verified = 0;
		for (let round = 0; round < count; round++) {
			const say = `round ${round} of seed ${seed}`;
			const mark = random(255);
			const block = region.allocate(BYTES);
			block.bytes.fill(mark);
			// All are ready before any begins, because those that work leave little time to those that start.
			const fresh = [...holders.keys()].filter((which) => holders[which] === undefined);
			for (const which of fresh) {
				holders[which] = start(import.meta.url, "holder", region.name, which, random(2 ** 31));
			}
			for (const which of fresh) assert.is(await holders[which]?.hear(), "ready");
			for (const [which, producer] of producers.entries()) {
				Atomics.store(progress, which, 0);
				assert.ok(producer.trySend(String(mark), { block: block.clone() }));
			}
			// Some are killed, each at a different moment; sometimes all, so that nobody else has a reference.
			const everybody = round % 10 === 0;
			const own = !everybody && random(2) === 0 ? block : undefined;
			if (own === undefined) block.free();
			const killed = holders.map(() => everybody || random(100) < 60);
			const moments = holders.map(() => 1 + random(5000));
			const left = new Set(holders.keys());
			await until(() => {
				for (const which of left) {
					if (Atomics.load(progress, which) < (moments[which] as number)) continue;
					left.delete(which);
					if (killed[which]) holders[which]?.signal("SIGKILL");
				}
				return left.size === 0;
			}, "the holders");
			for (const [which, dies] of killed.entries()) {
				if (!dies) continue;
				await holders[which]?.ended;
				holders[which] = undefined;
				kills++;
			}
			// The control: before anyone recovers, what the dead process had counts as used.
			if (everybody) assert.ok(region.stats().used >= used + BYTES, say);
			region.recover();
			if (everybody) assert.is(region.stats().used, used, say);
			// Memory that was freed too early would be given out again, and overwritten.
			const others = Array.from({ length: 20 }, () => region.allocate(BYTES));
			for (const other of others) other.bytes.fill(255);
			for (const [which, each] of holders.entries()) {
				if (each === undefined) continue;
				producers[which]?.trySend("free");
				const { clones, right } = await hear<Verified>(each);
				assert.ok(right && clones > 0, `${say}: a clone lost its memory`);
				verified += clones;
			}
			for (const other of others) {
				assert.ok(isMarked(other.bytes, 255), say);
				other.free();
			}
			if (own !== undefined) {
				assert.ok(isMarked(own.bytes, mark), say);
				assert.ok(region.stats().used >= used + BYTES, say);
				own.free();
			}
			// The survivors say so before they free anything.
			await until(
				() => {
					region.recover();
					return region.stats().used === used;
				},
				`the clones to be freed in ${say}; ${region.stats().used - used} bytes are left`,
			);
		}
		return [
			`${count} rounds of ${HOLDERS} holders, ${kills} killed, ${verified} clones of survivors verified; ` +
				`in use as before after each`,
		];
	});
}

export const killedCloneHolders: Row = {
	title: "the count of clones is right when holders are killed",
	unit: "rounds",
	full: 300,
	short: 3,
	run,
};

serve(import.meta.url, { holder });
