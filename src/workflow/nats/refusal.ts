/**
 * What becomes of the records that were on their way when the server refused one for lack of room. Those behind it expect a
 * record that is not there, but an older copy of that may still be stored, and then they are, too. So each counts as
 * refused only when its own answer says so.
 */
import type { Underway } from "./pending.js";

export class Refusal {
	/** The records that were refused. */
	readonly refused: Underway[] = [];
	/** Resolves when all have an answer. */
	readonly answered: Promise<void>;
	readonly #round: number;
	readonly #position: number;
	readonly #records: readonly Underway[];
	#count = 0;
	#resolve: () => void = () => {};

	/**
	 * @param round the round of the answers
	 * @param position the position that the first of the records was to have
	 */
	constructor(round: number, position: number, records: readonly Underway[]) {
		this.#round = round;
		this.#position = position;
		this.#records = records;
		this.answered = new Promise((resolve) => {
			this.#resolve = resolve;
		});
	}

	/** Takes the answer to a publish, if it is of one of these records. */
	take(round: number, position: number, isStored: boolean): void {
		const record = this.#records[position - this.#position];
		if (round !== this.#round || record === undefined) return;
		if (!isStored) this.refused.push(record);
		this.#count++;
		if (this.#count === this.#records.length) this.#resolve();
	}
}
