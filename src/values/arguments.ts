/** Checking what users pass, in one place for each kind of value. */
import { Buffer } from "node:buffer";
import { types } from "node:util";
import { NAME_BYTES, SPAN_BYTES } from "../../assembly/layout.js";
import { badArgument, DhmemError, show } from "../errors.js";

/** Bytes, or a figure with a unit: `"64MiB"` (2^20), `"1.5 GB"` (10^9). */
export type Size = number | string;

const units: Record<string, number> = {
	"": 1,
	b: 1,
	kb: 1e3,
	mb: 1e6,
	gb: 1e9,
	kib: 2 ** 10,
	mib: 2 ** 20,
	gib: 2 ** 30,
};

/** Bytes in `size`: a positive whole number. */
export function parseSize(what: string, size: Size): number {
	let bytes = Number.NaN;
	if (typeof size === "number") bytes = size;
	else if (typeof size === "string") {
		const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(size);
		const unit = match?.[2] === undefined ? undefined : units[match[2].toLowerCase()];
		if (match && unit !== undefined) bytes = Math.floor(Number(match[1]) * unit);
	}
	if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
	throw badArgument(what, size, 'a positive number of bytes, or a string such as "64MiB" or "1.5 GB"');
}

/**
 * 4 GiB less two pages of 64 KiB. The memory has one page more, for scratch, and engines refuse to clone or post a
 * buffer of 2^32 bytes.
 */
export const LARGEST_REGION = 65534 * SPAN_BYTES;
/** The tables, and a few objects and blocks. Less is rounded up to it. */
const SMALLEST_REGION = 8 * SPAN_BYTES;

/** Spans in a region of `size`, which is rounded up to whole ones, and to the smallest that is of use. */
export function parseRegionSize(size: Size): number {
	const bytes = parseSize("size", size);
	if (bytes < SPAN_BYTES || bytes > 2 ** 32) throw badArgument("size", size, "from 64 KiB to 4 GiB");
	return Math.ceil(Math.min(Math.max(bytes, SMALLEST_REGION), LARGEST_REGION) / SPAN_BYTES);
}

export function isRegionName(name: unknown): name is string {
	return typeof name === "string" && /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/.test(name);
}

export function checkRegionName(name: string): string {
	if (isRegionName(name)) return name;
	throw badArgument("The region's name", name, 'of 1 to 200 of A-Z a-z 0-9 . _ -, and not start with "."');
}

/** The UTF-8 of an object's name. */
export function encodeName(name: string): Uint8Array {
	if (typeof name === "string" && name.length > 0 && name.isWellFormed()) {
		const bytes = Buffer.from(name);
		if (bytes.length <= NAME_BYTES) return bytes;
	}
	throw badArgument("The object's name", name, `a string of 1 to ${NAME_BYTES} bytes as UTF-8`);
}

/** The names of the options that a call takes. The compiler sees to it that none of `O` is missing. */
export function optionNames<O>(names: { readonly [Name in keyof Required<O>]: true }): ReadonlySet<string> {
	return new Set(Object.keys(names));
}

/**
 * Throws unless `options` is an object with none but `known` names, or left out. Every public call that takes options
 * passes them through here, so that a misspelt name is an error and not silently without effect.
 *
 * @param of the call or thing that takes them, as a message begins with it
 */
export function checkOptions(options: unknown, known: ReadonlySet<string>, of: string): void {
	if (options === undefined) return;
	if (typeof options !== "object" || options === null) throw badArgument("The options", options, "an object");
	// No array of keys: some calls are made for every message.
	for (const name in options) {
		if (!known.has(name) && Object.hasOwn(options, name)) throw unknownOption(name, known, of);
	}
}

function unknownOption(name: string, known: ReadonlySet<string>, of: string): DhmemError {
	const [nearest = ""] = [...known].sort((a, b) => distance(name, a) - distance(name, b));
	const guess = distance(name, nearest) <= nearest.length / 2 ? ` Did you mean ${nearest}?` : "";
	const all = known.size === 1 ? `Its only option is ${nearest}` : `Its options are ${[...known].join(", ")}`;
	return new DhmemError("DHMEM_BAD_ARGUMENT", `${of} has no option ${show(name)}.${guess} ${all}`);
}

/** How many letters must be put in, taken out or changed to make `b` of `a`; case counts for nothing. */
function distance(a: string, b: string): number {
	// Each row is for one letter more of `a`, each column for one more of `b`.
	let above = Array.from({ length: b.length + 1 }, (_, column) => column);
	for (const [row, letter] of [...a.toLowerCase()].entries()) {
		const current = [row + 1];
		for (let column = 1; column <= b.length; column++) {
			const change = letter === b[column - 1]?.toLowerCase() ? 0 : 1;
			current.push(
				Math.min(
					(above[column] as number) + 1,
					(current[column - 1] as number) + 1,
					(above[column - 1] as number) + change,
				),
			);
		}
		above = current;
	}
	return above[b.length] as number;
}

