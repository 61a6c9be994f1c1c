/** The parts of scenarios: the participants, and the blocks that they hold. */
import {
	BLOCK_ALIGNMENT,
	FULL,
	OK,
	SLOT_BYTES,
	SLOT_DOORBELL,
	SLOTS_START,
	SPAN_BYTES,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant, World } from "../world.js";

export function expect(condition: boolean, what: string): asserts condition {
	if (!condition) throw new Error(what);
}

/** The participants: `victim` dies or is stopped, `other` survives. */
export interface Stage {
	world: World;
	victim: Participant;
	other: Participant;
	/** The blocks that `other` holds, and what they are filled with. */
	held: Held;
}

/** A block that is held; its first `filled` bytes are `mark`. */
export interface HeldBlock {
	bytes: number;
	filled: number;
	mark: number;
}

/** The blocks that are held. They must not overlap. */
export class Held extends Map<number, HeldBlock> {
	/** 1 for each 64 bytes of the region that are in a held block. */
	readonly #units: Uint8Array;

	constructor(spans: number) {
		super();
		this.#units = new Uint8Array((spans * SPAN_BYTES) / BLOCK_ALIGNMENT);
	}

	override set(block: number, what: HeldBlock): this {
		const units = this.#unitsOf(block, what.bytes);
		expect(!units.includes(1), `a block of ${what.bytes} was given out twice`);
		units.fill(1);
		return super.set(block, what);
	}

	override delete(block: number): boolean {
		const what = this.get(block);
		if (what !== undefined) this.#unitsOf(block, what.bytes).fill(0);
		return super.delete(block);
	}

	override clear(): void {
		this.#units.fill(0);
		super.clear();
	}

	#unitsOf(block: number, bytes: number): Uint8Array {
		const first = block / BLOCK_ALIGNMENT;
		return this.#units.subarray(first, first + Math.ceil(bytes / BLOCK_ALIGNMENT));
	}
}

export interface Play {
	/** What `victim` does. */
	act(): void;
	/** What `other` does in the middle of it. */
	intrude?(): void;
	/** Forgets what an earlier `act` has noted. */
	reset?(): void;
	/** Set if `act` itself writes what the core would not: the invariants need not hold then. */
	spoils?: true;
	/** Runs when `victim` is gone: `other` checks, and must leave nothing of the scenario except named objects. */
	verify?(): void;
}

export interface Scenario {
	name: string;
	/** The number of spans in the region; 16 by default. */
	spans?: number;
	/** The number of bulk spans in the region; 0 by default. */
	bulk?: number;
	/** Prepares the region. */
	prepare(stage: Stage): Play;
}

export function doorbellOf({ slot }: Participant): number {
	return SLOTS_START + slot * SLOT_BYTES + SLOT_DOORBELL;
}

/** The number of times that this participant was rung. */
export function ringsOf(who: Participant): number {
	return who.world.words[doorbellOf(who) >> 2] as number;
}

export const SMALL = 4000;
export const PER_SPAN = 16;

/** Gives a block to `other` to hold, and fills it or its beginning. */
export function hold({ other, held, world }: Stage, bytes: number, filled = bytes): number {
	const block = other.allocate(bytes);
	if (block < STATUS_LIMIT) {
		expect(block === FULL, `allocating gave status ${block}`);
		return 0;
	}
	expect(world.core.capacityOf(block) >>> 0 >= bytes, "a block is smaller than asked for");
	const mark = (held.size % 250) + 1;
	held.set(block, { bytes, filled, mark });
	world.paint(block, filled, mark);
	return block;
}

export function drop({ other, held, world }: Stage, block: number): void {
	const { filled, mark } = held.get(block) as HeldBlock;
	expect(isFilled(world, block, filled, mark), "somebody else wrote into a held block");
	held.delete(block);
	const status = other.free(block);
	expect(status === OK, `freeing a held block gave ${status}`);
}

export function dropAll(stage: Stage): void {
	for (const block of [...stage.held.keys()]) drop(stage, block);
}

export function isFilled(world: World, block: number, bytes: number, mark: number): boolean {
	const view = Buffer.from(world.memory.buffer, block, bytes);
	return view[0] === mark && view.subarray(1).equals(view.subarray(0, -1));
}

/** Allocates blocks of this size until there is no room for more, and holds them. */
export function grab(stage: Stage, bytes: number, filled = bytes): number {
	let blocks = 0;
	while (hold(stage, bytes, filled) !== 0) blocks++;
	return blocks;
}

/** Lets `other` hold all spans but this many. */
export function fillBut(stage: Stage, spans: number): void {
	for (let span = stage.world.heap + spans; span < stage.world.spans; span++) hold(stage, SPAN_BYTES);
}

/** Allocates a block for `victim` and fills it; 0 if there is no room. */
export function own({ victim, world }: Stage, bytes: number): number {
	const block = victim.allocate(bytes);
	if (block < STATUS_LIMIT) {
		expect(block === FULL, `allocating gave status ${block}`);
		return 0;
	}
	expect(world.core.capacityOf(block) >>> 0 >= bytes, "a block is smaller than asked for");
	world.paint(block, bytes, 0xee);
	return block;
}

export function release({ victim, world }: Stage, block: number, bytes: number): void {
	expect(isFilled(world, block, bytes, 0xee), "somebody else wrote into the victim's block");
	const status = victim.free(block);
	expect(status === OK, `freeing gave ${status}`);
}
