/**
 * Calls in one process, each beside what a program would use that has only one process: a map's `get` and
 * `update`, an uncontended lock, and a message of JSON.
 */
import { performance } from "node:perf_hooks";
import type { Job, Measure } from "../measure.js";
import { pair, type Works } from "../pair.js";
import { openRegion, present } from "../region.js";

const from = import.meta.url;
const unit = "M/s";
const better = "more";

/** The number of entries in a map. */
const ENTRIES = 1024;
/** The number of bytes in a value. */
const BYTES = 500;

export const mapGet: Measure = {
	name: "map-get",
	title: "`map.get`, a key of text and a value of 500 B",
	unit,
	better,
	aim: { of: "ratio", atLeast: 0.25 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "map-get", count: 2 ** 19 }),
		pair({ name: "a Map, its values copied", role: "peer", from, work: "plain-get", count: 2 ** 20 }),
	],
	leavesOut: "The program's own work to check the first and the last byte. Nobody changes the map meanwhile.",
};

export const mapUpdate: Measure = {
	name: "map-update",
	title: "`map.update`, a key of text and a number",
	unit,
	better,
	aim: { of: "ratio", atLeast: 0.02 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "map-update", count: 2 ** 18 }),
		pair({ name: "a Map of numbers", role: "peer", from, work: "plain-update", count: 2 ** 21 }),
	],
	leavesOut:
		"What the peer does not do: dhmem locks a mutex, and allocates an entry that replaces the old one in one step, so " +
		"others can read meanwhile, and may be killed at any time.",
};

export const lock: Measure = {
	name: "lock",
	title: "`await mutex.lock()` and `unlock()`, uncontended",
	unit,
	better,
	aim: { of: "ratio", atLeast: 0.25 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "lock", count: 2 ** 19 }),
		pair({ name: "an async function that sets a flag", role: "peer", from, work: "flag", count: 2 ** 21 }),
	],
	leavesOut: "The peer excludes nobody, not even in its own process. It shows what a promise costs.",
};

export const json: Measure = {
	name: "send-json",
	title: "`await send()` of JSON of 450 B, `tryReceive()`, `json()`",
	unit,
	better,
	aim: { of: "ratio", atLeast: 0.5 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "json", count: 2 ** 16 }),
		pair({ name: "the same through a Buffer", role: "peer", from, work: "buffer", count: 2 ** 16 }),
	],
	leavesOut: "The peer only makes text, encodes it, decodes it and parses it. There is no queue.",
};

/** A half that repeats `step`, and returns millions of steps per second. */
function repeat(prepare: (place: string) => (sequence: number, job: Job) => void): Works[string] {
	return {
		measure: (place) => {
			const step = prepare(place);
			return (job) => {
				const started = performance.now();
				for (let sequence = 0; sequence < job.count; sequence++) step(sequence, job);
				return job.count / (performance.now() - started) / 1000;
			};
		},
	};
}

/** The same for a step that is awaited. */
function repeatAwaiting(
	prepare: (place: string) => (sequence: number, job: Job) => Promise<void>,
): Works[string] {
	return {
		measure: (place) => {
			const step = prepare(place);
			return async (job) => {
				const started = performance.now();
				for (let sequence = 0; sequence < job.count; sequence++) await step(sequence, job);
				return job.count / (performance.now() - started) / 1000;
			};
		},
	};
}

const keys = Array.from({ length: ENTRIES }, (_, index) => `run ${index} of the experiment`);

function keyOf(sequence: number): string {
	return keys[sequence % ENTRIES] as string;
}

function contentOf(index: number): Uint8Array {
	return new Uint8Array(BYTES).fill(index);
}

function checkValue(value: Uint8Array | undefined, sequence: number): void {
	const expected = (sequence % ENTRIES) & 255;
	if (value?.length !== BYTES || value[0] !== expected || value[BYTES - 1] !== expected)
		throw new Error(`Value ${sequence} is wrong`);
}

/** Checks how often a key was updated. */
function checkCount(count: number, sequence: number): void {
	if (count !== Math.floor(sequence / ENTRIES) + 1) throw new Error(`Count ${sequence} is wrong: ${count}`);
}

const increment = (old: number | undefined) => (old ?? 0) + 1;

const residuals = Array.from({ length: 20 }, (_, index) => (index + 1) / 7);

function textOf(sequence: number, { spoilt }: Job): string {
	return JSON.stringify({ name: "gray-scott", step: sequence === spoilt ? -1 : sequence, residuals });
}

function checkJson(value: unknown, sequence: number): void {
	const { step, residuals: got } = value as { step: number; residuals: number[] };
	if (step !== sequence || got.length !== residuals.length || got[19] !== residuals[19])
		throw new Error(`Message ${sequence} is wrong`);
}

function checkHeld(held: boolean, sequence: number): void {
	if (!held) throw new Error(`Lock ${sequence} is wrong`);
}

export const works: Works = {
	"map-get": repeat((place) => {
		const map = openRegion(place).map("values", { key: "string", value: "bytes" });
		for (const [index, key] of keys.entries()) map.set(key, contentOf(index));
		return (sequence, job) => {
			if (sequence === job.spoilt) map.set(keyOf(sequence), contentOf(-1));
			checkValue(map.get(keyOf(sequence)), sequence);
		};
	}),
	"plain-get": repeat(() => {
		const map = new Map(keys.map((key, index) => [key, contentOf(index)]));
		return (sequence, job) => {
			if (sequence === job.spoilt) map.set(keyOf(sequence), contentOf(-1));
			checkValue(map.get(keyOf(sequence))?.slice(), sequence);
		};
	}),
	"map-update": repeat((place) => {
		const map = openRegion(place).map("counts", { key: "string", value: "f64" });
		return (sequence, job) => {
			if (sequence < ENTRIES) map.delete(keyOf(sequence));
			if (sequence === job.spoilt) map.update(keyOf(sequence), increment);
			checkCount(map.update(keyOf(sequence), increment), sequence);
		};
	}),
	"plain-update": repeat(() => {
		const map = new Map<string, number>();
		return (sequence, job) => {
			if (sequence < ENTRIES) map.delete(keyOf(sequence));
			const count = increment(map.get(keyOf(sequence)));
			map.set(keyOf(sequence), count);
			checkCount(sequence === job.spoilt ? -1 : count, sequence);
		};
	}),
	lock: repeatAwaiting((place) => {
		const mutex = openRegion(place).mutex("mutex");
		return async (sequence, job) => {
			const held = await mutex.lock();
			if (sequence === job.spoilt) held.unlock();
			checkHeld(held.held, sequence);
			held.unlock();
		};
	}),
	flag: repeatAwaiting(() => {
		let held = false;
		const take = async () => {
			held = true;
		};
		return async (sequence, job) => {
			await take();
			checkHeld(held && sequence !== job.spoilt, sequence);
			held = false;
		};
	}),
	json: repeatAwaiting((place) => {
		const queue = openRegion(place).queue("json");
		const producer = queue.producer();
		const consumer = queue.consumer();
		return async (sequence, job) => {
			await producer.send(textOf(sequence, job));
			const message = present(consumer.tryReceive());
			checkJson(message.json(), sequence);
			message.release();
		};
	}),
	buffer: repeatAwaiting(() => {
		let sent = Buffer.from("");
		const send = async (text: string) => {
			sent = Buffer.from(text);
		};
		return async (sequence, job) => {
			await send(textOf(sequence, job));
			checkJson(JSON.parse(sent.toString()), sequence);
		};
	}),
};
