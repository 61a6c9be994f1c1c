/** A mutex whose holder is killed: the next locker gets it soon after the kernel has dropped the holder's lock. */
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { LOCK_WAITERS } from "../../assembly/layout.js";
import { shim } from "../../src/host/shim.js";
import { wordOf } from "../endurance/positions.js";
import { type Child, clock, type Scenario, serve, until } from "../fixture/index.js";
import { type Conditions, hear, inRegion, type Row, spread, start } from "./row.js";

const MUTEX = "contended";
/** Milliseconds. */
const PROMISED = 100;

interface Locked {
	at: number;
	abandoned: boolean;
	/** The message of the error, if there was one. */
	code?: string;
}

const hold: Scenario = async (talk, name) => {
	const label = `holder ${process.pid}`;
	const region = Region.open(name as string, { mode: "open", label });
	const held = region.mutex(MUTEX).lockSync();
	talk.say(region.stats().participants.find((each) => each.label === label)?.slot);
	await talk.hear();
	held.unlock();
	talk.say("unlocked");
	await talk.hear();
};

const wait: Scenario = async (talk, name, kind) => {
	const region = Region.open(name as string, { mode: "open" });
	const mutex = region.mutex(MUTEX);
	for (;;) {
		const options = (await talk.hear()) as { timeout: number };
		try {
			const held = kind === "lockSync" ? mutex.lockSync(options) : await mutex.lock(options);
			const at = clock();
			held.unlock();
			talk.say({ at, abandoned: held.abandoned });
		} catch (error) {
			talk.say({ at: clock(), abandoned: false, code: (error as { code: string }).code });
		}
	}
};

/** How many have announced that they wait: from then on they are woken, or look by themselves. */
function waiting(region: Region): number {
	let bits = 0;
	for (let word = 0; word < 4; word++) {
		let left = wordOf(region.path, MUTEX, LOCK_WAITERS + 4 * word);
		for (; left !== 0; left &= left - 1) bits++;
	}
	return bits;
}

async function run(count: number, { timed }: Conditions): Promise<string[]> {
	return inRegion({ size: "16MiB" }, async (region) => {
		region.mutex(MUTEX);
		const file = shim().openFile(region.path, true);
		try {
			const sync = start(import.meta.url, "wait", region.name, "lockSync");
			const later = start(import.meta.url, "wait", region.name, "lock");
			await control(region, [sync, later]);

			const kinds: [who: string, waiters: Child[]][] = [
				["lockSync()", [sync]],
				["await lock()", [later]],
				["both", [sync, later]],
			];
			const groups = new Map<string, { kernel: number[]; acquired: number[] }>();
			for (let round = 0; round < count; round++) {
				const [who, waiters] = kinds[round % kinds.length] as (typeof kinds)[number];
				const holder = start(import.meta.url, "hold", region.name);
				const slot = await hear<number>(holder);
				for (const each of waiters) each.say({ timeout: 30_000 });
				await until(() => waiting(region) === waiters.length, "the waiters");

				holder.signal("SIGKILL");
				const killed = clock();
				let lastSeen = killed;
				// Without yielding, or it would miss the moment. The measured time is too long rather than too short.
				for (;;) {
					const now = clock();
					if (!shim().isLocked(file, slot)) break;
					lastSeen = now;
				}
				const results = await Promise.all(waiters.map((each) => hear<Locked>(each)));
				await holder.ended;

				const order = results.sort((a, b) => a.at - b.at);
				assert.equal(
					order.map(({ code, abandoned }) => code ?? abandoned),
					order.map((_, index) => index === 0),
					`kill ${round}, ${who}: the first is told, and nobody else`,
				);
				const group = groups.get(who) ?? { kernel: [], acquired: [] };
				groups.set(who, group);
				group.kernel.push(lastSeen - killed);
				group.acquired.push((order[0] as Locked).at - lastSeen);
			}
			const all = [...groups.values()].flatMap(({ acquired }) => acquired);
			if (timed) assert.ok(Math.max(...all) <= PROMISED, `took ${Math.max(...all)} ms`);
			return [...groups].map(
				([who, { kernel, acquired }]) =>
					`${who}: ${acquired.length} kills, got it after ${spread(acquired)}; ` +
					`the kernel had needed ${spread(kernel)} to drop the lock`,
			);
		} finally {
			shim().closeFile(file);
		}
	});
}

/** Nobody gets what a living process holds, and nobody is told that it was abandoned when it was not. */
async function control(region: Region, waiters: Child[]): Promise<void> {
	const holder = start(import.meta.url, "hold", region.name);
	await holder.hear();
	for (const each of waiters) each.say({ timeout: 120 });
	for (const each of waiters) assert.is((await hear<Locked>(each)).code, "DHMEM_TIMEOUT");
	for (const each of waiters) each.say({ timeout: 30_000 });
	await until(() => waiting(region) === waiters.length, "the waiters");
	holder.say("unlock");
	assert.is(await holder.hear(), "unlocked");
	for (const each of waiters) assert.is((await hear<Locked>(each)).abandoned, false);
	await holder.kill();
}

export const killedHolder: Row = {
	title: "a mutex whose holder is killed goes to the next locker, who is told",
	unit: "kills",
	full: 300,
	short: 3,
	run,
};

serve(import.meta.url, { hold, wait });
