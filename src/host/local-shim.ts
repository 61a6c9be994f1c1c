/**
 * The shim's part for a region that only this thread has: plain memory, so that code can be tried where there
 * is no Linux. Nobody else can lock, ring or sleep, so most of it is nothing.
 */
import { clearTimeout, setTimeout } from "node:timers";
import type { File, Shim } from "./shim.js";

/** What a participant needs of a shim. */
export type Host = Pick<
	Shim,
	| "abandonFile"
	| "arm"
	| "closeFile"
	| "commit"
	| "disarm"
	| "isBroken"
	| "isLocked"
	| "isNamed"
	| "mapFile"
	| "punch"
	| "statFile"
	| "tryLock"
	| "unlock"
	| "wait"
	| "wake"
	| "watch"
>;

interface LocalFile {
	memory: Uint8Array;
	committed: number;
	onRing(): void;
	timer: NodeJS.Timeout | undefined;
}

/** A file that is none. */
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

/** Calls back in `milliseconds`, instead of whenever it was to be. */
function schedule(file: LocalFile, milliseconds: number): void {
	cancel(file);
	file.timer = setTimeout(() => {
		file.timer = undefined;
		file.onRing();
	}, milliseconds);
}

export const localShim: Host = {
	mapFile(file, memory) {
		of(file).memory = memory;
	},
	statFile(file) {
		const { memory, committed } = of(file);
		return { size: memory.length, committed, mode: 0, uid: 0, gid: 0 };
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
};
