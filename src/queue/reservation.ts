import { inspect } from "node:util";
import { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { contentsOf, elementsOf, type Payload, viewOf } from "../memory/payload.js";
import { checkCount } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { dispose } from "../values/dispose.js";
import type { DType, TypedArrayOf } from "../values/dtypes.js";
import { checkMade } from "../values/made.js";
import type { Fields, Schema, Struct } from "../values/schema.js";

/**
 * Room to write one message in place. From `producer.tryReserve`.
 *
 * @example
 * ```ts
 * using reservation = producer.tryReserve(8000);
 * if (reservation) {
 *   reservation.as("f64").fill(0.5);
 *   reservation.commit();
 * }
 * ```
 */
export class Reservation implements Payload {
	readonly #length: number;
	readonly #attachment: Attachment;
	readonly #offset: number;
	readonly #operations: { commit(bytes: number): void; abort(): void };
	#view: Uint8Array | undefined;
	#open = true;

	/** @internal */
	constructor(
		attachment: Attachment,
		offset: number,
		length: number,
		operations: { commit(bytes: number): void; abort(): void },
	) {
		checkMade(attachment instanceof Attachment, "A Reservation", "call producer.tryReserve(length)");
		this.#attachment = attachment;
		this.#offset = offset;
		this.#length = length;
		this.#operations = operations;
	}

	get length(): number {
		return this.#length;
	}

	get bytes(): Uint8Array {
		const offset = this.#checkedOffset();
		this.#attachment.check();
		this.#view ??= viewOf(this.#attachment, offset, this.#length);
		return this.#view;
	}

	as<D extends DType>(dtype: D): TypedArrayOf<D>;
	as<F extends Fields>(schema: F | Schema<F>): readonly Struct<F>[];
	as(type: DType | Fields | Schema): TypedArrayOf<DType> | readonly Struct[] {
		return elementsOf(this.#attachment, this.bytes, type);
	}

	text(): string {
		return contentsOf(this.#attachment, this.bytes);
	}

	json(): unknown {
		return JSON.parse(this.text());
	}

	/** True until the reservation is committed or aborted. */
	get open(): boolean {
		return this.#open;
	}

	/**
	 * Sends the first `length` bytes as a message; all of them by default.
	 *
	 * @throws DHMEM_CLOSED if it was committed or aborted; DHMEM_BAD_ARGUMENT
	 */
	commit(length = this.#length): void {
		this.#checkedOffset();
		this.#operations.commit(checkCount("The length", length, 0, this.#length));
		this.#open = false;
	}

	/** Gives the room back without sending. Does nothing after a commit. */
	abort(): void {
		if (!this.#open) return;
		this.#open = false;
		this.#operations.abort();
	}

	[dispose](): void {
		this.abort();
	}

	/** The offset of the bytes. Throws if they don't belong to this reservation any more. */
	#checkedOffset(): number {
		if (this.#open) return this.#offset;
		throw new DhmemError("DHMEM_CLOSED", "This reservation was committed or aborted; make a new one");
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Reservation", () => ({ length: this.length, open: this.#open }));
	}
}
