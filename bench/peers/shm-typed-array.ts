/**
 * shm-typed-array: memory shared by processes, without any signalling. Node's messages announce what was
 * written.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { checkMessage, MESSAGE_WORDS, Meter } from "../data.js";
import type { Works } from "../pair.js";
import { packageOf } from "./packages.js";

interface Shm {
	create(count: number, type: "Uint32Array", name: string): Uint32Array | null;
	get(name: string, type: "Uint32Array"): Uint32Array | null;
}

/** The number of messages that fit. */
export const SLOTS = 1024;
const CHILD = fileURLToPath(new URL("./shm-typed-array-child.js", import.meta.url));

async function library(): Promise<Shm> {
	return (await packageOf<{ default: Shm }>("shm-typed-array")).default;
}

/** Creates memory under a name. */
export async function create(name: string, words: number): Promise<Uint32Array> {
	const memory = (await library()).create(words, "Uint32Array", name);
	if (memory === null) throw new Error(`${name} already exists`);
	return memory;
}

/**
 * Opens memory that another process has created, and removes its name, so that nothing is left behind on a
 * crash.
 */
export async function open(name: string): Promise<Uint32Array> {
	const memory = (await library()).get(name, "Uint32Array");
	if (memory === null) throw new Error(`${name} does not exist`);
	await rm(`/dev/shm${name}`);
	return memory;
}

/** The name of a contender's memory. This library does not support folders. */
export function nameOf(place: string): string {
	return `/${place.split("/").slice(-2).join("-")}`;
}

export const works: Works = {
	messages: {
		measure: async (place) => {
			const words = await create(nameOf(place), SLOTS * MESSAGE_WORDS);
			const child = fork(CHILD, [nameOf(place)]);
			await once(child, "message");
			return async (job) => {
				const meter = new Meter();
				let stop = () => {};
				const received = new Promise<void>((resolve, reject) => {
					const onMessage = (sequence: number) => {
						try {
							checkMessage(words, (sequence % SLOTS) * MESSAGE_WORDS, sequence);
							if (sequence === 0) meter.arrived(1);
							if (sequence % (SLOTS / 2) === SLOTS / 2 - 1) child.send({ read: sequence + 1 });
							if (sequence === job.count - 1) resolve();
						} catch (error) {
							reject(error);
						}
					};
					child.on("message", onMessage);
					stop = () => child.off("message", onMessage);
				});
				child.send({ job });
				await received.finally(() => stop());
				return meter.rate(job.count);
			};
		},
	},
};
