import type { Attachment } from "./attachment.js";
import { DhmemError } from "./errors.js";
import { checkCount } from "./options.js";
import { Payload } from "./payload.js";

/** A reservation: room to write one message in place. From `producer.tryReserve`. */
export class Slot extends Payload {
	readonly length: number;
	readonly #offset: number;
	readonly #operations: { commit(bytes: number): void; abort(): void };
	#open = true;

	/** @internal */
	constructor(
		attachment: Attachment,
		offset: number,
		length: number,
		operations: { commit(bytes: number): void; abort(): void },
	) {
		super(attachment);
		this.#offset = offset;
		this.length = length;
		this.#operations = operations;
	}

	/** Whether it was neither committed nor aborted. */
	get open(): boolean {
		return this.#open;
	}

	/**
	 * Sends the first `length` bytes, by default all.
	 *
	 * @throws DHMEM_CLOSED if it was committed or aborted; DHMEM_BAD_ARGUMENT
	 */
	commit(length = this.length): void {
		this.offset();
		this.#operations.commit(checkCount("The length", length, 0, this.length));
		this.#open = false;
	}

	/** Sends nothing. After a commit it does nothing. */
	abort(): void {
		if (!this.#open) return;
		this.#open = false;
		this.#operations.abort();
	}

	[Symbol.dispose](): void {
		this.abort();
	}

	protected override offset(): number {
		if (this.#open) return this.#offset;
		throw new DhmemError("DHMEM_CLOSED", "This reservation was committed or aborted; make another");
	}
}
