/** What scenarios are made of: who plays, and blocks that they hold. */
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

/** Who plays: `victim` dies or is stopped, `other` survives and goes on. */
export interface Stage {
	world: World;
	victim: Participant;
	other: Participant;
	/** Blocks that `other` holds, with what they are filled with. */
	held: Held;
}

/** A block that is held, whose first `filled` bytes are `mark`. */
export interface HeldBlock {
	bytes: number;
	filled: number;
	mark: number;
}

/** Blocks that are held, and that do not overlap. */
export class Held extends Map<number, HeldBlock> {
	/** 1 for each 64 bytes of the region that are held. */
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
	/** What `other` does in the midst of it. */
	intrude?(): void;
	/** Forgets what was noted of an earlier `act`. */
	reset?(): void;
	/** Set where `act` itself writes into the region what the core would not: the invariants need not hold then. */
	spoils?: true;
	/** Once `victim` is gone, by `other`, who must leave nothing of what the scenario made but named objects. */
	verify?(): void;
}

export interface Scenario {
	name: string;
	/** Prepares the region. */
	prepare(stage: Stage): Play;
}

export function doorbellOf({ slot }: Participant): number {
	return SLOTS_START + slot * SLOT_BYTES + SLOT_DOORBELL;
}

/** How often somebody was rung. */
export function ringsOf(who: Participant): number {
	return who.world.words[doorbellOf(who) >> 2] as number;
}

export const SMALL = 4000;
export const PER_SPAN = 16;

/** A block for `other` to hold, filled, or its beginning. */
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

/** All that can be had in blocks of so many bytes; held. */
export function grab(stage: Stage, bytes: number, filled = bytes): number {
	let blocks = 0;
	while (hold(stage, bytes, filled) !== 0) blocks++;
	return blocks;
}

/** Has `other` hold all spans but so many. */
export function fillBut(stage: Stage, spans: number): void {
	for (let span = stage.world.heap + spans; span < stage.world.spans; span++) hold(stage, SPAN_BYTES);
}

/** A block for `victim`, filled, or 0. */
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
