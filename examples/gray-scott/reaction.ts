/**
 * The Gray-Scott model of two substances, as in Pearson, "Complex Patterns in a Simple System" (Science 261,
 * 1993): u is fed, v feeds on it (u + 2v → 3v) and decays, and both diffuse, on a torus.
 */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { type Fields, privateFields } from "./fields.js";

/** Rates per step, for cells of width 1: these make spots that grow, divide and connect. */
const DIFFUSION_U = 0.16;
const DIFFUSION_V = 0.08;
const FEED = 0.035;
const KILL = 0.06;

/** At the beginning there is one square of v for this many cells of the grid, with this side. */
const CELLS_PER_SEED = 64 ** 2;
const SEED_SIDE = 6;

/**
 * Returns fields with u everywhere, except in some squares of v at random positions, which depend only on the
 * seed.
 */
export function initialFields(size: number, seed: number): Fields {
	const fields = privateFields(size);
	fields.u.fill(1);
	const random = xoroshiro128plus(seed);
	const squares = Math.ceil((size * size) / CELLS_PER_SEED);
	for (let square = 0; square < squares; square++) {
		const left = uniformInt(random, 0, size - 1);
		const top = uniformInt(random, 0, size - 1);
		for (let dy = 0; dy < SEED_SIDE; dy++) {
			for (let dx = 0; dx < SEED_SIDE; dx++) {
				const cell = ((top + dy) % size) * size + ((left + dx) % size);
				fields.u[cell] = 0.5;
				fields.v[cell] = 0.25;
			}
		}
	}
	return fields;
}

/**
 * Makes `steps` steps. The last one is written into `to`, the others alternate between the two fields of
 * `scratch`.
 */
export function advance(from: Fields, to: Fields, steps: number, scratch: readonly [Fields, Fields]): void {
	let now = from;
	for (let step = 1; step <= steps; step++) {
		const next = step === steps ? to : scratch[step % 2 === 0 ? 0 : 1];
		react(now, next);
		now = next;
	}
}

/** One step of the explicit Euler method, with the Laplacian of four neighbours. */
function react(now: Fields, next: Fields): void {
	const { size, u, v } = now;
	for (let y = 0; y < size; y++) {
		const row = y * size;
		const above = (y === 0 ? size - 1 : y - 1) * size;
		const below = (y === size - 1 ? 0 : y + 1) * size;
		for (let x = 0; x < size; x++) {
			const at = row + x;
			const left = x === 0 ? row + size - 1 : at - 1;
			const right = x === size - 1 ? row : at + 1;
			const a = u[at] as number;
			const b = v[at] as number;
			const spreadU = sum(u, above + x, below + x, left, right) - 4 * a;
			const spreadV = sum(v, above + x, below + x, left, right) - 4 * b;
			const reaction = a * b * b;
			next.u[at] = a + DIFFUSION_U * spreadU - reaction + FEED * (1 - a);
			next.v[at] = b + DIFFUSION_V * spreadV + reaction - (FEED + KILL) * b;
		}
	}
}

function sum(field: Float64Array, a: number, b: number, c: number, d: number): number {
	return (field[a] as number) + (field[b] as number) + (field[c] as number) + (field[d] as number);
}
