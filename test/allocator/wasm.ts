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

/** What `inspect` finds. */
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

	/** LEB128 of either kind, as an unsigned number. */
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

/** Past the limits of a memory or table. */
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

/** Moves past an instruction's immediates; which access to memory it is, if it is one. */
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

/** The number that stands for a load, which is no site. */
const NO_SITE = -1;

/** `env.hook(site)`, the hook being function 0. */
function hookCall(site: number): number[] {
	const constant = site === NO_SITE ? [0x7f] : signedLeb(site);
	return [0x41, ...constant, 0x10, 0];
}

/** Signed LEB128 of a number that is not negative. */
function signedLeb(value: number): number[] {
	if (value < 64) return [value];
	return [(value % 128) | 128, ...signedLeb(Math.floor(value / 128))];
}

/** A function's body with a call of function 0 before each access, and all other functions one further on. */
function rewriteBody(body: Uint8Array, loads: boolean, onWrite: (opcode: number) => number): number[] {
	const reader = new Reader(body);
	for (let groups = reader.leb(); groups > 0; groups--) {
		reader.leb();
		reader.byte();
	}
	const out = [...body.subarray(0, reader.at)];
	while (!reader.done) {
		const start = reader.at;
		const opcode = reader.byte();
		if (opcode === 0x10) {
			out.push(opcode, ...leb(reader.leb() + 1));
			continue;
		}
		const access = skipImmediates(reader, opcode);
		if (access !== undefined && access !== "load") out.push(...hookCall(onWrite(opcode)));
		else if (access === "load" && loads) out.push(...hookCall(NO_SITE));
		for (let at = start; at < reader.at; at++) out.push(body[at] as number);
	}
	return out;
}

/** An instruction of a module that writes to memory. */
export interface Site {
	/** Which function of the module has it, imports not counted. */
	function: number;
	/** The instruction's first byte. */
	opcode: number;
}

/** A module with hooks, and what they tell. */
export interface Instrumented {
	bytes: Uint8Array;
	/** The instructions that write, by the number with which they call the hook. */
	sites: Site[];
}

/**
 * The module with one more import, the function `env.hook`, called right before each write to memory with the number
 * of its site, or before each access with `loads`, and then with -1 for those that only read. All else is as it was,
 * so it is the shipped binary that gets checked.
 */
export function instrument(module: Uint8Array, loads = false): Instrumented {
	const sites: Site[] = [];
	const out = [...module.subarray(0, 8)];
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
				rewritten = [...leb(hookType + 1), ...body.subarray(reader.at), 0x60, 1, 0x7f, 0];
				break;
			case SECTION.import:
				rewritten = [...leb(reader.leb() + 1), ...body.subarray(reader.at)];
				rewritten.push(...named("env"), ...named("hook"), 0, ...leb(hookType));
				break;
			case SECTION.export:
				rewritten = leb(reader.leb());
				while (!reader.done) {
					const name = reader.name();
					const kind = reader.byte();
					rewritten.push(...named(name), kind, ...leb(reader.leb() + (kind === 0 ? 1 : 0)));
				}
				break;
			case SECTION.code: {
				const count = reader.leb();
				rewritten = leb(count);
				for (let index = 0; index < count; index++) {
					const onWrite = (opcode: number) => sites.push({ function: index, opcode }) - 1;
					const code = rewriteBody(reader.take(reader.leb()), loads, onWrite);
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
