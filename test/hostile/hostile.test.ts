import { test } from "uvu";
import * as assert from "uvu/assert";
import { Reader, SECTION, sectionsOf, skipImmediates } from "../core/wasm.js";
import { coreBytes } from "../crash-points/world.js";
import { count } from "../fixture/index.js";
import { Fuzz } from "./fuzz.js";
import { besiege, type Progress } from "./processes.js";

const seed = Number(process.env.SEED ?? 1);
const SYSTEMATIC = count(300, 1500);
const RANDOM = count(500, 3000);
const ATTACKS = count(15, 40);
/** Attacks after which a siege has come to nothing. */
const MOST = 5000;

test(`each operation of the core ends, whatever is overwritten in the region (seed ${seed})`, () => {
	const fuzz = new Fuzz();
	const step = Math.floor(fuzz.systematic / SYSTEMATIC);
	for (let index = seed % step; index < fuzz.systematic; index += step) fuzz.run(seed, index);
	for (let index = 0; index < RANDOM; index++) fuzz.run(seed, fuzz.systematic + index);
	const { cases, corruptions, calls, traps, failures } = fuzz.outcome;
	assert.equal(failures, []);
	// The attack was useless unless it hit something.
	assert.ok(cases >= SYSTEMATIC + RANDOM && corruptions > 5 * RANDOM && calls > 10 * cases);
	// About one case in 60 traps.
	assert.ok(Object.values(traps).reduce((sum, times) => sum + times, 0) > cases / 300);
});

test("without corruption nothing traps, and each operation works", () => {
	const fuzz = new Fuzz();
	assert.equal(fuzz.playUnspoilt(), { traps: {}, failures: [] });
});

/** The core without its bound by the size of memory: `memory.size` is 0 there. */
function unbounded(core: Uint8Array): { core: Uint8Array; places: number } {
	const spoilt = core.slice();
	let places = 0;
	for (const { id, body } of sectionsOf(spoilt)) {
		if (id !== SECTION.code) continue;
		const reader = new Reader(body);
		for (let left = reader.leb(); left > 0; left--) {
			const end = reader.leb() + reader.at;
			for (let groups = reader.leb(); groups > 0; groups--) {
				reader.leb();
				reader.byte();
			}
			while (reader.at < end) {
				const at = reader.at;
				const opcode = reader.byte();
				skipImmediates(reader, opcode);
				if (opcode !== 0x3f) continue;
				body[at] = 0x41;
				places++;
			}
		}
	}
	return { core: spoilt, places };
}

test("a core whose loops have no bound is detected", () => {
	const { core, places } = unbounded(coreBytes);
	assert.ok(places >= 2, `${places} places`);
	const fuzz = new Fuzz(core);
	for (let index = 0; index < 20_000 && fuzz.outcome.failures.length === 0; index++) {
		fuzz.run(1, fuzz.systematic + index);
	}
	assert.match(fuzz.outcome.failures[0] ?? "", "does not end");
});

test(`no process crashes, hangs or sees a wrong error, whatever happens to its file (seed ${seed})`, async () => {
	// A few attacks may all miss what the processes look at, or come before they do much: then there are more.
	const isEnough = ({ attacks, operations, openings, corrupt }: Progress) =>
		attacks >= ATTACKS && openings > count(2, 10) && operations > count(100, 1000) && corrupt > 0;
	const { failures } = await besiege(seed, (progress) => isEnough(progress) || progress.attacks > MOST);
	assert.equal(failures, []);
});

test("a wrong error, a crash and a hang are detected", async () => {
	const found = async (user: string, isEnough: (progress: Progress) => boolean, patience?: number) => {
		const until = (progress: Progress) => isEnough(progress) || progress.attacks > MOST;
		const { failures } = await besiege(seed, until, { users: [user], ...(patience && { patience }) });
		return failures.join();
	};
	assert.match(await found("faulty", ({ failures }) => failures > 0), "a wrong error threw RangeError");
	// Its end is the end of the siege.
	assert.match(await found("crashing", () => false), "a process ended with SIGSEGV");
	const isHanging = ({ doing }: Progress) => doing.includes("hanging");
	assert.match(await found("hanging", isHanging, 500), 'a process hangs in "hanging"');
});

test.run();
