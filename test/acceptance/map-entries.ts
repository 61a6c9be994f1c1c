/** Two processes change a map of many entries at random, and each checks its own keys with a plain map. */
import { Region, type SharedMap } from "dhmem";
import * as assert from "uvu/assert";
import { type Child, clock, randomFrom, type Scenario, serve } from "../fixture/index.js";
import { type Conditions, hear, inRegion, type Row, start } from "./row.js";

const COUNTERS = 16;
const LONGEST_KEY = 1024;
const ALPHABET = [
	"a",
	"7",
	"ß",
	"ñ",
	"\u0000",
	"\ufeff",
	"水",
	"е́",
	"🌊",
	"👩‍🚀",
	"\u{10ffff}",
	"\ud7ff",
	"\uffff",
	" ",
];

type Entries = SharedMap<"string", "string">;

function entriesOf(region: Region): Entries {
	return region.map("entries", { key: "string", value: "string" });
}

/** At most `most` bytes of UTF-8. */
function text(random: (below: number) => number, most: number): string {
	let result = "";
	for (let bytes = 0; ; ) {
		const character = ALPHABET[random(ALPHABET.length)] as string;
		bytes += Buffer.byteLength(character);
		if (bytes > most) return result;
		result += character;
	}
}

/** Key `index` of one of the two; most are short, one in a hundred has up to 1 KiB, some exactly that. */
function keyOf(who: number, index: number): string {
	const random = randomFrom(2 * index + who);
	const start = `${2 * index + who}:`;
	if (random(100) > 0) return start + text(random, random(24));
	return (start + text(random, random(LONGEST_KEY - start.length))).padEnd(random(2) * 200, "x");
}

const LONGEST = (who: number) => `${who}:`.padEnd(LONGEST_KEY, "k");

interface Told {
	operations: number;
	increments: number;
	entries: number;
}

/** Fills the map, works, says so, and when it is told checks everything. Returns what differs from the plain map. */
const work: Scenario = async (talk, name, who, keys, steps, seed) => {
	using region = Region.open(name as string, { mode: "open" });
	const map = entriesOf(region);
	const me = Number(who);
	const random = randomFrom(Number(seed) + me);
	const model = new Map<string, string>();
	const wrong: string[] = [];
	const check = (what: string, key: string, is: unknown, due: unknown) => {
		if (is !== due && wrong.length < 5)
			wrong.push(`${what} ${JSON.stringify(key.slice(0, 50))}: ${is}, not ${due}`);
	};
	let increments = 0;
	const set = (key: string, value: string) => {
		map.set(key, value);
		model.set(key, value);
	};
	for (let index = 0; index < Number(keys); index++) set(keyOf(me, index), text(random, random(20)));
	set(LONGEST(me), "the longest");
	const entries = model.size;
	talk.say("filled");
	await talk.hear();
	for (let step = 0; step < Number(steps); step++) {
		const key = keyOf(me, random(Number(keys)));
		const kind = random(100);
		if (kind < 30) set(key, text(random, random(60)));
		else if (kind < 45) check("delete", key, map.delete(key), model.delete(key));
		else if (kind < 55) {
			const change = (old: string | undefined) => `${[...(old ?? "")].slice(-10).join("")}+`;
			const due = change(model.get(key));
			check("update", key, map.update(key, change), due);
			model.set(key, due);
		} else if (kind < 65) {
			map.update(`counter ${random(COUNTERS)}`, (old) => String(Number(old ?? "0") + 1));
			increments++;
		} else if (kind < 75) check("has", key, map.has(key), model.has(key));
		else check("get", key, map.get(key), model.get(key));
	}
	talk.say({ operations: Number(keys) + Number(steps), increments, entries } satisfies Told);
	await talk.hear();
	for (let index = 0; index < Number(keys); index++) {
		const key = keyOf(me, index);
		check("at the end", key, map.get(key), model.get(key));
	}
	check("at the end", LONGEST(me), map.get(LONGEST(me)), "the longest");
	talk.say({ wrong, left: model.size });
};

