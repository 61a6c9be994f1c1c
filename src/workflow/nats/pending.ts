/** The records of a sender that are not known to be stored, in their order. */
import { type Parcel, withdrawnError } from "./parcel.js";

export interface Underway {
	readonly parcel: Parcel;
	readonly index: number;
	/** Distinguishes it from all others of this sender. */
	readonly number: number;
	/** The connection, by number, over which it was first sent; undefined while it can't have arrived. */
	sentBy?: number | undefined;
	/** How often it was sent since it was refused. */
	copies?: number;
	/** The bytes that it takes on the server. */
	bytes?: number;
}

export class Pending {
	#records: Underway[] = [];
	#count = 0;
	/** The parcels that are settled, though a record of theirs may arrive. */
	readonly #settled = new WeakSet<Parcel>();

	get length(): number {
		return this.#records.length;
	}

	at(index: number): Underway | undefined {
		return this.#records[index];
	}

	add(parcel: Parcel): void {
		for (const index of parcel.records.keys()) this.#records.push({ parcel, index, number: this.#count++ });
	}

	/** Takes the first record out, because it is stored. */
	shift(): Underway {
		return this.#records.shift() as Underway;
	}

	/** Drops all records of a parcel, without settling it. */
	remove(parcel: Parcel): void {
		this.#records = this.#records.filter((each) => each.parcel !== parcel);
	}

	/** Drops all records, and returns their parcels that are not settled. */
	clear(): Set<Parcel> {
		const parcels = this.#records.splice(0).map(({ parcel }) => parcel);
		return new Set(parcels.filter((parcel) => !this.#settled.has(parcel)));
	}

	mayArrive(parcel: Parcel): boolean {
		return this.#records.some((each) => each.parcel === parcel && each.sentBy !== undefined);
	}

	/** Drops those records of parcels that were given up that can't have arrived. */
	dropWithdrawn(): void {
		const isKept = ({ parcel, sentBy }: Underway) => sentBy !== undefined || parcel.withdrawn !== true;
		const dropped = new Set(this.#records.filter((each) => !isKept(each)).map(({ parcel }) => parcel));
		this.#records = this.#records.filter(isKept);
		for (const parcel of dropped) {
			if (this.#settled.has(parcel)) continue;
			this.#settled.add(parcel);
			parcel.onSettled(withdrawnError, 0);
		}
	}

	/**
	 * The server has refused a record that was sent over a connection, and so it refuses everything behind that. If several
	 * servers store the stream, another one may still have an older copy.
	 *
	 * @param before the number of records before the one that was refused
	 */
	noteRefused(connection: number, before: number, isReplicated: boolean): void {
		for (const record of this.#records.slice(before)) {
			if (record.sentBy !== connection || (isReplicated && record.copies !== 1)) continue;
			record.sentBy = undefined;
			record.copies = 0;
		}
		this.dropWithdrawn();
	}
}
