/**
 * lmdb: a store in a mapped file, used as a queue. One side puts the next message, and the other polls for
 * it.
 */
import { join } from "node:path";
import { MESSAGE_BYTES, MessageCheck, MessageSource, Meter } from "../data.js";
import type { Works } from "../pair.js";
import { packageOf } from "./packages.js";

interface Store {
	put(key: number, value: Uint8Array): Promise<boolean>;
	get(key: number): Uint8Array | undefined;
	resetReadTxn(): void;
	readonly flushed: Promise<unknown>;
}

interface Lmdb {
	open(options: object): Store;
}

/**
 * The number of messages in the store at a time. The reader reports its position after reading half of them.
 */
const SLOTS = 4096;
const HALF = SLOTS / 2;
/** The key of the reader's position. */
const READ = SLOTS;

async function storeOf(place: string): Promise<Store> {
	const { open } = await packageOf<Lmdb>("lmdb");
	// Without waiting for a disk, since the other contenders use none either.
	return open({ path: join(place, "lmdb"), encoding: "binary", keyEncoding: "uint32", noSync: true });
}

/** A message with its number in front of it, because keys are reused. */
class Numbered {
	readonly #bytes: Uint8Array;
	readonly #view: DataView;

	constructor(bytes: Uint8Array = new Uint8Array(8 + MESSAGE_BYTES)) {
		this.#bytes = bytes;
		this.#view = new DataView(bytes.buffer, bytes.byteOffset);
	}

	get number(): number {
		return this.#view.getFloat64(0);
	}

	get message(): Uint8Array {
		return this.#bytes.subarray(8);
	}

	with(number: number, message: Uint8Array): Uint8Array {
		this.#view.setFloat64(0, number);
		this.#bytes.set(message, 8);
		return this.#bytes;
	}
}

/** Lets the event loop turn, which makes the store write and read again. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function waitFor(store: Store, key: number, isThere: (number: number) => boolean): Promise<Numbered> {
	for (;;) {
		const bytes = store.get(key);
		const found = bytes && new Numbered(bytes);
		if (found && isThere(found.number)) return found;
		await turn();
		store.resetReadTxn();
	}
}

export const works: Works = {
	messages: {
		measure: async (place) => {
			const store = await storeOf(place);
			const check = new MessageCheck();
			let base = 0;
			return async ({ count }) => {
				const meter = new Meter();
				for (let sequence = 0; sequence < count; sequence++) {
					const number = base + sequence;
					const found = await waitFor(store, number % SLOTS, (there) => there === number);
					check.check(found.message, sequence);
					if (sequence === 0) meter.arrived(1);
					if ((number + 1) % HALF === 0) {
						await store.put(READ, new Numbered().with(number + 1, new Uint8Array(MESSAGE_BYTES)));
					}
				}
				base += count;
				return meter.rate(count);
			};
		},
		serve: async (place) => {
			const store = await storeOf(place);
			const source = new MessageSource();
			let base = 0;
			let room = SLOTS;
			return async (job) => {
				for (let sequence = 0; sequence < job.count; sequence++) {
					const number = base + sequence;
					if (number === room) {
						await store.flushed;
						const read = await waitFor(store, READ, (there) => there > number - SLOTS);
						room = read.number + SLOTS;
					}
					void store.put(number % SLOTS, new Numbered().with(number, source.next(sequence, job)));
				}
				await store.flushed;
				base += job.count;
			};
		},
	},
};
