/** Reading a WebAssembly module's sections, and rewriting one so that every access to memory calls a hook. */

export const SECTION = {
	custom: 0,
	type: 1,
	import: 2,
	function: 3,
	memory: 5,
	global: 6,
	export: 7,
	start: 8,
	code: 10,
};
const ELEMENT = 9;
const DATA = 11;

/** The result of `inspect`. */
export interface Findings {
	bytes: number;
	imports: string[];
	exports: string[];
	dataSegments: number;
	hasStart: boolean;
	mutableGlobals: number;
}

export class Reader {
	at = 0;
	readonly bytes: Uint8Array;

	constructor(bytes: Uint8Array) {
		this.bytes = bytes;
	}

	get done(): boolean {
		return this.at >= this.bytes.length;
	}

	byte(): number {
		const byte = this.bytes[this.at++];
		if (byte === undefined) throw new Error("the module is cut off");
		return byte;
	}

	/** LEB128 of either kind, read as an unsigned number. */
	leb(): number {
		let value = 0;
		for (let factor = 1; ; factor *= 128) {
			const byte = this.byte();
			value += (byte & 127) * factor;
			if (byte < 128) return value;
		}
	}

	take(length: number): Uint8Array {
		this.at += length;
		return this.bytes.subarray(this.at - length, this.at);
	}

	name(): string {
		return Buffer.from(this.take(this.leb())).toString();
	}
}

export function* sectionsOf(module: Uint8Array): Generator<{ id: number; body: Uint8Array }> {
	const reader = new Reader(module);
	if (Buffer.from(reader.take(8)).toString("hex") !== "0061736d01000000") throw new Error("not a module");
	while (!reader.done) {
		const id = reader.byte();
		yield { id, body: reader.take(reader.leb()) };
	}
}

/** Skips the limits of a memory or table. */
function skipLimits(reader: Reader): void {
	const flags = reader.byte();
	reader.leb();
	if ((flags & 1) !== 0) reader.leb();
}

export function inspect(module: Uint8Array): Findings {
	const found: Findings = {
		bytes: module.length,
		imports: [],
		exports: [],
		dataSegments: 0,
		hasStart: false,
		mutableGlobals: 0,
	};
	for (const { id, body } of sectionsOf(module)) {
		const reader = new Reader(body);
		if (id === SECTION.start) found.hasStart = true;
		else if (id === DATA) found.dataSegments = reader.leb();
		else if (id === SECTION.import) {
			for (let count = reader.leb(); count > 0; count--) {
				found.imports.push(`${reader.name()}.${reader.name()}`);
				const kind = reader.byte();
				if (kind === 0) reader.leb();
				else if (kind === 2) skipLimits(reader);
				else if (kind === 3) {
					reader.byte();
					if (reader.byte() === 1) found.mutableGlobals++;
				} else {
					reader.byte();
					skipLimits(reader);
				}
			}
		} else if (id === SECTION.export) {
			for (let count = reader.leb(); count > 0; count--) {
				found.exports.push(reader.name());
				reader.byte();
				reader.leb();
			}
		} else if (id === SECTION.global) {
			for (let count = reader.leb(); count > 0; count--) {
				reader.byte();
				if (reader.byte() === 1) found.mutableGlobals++;
				while (true) {
					const opcode = reader.byte();
					if (opcode === 0x0b) break;
					skipImmediates(reader, opcode);
				}
			}
		}
	}
	return found;
}

// ------------------------------------------------------------------------------------------ rewriting

type Access = "load" | "store" | "update";

function isBetween(value: number, low: number, high: number): boolean {
	return value >= low && value <= high;
}

/** Skips an instruction's immediates. Returns which access to memory it is, if it is one. */
export function skipImmediates(reader: Reader, opcode: number): Access | undefined {
	if (isBetween(opcode, 0x28, 0x3e)) {
		reader.leb();
		reader.leb();
		return opcode < 0x36 ? "load" : "store";
	}
	if (isBetween(opcode, 0x02, 0x04) || opcode === 0x0c || opcode === 0x0d) reader.leb();
	else if (isBetween(opcode, 0x20, 0x24) || opcode === 0x10) reader.leb();
	else if (opcode === 0x0e) for (let count = reader.leb() + 1; count > 0; count--) reader.leb();
	else if (opcode === 0x3f || opcode === 0x40) reader.byte();
	else if (opcode === 0x41 || opcode === 0x42) reader.leb();
	else if (opcode === 0x43) reader.take(4);
	else if (opcode === 0x44) reader.take(8);
	else if (opcode === 0xfc) {
		const operation = reader.leb();
		if (operation === 10 || operation === 11) {
			reader.take(operation === 10 ? 2 : 1);
			return "store";
		}
		if (operation > 7) throw new Error(`instruction fc ${operation} is new here`);
	} else if (opcode === 0xfe) {
		const operation = reader.leb();
		if (operation < 0x10) throw new Error(`instruction fe ${operation} is new here`);
		reader.leb();
		reader.leb();
		if (operation < 0x17) return "load";
		return operation < 0x1e ? "store" : "update";
	} else if (opcode === 0x11 || (isBetween(opcode, 0x05, 0x0a) && opcode !== 0x05) || opcode > 0xc4) {
		throw new Error(`instruction ${opcode.toString(16)} is new here`);
	}
	return undefined;
}

