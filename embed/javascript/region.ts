/** A participant in a region that a program with the library has made. The numbered duties are those of docs/core-abi.md. */
import { readFileSync, statSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import * as layout from "../../dist/assembly/layout.js";
import type { Libc } from "./libc.ts";

const PAGE = 65536;
const O_WRONLY = 1;
const O_RDWR = 2;
const O_NONBLOCK = 0x800;
const O_NOFOLLOW = process.arch === "arm64" ? 0x8000 : 0x20000;
const O_CLOEXEC = 0x80000;
const MAP_SHARED = 1;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_FIXED_NORESERVE = 0x4010;
const FALLOC_FL_KEEP_SIZE = 1;
const OFD_GETLK = 36;
const OFD_SETLK = 37;
const OFD_SETLKW = 38;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;

const LOCK_BYTES = 2 ** 40;
const JOIN_BYTE = 1024;
const READERS_BYTE = 4096;
const SLICE_MS = 50;
const SPINS = 200;

type Export = (...parameters: number[]) => number;

const encoder = new TextEncoder();
const slots = Array.from({ length: layout.SLOTS }, (_, slot) => slot);
const at = (slot: number, field: number) => layout.SLOTS_START + slot * layout.SLOT_BYTES + field;

/** For one thread alone. */
export class Region {
	readonly me: number;
	readonly #libc: Libc;
	readonly #path: string;
	readonly #file: number;
	readonly #locks: number;
	readonly #size: number;
	readonly #exports: Record<string, Export>;
	readonly #bytes: Uint8Array;
	readonly #words: Uint32Array;
	/** Open pipes of other participants, by their paths. */
	readonly #pipes = new Map<string, number>();
	#slot = -1;

	/** Opens the region of this name in $DHMEM_DIR, or in /dev/shm. */
	constructor(libc: Libc, name: string) {
		this.#libc = libc;
		this.#path = join(process.env.DHMEM_DIR ?? "/dev/shm", `${name}.dhmem`);
		this.#file = this.#open(this.#path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		// Locks belong to an open file description of their own: a mapping would keep that of its file alive (duty 1).
		this.#locks = this.#open(this.#ownFile, O_RDWR | O_CLOEXEC);
		const { size, uid } = statSync(this.#ownFile);
		if (uid !== process.getuid?.() && uid !== 0) this.#refuse("belongs to another user");
		this.#size = size;
		const pages = size / PAGE + 1;
		if (!Number.isInteger(pages) || pages < 9 || pages > 65535) this.#refuse("is no region, or too large");
		const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
		this.#bytes = new Uint8Array(memory.buffer);
		this.#words = new Uint32Array(memory.buffer);
		this.#map(MAP_SHARED, this.#file);
		this.#checkHeader();
		const core = new WebAssembly.Module(readFileSync(new URL("../../dist/core.wasm", import.meta.url)));
		this.#exports = new WebAssembly.Instance(core, { env: { memory } }).exports as Record<string, Export>;
		this.me = this.#join();
		this.#recoverTheDead();
	}

	get #ownFile(): string {
		return `/proc/self/fd/${this.#file}`;
	}

	get #isLastClose(): boolean {
		return this.word(layout.HEADER_LIFETIME) === layout.LIFETIME_LAST_CLOSE;
	}

	#refuse(why: string): never {
		throw new Error(`${this.#path} ${why}`);
	}

	#open(path: string, flags: number): number {
		const file = this.#libc.open(encoder.encode(`${path}\0`), flags);
		if (file < 0) throw new Error(`${path} can't be opened`);
		return file;
	}

	/** Maps a file over all of the memory but its last page, which belongs to this process. */
	#map(flags: number, file: number): void {
		const protection = 3;
		this.#libc.mmap(this.#bytes, this.#size, protection, flags | MAP_FIXED_NORESERVE, file, 0);
	}

	/** A mapping that failed is seen here too: its words are 0. */
	#checkHeader(): void {
		const { HEADER_MAGIC, MAGIC_LOW, MAGIC_HIGH, LAYOUT_VERSION } = layout;
		if (this.word(HEADER_MAGIC) !== MAGIC_LOW || this.word(HEADER_MAGIC + 4) !== MAGIC_HIGH)
			this.#refuse("is no region");
		const version = this.word(layout.HEADER_VERSION);
		if (version !== LAYOUT_VERSION) this.#refuse(`has layout ${version}, not ${LAYOUT_VERSION}`);
		const unknown = [layout.HEADER_FEATURES_ALL, layout.HEADER_FEATURES_WRITE, layout.HEADER_BULK_SPANS];
		if (unknown.some((offset) => this.word(offset) !== 0))
			this.#refuse("has features that this program does not know");
		const { HEADER_BUSY, HEADER_COMMITTED, HEADER_OWNED, HEADER_BUCKETS } = layout;
		const tables = [HEADER_BUSY, HEADER_COMMITTED, HEADER_OWNED, HEADER_BUCKETS].map((offset) =>
			this.word(offset),
		);
		const sound = [at(layout.SLOTS, 0), ...tables, this.#size].every(
			(end, index, all) => end >= (all[index - 1] ?? 0),
		);
		if (!sound || this.word(layout.HEADER_SPANS) * PAGE !== this.#size)
			this.#refuse("has a corrupted header");
	}

	#hasTheName(): boolean {
		const named = statSync(this.#path, { throwIfNoEntry: false });
		const ours = statSync(this.#ownFile);
		return named?.dev === ours.dev && named.ino === ours.ino;
	}

	/** Sets or asks for a lock. Returns the kind of the lock that stands in the way, or `F_UNLCK`. */
	#lock(command: number, byte: number, kind: number): number {
		const lock = new DataView(new ArrayBuffer(32));
		lock.setInt16(0, kind, true);
		lock.setBigInt64(8, BigInt(LOCK_BYTES + byte), true);
		lock.setBigInt64(16, 1n, true);
		const failed = this.#libc.fcntl(this.#locks, command, new Uint8Array(lock.buffer)) < 0;
		return failed ? F_WRLCK : command === OFD_GETLK ? lock.getInt16(0, true) : F_UNLCK;
	}

	#tryLock(byte: number): boolean {
		return this.#lock(OFD_SETLK, byte, F_WRLCK) === F_UNLCK;
	}

	#isLocked(byte: number, kind: number): boolean {
		return this.#lock(OFD_GETLK, byte, kind) !== F_UNLCK;
	}

	#join(): number {
		if (this.#lock(OFD_SETLKW, JOIN_BYTE, F_WRLCK) !== F_UNLCK) this.#refuse("can't be locked");
		try {
			if (!this.#hasTheName()) this.#refuse("was removed or replaced");
			if (this.#isLastClose && this.#isAbandoned())
				this.#refuse("is abandoned: its last participant was killed");
			const isTaken = (slot: number) => Number(this.load(at(slot, layout.SLOT_ID)) !== 0);
			const slot = [...slots].sort((a, b) => isTaken(a) - isTaken(b)).find((slot) => this.#tryLock(slot));
			if (slot === undefined) this.#refuse(`has ${layout.SLOTS} participants already`);
			return this.#take(slot);
		} finally {
			this.#lock(OFD_SETLK, JOIN_BYTE, F_UNLCK);
		}
	}

	#take(slot: number): number {
		this.#slot = slot;
		const touched = this.word(layout.HEADER_TOUCHED_BYTES);
		if (!this.#commit(this.word(layout.HEADER_TOUCHED) + slot * touched, touched))
			this.#refuse("has no space left");
		if (this.load(at(slot, layout.SLOT_ID)) !== 0) this.#recover(slot);
		for (const field of [layout.SLOT_SLEEP, layout.SLOT_PIPE, layout.SLOT_PIPE + 4])
			Atomics.store(this.#words, at(slot, field) >>> 2, 0);
		this.write(at(slot, layout.SLOT_LABEL), encoder.encode("embedded\0"));
		return this.offset("join", slot);
	}

	/** True if no slot's byte is locked, and nobody reads. */
	#isAbandoned(): boolean {
		return ![...slots, READERS_BYTE].some((byte) => this.#isLocked(byte, F_WRLCK));
	}

	leave(): void {
		const isLastClose = this.#isLastClose;
		if (isLastClose) this.#lock(OFD_SETLKW, JOIN_BYTE, F_WRLCK);
		this.#recover(this.#slot);
		this.#lock(OFD_SETLK, this.#slot, F_UNLCK);
		if (isLastClose && this.#hasTheName() && this.#isAbandoned()) unlinkSync(this.#path);
		// Views that were kept see zeros, and stay valid memory (duty 11).
		this.#map(MAP_PRIVATE_ANONYMOUS, -1);
		for (const file of [this.#locks, this.#file, ...this.#pipes.values()]) this.#libc.close(file);
	}

	/** The result of an export, unsigned. After a trap this participant must not go on (duty 6). */
	call(name: string, ...parameters: number[]): number {
		try {
			return (this.#exports[name] as Export)(...parameters) >>> 0;
		} catch (error) {
			this.#libc.close(this.#locks);
			throw error;
		}
	}

	/** The result of an export that returns an offset. Throws for a status. */
	offset(name: string, ...parameters: number[]): number {
		return this.expect(name, this.call(name, ...parameters));
	}

	/** Calls an export that returns a doorbell or `OK`, and wakes whoever is to be woken. */
	change(name: string, ...parameters: number[]): void {
		this.wake(name, this.call(name, ...parameters));
	}

	expect(name: string, result: number): number {
		if (result >= layout.STATUS_LIMIT) return result;
		throw new Error(`${name} answered ${result}; docs/core-abi.md lists the statuses`);
	}

	word(offset: number): number {
		return this.#words[offset >>> 2] as number;
	}

	/** An atomic access, for words that others write. */
	load(offset: number): number {
		return Atomics.load(this.#words, offset >>> 2);
	}

	/** A word of this participant's slot that a call has left there. */
	result(index: number): number {
		return this.word(at(this.#slot, layout.SLOT_RESULT) + 4 * index);
	}

	write(offset: number, bytes: Uint8Array): void {
		this.#bytes.set(bytes, offset);
	}

	/** The offset of these bytes in the page behind the region, which belongs to this process. */
	inOwnPage(bytes: Uint8Array): number {
		this.write(this.#size, bytes);
		return this.#size;
	}

	/** Bytes of the region without a copy. A hostile peer may have written offset and length (duty 7). */
	view(offset: number, length: number): Uint8Array {
		if (offset + length > this.#size) this.#refuse("is corrupted");
		return this.#bytes.subarray(offset, offset + length);
	}

	/** A block of at least so many bytes; they are old ones. */
	allocate(length: number): number {
		for (let turn = 0; turn < 1000; turn++) {
			const block = this.call("allocate", this.me, length);
			if (block !== layout.NEED_COMMIT) return this.expect("allocate", block);
			const request = [0, 4, 8, 12].map((word) =>
				this.word(at(this.#slot, layout.SLOT_REQUEST_OFFSET) + word),
			);
			const [offset = 0, bytes = 0, offset2 = 0, bytes2 = 0] = request;
			const done = this.#commit(offset, bytes) && this.#commit(offset2, bytes2);
			this.call(done ? "committed" : "cancel", this.me);
			if (!done) this.#refuse("has no space left");
		}
		return this.#refuse("is corrupted");
	}

	/** Duty 2: makes sure that the pages exist, so that a full file system is no SIGBUS later. */
	#commit(offset: number, length: number): boolean {
		return length === 0 || this.#libc.fallocate(this.#file, FALLOC_FL_KEEP_SIZE, offset, length) === 0;
	}

	#isAlive(slot: number): boolean {
		return slot === this.#slot || this.#isLocked(slot, F_RDLCK);
	}

	#recover(slot: number): void {
		while (this.call("recover", slot) === layout.MORE);
	}

	/** Duty 5. */
	#recoverTheDead(): void {
		const isUsed = (slot: number) => this.load(at(slot, layout.SLOT_ID)) !== 0;
		for (const dead of slots) {
			if (!isUsed(dead) || this.#isAlive(dead) || !this.#tryLock(dead)) continue;
			this.#recover(dead);
			for (const slot of slots.filter(isUsed)) this.wake("recover", at(slot, layout.SLOT_DOORBELL));
			this.#lock(OFD_SETLK, dead, F_UNLCK);
		}
	}

	/** Duty 3, for what the export of this name has returned. */
	wake(name: string, doorbell: number): void {
		if (doorbell === layout.OK) return;
		const slot = (this.expect(name, doorbell) - at(0, layout.SLOT_DOORBELL)) / layout.SLOT_BYTES;
		if (!slots.includes(slot)) this.#refuse("is corrupted");
		const sleep = at(slot, layout.SLOT_SLEEP) >>> 2;
		const how = Atomics.load(this.#words, sleep);
		if ((how & (layout.SLEEP_PIPE | layout.SLEEP_UNREACHABLE)) === layout.SLEEP_PIPE) {
			if (!this.#ring(slot)) Atomics.or(this.#words, sleep, layout.SLEEP_UNREACHABLE);
			else if ((how & layout.SLEEP_FUTEX) === 0) return;
		}
		this.#libc.futex(this.#bytes.subarray(doorbell), FUTEX_WAKE, 2 ** 30, new Uint8Array(16));
	}

	/** Rings a participant's pipe. Both engines ignore SIGPIPE. */
	#ring(slot: number): boolean {
		const halves = [4, 0].map((half) => this.load(at(slot, layout.SLOT_PIPE) + half));
		const number = halves.map((half) => half.toString(16).padStart(8, "0")).join("");
		const path = join(dirname(this.#path), `.dhmem-${number}.bell`);
		const known = this.#pipes.get(path);
		if (known !== undefined) {
			if (this.#libc.write(known, new Uint8Array(1), 1) === 1) return true;
			// It is full, or nobody reads it any more: opening it anew tells which.
			this.#libc.close(known);
			this.#pipes.delete(path);
		}
		const flags = O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;
		const pipe = this.#libc.open(encoder.encode(`${path}\0`), flags);
		if (pipe < 0) return false;
		const status = statSync(`/proc/self/fd/${pipe}`);
		if (!status.isFIFO() || (status.uid !== process.getuid?.() && status.uid !== 0)) {
			this.#libc.close(pipe);
			return false;
		}
		this.#pipes.set(path, pipe);
		return known !== undefined || this.#libc.write(pipe, new Uint8Array(1), 1) === 1;
	}

	/** Duty 4. `attempt` returns undefined while there is nothing; `peer` the participant that this depends on, or 0. */
	wait<T>(announce: () => void, attempt: () => T | undefined, peer: () => number): T {
		for (let spin = 0; spin < SPINS; spin++) {
			const result = attempt();
			if (result !== undefined) return result;
		}
		const doorbell = at(this.#slot, layout.SLOT_DOORBELL);
		const slice = new Uint8Array(new BigInt64Array([0n, BigInt(SLICE_MS * 1e6)]).buffer);
		for (;;) {
			const seen = this.load(doorbell);
			announce();
			const result = attempt();
			if (result !== undefined) return result;
			this.#libc.futex(this.#bytes.subarray(doorbell), FUTEX_WAIT, seen, slice);
			if (this.load(at(this.#slot, layout.SLOT_ID)) !== this.me)
				this.#refuse("has declared this participant dead, or was truncated");
			const holder = peer();
			if (holder !== 0 && !this.#isAlive((holder & 0xff) - 1)) this.#recoverTheDead();
		}
	}
}
