/** Plays traces in this engine, and compares every result, trap and hash with what was recorded. */
import { hashOf } from "./recorder.js";

export interface Played {
	traces: number;
	calls: number;
	traps: number;
}

/** Plays the traces of a text. Throws an error that names the first difference. */
export function play(core: WebAssembly.Module, text: string): Played {
	const played = { traces: 0, calls: 0, traps: 0 };
	let seed = "";
	let memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
	let exports: Record<string, unknown> = {};
	for (const line of text.split("\n")) {
		const [word = "", first = "", ...others] = line.split(" ");
		switch (word) {
			case "trace":
				seed = first;
				break;
			case "memory":
				memory = new WebAssembly.Memory({ initial: Number(first), maximum: Number(first), shared: true });
				exports = new WebAssembly.Instance(core, { env: { memory } }).exports as Record<string, unknown>;
				break;
			case "write":
				new Uint8Array(memory.buffer).set(Buffer.from(others[0] ?? "", "hex"), Number(first));
				break;
			case "call": {
				const got = resultOf(exports[first], others.slice(0, -2).map(Number));
				if (got !== others.at(-1))
					throw new Error(`trace ${seed}, call ${played.calls}: ${line}, got ${got}`);
				played.calls++;
				if (got === "trap") played.traps++;
				break;
			}
			case "hash":
				if (String(hashOf(new Uint32Array(memory.buffer))) !== first)
					throw new Error(`trace ${seed}: the memory differs at its end`);
				played.traces++;
				break;
			default:
				if (line !== "") throw new Error(`A line that is not understood: ${line}`);
		}
	}
	return played;
}

function resultOf(operation: unknown, values: number[]): string {
	if (typeof operation !== "function") return "no export";
	try {
		const result = operation(...values) as number | undefined;
		if (result === undefined) return "-";
		return String(result < 0 ? result >>> 0 : result);
	} catch (error) {
		if (error instanceof WebAssembly.RuntimeError) return "trap";
		throw error;
	}
}
