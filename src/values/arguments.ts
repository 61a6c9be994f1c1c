/** Checks the arguments that users pass, with one function for each kind of value. */
import { Buffer } from "node:buffer";
import { types } from "node:util";
import { NAME_BYTES } from "../../assembly/layout.js";
import { badArgument, DhmemError, show } from "../errors.js";
import type { Signal } from "./signal.js";

/**
 * A number of bytes, or a number with a unit: `"64MiB"` (2^20 each), `"1.5 GB"` (10^9 each).
 *
 * @example
 * ```ts
 * const sizes: Size[] = [65536, "64MiB", "1.5 GB"];
 * ```
 */
export type Size = number | string;

const units: Record<string, number> = {
	"": 1,
	b: 1,
	kb: 1e3,
	mb: 1e6,
	gb: 1e9,
	tb: 1e12,
	kib: 2 ** 10,
	mib: 2 ** 20,
	gib: 2 ** 30,
	tib: 2 ** 40,
};

/** Converts `size` to a positive whole number of bytes. @throws DHMEM_BAD_ARGUMENT */
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

export function isRegionName(name: unknown): name is string {
	return typeof name === "string" && /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/.test(name);
}

export function checkRegionName(name: string): string {
	if (isRegionName(name)) return name;
	throw badArgument(
		"The region's name",
		name,
		'1 to 200 characters of A-Z a-z 0-9 . _ -, the first of them not "."; a folder goes into the option directory',
	);
}

/** Encodes an object's name as UTF-8. @throws DHMEM_BAD_ARGUMENT */
export function encodeName(name: string): Uint8Array {
	if (typeof name === "string" && name.length > 0 && name.isWellFormed()) {
		const bytes = Buffer.from(name);
		if (bytes.length <= NAME_BYTES) return bytes;
	}
	throw badArgument("The object's name", name, `a string of 1 to ${NAME_BYTES} bytes in UTF-8`);
}

/** The names of the options that a call takes. The compiler checks that no option of `O` is missing. */
export function optionNames<O>(names: { readonly [Name in keyof Required<O>]: true }): ReadonlySet<string> {
	return new Set(Object.keys(names));
}

/**
 * Throws if `options` is not an object, or has a name that is not `known`. Every public call that takes
 * options checks them here, so a misspelt option is an error instead of being ignored.
 *
 * @param of the call or thing that takes the options; the message begins with it
 */
