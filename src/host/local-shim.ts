/**
 * Replaces the shim for a local region, which is plain memory of this thread. It lets users try code without
 * Linux. No other participant can lock, ring or sleep, so most functions do nothing.
 */
import { clearTimeout, setTimeout } from "node:timers";
import type { File, Shim } from "./shim.js";

/** The functions of the shim that a participant needs. */
export type Host = Pick<
	Shim,
	| "abandonFile"
	| "arm"
	| "armPipe"
	| "closeFile"
	| "commit"
	| "connectPipe"
	| "disarm"
	| "disconnectPipe"
	| "isBroken"
	| "isLocked"
	| "isNamed"
	| "makePipe"
	| "mapFile"
	| "mapWindow"
	| "punch"
	| "readFile"
	| "removePipe"
	| "ringPipe"
	| "statFile"
	| "tryLock"
	| "unlock"
	| "wait"
	| "wake"
	| "watch"
	| "watchPipe"
>;

interface LocalFile {
	memory: Uint8Array;
	committed: number;
	onRing(): void;
	timer: NodeJS.Timeout | undefined;
}

/** A stand-in for a file. */
export function localFile(): File {
	const file: LocalFile = { memory: new Uint8Array(), committed: 0, onRing() {}, timer: undefined };
	return file as unknown as File;
}

function of(file: File): LocalFile {
	return file as unknown as LocalFile;
}

function cancel(file: LocalFile): void {
	clearTimeout(file.timer);
	file.timer = undefined;
}

/** Schedules the callback in `milliseconds`, and replaces the schedule before. */
function schedule(file: LocalFile, milliseconds: number): void {
	cancel(file);
	file.timer = setTimeout(() => {
		file.timer = undefined;
		file.onRing();
	}, milliseconds);
}

function noPipes(): never {
	throw Object.assign(new Error("a local region has no pipes"), { code: "ENOSYS" });
}

export const localShim: Host = {
	mapFile(file, memory) {
		of(file).memory = memory;
	},
	mapWindow: () => 0,
	statFile(file) {
		const { memory, committed } = of(file);
		return { size: memory.length, committed, mode: 0, uid: 0, gid: 0 };
	},
	readFile(file, into, position) {
		const bytes = of(file).memory.subarray(position, position + into.length);
		into.set(bytes);
		return bytes.length;
	},
	closeFile: (file) => cancel(of(file)),
	abandonFile() {},
	isBroken: () => false,
	commit(file, _offset, length) {
		of(file).committed += length;
	},
	punch(file, _offset, length) {
		of(file).committed -= length;
	},
	tryLock: () => true,
	unlock() {},
	isLocked: () => false,
	isNamed: () => true,
	wait(file, offset, expected, timeout) {
		const words = new Int32Array(of(file).memory.buffer);
		return Atomics.wait(words, offset >> 2, expected | 0, timeout) !== "timed-out";
	},
	wake(file) {
		if (of(file).timer === undefined) return 0;
		schedule(of(file), 0);
		return 1;
	},
	watch(file, _offset, onRing) {
		of(file).onRing = onRing;
	},
	arm(file, _expected, slice) {
		if (of(file).timer === undefined) schedule(of(file), slice);
	},
	disarm: (file) => cancel(of(file)),
	makePipe: noPipes,
	armPipe: noPipes,
	removePipe() {},
	connectPipe: noPipes,
	disconnectPipe() {},
	ringPipe: () => false,
	watchPipe: noPipes,
};
