import { test } from "uvu";
import * as assert from "uvu/assert";
import { Reader, SECTION, sectionsOf, skipImmediates } from "../core/wasm.js";
import { coreBytes } from "../crash-points/world.js";
import { Fuzz } from "./fuzz.js";
import { besiege } from "./processes.js";

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const SYSTEMATIC = 1500;
const RANDOM = 3000;
const ATTACKS = 40;

test(`whatever is overwritten in a region, each operation of the core ends (seed ${seed})`, () => {
	const fuzz = new Fuzz();
	const step = Math.floor(fuzz.systematic / SYSTEMATIC);
	for (let index = seed % step; index < fuzz.systematic; index += step) fuzz.run(seed, index);
	for (let index = 0; index < RANDOM; index++) fuzz.run(seed, fuzz.systematic + index);
	const { cases, corruptions, calls, traps, failures } = fuzz.outcome;
	assert.equal(failures, []);
	// It was no use unless something was hit.
	assert.ok(cases >= SYSTEMATIC + RANDOM && corruptions > 5 * RANDOM && calls > 10 * cases);
	assert.ok(Object.values(traps).reduce((sum, times) => sum + times, 0) > 20);
});

test("without corruption nothing traps, and each operation does what it is there for", () => {
	const fuzz = new Fuzz();
	assert.equal(fuzz.playUnspoilt(), { traps: {}, failures: [] });
});

/** The core without the bound that the size of its memory is: `memory.size` is 0 there. */
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

test("a core whose loops have no bound is found out", () => {
	const { core, places } = unbounded(coreBytes);
	assert.ok(places >= 2, `${places} places`);
	const fuzz = new Fuzz(core);
	for (let index = 0; index < 20_000 && fuzz.outcome.failures.length === 0; index++) {
		fuzz.run(1, fuzz.systematic + index);
	}
	assert.match(fuzz.outcome.failures[0] ?? "", "does not end");
});

test(`whatever is done to its file, no process crashes, hangs, or sees a wrong error (seed ${seed})`, async () => {
	const siege = await besiege(seed, (attacks) => attacks >= ATTACKS);
	assert.equal(siege.failures, []);
	assert.ok(siege.openings > 10 && siege.operations > 1000, "nothing was under way");
	assert.ok((siege.codes.DHMEM_CORRUPT ?? 0) > 0, "nothing was hit");
});

test("a wrong error, a crash and a hang are found out", async () => {
	const found = async (user: string) => {
		const { failures } = await besiege(seed, (attacks) => attacks >= 5, { users: [user], patience: 500 });
		return failures.join();
	};
	assert.match(await found("faulty"), "a wrong error threw RangeError");
	assert.match(await found("crashing"), "a process ended with SIGSEGV");
	assert.match(await found("hanging"), 'a process hangs in "hanging"');
});

test.run();
