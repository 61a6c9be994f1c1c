/** A core that traps after a given number of turns of its loops, which tells endless loops from long ones. */
import { leb, named, Reader, SECTION, sectionsOf, skipImmediates } from "../core/wasm.js";

const LOOP = 0x03;
const VOID = 0x40;
/** More turns than any trace needs. (A signed number has the same bytes as an unsigned one here.) */
export const MANY = 50_000_000;

/** Takes one turn, and traps at 0. The global that counts is the last one. */
function burn(fuel: number): number[] {
	const global = leb(fuel);
	return [
		...[0x23, ...global, 0x41, 1, 0x6b, 0x24, ...global],
		...[0x23, ...global, 0x45, 0x04, VOID, 0x00, 0x0b],
	];
}

function rewriteBody(body: Uint8Array, fuel: number): number[] {
	const reader = new Reader(body);
	for (let groups = reader.leb(); groups > 0; groups--) {
		reader.leb();
		reader.byte();
	}
	const out = [...body.subarray(0, reader.at)];
	const code = burn(fuel);
	while (!reader.done) {
		const start = reader.at;
		const opcode = reader.byte();
		skipImmediates(reader, opcode);
		for (let at = start; at < reader.at; at++) out.push(body[at] as number);
		// Every branch backwards goes to the head of a loop.
		if (opcode === LOOP) out.push(...code);
	}
	return out;
}

/**
 * Adds a mutable global `fuel` to the module, exported, from which each turn of each loop takes 1. All else stays. An
 * instance begins with `start`; 0 is as good as no bound.
 */
export function withFuel(module: Uint8Array, start: 0 | typeof MANY = 0): Uint8Array {
	const sections = [...sectionsOf(module)].filter(({ id }) => id !== SECTION.custom);
	const globals = sections.find(({ id }) => id === SECTION.global);
	const before = globals === undefined ? new Reader(Uint8Array.of(0)) : new Reader(globals.body);
	const fuel = before.leb();
	const declared = globals === undefined ? [] : [...globals.body.subarray(before.at)];
	const section = [...leb(fuel + 1), ...declared, 0x7f, 1, 0x41, ...leb(start), 0x0b];
	const out = [...module.subarray(0, 8)];
	const emit = (id: number, body: number[]) => {
		out.push(id, ...leb(body.length));
		for (const byte of body) out.push(byte);
	};
	for (const { id, body } of sections) {
		const reader = new Reader(body);
		if (id === SECTION.global) continue;
		if (id === SECTION.export) {
			emit(SECTION.global, section);
			const count = reader.leb();
			emit(id, [...leb(count + 1), ...body.subarray(reader.at), ...named("fuel"), 3, ...leb(fuel)]);
		} else if (id === SECTION.code) {
			const count = reader.leb();
			let bodies = leb(count);
			for (let index = 0; index < count; index++) {
				const code = rewriteBody(reader.take(reader.leb()), fuel);
				bodies = bodies.concat(leb(code.length), code);
			}
			emit(id, bodies);
		} else emit(id, [...body]);
	}
	return Uint8Array.from(out);
}
