/** The records of a sender that are not known to be stored, in their order. */
import { type Parcel, storedBytes, withdrawnError } from "./parcel.js";

export interface Underway {
	readonly parcel: Parcel;
	readonly index: number;
	/** Distinguishes it from all others of this sender. */
	readonly number: number;
	/** The connection, by number, over which it was first sent; undefined while it can't have arrived. */
	sentBy?: number | undefined;
}

export class Pending {
	#records: Underway[] = [];
	#count = 0;

	get length(): number {
		return this.#records.length;
	}

	at(index: number): Underway | undefined {
		return this.#records[index];
	}

	add(parcel: Parcel): void {
		for (const index of parcel.records.keys()) this.#records.push({ parcel, index, number: this.#count++ });
	}

	/** Adds it before all records that can't have arrived. */
	addFirst(parcel: Parcel): void {
		const place = this.#records.findLastIndex(({ sentBy }) => sentBy !== undefined) + 1;
		const records = Array.from(parcel.records.keys(), (index) => ({ parcel, index, number: this.#count++ }));
		this.#records = [...this.#records.slice(0, place), ...records, ...this.#records.slice(place)];
	}

	/** The message for which the stream must have room: a block that the receiver waits for, or the first one. */
	wanting(): Parcel | undefined {
		return (this.#records.find(({ parcel }) => parcel.isUpload === true) ?? this.#records[0])?.parcel;
	}

	/** The bytes that the stream must have room for until all uploads are stored; 0 if there are none. */
	bytesOfUploads(): number {
		const last = this.#records.findLastIndex(({ parcel }) => parcel.isUpload === true);
		const parcels = new Set(this.#records.slice(0, last + 1).map(({ parcel }) => parcel));
		return [...parcels].reduce((sum, parcel) => sum + storedBytes(parcel), 0);
	}

	/** Takes the first record out, because it is stored. */
	shift(): Underway {
		return this.#records.shift() as Underway;
	}

	/** Drops all records of a parcel, without settling it. */
	remove(parcel: Parcel): void {
		this.#records = this.#records.filter((each) => each.parcel !== parcel);
	}

	/** Drops all records, and returns their parcels. */
	clear(): Set<Parcel> {
		return new Set(this.#records.splice(0).map(({ parcel }) => parcel));
	}

	mayArrive(parcel: Parcel): boolean {
		return this.#records.some((each) => each.parcel === parcel && each.sentBy !== undefined);
	}

	/** Drops those records of parcels that were given up that can't have arrived. */
	dropWithdrawn(): void {
		const isKept = ({ parcel, sentBy }: Underway) => sentBy !== undefined || parcel.withdrawn !== true;
		const dropped = new Set(this.#records.filter((each) => !isKept(each)).map(({ parcel }) => parcel));
		this.#records = this.#records.filter(isKept);
		for (const parcel of dropped) parcel.onSettled(withdrawnError, 0);
	}

	/** The server has handled everything that was sent over a connection, and has not stored what is here. */
	noteRefused(connection: number): void {
		for (const record of this.#records) if (record.sentBy === connection) record.sentBy = undefined;
		this.dropWithdrawn();
	}
}
