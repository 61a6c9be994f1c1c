/**
 * Allocates, writes, checks and frees blocks, with a few of them alive at a time. SYNC: `native/allocate.cpp`
 * does the same.
 */
import { performance } from "node:perf_hooks";
import type { Block, Region } from "../src/index.js";
import type { Job } from "./measure.js";

/** The number of blocks alive at a time. */
export const LIVE = 64;

export class Churn {
	readonly #region: Region;
	readonly #bytes: number;
	readonly #live: (Block | undefined)[] = new Array(LIVE).fill(undefined);

	constructor(region: Region, bytes = 64) {
		this.#region = region;
		this.#bytes = bytes;
	}

	step(sequence: number, { spoilt }: Job): void {
		const place = sequence % LIVE;
		const oldest = this.#live[place];
		if (oldest !== undefined) this.#free(oldest, sequence - LIVE);
		const block = this.#region.allocate(this.#bytes);
		const { bytes } = block;
		bytes[0] = sequence;
		bytes[this.#bytes - 1] = sequence === spoilt ? sequence + 1 : sequence;
		this.#live[place] = block;
	}

	#free(block: Block, sequence: number): void {
		const { bytes } = block;
		if (bytes[0] !== (sequence & 255) || bytes[this.#bytes - 1] !== (sequence & 255)) {
			throw new Error(`Block ${sequence} is wrong`);
		}
		block.free();
	}

	/** Checks and frees the blocks that are alive after `count` steps. */
	end(count: number): void {
		for (let sequence = Math.max(0, count - LIVE); sequence < count; sequence++) {
			this.#free(this.#live[sequence % LIVE] as Block, sequence);
			this.#live[sequence % LIVE] = undefined;
		}
	}
}

/** Returns the milliseconds that `job.count` blocks take. */
export function churn(region: Region, job: Job, bytes?: number): number {
	const blocks = new Churn(region, bytes);
	const started = performance.now();
	for (let sequence = 0; sequence < job.count; sequence++) blocks.step(sequence, job);
	blocks.end(job.count);
	return performance.now() - started;
}
