/**
 * Blocks of all sizes that processes hand round while some of them are killed. No block may be given out twice, every
 * byte must come back, and the file must shrink to what is in use.
 */
import { statSync } from "node:fs";
import type { Block, Consumer, Producer, Region } from "dhmem";
import * as assert from "uvu/assert";
import { Child, randomFrom } from "../fixture/index.js";

const child = new URL("./bulk-child.js", import.meta.url).href;

/** A stamp in each MiB, and in the last bytes, shows whether anybody else has written to a block. */
const STEP = 2 ** 20;

/** They don't overlap: the last one is beside the others. */
function stampsOf(length: number): number[] {
	if (length < 8) return [];
	const places = Array.from({ length: Math.ceil(length / STEP) }, (_, index) => index * STEP);
	return [...places.filter((at) => at <= length - 16), length - 8];
}

export function stamp(block: Block, number: number): void {
	if (block.length < 8) block.bytes.fill(number);
	for (const at of stampsOf(block.length)) block.writeDoubleLE(number, at);
}

export function checkStamp(block: Block, number: number): void {
	if (block.length < 8) assert.ok(block.bytes.every((byte) => byte === (number & 0xff)));
	for (const at of stampsOf(block.length)) {
		const found = block.readDoubleLE(at);
		assert.is(found, number, `block ${number} of ${block.length} bytes has the stamp ${found} at ${at}`);
	}
}

export interface Rounds {
	/** Bytes in blocks that are live at once. */
	bytes: number;
	/** The largest block. */
	largest: number;
	processes: number;
	/** How often a process is killed. */
	kills: number;
}

/** A process that checks blocks and sends them back, and the blocks that are on their way to it. */
class Lane {
	readonly #region: Region;
	readonly #index: number;
	readonly #there: Producer;
	readonly #back: Consumer;
	#process: Child;
	#failure: string | undefined;

	constructor(region: Region, index: number) {
		this.#region = region;
		this.#index = index;
		this.#there = region.queue(`there ${index}`).producer();
		this.#back = region.queue(`back ${index}`).consumer();
		this.#process = this.#start();
	}

	#start(): Child {
		const started = new Child(child, "pass", [this.#region.name, this.#index]);
		started.ended.then(({ code, errors }) => {
			if (code !== null) this.#failure = errors;
		});
		return started;
	}

	/** False if the queue is full. */
	send(number: number, block: Block): boolean {
		return this.#there.trySend(`${number}`, { block });
	}

	/** What has come back, checked. */
	received(): [number, Block][] {
		assert.is(this.#failure, undefined);
		return this.#back.receiveMany(1000).map((message) => {
			const number = Number(message.text());
			const block = message.take();
			checkStamp(block, number);
			return [number, block];
		});
	}

	/** Kills the process, and starts another one, which goes on with what the first had not taken. */
	async replace(): Promise<void> {
		await this.#process.kill();
		this.#region.recover();
		this.#process = this.#start();
	}

	async end(): Promise<void> {
		await this.#process.kill();
		this.#region.recover();
		this.#there.close();
		this.#back.close();
	}
}

/** Sizes from 1 byte to `largest`, each magnitude as often as the others. */
function randomSize(random: (below: number) => number, largest: number): number {
	return Math.max(1, Math.floor(largest ** (random(10_001) / 10_000)));
}

export async function playRounds(region: Region, rounds: Rounds, seed = 1): Promise<{ passed: number }> {
	const random = randomFrom(seed);
	const before = region.stats().used;
	const lanes = Array.from({ length: rounds.processes }, (_, index) => new Lane(region, index));
	const own: [number, Block][] = [];
	let number = 0;
	let passed = 0;
	let kills = 0;
	// The first block is the largest.
	let size = rounds.largest;
	let wanted = 50 * rounds.processes;
	while (kills < rounds.kills || wanted > 0) {
		while (region.stats().used - before + size <= rounds.bytes) {
			const block = region.allocate(size);
			stamp(block, ++number);
			own.push([number, block]);
			size = randomSize(random, rounds.largest);
		}
		for (const lane of lanes) {
			while (own.length > 0 && lane.send(...(own[0] as [number, Block]))) own.shift();
			const back = lane.received();
			passed += back.length;
			wanted -= back.length;
			for (const each of back) {
				if (random(4) === 0) each[1].free();
				else own.push(each);
			}
		}
		if (kills < rounds.kills && passed > (kills + 1) * 20) {
			kills++;
			await lanes[random(lanes.length)]?.replace();
		}
		await new Promise((resolve) => setTimeout(resolve, 1));
	}
	for (const lane of lanes) await lane.end();
	for (const [each, block] of own) {
		checkStamp(block, each);
		block.free();
	}
	for (let index = 0; index < rounds.processes; index++) {
		region.remove(`there ${index}`);
		region.remove(`back ${index}`);
	}
	assert.is(region.stats().used, before, "bytes in use");
	region.trim();
	const { blocks } = statSync(region.path);
	assert.ok(blocks * 512 < 2 ** 24, `${blocks * 512} bytes of the file are left`);
	return { passed };
}