export function leb(value: number): number[] {
	const bytes = [];
	for (let rest = value; ; rest = Math.floor(rest / 128)) {
		if (rest < 128) return [...bytes, rest];
		bytes.push((rest % 128) | 128);
	}
}

export function named(text: string): number[] {
	return [...leb(text.length), ...Buffer.from(text)];
}

/** The number that stands for a load, which has no site. */
const NO_SITE = -1;

/** What an instruction that accesses memory takes from the stack, and what it does. */
interface Operands {
	/** Behind the address: i32 or i64. */
	values: (typeof I32 | typeof I64)[];
	/** The number of bytes accessed; 0 if the last value says it. */
	bytes: number;
	/** True if the value behind the first one is a second address, which is read. */
	copies: boolean;
}

const I32 = 0x7f;
const I64 = 0x7e;
/** The bytes of loads and stores from 0x28 on, of i32, i64, f32 and f64. */
const PLAIN_BYTES = [4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2, 4, 4, 4, 8, 4, 8, 1, 2, 1, 2, 4];
/** The bytes of atomic instructions, which come in groups of seven, and their values. */
const ATOMIC_BYTES = [4, 8, 1, 2, 1, 2, 4];
const ATOMIC_VALUES = [I32, I64, I32, I32, I64, I64, I64] as const;

/** Of the instruction at the start of `code`, which `skipImmediates` knows. */
function operandsOf(code: Uint8Array): Operands {
	const [opcode, operation] = code as unknown as [number, number];
	if (opcode === 0xfc) return { values: [I32, I32], bytes: 0, copies: operation === 10 };
	if (opcode === 0xfe) {
		const which = (operation - 0x10) % 7;
		const value = ATOMIC_VALUES[which] as typeof I32;
		const count = operation < 0x17 ? 0 : operation < 0x48 ? 1 : 2;
		return {
			values: new Array(count).fill(value),
			bytes: ATOMIC_BYTES[which] as number,
			copies: false,
		};
	}
	const bytes = PLAIN_BYTES[opcode - 0x28] as number;
	if (opcode < 0x36) return { values: [], bytes, copies: false };
	if (opcode === 0x38 || opcode === 0x39) throw new Error("a store of a float is new here");
	return { values: [opcode === 0x37 || opcode >= 0x3c ? I64 : I32], bytes, copies: false };
}

/** The offset of the instruction at the start of `code`, which has an alignment and an offset. */
function offsetOf(code: Uint8Array): number {
	const reader = new Reader(code);
	const opcode = reader.byte();
	if (opcode === 0xfc) return 0;
	if (opcode === 0xfe) reader.leb();
	reader.leb();
	return reader.leb();
}

/** The locals that a function gets to keep operands in: an i32 for the address, two i32 and two i64 for values. */
const EXTRA_LOCALS = [3, I32, 2, I64];

/**
 * `hook`; then a call of function 1 with where the access is and how long, and whether it writes; then the operands
 * are on the stack again. `first` is the first of the extra locals.
 */
function noted(code: Uint8Array, first: number, writes: boolean, hook: number[]): number[] {
	const { values, bytes, copies } = operandsOf(code);
	const locals = values.map((type, index) => first + (type === I32 ? 1 : 3) + index);
	const get = (local: number) => [0x20, ...leb(local)];
	const note = (address: number, length: number[], write: boolean) => [
		...get(address),
		0x41,
		...signedLeb(offsetOf(code)),
		0x6a,
		...length,
		0x41,
		write ? 1 : 0,
		0x10,
		1,
	];
	const length = bytes === 0 ? get(locals[1] as number) : [0x41, ...signedLeb(bytes)];
	return [
		...locals.toReversed().flatMap((local) => [0x21, ...leb(local)]),
		...[0x21, ...leb(first)],
		...hook,
		...note(first, length, writes),
		...(copies ? note(locals[0] as number, length, false) : []),
		...get(first),
		...locals.flatMap(get),
	];
}

/** `env.hook(site)`; the hook is function 0. */
function hookCall(site: number): number[] {
	const constant = site === NO_SITE ? [0x7f] : signedLeb(site);
	return [0x41, ...constant, 0x10, 0];
}

/** Signed LEB128 of a number that is not negative. */
function signedLeb(value: number): number[] {
	if (value < 64) return [value];
	return [(value % 128) | 128, ...signedLeb(Math.floor(value / 128))];
}

