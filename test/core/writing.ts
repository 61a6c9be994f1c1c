/** The exports of a module that can write to memory, themselves or by a function that they call. */
import { Reader, SECTION, sectionsOf, skipImmediates } from "./wasm.js";

interface Body {
	writes: boolean;
	calls: number[];
}

function bodyOf(code: Uint8Array): Body {
	const reader = new Reader(code);
	for (let groups = reader.leb(); groups > 0; groups--) {
		reader.leb();
		reader.byte();
	}
	const body: Body = { writes: false, calls: [] };
	while (!reader.done) {
		const opcode = reader.byte();
		if (opcode === 0x10) body.calls.push(reader.leb());
		else {
			const access = skipImmediates(reader, opcode);
			if (access !== undefined && access !== "load") body.writes = true;
		}
	}
	return body;
}

/** For modules that import no functions, such as the core. */
export function exportsThatWrite(module: Uint8Array): Set<string> {
	const bodies: Body[] = [];
	const exported = new Map<string, number>();
	for (const { id, body } of sectionsOf(module)) {
		const reader = new Reader(body);
		if (id === SECTION.code) {
			for (let count = reader.leb(); count > 0; count--) bodies.push(bodyOf(reader.take(reader.leb())));
		} else if (id === SECTION.export) {
			for (let count = reader.leb(); count > 0; count--) {
				const name = reader.name();
				const kind = reader.byte();
				const index = reader.leb();
				if (kind === 0) exported.set(name, index);
			}
		}
	}
	const writes = (index: number, seen = new Set<number>()): boolean => {
		const body = bodies[index];
		if (body === undefined || seen.has(index)) return false;
		seen.add(index);
		return body.writes || body.calls.some((each) => writes(each, seen));
	};
	return new Set([...exported].filter(([, index]) => writes(index)).map(([name]) => name));
}