/** How long to wait, and what may end the wait. */
export interface WaitOptions {
	/** Milliseconds; left out is for ever, 0 is a try. */
	timeout?: number | undefined;
	/** Its reason is thrown when it aborts. */
	signal?: AbortSignal | undefined;
}

/** Defaults for every wait of an endpoint of a queue, and what it does when its peer goes. */
export interface EndpointOptions extends WaitOptions {
	/**
	 * Whether waits go on when the peer has left or died without `end()`, because another may come: a task that is
	 * restarted. Otherwise they end with DHMEM_PEER_GONE.
	 */
	patient?: boolean | undefined;
}

const waitNames = optionNames<WaitOptions>({ timeout: true, signal: true });
export const endpointNames = optionNames<EndpointOptions>({ timeout: true, signal: true, patient: true });

/** A wait's options over an endpoint's defaults, checked. `known` and `of` where there are others beside these. */
export function waitOptions(
	given: WaitOptions | undefined,
	defaults: WaitOptions,
	known = waitNames,
	of = "A wait",
): WaitOptions {
	if (given === undefined) return defaults;
	checkOptions(given, known, of);
	const timeout = given.timeout ?? defaults.timeout;
	const signal = given.signal ?? defaults.signal;
	if (timeout !== undefined && !(typeof timeout === "number" && timeout >= 0)) {
		throw badArgument("timeout", timeout, "milliseconds, 0 or more");
	}
	if (signal !== undefined && !isSignal(signal)) throw badArgument("signal", signal, "an AbortSignal");
	return { timeout, signal };
}

/** By what it can do: there are other classes of them than Node's, in jsdom for one. */
function isSignal(signal: AbortSignal): boolean {
	return (
		typeof signal === "object" &&
		signal !== null &&
		typeof signal.aborted === "boolean" &&
		typeof signal.throwIfAborted === "function" &&
		typeof signal.addEventListener === "function" &&
		typeof signal.removeEventListener === "function"
	);
}

/** What all typed arrays inherit. */
const typedArrays = Object.getPrototypeOf(Uint8Array.prototype) as Iterable<unknown>;
const lengthOf = Object.getOwnPropertyDescriptor(typedArrays, "length")?.get as (this: unknown) => number;
const tagOf = Object.getOwnPropertyDescriptor(typedArrays, Symbol.toStringTag)?.get as () =>
	| string
	| undefined;

/** The name of the kind of typed array that it is to the engine, in whatever realm it was made; undefined if it is none. */
export function kindOf(elements: unknown): string | undefined {
	return tagOf.call(elements);
}

/**
 * How many elements a typed array has, as the engine knows it. Its property `length` may be a getter of the user's, which
 * says another number, or another one each time, or changes something meanwhile.
 */
export function lengthIn(elements: ArrayBufferView): number {
	return lengthOf.call(elements);
}

/** Throws if the elements' buffer was given away, or no longer reaches as far: then they look like none. */
export function checkAttached(what: string, elements: ArrayBufferView): void {
	try {
		typedArrays[Symbol.iterator].call(elements);
	} catch {
		throw noMemory(what, elements);
	}
}

function noMemory(what: string, view: unknown): DhmemError {
	return badArgument(what, view, "a view whose buffer was not transferred or cut");
}

/** The bytes of what is to be sent. How many there are, only `lengthIn` can be asked. */
export function bytesOf(data: string | ArrayBufferView): Uint8Array {
	if (typeof data === "string") return Buffer.from(data);
	const bytes = isBytes(data) ? data : bytesUnder(data);
	if (lengthIn(bytes) === 0) checkAttached("The data", bytes);
	return bytes;
}

/** Not by util.types, which is slower: what only looks like a Uint8Array is written element by element. */
function isBytes(data: ArrayBufferView): data is Uint8Array {
	try {
		return data instanceof Uint8Array && lengthIn(data) >= 0;
	} catch {
		// A proxy.
		return false;
	}
}

/** The bytes that a view of any kind shows, by what the engine says of it. */
function bytesUnder(view: ArrayBufferView): Uint8Array {
	if (!ArrayBuffer.isView(view)) throw badArgument("The data", view, "a string or an ArrayBufferView");
	const isDataView = types.isDataView(view);
	if (!isDataView) checkAttached("The data", view);
	const figure = (name: keyof ArrayBufferView) =>
		Reflect.get(isDataView ? DataView.prototype : typedArrays, name, view) as never;
	try {
		return new Uint8Array(figure("buffer"), figure("byteOffset"), figure("byteLength"));
	} catch {
		throw noMemory("The data", view);
	}
}

/** A whole number from `least` to `most`. */
export function checkCount(what: string, value: number, least: number, most: number): number {
	if (Number.isInteger(value) && value >= least && value <= most) return value;
	throw badArgument(what, value, `a whole number from ${least} to ${most}`);
}
