/**
 * A hostile peer against the shipped core, in one process: words of the region's metadata are overwritten, and then,
 * or meanwhile, participants that don't know that continue with everything. Each operation must return or trap, which
 * the binding turns into DHMEM_CORRUPT, after a bounded number of turns of its loops.
 */
import type { Core } from "../../src/core/core.js";
import { instrument } from "../core/wasm.js";
import { coreBytes } from "../crash-points/world.js";
import { randomFrom } from "../fixture/index.js";
import { build, type Contents } from "./contents.js";
import { withFuel } from "./fuel.js";
import { Actor, type Operation, operations } from "./operations.js";

/** After this many turns of its loops an operation counts as endless. Correct ones take about ten thousand here. */
const FUEL = 5_000_000;

type Random = (below: number) => number;

/** A core that runs out of fuel. */
interface Machine {
	core: Core;
	fuel: { value: number };
}

export interface Outcome {
	/** The number of words or bytes that were overwritten. */
	corruptions: number;
	cases: number;
	calls: number;
	/** The most turns that one operation took, and which one it was. */
	longest: { turns: number; operation: string; case: number };
	/** For each operation, how often it trapped. */
	traps: Record<string, number>;
	/** Operations that neither returned nor trapped. */
	failures: string[];
}

/** The values to write to a byte, and to a word that contains `now`. */
function evilByte(choice: number, now: number): number {
	return ([0, 1, 0x7f, 0x80, 0xff, now + 1, now - 1, 2, 3, 0x81, 0x82][choice] as number) & 0xff;
}
const BYTES = 11;

const constants = [
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 19, 64, 255, 256, 0x102, 0x1d02, 0x1e02, 0x1f02, 0xffff, 0x10000,
	0x3fffffff, 0x40000000, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffff8, 0xfffffffe, 0xffffffff,
];
const RELATIVE = 12;

function evilWord(choice: number, at: number, now: number, { world, places }: Contents): number {
	if (choice < constants.length) return constants[choice] as number;
	const size = world.bytes.length;
	const others = [
		now + 1,
		now - 1,
		now + 8,
		now - 8,
		now ^ 0x80000000,
		now + 64,
		at,
		at | 1,
		at & ~63,
		size,
		size - 4,
		size - 64,
	];
	const index = choice - constants.length;
	return (index < RELATIVE ? (others[index] as number) : (places[index - RELATIVE] as number)) >>> 0;
}

export class Fuzz {
	readonly contents = build();
	readonly outcome: Outcome = {
		corruptions: 0,
		cases: 0,
		calls: 0,
		longest: { turns: 0, operation: "", case: -1 },
		traps: {},
		failures: [],
	};
	readonly #plain: Machine;
	readonly #interrupted: Machine;
	/** What to overwrite in the middle of an operation, and after how many accesses. */
	#countdown = 0;
	#strike: () => void = () => {};
	readonly #words: number;
	readonly #perWord: number;
	readonly #list = Object.entries(operations);
	#case = 0;

	readonly #most: number;

