/**
 * ems: an array in a mapped file. Its elements are empty or full, and can be waited for. It takes text, not
 * bytes.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Meter } from "../data.js";
import type { Works } from "../pair.js";
import { packageOf } from "./packages.js";

interface Elements {
	/** Waits until the element is empty, and fills it. */
	writeEF(index: number, value: string): void;
	/** Waits until the element is full, and leaves it so. */
	readFF(index: number): string;
	/**
	 * Waits until the element is full, and empties it. The text is read afterwards, so the next write may be in
	 * it.
	 */
	readFE(index: number): string;
}

interface Domain {
	new: (options: object) => Elements;
}

interface Ems {
	initialize(threads: number, pinned: boolean, model: "user", domain: string): Domain;
}

const SLOTS = 1024;
const TEXT = 64;

async function elementsOf(place: string, useExisting: boolean): Promise<Elements> {
	const { default: ems } = await packageOf<{ default: Ems }>("ems");
	// Each process is a domain of its own with one thread. They share only the array.
	const name = `/dhmem-bench-ems-${process.pid}`;
	const domain = ems.initialize(1, false, "user", name);
	await rm(`/dev/shm${name}`);
	return domain.new({
		dimensions: [SLOTS],
		heapSize: SLOTS * TEXT * 8,
		filename: join(place, "ems"),
		persist: true,
		useExisting,
		doSetFEtags: !useExisting,
		setFEtags: "empty",
	});
}

function textOf(sequence: number): string {
	return sequence.toString(36).padStart(TEXT, ".");
}

export const works: Works = {
	messages: {
		measure: async (place) => {
			const elements = await elementsOf(place, false);
			return ({ count }) => {
				const meter = new Meter();
				for (let sequence = 0; sequence < count; sequence++) {
					const text = elements.readFF(sequence % SLOTS);
					elements.readFE(sequence % SLOTS);
					if (text !== textOf(sequence)) throw new Error(`Message ${sequence} is wrong: ${text}`);
					if (sequence === 0) meter.arrived(1);
				}
				return meter.rate(count);
			};
		},
		serve: async (place) => {
			const elements = await elementsOf(place, true);
			return ({ count, spoilt }) => {
				for (let sequence = 0; sequence < count; sequence++) {
					elements.writeEF(sequence % SLOTS, textOf(sequence === spoilt ? -1 : sequence));
				}
			};
		},
	},
};
