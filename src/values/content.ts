/**
 * What is sent or stored: bytes, or text, which is UTF-8 there. Text is encoded straight into shared memory,
 * because an array of bytes in between costs more than the encoding.
 */
import { Buffer } from "node:buffer";
import { TextEncoder } from "node:util";
import { bytesOf, lengthIn } from "./arguments.js";

export type Content = string | Uint8Array;

const { set: setBytes } = Uint8Array.prototype;

/**
 * Copies of at least this many bytes use Node's `fill`, which is a `memcpy`. In shared memory the engine's
 * `set` copies word by word, or byte by byte if source and destination are aligned differently: 3 GB/s. Deno's
 * `fill` believes what a view says about its own length.
 */
const FILLED = "Deno" in globalThis ? Number.POSITIVE_INFINITY : 512;

/** The most characters that are written one by one, which is faster than a call into the engine. */
const SHORT = 24;

const encoder = new TextEncoder();

/** Checks data to send. @throws DHMEM_BAD_ARGUMENT */
export function contentOf(data: string | ArrayBufferView): Content {
	return typeof data === "string" ? data : bytesOf(data);
}

/** The length in bytes. In text a lone surrogate counts as U+FFFD, which is written instead. */
export function lengthOf(content: Content): number {
	return typeof content === "string" ? Buffer.byteLength(content) : lengthIn(content);
}

/** Copies `content`, whose length in bytes is `length`, to `at`. @internal */
export function writeContent(content: Content, length: number, to: Buffer, at: number): void {
	if (typeof content === "string") {
		if (length !== content.length || !writeShort(content, to, at)) to.write(content, at, length);
	} else if (length >= FILLED) to.fill(content, at, at + length);
	// Not as a method: V8 before 12 looks up a typed array's methods slowly, on each call.
	else setBytes.call(to, content, at);
}

/** Writes short ASCII. Returns false for any other text, and then the bytes there may have changed. */
function writeShort(text: string, to: Uint8Array, at: number): boolean {
	const { length } = text;
	if (length > SHORT) return false;
	for (let i = 0; i < length; i++) {
		const code = text.charCodeAt(i);
		if (code >= 0x80) return false;
		to[at + i] = code;
	}
	return true;
}

/** Writes ASCII at `at` of a region. Returns false for any other text, as `writeShort`. @internal */
export function writeAscii(text: string, region: Buffer, at: number): boolean {
	const { length } = text;
	if (length <= SHORT) return writeShort(text, region, at);
	// All characters fit only if each has one byte.
	return encoder.encodeInto(text, new Uint8Array(region.buffer, at, length)).read === length;
}

/** Writes text at the start of `to`, and returns its length in bytes; infinite if it does not fit. */
export function writeText(text: string, to: Uint8Array): number {
	if (writeShort(text, to, 0)) return text.length;
	const { read, written } = encoder.encodeInto(text, to);
	return read === text.length ? written : Number.POSITIVE_INFINITY;
}
