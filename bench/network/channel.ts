/** What each way to carry messages between two processes can do, and the data that goes over it. */

/** Both directions of one end, `a` or `b`. Messages have at least 8 bytes. */
export interface Channel {
	/** Sends message number `sequence`. Resolves when the next one may be sent. */
	send(sequence: number, bytes: number): Promise<void>;
	/** Resolves when everything was sent. */
	flush(): Promise<void>;
	/** Receives message number `sequence`, and checks it. */
	receive(sequence: number, bytes: number): Promise<void>;
	close(): Promise<void>;
}

/** @param place a folder in shared memory, the same for both ends */
export type OpenChannel = (end: "a" | "b", place: string, bytes: number) => Promise<Channel>;

/** Bytes of the number with which a message begins. The rest of it is this number's lowest byte. */
const HEAD = 8;
/** The distance of the bytes that are checked: at least one in each page. */
const STRIDE = 4096;

export function fill(bytes: Uint8Array, sequence: number): void {
	new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).setFloat64(0, sequence);
	bytes.fill(sequence, HEAD);
}

export function check(bytes: Uint8Array, sequence: number, length: number): void {
	const found = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0);
	if (found !== sequence || bytes.length !== length)
		throw new Error(`Message ${sequence} of ${length} bytes is ${found} of ${bytes.length} bytes`);
	for (let at = length - 1; at >= HEAD; at -= STRIDE)
		if (bytes[at] !== (sequence & 255)) throw new Error(`Message ${sequence} is wrong at byte ${at}`);
}

/** From this size on, messages are blocks that their sender fills where they lie. */
export const LARGE = 2 ** 20;

/** How many messages are on their way from one process, for each carrier alike. */
export function windowOf(bytes: number): number {
	if (bytes < LARGE) return 64;
	return bytes < 10 * LARGE ? 8 : 2;
}

/** Places in turn, each of which is used again when what was begun with it is over. */
export class Turns<T> {
	readonly #places: readonly { readonly value: T; busy: Promise<unknown> }[];
	#next = 0;

	constructor(values: readonly T[]) {
		this.#places = values.map((value) => ({ value, busy: Promise.resolve() }));
	}

	/** Begins something with the next place. Its failure is thrown when the place is needed again. */
	async begin(act: (value: T) => Promise<unknown>): Promise<void> {
		const place = this.#places[this.#next++ % this.#places.length];
		if (place === undefined) return;
		await place.busy;
		place.busy = act(place.value);
		place.busy.catch(() => {});
	}

	async settle(): Promise<void> {
		await Promise.all(this.#places.map(({ busy }) => busy));
	}
}
