/**
 * How much a stream that several servers store has room for. Its leader agrees on a record with the others before it
 * stores it, and looks at the stream's limit before that. So servers of version 2.9 take too many records that come at
 * once, and then drop the oldest ones, though the stream is to refuse new ones. Therefore the sender counts for itself.
 */

/** Bytes that a server stores with a record beside its payload and its subject, at most. */
const OVERHEAD = 256;

/** The bytes that a record takes, at most. */
export function recordBytes(subject: string, payload: Uint8Array): number {
	return subject.length + payload.length + OVERHEAD;
}

export class Room {
	/** Bytes that were sent and that are stored, since `begin`; and how many may be sent. */
	#sent = 0;
	#stored = 0;
	#most = 0;

	/** Nothing is on its way, and so much is free. */
	begin(free: number): void {
		this.#sent = 0;
		this.#stored = 0;
		this.#most = free;
	}

	fits(bytes: number): boolean {
		return this.#sent + bytes <= this.#most;
	}

	send(bytes: number): void {
		this.#sent += bytes;
	}

	store(bytes: number): void {
		this.#stored += bytes;
	}

	/** Asks how much is free. What is on its way may not be counted yet; what is stored is. */
	async measure(free: () => Promise<number>): Promise<void> {
		const stored = this.#stored;
		this.#most = stored + (await free());
	}
}
