/**
 * The pipes of peers, by which their event loops are woken, and which tell of their deaths.
 *
 * A participant's pipe is `.dhmem-<number>.bell` beside the region. Its number is in the participant's slot. A pipe is
 * opened at the first ring, and kept.
 */
import { dirname, join } from "node:path";
import {
	SLEEP_PIPE,
	SLEEP_UNREACHABLE,
	SLOT_BYTES,
	SLOT_PIPE,
	SLOT_SLEEP,
	SLOTS,
	SLOTS_START,
} from "../../assembly/layout.js";
import type { Host } from "../host/local-shim.js";
import { type File, shim } from "../host/shim.js";
import { isTrustedOwner, type Trust } from "../host/trust.js";
import { debug } from "./debug.js";

/** How many pipes of peers are kept open. SYNC: PEER_PIPES in native-shim/host/host.h */
const MOST_KEPT = 16;
/** How many of these are watched for the death of a peer, so that there is always one to be replaced. */
const MOST_WATCHED = 8;

/** What the pipes need of a mapping. */
export interface WithPipes {
	readonly shim: Host;
	readonly file: File;
	readonly path: string;
	readonly words: Uint32Array;
	readonly trust: Trust;
	readonly me: number;
}

/** A pipe's number, as the slot has it: the low word, and the high word. */
export type PipeNumber = readonly [number, number];

export const PIPE = /^\.dhmem-[0-9a-f]{16}\.bell$/;

export function pipePath(regionPath: string, [low, high]: PipeNumber): string {
	const digits = [high, low].map((word) => word.toString(16).padStart(8, "0")).join("");
	return join(dirname(regionPath), `.dhmem-${digits}.bell`);
}

/** The index in `words` of a field of a slot. */
export function slotIndex(slot: number, field: number): number {
	return (SLOTS_START + slot * SLOT_BYTES + field) >> 2;
}

export function pipeNumber({ words }: Pick<WithPipes, "words">, slot: number): PipeNumber {
	const at = slotIndex(slot, SLOT_PIPE);
	return [Atomics.load(words, at), Atomics.load(words, at + 1)];
}

interface Kept {
	readonly slot: number;
	readonly number: PipeNumber;
	readonly index: number;
	isWatched: boolean;
}

export class PeerPipes {
	readonly #mapping: WithPipes;
	/** By the index that the shim knows them by. */
	readonly #kept: (Kept | undefined)[] = new Array(MOST_KEPT).fill(undefined);
	/** By slot. */
	readonly #bySlot = new Map<number, Kept>();
	/** The index at which the search for one to replace begins. */
	#next = 0;

	constructor(mapping: WithPipes) {
		this.#mapping = mapping;
	}

	/** Wakes the event loop of a slot's participant by its pipe. False if the pipe can't be reached. Never throws. */
	ring(slot: number): boolean {
		const kept = this.#find(slot);
		if (kept === undefined) return false;
		const { shim, file, path } = this.#mapping;
		try {
			if (shim.ringPipe(file, kept.index)) return true;
		} catch (error) {
			debug("%s: the pipe of slot %d can't be written to: %s", path, slot, error);
		}
		this.#drop(kept);
		return false;
	}

	/**
	 * True if the event loop will be told at once when one of these participants dies. It is a hint: the lock says
	 * whether it is dead. The others are no longer watched if there are too many.
	 */
	watch(participants: readonly number[]): boolean {
		if (participants.length > MOST_WATCHED) return false;
		for (const each of participants)
			if (each !== this.#mapping.me && !this.#watchSlot((each & 0xff) - 1, participants)) return false;
		return true;
	}

	#watchSlot(slot: number, wanted: readonly number[]): boolean {
		const { shim, file, path, words } = this.#mapping;
		if (slot < 0 || slot >= SLOTS || !isOnPipe(Atomics.load(words, slotIndex(slot, SLOT_SLEEP))))
			return false;
		const kept = this.#find(slot);
		if (kept === undefined || kept.isWatched) return kept !== undefined;
		const watched = this.#kept.filter((each) => each?.isWatched) as Kept[];
		const needless = watched.find((kept) => !wanted.some((each) => (each & 0xff) - 1 === kept.slot));
		if (watched.length >= MOST_WATCHED && needless !== undefined) this.#drop(needless);
		try {
			shim.watchPipe(file, kept.index);
			kept.isWatched = true;
			return true;
		} catch (error) {
			debug("%s: the pipe of slot %d can't be watched: %s", path, slot, error);
			return false;
		}
	}

	/** The shim says that no process reads the pipe with this index any more. */
	onLost(index: number): void {
		const kept = this.#kept[index];
		if (kept !== undefined) this.#drop(kept);
	}

	/** The open pipe of a slot's participant. Undefined if it can't be opened, or is a stranger's. */
	#find(slot: number): Kept | undefined {
		const number = pipeNumber(this.#mapping, slot);
		const kept = this.#bySlot.get(slot);
		if (kept?.number[0] === number[0] && kept?.number[1] === number[1]) return kept;
		if (kept !== undefined) this.#drop(kept);
		return this.#open(slot, number);
	}

	#open(slot: number, number: PipeNumber): Kept | undefined {
		const { shim, file, path, trust } = this.#mapping;
		const index = this.#freeIndex();
		const pipe = pipePath(path, number);
		try {
			const owner = shim.connectPipe(file, index, pipe);
			if (isTrustedOwner(owner, pipe, trust)) {
				const kept = { slot, number, index, isWatched: false };
				this.#kept[index] = kept;
				this.#bySlot.set(slot, kept);
				return kept;
			}
			debug("%s: not used, because its owner is not trusted", pipe);
			shim.disconnectPipe(file, index);
		} catch (error) {
			debug("%s: can't be opened: %s", pipe, error);
		}
		return undefined;
	}

	/** A free index; if there is none, that of a pipe that is not watched becomes free. */
	#freeIndex(): number {
		const free = this.#kept.indexOf(undefined);
		if (free !== -1) return free;
		do this.#next = (this.#next + 1) % MOST_KEPT;
		while (this.#kept[this.#next]?.isWatched);
		this.#drop(this.#kept[this.#next] as Kept);
		return this.#next;
	}

	#drop(kept: Kept): void {
		this.#kept[kept.index] = undefined;
		this.#bySlot.delete(kept.slot);
		this.#mapping.shim.disconnectPipe(this.#mapping.file, kept.index);
	}
}

/** Removes a pipe that no process reads, if this user may. Never throws. */
export function removeDeadPipe(path: string): void {
	try {
		if (shim().removeDeadPipe(path)) debug("%s: removed, its owner is dead", path);
	} catch (error) {
		debug("%s: it can't be removed: %s", path, error);
	}
}

/** Tells from the word of a slot whether its participant is woken by its pipe. */
export function isOnPipe(sleep: number): boolean {
	return (sleep & (SLEEP_PIPE | SLEEP_UNREACHABLE)) === SLEEP_PIPE;
}
