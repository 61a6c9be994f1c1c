/** Copying bytes of a payload out of the region. */
import { types } from "node:util";
import { badArgument } from "../errors.js";
import { bytesOf, lengthIn } from "../values/arguments.js";

/** Bytes in the region, and where they are. */
interface Source {
	readonly window: DataView;
	readonly length: number;
	place(at: number, bytes: number): number;
}

/** Up to this many bytes are copied word by word: the view that a longer copy needs would take more time. */
const FEW = 256;
/** Buffers up to this size are kept with the view of the last target. */
const KEPT = 2 ** 20;

/** The last target, which is often the next one too, and a view of it. */
let last: Uint8Array | undefined;
let lastView: DataView = new DataView(new ArrayBuffer(0));
let lastLength = 0;

/** Copies as `Buffer.copy` does, and returns the number of bytes. */
export function copied(
	source: Source,
	target: ArrayBufferView,
	targetStart: number,
	start: number,
	end: number,
): number {
	const kept = last;
	const to =
		kept !== undefined && target === kept && kept.length === lastLength ? kept : checkedTarget(target);
	const room = (to === last ? lastLength : lengthIn(to)) - position("targetStart", targetStart);
	const length = Math.min(position("end", end), source.length) - position("start", start);
	const count = Math.min(room, length);
	// Asked in any case, because it throws if these bytes can't be used any more.
	const from = count > 0 ? source.place(start, count) : source.place(0, 0);
	if (count <= 0) return 0;
	copyOut(source.window, from, to, targetStart, count);
	return count;
}

/** Copies `count` bytes from byte `from` of a view to byte `at` of `to`. */
export function copyOut(window: DataView, from: number, to: Uint8Array, at: number, count: number): void {
	if (count <= FEW && (to === last || isKept(to.buffer))) copyWords(window, from, viewOf(to), at, count);
	else to.set(new Uint8Array(window.buffer, window.byteOffset + from, count), at);
}

/** A view of shared memory is not kept, because it may be of a region, which would then stay open. */
function isKept(buffer: ArrayBufferLike): boolean {
	return buffer.byteLength <= KEPT && !types.isSharedArrayBuffer(buffer);
}

function checkedTarget(target: unknown): Uint8Array {
	last = undefined;
	if (ArrayBuffer.isView(target)) return bytesOf(target);
	throw badArgument("The target", target, "an ArrayBufferView");
}

function position(what: string, value: number): number {
	if (Number.isInteger(value) && value >= 0) return value;
	throw badArgument(what, value, "a whole number, 0 or more");
}

function viewOf(target: Uint8Array): DataView {
	if (target !== last || target.length !== lastLength) {
		lastLength = lengthIn(target);
		lastView = new DataView(target.buffer, target.byteOffset, lastLength);
		last = target;
	}
	return lastView;
}

function copyWords(from: DataView, start: number, to: DataView, at: number, count: number): void {
	let index = 0;
	for (; index + 4 <= count; index += 4) to.setUint32(at + index, from.getUint32(start + index));
	for (; index < count; index++) to.setUint8(at + index, from.getUint8(start + index));
}
