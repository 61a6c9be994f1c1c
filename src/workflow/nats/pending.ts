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

	slice(begin: number, end: number): readonly Underway[] {
		return this.#records.slice(begin, end);
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
	 * The server has refused these records, each of which was sent over this connection. It can't have them, unless it was
	 * sent a copy over an older connection; or, if several servers store the stream, one may not have agreed yet on an older
	 * copy.
	 */
	noteRefused(records: readonly Underway[], connection: number, isReplicated: boolean): void {
		for (const record of records) {
			if (record.sentBy !== connection || (isReplicated && record.copies !== 1)) continue;
			record.sentBy = undefined;
			record.copies = 0;
		}
		this.dropWithdrawn();
	}
}
