/** What each way to carry messages between two processes can do, and the data that goes over it. */

/** Both directions of one end, `a` or `b`. The length of a message is a multiple of 8 bytes. */
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

/** The distance of the bytes that are checked: at least one number in each page. */
const STRIDE = 4096;

/**
 * Fills a message with its number. Its length and its place are multiples of 8. Bytes would not be alike: in V8,
 * `Uint8Array.fill` takes four times as long in shared memory as elsewhere.
 */
export function fill(bytes: Uint8Array, sequence: number): void {
	new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8).fill(sequence);
}

export function check(bytes: Uint8Array, sequence: number, length: number): void {
	if (bytes.length !== length)
		throw new Error(`Message ${sequence} has ${bytes.length} bytes, not ${length}`);
	const view = new DataView(bytes.buffer, bytes.byteOffset, length);
	for (let at = length - 8; at >= 0; at -= STRIDE) checkNumber(view, at, sequence);
	checkNumber(view, 0, sequence);
}

function checkNumber(view: DataView, at: number, sequence: number): void {
	const found = view.getFloat64(at, true);
	if (found !== sequence) throw new Error(`Message ${sequence} has ${found} at byte ${at}`);
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
