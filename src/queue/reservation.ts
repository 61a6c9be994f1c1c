import { inspect } from "node:util";
import { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { contentsOf, elementsOf, type Payload } from "../memory/payload.js";
import { outside } from "../memory/reads.js";
import { Writes } from "../memory/writes.js";
import { checkCount } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { dispose } from "../values/dispose.js";
import type { DType, TypedArrayOf } from "../values/dtypes.js";
import { checkMade } from "../values/made.js";
import type { Fields, Schema, Struct } from "../values/schema.js";

/** The part of a producer that its reservations use. `block` is what the reservation was made with. */
export interface Operations {
	commit(bytes: number, block: number): void;
	abort(block: number): void;
}

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
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: its static block gives it the methods of Writes.
export class Reservation implements Payload {
	static {
		Object.setPrototypeOf(Reservation.prototype, Writes.prototype);
	}

	readonly #length: number;
	readonly #attachment: Attachment;
	/** The address of the bytes. */
	readonly #offset: number;
	/** The block that the message is in; 0 if it lies in the ring. */
	readonly #block: number;
	readonly #operations: Operations;
	#view: Uint8Array | undefined;
	#window: DataView | undefined;
	#open = true;

	/** @internal */
	constructor(attachment: Attachment, offset: number, length: number, operations: Operations, block: number) {
		checkMade(attachment instanceof Attachment, "A Reservation", "call producer.tryReserve(length)");
		this.#attachment = attachment;
		this.#offset = offset;
		this.#length = length;
		this.#operations = operations;
		this.#block = block;
	}

	get length(): number {
		return this.#length;
	}

	/** @internal */
	get window(): DataView {
		return this.#window ?? this.#findWindow();
	}

	#findWindow(): DataView {
		this.#window = this.#attachment.window(this.#offset);
		return this.#window;
	}

	/** @internal */
	place(at: number, bytes: number): number {
		if (Number.isInteger(at) && at >= 0 && at <= this.#length - bytes && this.#open)
			return (this.#offset & 0x7fff_ffff) + at;
		throw this.#refusal(at, bytes);
	}

	/** The error for an access that `place` refuses. */
	#refusal(at: number, bytes: number): DhmemError {
		this.#checkedOffset();
		return outside(at, bytes, this.#length);
	}

	/** @internal */
	check(): void {
		this.#attachment.check();
	}

	/** @internal */
	checkWritable(): void {
		this.#attachment.check();
	}

	get bytes(): Uint8Array {
		const offset = this.#checkedOffset();
		this.#attachment.check();
		this.#view ??= this.#attachment.view(offset, this.#length);
		return this.#view;
	}

	/**
	 * The bytes as numbers or structs, over the region. See {@link Payload.as}.
	 *
	 * @throws DHMEM_BAD_ARGUMENT for an unknown dtype or a wrong schema; DHMEM_CLOSED after
	 * it was committed or aborted
	 * @example
	 * ```ts
	 * const reservation = producer.tryReserve(16);
	 * const [point] = reservation?.as({ x: "f64", y: "f64" }) ?? [];
	 * if (point) Object.assign(point, { x: 0.5, y: 0.25 });
	 * reservation?.commit();
	 * ```
	 */
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
	 * @example
	 * ```ts
	 * const reservation = producer.tryReserve(4096);
	 * if (reservation) {
	 *   const { written } = new TextEncoder().encodeInto("step 1", reservation.bytes);
	 *   reservation.commit(written);
	 * }
	 * ```
	 */
	commit(length = this.#length): void {
		this.#checkedOffset();
		this.#operations.commit(checkCount("The length", length, 0, this.#length), this.#block);
		this.#open = false;
	}

	/**
	 * Gives the room back without sending. Does nothing after a commit.
	 *
	 * @example
	 * ```ts
	 * const reservation = producer.tryReserve(4096);
	 * reservation?.abort(); // nothing is sent
	 * ```
	 */
	abort(): void {
		if (!this.#open) return;
		this.#open = false;
		this.#operations.abort(this.#block);
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

/** The methods that read and write numbers. */
export interface Reservation extends Writes {}
