import { OBJECT_NONCE } from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { noLongerHeld } from "../attachment/openings.js";
import { DhmemError } from "../errors.js";

/**
 * A named object that this participant has open. It is pinned: it stays where it is until this participant
 * leaves the region or removes the object, whatever others do. A reader pins nothing.
 */
export class NamedObject {
	readonly attachment: Attachment;
	/** The offset of its record in the region. */
	readonly at: number;
	readonly name: string;
	/**
	 * True once an opening of the object has succeeded. If the first opening fails, the object is closed again.
	 */
	inUse = false;
	/**
	 * Functions to call with the reason when this participant removes the object. Pending waits are among them.
	 */
	readonly endings = new Set<(why: DhmemError) => void>();
	/** For `openings.ts`: its index among the held mutexes; -1 while it is not held. */
	heldAt = -1;
	#removed = false;
	/** The random number in its record. A reader compares it, to detect that others have removed the object. */
	readonly #nonce: readonly [number, number];

	constructor(attachment: Attachment, at: number, name: string) {
		this.attachment = attachment;
		this.at = at;
		this.name = name;
		this.#nonce = [this.word(OBJECT_NONCE), this.word(OBJECT_NONCE + 4)];
	}

	toJSON(): string {
		return this.name;
	}

	/** Reads a word of its record. */
	word(field: number): number {
		return Atomics.load(this.attachment.words, (this.at + field) >>> 2);
	}

	/** True if this participant has removed it. */
	get removed(): boolean {
		return this.#removed;
	}

	/**
	 * True while the object exists at its offset. A pinned object always does. Without a pin, others may have
	 * removed it and reused its memory.
	 */
	get isThere(): boolean {
		const { access, core } = this.attachment;
		return access === "read-write" || core.isNoted(this.at, ...this.#nonce) !== 0;
	}

	/** Throws if the object can't be used. @throws DHMEM_CLOSED, and as `Mapping.check` */
	check(): void {
		this.attachment.check();
		this.checkNotRemoved();
		if (this.isThere) return;
		throw new DhmemError(
			"DHMEM_CLOSED",
			`Another participant has removed ${this.name} from ${this.attachment.path}; open it again by its name`,
		);
	}

	/** @throws DHMEM_CLOSED */
	checkNotRemoved(): void {
		if (this.#removed) throw this.#removedError();
	}

	#removedError(): DhmemError {
		return new DhmemError(
			"DHMEM_CLOSED",
			`This participant has removed ${this.name} from ${this.attachment.path}; open it again by its name`,
		);
	}

	/** Ends everything that uses the object here, before its memory may be reused. */
	end(): void {
		this.#removed = true;
		const why = this.#removedError();
		for (const end of this.endings) end(why);
		this.endings.clear();
		noLongerHeld(this);
	}
}