export function checkOptions(options: unknown, known: ReadonlySet<string>, of: string): void {
	if (options === undefined) return;
	if (typeof options !== "object" || options === null)
		throw badArgument("The argument options", options, "an object");
	// Without an array of keys, because some of these calls are made for every message.
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

/** The Levenshtein distance between `a` and `b`, ignoring case. */
function distance(a: string, b: string): number {
	// Each row adds a letter of `a`, each column a letter of `b`.
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

/**
 * Options of a wait: how long it may take, and a signal that ends it.
 *
 * @example
 * ```ts
 * const controller = new AbortController();
 * using message = await consumer.receive({ timeout: 1000, signal: controller.signal });
 * ```
 */
export interface WaitOptions {
	/** Milliseconds. The default is no limit; 0 tries once. */
	timeout?: number | undefined;
	/** Ends the wait: when the signal aborts, the wait throws its reason. */
	signal?: Signal | undefined;
	/**
	 * Milliseconds to look again and again before sleeping, such as `0.05`; 0 by default. This keeps a processor
	 * busy, and the event loop from running, but an answer within this time costs no wake-up.
	 */
	spin?: number | undefined;
}

/**
 * Defaults for every wait of a queue's endpoint, and how it reacts when its peer leaves.
 *
 * @example
 * ```ts
 * using consumer = region.queue("steps").consumer({ timeout: 5000, patient: true });
 * ```
 */
export interface EndpointOptions extends WaitOptions {
	/**
	 * If true, waits continue after the peer has left or died without `end()`, because a restarted task may
	 * replace it. If false (the default), they throw DHMEM_PEER_GONE.
	 */
	patient?: boolean | undefined;
}

/** A wait that spins blocks its thread, and longer than this nobody means. */
const LONGEST_SPIN = 1000;

const waitNames = optionNames<WaitOptions>({ timeout: true, signal: true, spin: true });
export const endpointNames = optionNames<EndpointOptions>({
	timeout: true,
	signal: true,
	spin: true,
	patient: true,
});

/**
 * Checks a wait's options and fills in an endpoint's defaults. Pass `known` and `of` if the call takes
 * further options.
 */
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
	const spin = given.spin ?? defaults.spin;
	if (timeout !== undefined && !(typeof timeout === "number" && timeout >= 0)) {
		throw badArgument("timeout", timeout, "a number of milliseconds, 0 or more");
	}
	if (signal !== undefined && !isSignal(signal)) throw badArgument("signal", signal, "an AbortSignal");
	if (spin !== undefined && !(typeof spin === "number" && spin >= 0 && spin <= LONGEST_SPIN)) {
		throw badArgument("spin", spin, `a number of milliseconds from 0 to ${LONGEST_SPIN}`);
	}
	return { timeout, signal, spin };
}

/** Looks at the methods instead of the class, because jsdom, for example, has its own AbortSignal. */
function isSignal(signal: AbortSignal): boolean {
	return (
		typeof signal === "object" &&
		signal !== null &&
		typeof signal.aborted === "boolean" &&
		typeof signal.addEventListener === "function" &&
		typeof signal.removeEventListener === "function"
	);
}

/** The prototype that all typed arrays inherit from. */
const typedArrays = Object.getPrototypeOf(Uint8Array.prototype) as Iterable<unknown>;
const lengthOf = Object.getOwnPropertyDescriptor(typedArrays, "length")?.get as (this: unknown) => number;
const tagOf = Object.getOwnPropertyDescriptor(typedArrays, Symbol.toStringTag)?.get as () =>
	| string
	| undefined;

/** The class name of a typed array from any realm, as the engine knows it; undefined for anything else. */
export function kindOf(elements: unknown): string | undefined {
	return tagOf.call(elements);
}

/**
 * The number of elements of a typed array, as the engine knows it. The user may have replaced its property
 * `length` by a getter that lies, or that has side effects.
 */
export function lengthIn(elements: ArrayBufferView): number {
	return lengthOf.call(elements);
}

/**
 * Throws if the buffer of the elements was transferred or shrunk, which makes the array look empty.
 *
 * @throws DHMEM_BAD_ARGUMENT
 */
export function checkAttached(what: string, elements: ArrayBufferView): void {
	try {
		typedArrays[Symbol.iterator].call(elements);
	} catch {
		throw noMemory(what, elements);
	}
}

function noMemory(what: string, view: unknown): DhmemError {
	return badArgument(what, view, "a view whose buffer has not been transferred or shrunk");
}

const SENDABLE =
	"a string or a view such as a Uint8Array. JSON.stringify(value) makes a string of other values, and " +
	"new Uint8Array(buffer) a view of an ArrayBuffer; a block goes into the options: send(data, { block })";

/** The bytes of data to send. Use `lengthIn` for their number. */
export function bytesOf(data: string | ArrayBufferView): Uint8Array {
	if (typeof data === "string") return Buffer.from(data);
	const bytes = isBytes(data) ? data : bytesUnder(data);
	if (lengthIn(bytes) === 0) checkAttached("The data", bytes);
	return bytes;
}

/** Not by util.types, which is slower. An imitation of a Uint8Array is written element by element. */
function isBytes(data: ArrayBufferView): data is Uint8Array {
	try {
		return data instanceof Uint8Array && lengthIn(data) >= 0;
	} catch {
		// It is a proxy.
		return false;
	}
}

/** The bytes under a view of any kind, by the engine's own getters. */
function bytesUnder(view: ArrayBufferView): Uint8Array {
	if (!ArrayBuffer.isView(view)) throw badArgument("The data", view, SENDABLE);
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

/** Checks that `value` is a whole number from `least` to `most`. @throws DHMEM_BAD_ARGUMENT */
export function checkCount(what: string, value: number, least: number, most: number): number {
	if (Number.isInteger(value) && value >= least && value <= most) return value;
	throw badArgument(what, value, `a whole number from ${least} to ${most}`);
}

/** Tells whether a value is a promise, also of another realm or library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
	if (value === null || (typeof value !== "object" && typeof value !== "function")) return false;
	return typeof (value as Partial<PromiseLike<unknown>>).then === "function";
}
