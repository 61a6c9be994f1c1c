/** Random operations on a map, checked against a plain one: on keys with a prefix that nobody else uses. */
import type { SharedMap } from "dhmem";
import * as assert from "uvu/assert";

/** Mulberry32: a small generator with a seed, by Tommy Ettinger. */
export function random(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let z = Math.imul(state ^ (state >>> 15), 1 | state);
		z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
		return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
	};
}

const alphabet = ["a", "ß", "水", "🌊", "\u0000", "\ufeff", " "];

export function runModel(
	map: SharedMap<"string", "string">,
	prefix: string,
	steps: number,
	seed: number,
): void {
	const next = random(seed);
	const model = new Map<string, string>();
	const text = (most: number) =>
		Array.from({ length: next() * most }, () => alphabet[Math.floor(next() * alphabet.length)]).join("");
	for (let step = 0; step < steps; step++) {
		const key = `${prefix}/${Math.floor(next() * 1000)}${text(4)}`;
		const kind = next();
		const say = `step ${step} of seed ${seed}`;
		if (kind < 0.4) {
			const value = text(60);
			map.set(key, value);
			model.set(key, value);
		} else if (kind < 0.6) assert.is(map.delete(key), model.delete(key), say);
		else if (kind < 0.7) {
			const change = (old: string | undefined) => `${[...(old ?? "")].slice(-20).join("")}+`;
			assert.is(map.update(key, change), change(model.get(key)), say);
			model.set(key, change(model.get(key)));
		} else if (kind < 0.8) assert.is(map.has(key), model.has(key), say);
		else assert.is(map.get(key), model.get(key), say);
	}
	const mine = map.entries().filter(([key]) => key.startsWith(`${prefix}/`));
	assert.equal(new Map(mine), model);
	assert.is(mine.length, model.size);
}
