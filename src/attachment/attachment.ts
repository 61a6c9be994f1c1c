/**
 * One participant's hold on a region: the file, its mapping, the core over it, and the slot.
 *
 * Everything that needs the operating system happens here or in `files.ts`; the classes that users see
 * stand on this.
 */
import { Buffer } from "node:buffer";
import { debuglog, TextEncoder } from "node:util";
import {
	CORRUPT,
	FENCED,
	FULL,
	HEADER_HEAP,
	HEADER_MAGIC,
	HEADER_TOUCHED,
	HEADER_TOUCHED_BYTES,
	LABEL_BYTES,
	MAGIC_LOW,
	MORE,
	NEED_COMMIT,
	OK,
	SLOT_BYTES,
	SLOT_DOORBELL,
	SLOT_ID,
	SLOT_JOINED,
	SLOT_LABEL,
	SLOT_RESULT,
	SLOTS,
	SLOTS_START,
	SPAN_BYTES,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { type Core, instantiate } from "../core/core.js";
import { DhmemError, errnoOf, isErrorNamed, isFull } from "../errors.js";
import { howToGetAddresses } from "../host/advice.js";
import { findLimit } from "../host/file-system.js";
import type { Host } from "../host/local-shim.js";
import type { File } from "../host/shim.js";
import { noSpace, systemError } from "../host/system-error.js";
import type { NamedObject } from "../objects/named-object.js";
import { lengthIn } from "../values/arguments.js";
import { Waiter } from "../waiting/waiter.js";
import { commitRequest, type Spans } from "./committing.js";
import { keepWithBuffer, noteClosed, sameMemory } from "./openings.js";

export const debug = debuglog("dhmem");

/** Index of the lock byte that all who only read have a lock on, behind the slots'. */
export const READER_LOCK = 4096;

/** What an opening may do: `copy-on-write` is `read-only`, but elements may be changed for oneself. */
export type Access = "read-write" | "read-only" | "copy-on-write";

/** Calls of the core for one thing: of the largest region, to commit or to recover from all of it takes 257. */
const MOST_TURNS = 1000;

const { set: setBytes } = Uint8Array.prototype;

/**
 * From so many bytes on a copy is made by Node's `fill`, a `memcpy`. The engine's `set` goes word by word in shared
 * memory, and byte by byte where the source is not aligned as the destination is: 3 GB/s.
 */
const FILLED = 512;

export class Attachment {
	readonly path: string;
	readonly access: Access;
	readonly file: File;
	readonly shim: Host;
	readonly buffer: SharedArrayBuffer;
	readonly bytes: Uint8Array;
	readonly words: Uint32Array;
	readonly #whole: Buffer;
	/** Memory of this opening's own, behind the region, where the core reads what it is given. */
	readonly scratch: Uint8Array;
	readonly core: Core;
	readonly waiter: Waiter;
	/** The named objects that this participant has open. Of those that have one name all but one were removed. */
	readonly opened = new Map<string, NamedObject[]>();
	/** What gives room back that is held for the next time: called before anybody waits, here or elsewhere. */
	readonly flushers = new Set<() => void>();
	/** This participant's number, 0 until it has joined. */
	me = 0;
	/** Where the slot's words are, as an index into `words`. */
	slotWord = 0;
	#doorbell = 0;
	readonly #barrier = new Int32Array(1);
	#failure: DhmemError | undefined;
	#closed = false;

	/** Maps `file` of `spans` spans. It is not a participant before `join`. */
	constructor(shim: Host, file: File, path: string, spans: number, access: Access = "read-write") {
		this.path = path;
		this.access = access;
		this.file = file;
		this.shim = shim;
		if (typeof WebAssembly === "undefined") {
			throw new DhmemError(
				"DHMEM_UNSUPPORTED",
				"Here is no WebAssembly, which dhmem consists of; run Node without --jitless and --no-expose-wasm",
			);
		}
		let memory: WebAssembly.Memory;
		try {
			memory = new WebAssembly.Memory({ initial: spans + 1, maximum: spans + 1, shared: true });
		} catch (error) {
			const advice = howToGetAddresses(spans * SPAN_BYTES, findLimit("Max address space"));
			throw new DhmemError("DHMEM_UNSUPPORTED", `${path} has no room for its addresses: ${advice}`, {
				cause: error,
			});
		}
		this.buffer = memory.buffer;
		keepWithBuffer(this.buffer, this);
		const size = spans * SPAN_BYTES;
		this.bytes = new Uint8Array(this.buffer, 0, size);
		this.words = new Uint32Array(this.buffer, 0, size / 4);
		this.#whole = Buffer.from(this.buffer, 0, size);
		this.scratch = new Uint8Array(this.buffer, size);
		try {
			shim.mapFile(file, new Uint8Array(sameMemory(this.buffer), 0, size), access !== "read-write");
		} catch (error) {
			if (!isErrorNamed(error, "TypeError")) throw error;
			throw new DhmemError("DHMEM_FORMAT", `${path} was cut or extended while it was opened; remove it`, {
				cause: error,
			});
		}
		this.core = instantiate(memory, {
			onThrow: (error) => this.#die(error),
			refuse: access === "read-write" ? undefined : () => this.readOnlyError(),
		});
		this.waiter = new Waiter(this);
	}

	/** For JSON of what refers to it, as loggers make it: its arrays are the whole region. */
	toJSON(): string {
		return this.path;
	}

	get size(): number {
		return this.bytes.length;
	}

	get spans(): number {
		return this.size / SPAN_BYTES;
	}

	/** Bytes of the largest block that there could ever be. */
	get largestBlock(): number {
		return this.size - this.header(HEADER_HEAP) * SPAN_BYTES;
	}

	/** A word of the header. */
	header(field: number): number {
		return this.words[field >> 2] as number;
	}

	/** A word of the slot in which the core leaves results. */
	result(field = SLOT_RESULT): number {
		return this.words[this.slotWord + (field >> 2)] as number;
	}

	// ------------------------------------------------------------------------------- joining and leaving

	/** Takes a slot; false when all are taken by the living. */
	join(label: string): boolean {
		let full: DhmemError | undefined;
		// Free ones first: a dead participant's slot has to be recovered before it can be used.
		for (const dead of [false, true]) {
			for (let slot = 0; slot < SLOTS; slot++) {
				const id = this.slotId(slot);
				if ((id !== 0) === dead && this.shim.tryLock(this.file, slot)) {
					try {
						this.#commitSlot(slot);
					} catch (error) {
						if (!isFull(error)) throw error;
						// A slot that somebody has used has its pages, so a full disk keeps nobody from coming back.
						full = error;
						this.shim.unlock(this.file, slot);
						continue;
					}
					if (this.slotId(slot) !== 0) this.#recoverLocked(slot);
					this.#enter(slot, label);
					return true;
				}
			}
		}
		if (full !== undefined) throw full;
		return false;
	}

	#commitSlot(slot: number): void {
		const touched = this.header(HEADER_TOUCHED_BYTES);
		this.commitRange(this.header(HEADER_TOUCHED) + slot * touched, touched);
	}

	#enter(slot: number, label: string): void {
		const start = SLOTS_START + slot * SLOT_BYTES;
		const me = this.core.join(slot) >>> 0;
		// The slot was free when its lock was taken.
		if (me < STATUS_LIMIT) throw this.unexpected(CORRUPT, "Joining");
		this.me = me;
		this.slotWord = start >> 2;
		this.#doorbell = start + SLOT_DOORBELL;
		// What is too long ends with a whole character, and zeros follow.
		const text = new Uint8Array(LABEL_BYTES);
		new TextEncoder().encodeInto(label, text.subarray(0, LABEL_BYTES - 1));
		this.bytes.set(text, start + SLOT_LABEL);
		this.words[(start + SLOT_JOINED) >> 2] = Date.now() / 1000;
		this.shim.watch(this.file, this.#doorbell, () => this.waiter.onRing());
		debug("%s: joined as participant %d of slot %d", this.path, this.me, slot);
	}

	/** The number of the participant in a slot, 0 for none. */
	slotId(slot: number): number {
		return Atomics.load(this.words, (SLOTS_START + slot * SLOT_BYTES + SLOT_ID) >> 2);
	}

	/** Whether the participant with this number still holds its slot, as the kernel sees it. */
	isAlive(participant: number): boolean {
		if (participant === this.me) return true;
		const slot = (participant & 0xff) - 1;
		if (slot < 0 || slot >= SLOTS || this.slotId(slot) !== participant) return false;
		try {
			return this.shim.isLocked(this.file, slot);
		} catch (error) {
			throw systemError(error, this.path, "Asking who lives in");
		}
	}

	/** Whether anybody else has joined and lives. */
	hasCompany(): boolean {
		if (this.shim.isLocked(this.file, READER_LOCK)) return true;
		for (let slot = 0; slot < SLOTS; slot++) {
			const id = this.slotId(slot);
			if (id !== 0 && id !== this.me && this.shim.isLocked(this.file, slot)) return true;
		}
		return false;
	}

	/** Recovers from every participant that has died; how many there were. */
	recover(): number {
		try {
			return this.#recoverAll();
		} catch (error) {
			throw systemError(error, this.path, "Recovering from the dead in");
		}
	}

	#recoverAll(): number {
		let recovered = 0;
		for (let slot = 0; slot < SLOTS; slot++) {
			const id = this.slotId(slot);
			if (id === 0 || id === this.me || this.shim.isLocked(this.file, slot)) continue;
			if (!this.shim.tryLock(this.file, slot)) continue;
			try {
				if (this.#recoverLocked(slot)) recovered++;
			} finally {
				// A throw out of the core has closed the file, and dropped the lock with it.
				if (!this.#closed) this.shim.unlock(this.file, slot);
			}
		}
		return recovered;
	}

	/** Acts in the name of the participant in a slot whose lock is ours. */
	#recoverLocked(slot: number): boolean {
		let status: number;
		let turns = 0;
		do status = this.core.recover(slot);
		while (status === MORE && turns++ < MOST_TURNS);
		if (status === MORE) throw this.unexpected(CORRUPT, "Recovering from a dead participant");
		if (status !== OK) return false;
		debug("%s: recovered slot %d", this.path, slot);
		for (let other = 0; other < SLOTS; other++) {
			if (this.slotId(other) !== 0) this.#wakeAt(SLOTS_START + other * SLOT_BYTES + SLOT_DOORBELL);
		}
		return true;
	}

	/** Leaves the slot: what this participant owned and did not hand over is freed. */
	leave(): void {
		if (this.#failure === undefined) this.flush();
		if (this.me === 0 || this.#failure !== undefined) return;
		try {
			this.#recoverLocked((this.me & 0xff) - 1);
		} catch (error) {
			// An operation was cut off, and only now is there stack enough to see to it.
			if (this.#failure === undefined) throw error;
		}
	}

	/** Ends this hold. Views that are left read zeros. */
	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		noteClosed(this);
		this.waiter.close(this.closedError());
		this.shim.closeFile(this.file);
		debug("%s: closed", this.path);
	}

	get closed(): boolean {
		return this.#closed;
	}

	closedError(): DhmemError {
		return (
			this.#failure ?? new DhmemError("DHMEM_CLOSED", `The region ${this.path} is closed; open it again`)
		);
	}

	/** Throws unless the region can be used. */
	check(): void {
		if (this.#closed || this.#failure !== undefined || this.isDisplaced) throw this.#unusable();
	}

	/**
	 * Whether this participant's number is gone from its slot, because somebody took it for dead, or because
	 * zero pages lie over the mapping since a fault. So this finds both without a call. Who only reads has no slot,
	 * and looks at the header instead.
	 */
	get isDisplaced(): boolean {
		if (this.me !== 0) return this.words[this.slotWord + (SLOT_ID >> 2)] !== this.me;
		return this.access !== "read-write" && this.header(HEADER_MAGIC) !== MAGIC_LOW;
	}

	/** The error for a change where none may be made. */
	readOnlyError(): DhmemError {
		return new DhmemError(
			"DHMEM_READ_ONLY",
			`The region ${this.path} was opened ${this.access}, which can't change it; open it in another mode`,
		);
	}

	/** Throws unless the region can be used, and changed. */
	checkWritable(): void {
		this.check();
		if (this.access !== "read-write") throw this.readOnlyError();
	}

	#unusable(): DhmemError {
		if (!this.#closed) {
			this.#failure ??= this.#broken() ?? this.#takenForDead();
			this.close();
		}
		return this.closedError();
	}

	#takenForDead(): DhmemError {
		return new DhmemError(
			"DHMEM_CLOSED",
			`Another participant took this one of ${this.path} for dead, so it has left; open it again`,
		);
	}

	/** Why there was a fault, if there was one, or the file is shorter than the mapping. */
	#broken(): DhmemError | undefined {
		const { size } = this.shim.statFile(this.file);
		if (size < this.size) {
			return new DhmemError(
				"DHMEM_TRUNCATED",
				`Somebody cut ${this.path} from ${this.size} to ${size} bytes, so this participant has left; ` +
					"what was in it is lost: remove it",
			);
		}
		if (!this.shim.isBroken(this.file)) return undefined;
		return new DhmemError(
			"DHMEM_NO_SPACE",
			`${noSpace(this.path, 4096).message}; without it this participant has left: open the region again`,
		);
	}

	/**
	 * The core threw in mid-operation. Another operation could make it worse, so this participant is dead:
	 * its locks drop at once, for which little stack is needed, and a survivor puts things right.
	 */
	#die(cause: unknown): DhmemError {
		this.shim.abandonFile(this.file);
		this.#failure ??= cutOff(this.path, cause);
		// Closing needs more stack than there may be; whoever comes next does it if this fails.
		try {
			this.close();
		} catch {
			this.#closed = false;
		}
		return this.#failure;
	}

	// ----------------------------------------------------------------------------------------- memory

	/**
	 * Turns a status of the core that no caller expects into an error. `FENCED` for one thing: somebody found
	 * this participant's lock dropped.
	 */
	unexpected(status: number, what: string): DhmemError {
		if (this.#closed || this.#failure !== undefined || this.isDisplaced) return this.#unusable();
		if (status === FENCED) {
			return new DhmemError("DHMEM_CLOSED", `${what}: this end is closed; open it again`);
		}
		return new DhmemError(
			"DHMEM_CORRUPT",
			`${what}: the region ${this.path} holds what can't be true (status ${status}); replace it`,
		);
	}

	/** Gives a range of the file pages of its own. */
	commitRange(offset: number, length: number): void {
		try {
			this.shim.commit(this.file, offset, length);
		} catch (error) {
			if (errnoOf(error) === "ENXIO") throw this.#unusable();
			// The range was read from the region.
			if (isErrorNamed(error, "TypeError")) throw this.unexpected(CORRUPT, "Committing memory");
			if (errnoOf(error) === "ENOSPC" || errnoOf(error) === "EDQUOT") {
				throw noSpace(this.path, length, { cause: error });
			}
			throw systemError(error, this.path, "Committing memory of");
		}
	}

	/** Runs an allocation of the core, committing the pages it asks for. An offset, or another status. */
	#allocating(bytes: number, operation: (core: Core, me: number) => number): number {
		let whole: Spans | undefined;
		for (let turn = 0; turn < MOST_TURNS; turn++) {
			const result = operation(this.core, this.me) >>> 0;
			if (result !== NEED_COMMIT) return result;
			try {
				whole = commitRequest(this, bytes, whole);
			} catch (error) {
				if (!this.#closed) this.core.cancel(this.me);
				throw error;
			}
			this.core.committed(this.me);
		}
		return CORRUPT;
	}

	/**
	 * A block from `operation`. Before there is no room, what dead participants had is looked for.
	 *
	 * @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE
	 */
	allocateBy(bytes: number, operation: (core: Core, me: number) => number): number {
		for (let again = true; ; again = false) {
			let failure: unknown;
			try {
				const result = this.#allocating(bytes, operation);
				if (result >= STATUS_LIMIT) return result;
				if (result !== FULL) throw this.unexpected(result, `Allocating ${bytes} bytes`);
				failure = new DhmemError(
					"DHMEM_REGION_FULL",
					`The region ${this.path} has no ${bytes} bytes in one piece left, of ${this.size} in all; ` +
						"free some, or make it with a larger size",
				);
			} catch (error) {
				if (!(error instanceof DhmemError) || error.code !== "DHMEM_NO_SPACE") throw error;
				failure = error;
			}
			if (!again) throw failure;
			// What the dead had, and what the living keep in reserve, makes room.
			this.recover();
			this.core.reclaim(this.me);
		}
	}

	/** @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE */
	allocate(bytes: number): number {
		this.check();
		if (bytes > this.largestBlock) {
			throw new DhmemError(
				"DHMEM_REGION_FULL",
				`${bytes} bytes are more than ${this.path} could ever give, ${this.largestBlock}; make it larger`,
			);
		}
		const block = this.core.allocate(this.me, bytes) >>> 0;
		if (block >= STATUS_LIMIT) return block;
		return this.allocateBy(bytes, (core, me) => core.allocate(me, bytes));
	}

	/** Puts bytes into the region. */
	write(bytes: Uint8Array, offset: number): void {
		const length = lengthIn(bytes);
		if (length >= FILLED) this.#whole.fill(bytes, offset, offset + length);
		// Called so because V8 before 12 looks a typed array's method up slowly, each time.
		else setBytes.call(this.bytes, bytes, offset);
	}

	/** Puts bytes where the core reads them; their offset. They stay until the next call. */
	lend(bytes: Uint8Array): number {
		this.scratch.set(bytes);
		return this.size;
	}

	/**
	 * What was read from the region before is read: no load after this comes before one before it, on any processor.
	 * Atomic stores and loads keep their order, and plain loads don't pass an atomic store behind them.
	 */
	fence(): void {
		Atomics.store(this.#barrier, 0, 0);
	}

	// ---------------------------------------------------------------------------------------- waking

	/** Gives back what is held for the next time. */
	flush(): void {
		for (const flush of this.flushers) flush();
	}

	/** Wakes the sleepers on what an operation returned, if that is a doorbell. */
	wake(doorbell: number): void {
		if (doorbell < STATUS_LIMIT) return;
		// Peers can write where results are left.
		if (doorbell % 4 !== 0 || doorbell >= this.size) throw this.unexpected(CORRUPT, "Waking a peer");
		this.#wakeAt(doorbell);
	}

	/** What was done for the sleeper is done, and it looks by itself when its slice is over: so this never fails. */
	#wakeAt(doorbell: number): void {
		try {
			this.shim.wake(this.file, doorbell);
		} catch (error) {
			debug("%s: nobody can be woken: %s", this.path, error);
		}
	}

	readDoorbell(): number {
		return Atomics.load(this.words, this.#doorbell >> 2);
	}

	/** Sleeps until the doorbell differs from `seen`, at most `milliseconds`. */
	sleep(seen: number, milliseconds: number): boolean {
		try {
			return this.shim.wait(this.file, this.#doorbell, seen, milliseconds);
		} catch (error) {
			debug("%s: nobody can be waited for: %s", this.path, error);
			// An error is no ring, so the time runs out; and who waits looks by itself then.
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
			return false;
		}
	}
}

/** A trap means that the core met a word that can't be true; anything else came from outside. */
function cutOff(path: string, cause: unknown): DhmemError {
	const left = "so this participant has left";
	return isErrorNamed(cause, "RuntimeError")
		? new DhmemError("DHMEM_CORRUPT", `The region ${path} holds what can't be true, ${left}; replace it`, {
				cause,
			})
		: new DhmemError("DHMEM_CLOSED", `An operation on ${path} was cut off, ${left}; open it again`, {
				cause,
			});
}
