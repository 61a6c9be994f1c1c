/** What is appended to a stream together. */
import { Buffer } from "node:buffer";
import type { Kind } from "./names.js";

export interface PublishedRecord {
	readonly kind: Kind;
	payload: Uint8Array;
}

/** The records of one message, or of the end. They follow one another in the stream. */
export interface Parcel {
	readonly records: readonly PublishedRecord[];
	/** Called with the position of the last record when all are stored; or with the error. */
	onSettled(error: unknown, position: number): void;
	/** The position of the first record, when it is stored. */
	first?: number;
	/** The number of records that the stream has. */
	stored?: number;
	/** True if the caller has given up. It is dropped as soon as that is possible. */
	withdrawn?: boolean;
}

/** Bytes that a stream stores beside the payload of a record: at most, for subject and headers. */
const OVERHEAD = 1024;

/** The bytes that a stream needs for a parcel, at most. */
export function storedBytes({ records }: Parcel): number {
	return records.reduce((sum, { payload }) => sum + payload.length + OVERHEAD, 0);
}

/** What a parcel is settled with that was withdrawn in time. */
export const withdrawnError = new Error("withdrawn");

/** Copies the payloads of a parcel that outlives the call that has sent it. */
export function keepBytes(parcel: Parcel): void {
	for (const record of parcel.records) record.payload = Buffer.from(record.payload);
}

/** A record that a receiver ignores: the rest of a message that it does not have. */
export function mark(): Parcel {
	return { records: [{ kind: "more", payload: new Uint8Array(0) }], onSettled: () => {} };
}