/** Adds 1 by a get and a set, or by an update. */
const increment: Scenario = async (talk, name, way, count) => {
	using region = Region.open(name as string, { mode: "open" });
	const map = region.map("numbers", { key: "u32", value: "f64" });
	talk.say("ready");
	await talk.hear();
	for (let index = 0; index < Number(count); index++) {
		if (way === "update") map.update(1, (old) => (old ?? 0) + 1);
		else map.set(1, (map.get(1) ?? 0) + 1);
	}
	return "done";
};

interface Outcome {
	told: Told[];
	wrong: string[];
	filled: number;
	working: number;
	most: number;
	left: number;
}

async function runOnce(count: number, seed: number, spoilt: boolean): Promise<Outcome> {
	return inRegion({ size: "4GiB" }, async (region) => {
		const map = entriesOf(region);
		const keys = Math.ceil(count / 2);
		const both: Child[] = [0, 1].map((who) =>
			start(import.meta.url, "work", region.name, who, keys, 2 * keys, seed),
		);
		let began = clock();
		for (const each of both) assert.is(await each.hear(), "filled");
		const filled = clock() - began;
		const most = map.size;
		began = clock();
		for (const each of both) each.say("work");
		const told = await Promise.all(both.map((each) => hear<Told>(each)));
		const working = clock() - began;
		assert.is(most, told[0] && told[1] && told[0].entries + told[1].entries);

		let sum = 0;
		let counters = 0;
		for (let counter = 0; counter < COUNTERS; counter++) {
			const value = map.get(`counter ${counter}`);
			if (value !== undefined) counters++;
			sum += Number(value ?? "0");
		}
		assert.is(sum, told[0] && told[1] && told[0].increments + told[1].increments, "increments by update");

		if (spoilt) map.set(keyOf(1, 0), "spoilt");
		for (const each of both) each.say("verify");
		const verified = await Promise.all(both.map((each) => hear<{ wrong: string[]; left: number }>(each)));
		const left = verified.reduce((total, each) => total + each.left, 0);
		if (!spoilt) {
			assert.is(map.size, left + counters);
			assert.is(new Set(map.entries().map(([key]) => key)).size, left + counters);
		}
		return { told, wrong: verified.flatMap(({ wrong }) => wrong), filled, working, most, left };
	});
}

async function incrementTwice(way: "update" | "get and set", count: number): Promise<number> {
	return inRegion({ size: "16MiB" }, async (region) => {
		const map = region.map("numbers", { key: "u32", value: "f64" });
		const both = [0, 1].map(() => start(import.meta.url, "increment", region.name, way, count));
		for (const each of both) assert.is(await each.hear(), "ready");
		for (const each of both) each.say("go");
		for (const each of both) assert.is(await each.hear(), "done");
		return map.get(1) ?? 0;
	});
}

async function run(count: number, { seed }: Conditions): Promise<string[]> {
	// The controls: a wrong value is found, and increments that are not atomic are lost.
	const spoilt = await runOnce(200, seed, true);
	assert.is(spoilt.wrong.length, 1, spoilt.wrong.join("; "));
	const increments = Math.max(10_000, Math.ceil(count / 10));
	const atomic = await incrementTwice("update", increments);
	assert.is(atomic, 2 * increments);
	// If only one core is available, the two may have run one after the other.
	let not = atomic;
	for (let turn = 0; turn < 20 && not === atomic; turn++) {
		not = await incrementTwice("get and set", increments);
	}
	assert.ok(not < 2 * increments, "no increment by get and set was lost");

	const { told, wrong, filled, working, most, left } = await runOnce(count, seed, false);
	assert.equal(wrong, [], `seed ${seed}`);
	const operations = told.reduce((sum, each) => sum + each.operations, 0);
	const counted = told.reduce((sum, each) => sum + each.increments, 0);
	return [
		`${most} entries set by two processes in ${(filled / 1000).toFixed(1)} s, then ${operations - most + 2} operations in ` +
			`${(working / 1000).toFixed(1)} s, of which ${counted} increments by update; ${left} entries left, all as in a plain map`,
		`increments of one entry: ${atomic} of ${2 * increments} by update, ${not} by get and set`,
	];
}

export const mapEntries: Row = {
	title: "a map agrees with a plain one under random operations of two processes, and update is atomic",
	unit: "entries",
	full: 1_000_000,
	short: 3000,
	run,
};

serve(import.meta.url, { work, increment });