/** The accesses that call the hook: those that write; or all; or all, where `env.note` also says where they are. */
export type Hooked = "writes" | "accesses" | "noted accesses";

/** A function's body with a call of function 0 before each access, where all other functions have higher numbers. */
function rewriteBody(
	body: Uint8Array,
	hooked: Hooked,
	parameters: number,
	onWrite: (opcode: number) => number,
): number[] {
	const reader = new Reader(body);
	const groups = reader.leb();
	const firstGroup = reader.at;
	let locals = parameters;
	for (let group = 0; group < groups; group++) {
		locals += reader.leb();
		reader.byte();
	}
	const extra = hooked === "noted accesses" ? EXTRA_LOCALS : [];
	const out = [...leb(groups + extra.length / 2), ...body.subarray(firstGroup, reader.at), ...extra];
	while (!reader.done) {
		const start = reader.at;
		const opcode = reader.byte();
		if (opcode === 0x10) {
			out.push(opcode, ...leb(reader.leb() + importsOf(hooked)));
			continue;
		}
		const access = skipImmediates(reader, opcode);
		const writes = access !== undefined && access !== "load";
		if (writes || (access === "load" && hooked !== "writes")) {
			const call = hookCall(writes ? onWrite(opcode) : NO_SITE);
			const code = body.subarray(start, reader.at);
			out.push(...(hooked === "noted accesses" ? noted(code, locals, writes, call) : call));
		}
		for (let at = start; at < reader.at; at++) out.push(body[at] as number);
	}
	return out;
}

/** An instruction of a module that writes to memory. */
export interface Site {
	/** The module's function that contains it, not counting imports. */
	function: number;
	/** The instruction's first byte. */
	opcode: number;
}

/** A module with hooks, and the numbers that these pass. */
export interface Instrumented {
	bytes: Uint8Array;
	/** The instructions that write, by the number that is passed to the hook. */
	sites: Site[];
}

/** The number of functions that the module then imports. */
function importsOf(hooked: Hooked): number {
	return hooked === "noted accesses" ? 2 : 1;
}

/**
 * The module with one more import, the function `env.hook`, called right before each write to memory with the number
 * of its site; or before each access, with -1 for those that only read. With noted accesses there is also
 * `env.note`, called after the hook with the offset, the bytes, and 1 for a write; twice for a copy. All else is
 * as it was, so what is tested is the shipped binary.
 */
export function instrument(module: Uint8Array, hooked: Hooked = "writes"): Instrumented {
	const sites: Site[] = [];
	const out = [...module.subarray(0, 8)];
	const parametersOfType: number[] = [];
	const parametersOf: number[] = [];
	let hookType = 0;
	for (const { id, body } of sectionsOf(module)) {
		const reader = new Reader(body);
		let rewritten: number[] = [];
		switch (id) {
			case SECTION.custom:
				continue;
			case ELEMENT:
			case SECTION.start:
				throw new Error(`section ${id} is new here`);
			case SECTION.type:
				hookType = reader.leb();
				rewritten = [...leb(hookType + 2), ...body.subarray(reader.at)];
				rewritten.push(0x60, 1, I32, 0, 0x60, 3, I32, I32, I32, 0);
				for (let type = 0; type < hookType; type++) {
					reader.byte();
					parametersOfType.push(reader.take(reader.leb()).length);
					reader.take(reader.leb());
				}
				break;
			case SECTION.function:
				rewritten = [...body];
				for (let count = reader.leb(); count > 0; count--)
					parametersOf.push(parametersOfType[reader.leb()] as number);
				break;
			case SECTION.import:
				rewritten = [...leb(reader.leb() + importsOf(hooked)), ...body.subarray(reader.at)];
				rewritten.push(...named("env"), ...named("hook"), 0, ...leb(hookType));
				if (hooked === "noted accesses")
					rewritten.push(...named("env"), ...named("note"), 0, ...leb(hookType + 1));
				break;
			case SECTION.export:
				rewritten = leb(reader.leb());
				while (!reader.done) {
					const name = reader.name();
					const kind = reader.byte();
					rewritten.push(...named(name), kind, ...leb(reader.leb() + (kind === 0 ? importsOf(hooked) : 0)));
				}
				break;
			case SECTION.code: {
				const count = reader.leb();
				rewritten = leb(count);
				for (let index = 0; index < count; index++) {
					const onWrite = (opcode: number) => sites.push({ function: index, opcode }) - 1;
					const code = rewriteBody(reader.take(reader.leb()), hooked, parametersOf[index] as number, onWrite);
					rewritten = rewritten.concat(leb(code.length), code);
				}
				break;
			}
			default:
				rewritten = [...body];
		}
		out.push(id, ...leb(rewritten.length));
		for (const byte of rewritten) out.push(byte);
	}
	return { bytes: Uint8Array.from(out), sites };
}
