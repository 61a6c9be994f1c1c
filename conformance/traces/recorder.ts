/** Records a trace: writes to the memory, calls of the core with their results, and a hash of the memory. */
import { NEED_COMMIT, SLOT_BYTES, SLOT_RESULT, SLOTS_START, STATUS_LIMIT } from "../../assembly/layout.js";

export const PAGE = 65536;

/** A core over a memory of its own, whose calls are recorded. */
export class Recorder {
	readonly lines: string[] = [];
	readonly spans: number;
	/** The offset of the page that does not belong to the region. */
	readonly scratch: number;
	/** The number of parameters of each export. */
	readonly exports: ReadonlyMap<string, number>;
	calls = 0;
	readonly #bytes: Uint8Array;
	readonly #words: Uint32Array;
	readonly #functions: Record<string, (...values: number[]) => number | undefined>;

	constructor(core: WebAssembly.Module, seed: number, spans: number) {
		const pages = spans + 1;
		const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
		const { exports } = new WebAssembly.Instance(core, { env: { memory } });
		this.spans = spans;
		this.scratch = spans * PAGE;
		this.#bytes = new Uint8Array(memory.buffer);
		this.#words = new Uint32Array(memory.buffer);
		this.#functions = exports as Record<string, () => number | undefined>;
		const operations = Object.entries(exports).filter(([, value]) => typeof value === "function");
		this.exports = new Map(operations.map(([name, value]) => [name, (value as () => void).length]));
		this.lines.push(`trace ${seed}`, `memory ${pages}`);
	}

	/** Calls an export. Undefined if it traps, or returns nothing. */
	call(name: string, ...values: number[]): number | undefined {
		const operation = this.#functions[name];
		if (operation === undefined) throw new Error(`The core has no export ${name}`);
		let result: number | undefined;
		let text = "trap";
		try {
			const got = operation(...values);
			// Results are u32, which V8 shows as i32, but for the four that count bytes: they are f64, and not negative.
			result = got !== undefined && got < 0 ? got >>> 0 : got;
			text = result === undefined ? "-" : String(result);
		} catch (error) {
			if (!(error instanceof WebAssembly.RuntimeError)) throw error;
		}
		this.lines.push(`call ${[name, ...values.map((value) => value >>> 0)].join(" ")} = ${text}`);
		this.calls++;
		return result;
	}

	/** True if the last call trapped. */
	get trapped(): boolean {
		return this.lines.at(-1)?.endsWith("= trap") === true;
	}

	/** Calls an allocation, and says each time that the pages exist. 0 if there is no block. */
	allocate(name: string, me: number, ...values: number[]): number {
		for (let turn = 0; turn < 300; turn++) {
			const result = this.call(name, me, ...values);
			if (result === undefined) return 0;
			if (result !== NEED_COMMIT) return result >= STATUS_LIMIT ? result : 0;
			this.call("committed", me);
		}
		return 0;
	}

	write(at: number, bytes: Uint8Array | readonly number[]): void {
		if (bytes.length === 0 || at + bytes.length > this.#bytes.length) return;
		this.#bytes.set(bytes, at);
		this.lines.push(`write ${at} ${Buffer.from(bytes).toString("hex")}`);
	}

	word(at: number): number {
		return this.#words[at >>> 2] ?? 0;
	}

	/** A result in the slot of a participant. */
	result(me: number, field = SLOT_RESULT): number {
		return this.word(SLOTS_START + ((me & 0xff) - 1) * SLOT_BYTES + field);
	}

	/** Ends the trace. */
	finish(): string {
		this.lines.push(`hash ${hashOf(this.#words)}`);
		return `${this.lines.join("\n")}\n`;
	}
}

/** FNV-1a over words instead of bytes, which is four times as fast. */
export function hashOf(words: Uint32Array): number {
	let hash = 0x811c9dc5;
	for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ (words[i] as number), 0x01000193);
	return hash >>> 0;
}
