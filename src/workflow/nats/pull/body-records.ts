/**
 * The records with parts of blocks that could not be pulled. They are acknowledged after their message, since a
 * successor of the receiver would need them.
 */
import type { JsMsg } from "@nats-io/jetstream";
import { BODY } from "../names.js";

export class BodyRecords {
	/** By block, and then by position. */
	readonly #records = new Map<string, Map<number, JsMsg>>();

	get size(): number {
		return [...this.#records.values()].reduce((sum, { size }) => sum + size, 0);
	}

	/** A message with this block has come. */
	open(id: string): void {
		this.#records.set(id, new Map());
	}

	/** @returns false if its message is gone, so that the record is not needed */
	keep(record: JsMsg): boolean {
		const [id = ""] = record.headers?.get(BODY).split(".") ?? [];
		const records = this.#records.get(id);
		records?.set(record.seq, record);
		return records !== undefined;
	}

	/** The message of this block is released. @returns what to acknowledge now */
	close(id: string): Iterable<JsMsg> {
		const records = this.#records.get(id)?.values() ?? [];
		this.#records.delete(id);
		return records;
	}
}