	/** @param core the shipped one, or one that was spoilt, to see that what was taken away is missed */
	constructor(core: Uint8Array = coreBytes, most = FUEL) {
		this.#most = most;
		this.#plain = this.#machine(withFuel(core), undefined);
		this.#interrupted = this.#machine(withFuel(instrument(core, "accesses").bytes), () => {
			if (--this.#countdown === 0) this.#strike();
		});
		this.#words = this.contents.metadata.length;
		this.#perWord = constants.length + RELATIVE + 8 + 4 * BYTES;
	}

	#machine(bytes: Uint8Array, hook: (() => void) | undefined): Machine {
		const { memory } = this.contents.world;
		const env = hook === undefined ? { memory } : { memory, hook };
		const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)), { env });
		return { core: exports as unknown as Core, fuel: exports.fuel as unknown as { value: number } };
	}

	/** The number of cases that overwrite one word or byte with one value; those after them are random. */
	get systematic(): number {
		return this.#words * this.#perWord;
	}

	/** Case number `index` of a seed, which is always the same. */
	run(seed: number, index: number): void {
		const random = randomFrom(Math.imul(seed, 0x9e3779b1) ^ index);
		this.contents.world.restore(this.contents.snapshot);
		this.outcome.cases++;
		this.#case = index;
		if (index < this.systematic) this.#overwriteOne(index, random);
		else this.#splatter(random);
	}

	/** Both participants run all operations in an undamaged region. */
	playUnspoilt(): Pick<Outcome, "traps" | "failures"> {
		for (let seed = 0; seed < 50; seed++) {
			this.contents.world.restore(this.contents.snapshot);
			const random = randomFrom(seed);
			const chosen = Array.from(
				{ length: 100 },
				() => this.#list[random(this.#list.length)] as [string, Operation],
			);
			this.#play(this.#plain, chosen, random);
		}
		const { traps, failures } = this.outcome;
		return { traps, failures };
	}

	#overwriteOne(index: number, random: Random): void {
		const { world, metadata, places } = this.contents;
		const at = metadata[index % this.#words] as number;
		const choice = Math.floor(index / this.#words);
		const now = world.words[at >> 2] as number;
		const words = constants.length + RELATIVE + 8;
		if (choice < constants.length + RELATIVE) {
			world.words[at >> 2] = evilWord(choice, at, now, this.contents);
		} else if (choice < words) world.words[at >> 2] = places[random(places.length)] as number;
		else {
			const byte = (choice - words) % 4;
			const which = Math.floor((choice - words) / 4);
			world.bytes[at + byte] = evilByte(which, world.bytes[at + byte] as number);
		}
		this.outcome.corruptions++;
		const start = random(this.#list.length);
		const rotated = [...this.#list.slice(start), ...this.#list.slice(0, start)];
		this.#play(this.#plain, rotated, random);
	}

	#splatter(random: Random): void {
		const { metadata } = this.contents;
		const count = random(10) === 0 ? 1 + random(300) : 1 + random(12);
		const strike = () => {
			// Overwritten together, so that words that belong together are wrong together.
			let near = random(metadata.length);
			for (let written = 0; written < count; written++) {
				near = random(3) === 0 ? random(metadata.length) : (near + 1 + random(4)) % metadata.length;
				this.#overwrite(metadata[near] as number, random);
			}
			this.outcome.corruptions += count;
		};
		const chosen = Array.from(
			{ length: 24 },
			() => this.#list[random(this.#list.length)] as [string, Operation],
		);
		const when = random(4);
		if (when < 2) strike();
		else if (when === 2) chosen.splice(random(chosen.length), 0, ["strike", strike]);
		else {
			this.#strike = strike;
			this.#countdown = 1 + random(random(2) === 0 ? 300 : 20_000);
		}
		this.#play(when === 3 ? this.#interrupted : this.#plain, chosen, random);
		this.#countdown = 0;
	}

	#overwrite(at: number, random: Random): void {
		const { world, places } = this.contents;
		const now = world.words[at >> 2] as number;
		const kind = random(20);
		if (kind === 0) world.words[at >> 2] = random(2 ** 32);
		else if (kind < 5) world.bytes[at + random(4)] = evilByte(random(BYTES), now);
		else {
			const choice = random(constants.length + RELATIVE + places.length);
			world.words[at >> 2] = evilWord(choice, at, now, this.contents);
		}
	}

	/** Runs operations until both participants are dead; each recovers from the other. */
	#play(machine: Machine, chosen: [string, Operation][], random: Random): void {
		const actors = ([0, 1] as const).map((index) => new Actor(this.contents, machine.core, index));
		const alive = [true, true];
		for (const [name, operation] of chosen) {
			const index = random(2);
			if (!alive[index]) continue;
			if (this.#try(machine, name, () => operation(actors[index] as Actor))) continue;
			alive[index] = false;
			const other = actors[1 - index] as Actor;
			if (alive[1 - index] && !this.#try(machine, "recover from each other", () => other.recover(index))) {
				return;
			}
		}
	}

	/** Returns whether it returned. */
	#try(machine: Machine, name: string, body: () => void): boolean {
		const { fuel } = machine;
		const { outcome } = this;
		fuel.value = this.#most;
		outcome.calls++;
		let returned = false;
		try {
			body();
			returned = true;
		} catch (error) {
			if (fuel.value === 0) outcome.failures.push(`case ${this.#case}: ${name} does not end`);
			else if (error instanceof WebAssembly.RuntimeError) {
				outcome.traps[name] = (outcome.traps[name] ?? 0) + 1;
			} else outcome.failures.push(`case ${this.#case}: ${name} threw ${error}`);
		}
		const turns = this.#most - fuel.value;
		if (turns > outcome.longest.turns) outcome.longest = { turns, operation: name, case: this.#case };
		return returned;
	}
}
