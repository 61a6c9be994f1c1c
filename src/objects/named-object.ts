import { OBJECT_NONCE } from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { noLongerHeld } from "../attachment/openings.js";
import { DhmemError } from "../errors.js";

/**
 * A named object as this participant has it open. It is pinned, so it stays where it is until this participant
 * leaves the region or removes it, whatever others do. Who only reads pins nothing.
 */
export class NamedObject {
	readonly attachment: Attachment;
	/** Offset of its words in the region. */
	readonly at: number;
	readonly name: string;
	/** Whether an opening of it has succeeded; one that fails, and is the first, lets it go again. */
	inUse = false;
	/** What has to end when this participant removes it, pending waits too. */
	readonly endings = new Set<(why: DhmemError) => void>();
	/** For `openings.ts`: where it is among the mutexes that are held, -1 if it is not. */
	heldAt = -1;
	#removed = false;
	/** The random number in its record, by which who only reads finds out that others have removed it. */
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

	/** A word of it, as it is now. */
	word(field: number): number {
		return Atomics.load(this.attachment.words, (this.at + field) >>> 2);
	}

	/** Whether this participant has removed it. */
	get removed(): boolean {
		return this.#removed;
	}

	/** Whether it still lies there. What is pinned does; without a pin others may have removed it, and its memory be another's. */
	get isThere(): boolean {
		const { access, core } = this.attachment;
		return access === "read-write" || core.isNoted(this.at, ...this.#nonce) !== 0;
	}

	/** Throws unless it can be used. @throws DHMEM_CLOSED, and what the region's state is */
	check(): void {
		this.attachment.check();
		this.checkNotRemoved();
		if (this.isThere) return;
		throw new DhmemError(
			"DHMEM_CLOSED",
			`Others have removed ${this.name} from ${this.attachment.path}, which is only read here; open the name anew`,
		);
	}

	/** @throws DHMEM_CLOSED */
	checkNotRemoved(): void {
		if (this.#removed) throw this.#removedError();
	}

	#removedError(): DhmemError {
		return new DhmemError(
			"DHMEM_CLOSED",
			`This participant has removed ${this.name} from ${this.attachment.path}; open the name anew`,
		);
	}

	/** Ends what this participant has of it, before its memory may become something else. */
	end(): void {
		this.#removed = true;
		const why = this.#removedError();
		for (const end of this.endings) end(why);
		this.endings.clear();
		noLongerHeld(this);
	}
}
