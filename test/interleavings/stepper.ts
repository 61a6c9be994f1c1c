/**
 * Runs participants one memory access at a time, in one thread. The shipped core gets a call before each
 * access, and Binaryen's Asyncify lets that call leave the core in the middle and return to it later.
 */
import binaryen from "binaryen";
import type { Core } from "../../src/core/core.js";
import { instrument } from "../core/wasm.js";
import { coreBytes, type World } from "../crash-points/world.js";

/** The length of a log entry in bytes: where an access was, how many bytes, and which access. */
const ENTRY_BYTES = 12;

/**
 * The core with the body of its access call inlined, because calling out each time would take most of the time. It calls
 * `env.suspend` before an access when none is `left`, and `env.full` when the log is full. To be optimized takes some
 * seconds, which many schedules are worth.
 */
function suspendable(core: Uint8Array, isOptimized: boolean): WebAssembly.Module {
	const module = binaryen.readBinary(instrument(core, "noted accesses").bytes);
	// Named one by one, because some of all features make modules that Node 20 refuses.
	module.setFeatures(
		binaryen.Features.Atomics |
			binaryen.Features.BulkMemory |
			binaryen.Features.BulkMemoryOpt |
			binaryen.Features.SignExt |
			binaryen.Features.MutableGlobals |
			binaryen.Features.NontrappingFPToInt,
	);
	const { i32, none, createType } = binaryen;
	const global = (name: string) => {
		module.addGlobal(name, i32, true, module.i32.const(0));
		module.addGlobalExport(name, name);
		return {
			get: () => module.global.get(name, i32),
			add: (value: number) =>
				module.global.set(name, module.i32.add(module.global.get(name, i32), module.i32.const(value))),
		};
	};
	const [left, log, logEnd] = [global("left"), global("log"), global("logEnd")];
	for (const name of ["suspend", "full"]) module.addFunctionImport(name, "env", name, none, none);
	define(module, "hook", createType([i32]), [
		module.if(module.i32.eqz(left.get()), module.call("suspend", [], none)),
		left.add(-1),
	]);
	const [at, bytes, writes] = [0, 1, 2].map((index) => module.local.get(index, i32)) as [
		number,
		number,
		number,
	];
	const which = module.i32.or(module.i32.shl(left.get(), module.i32.const(1)), writes);
	define(module, "note", createType([i32, i32, i32]), [
		module.if(
			log.get(),
			module.block(null, [
				module.if(module.i32.eq(log.get(), logEnd.get()), module.call("full", [], none)),
				module.i32.store(0, 4, log.get(), at),
				module.i32.store(4, 4, log.get(), bytes),
				module.i32.store(8, 4, log.get(), which),
				log.add(ENTRY_BYTES),
			]),
		),
	]);
	binaryen.setPassArgument("asyncify-imports", "env.suspend");
	module.runPasses(["asyncify"]);
	if (isOptimized) {
		binaryen.setOptimizeLevel(2);
		module.optimize();
	}
	const emitted = module.emitBinary();
	module.dispose();
	return new WebAssembly.Module(emitted);
}

/** Replaces the imported `env.name` by a function of the module. */
function define(module: binaryen.Module, name: string, parameters: number, body: number[]): void {
	for (let index = 0; index < module.getNumFunctions(); index++) {
		const info = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
		if (info.module !== "env" || info.base !== name) continue;
		module.removeFunction(info.name);
		module.addFunction(info.name, parameters, binaryen.none, [], module.block(null, body));
		return;
	}
	throw new Error(`the module does not import ${name}`);
}

/** A mutable global of a module. */
interface Counter {
	value: number;
}

/** The exports that Asyncify adds, and `suspendable`. */
interface Suspendable {
	/** The number of accesses before it suspends. */
	left: Counter;
	/** Where the next entry of the log goes, and where the log ends; 0 while none is kept. */
	log: Counter;
	logEnd: Counter;
	asyncify_start_unwind(stack: number): void;
	asyncify_stop_unwind(): void;
	asyncify_start_rewind(stack: number): void;
	asyncify_stop_rewind(): void;
}

/**
 * Accesses of a program to memory outside of the core: reading a word, writing a word, filling bytes,
 * and checking (1 or 0) that all bytes have a value.
 */
interface Direct {
	read(at: number): number;
	write(at: number, value: number): number;
	fill(at: number, bytes: number, value: number): number;
	filled(at: number, bytes: number, value: number): number;
}

type Operations = Core & Direct;

/** A call of the core or an access, by name. `yield` returns its result, unsigned. */
export type Call = { [Name in keyof Operations]: [Name, ...Parameters<Operations[Name]>] }[keyof Operations];

/** What a participant does: calls and accesses. The code between them touches nothing that others touch. */
export type Program = Generator<Call, void, number>;

/** More accesses than any operation needs, however others interfere: it must be waiting for another participant. */
const ENDLESS = 200_000;
/** Where each keeps its saved stack and its log in the page behind the region, and how large these get. */
const STACKS = 32_768;
const STACK_BYTES = 8192;
const LOGS = 49_152;
const LOG_BYTES = 682 * ENTRY_BYTES;

export class Stuck extends Error {}

/** Instances of the core over a world, whose calls can be left and resumed. */
export class Steppers {
	readonly #module: WebAssembly.Module;

	/** @param core another than the shipped one: to see that what is wrong with it is found */
	constructor(core: Uint8Array = coreBytes, isOptimized = true) {
		this.#module = suspendable(core, isOptimized);
	}

	in(world: World, index: number): Stepper {
		return new Stepper(this.#module, world, index);
	}
}

/** The memory that a program has accessed. */
export interface Trace {
	/** Three numbers for each range: the offset, the length in bytes, and 1 in its lowest bit if it was written. */
	ranges: Uint32Array;
	/** For each access, the index of its first range. Most have one. */
	starts: number[];
}

/** Runs one program, a number of accesses at a time. */
export class Stepper {
	readonly #core: Core & Suspendable;
	readonly #world: World;
	readonly #words: Uint32Array;
	readonly #stack: number;
	readonly #log: number;
	/** What the log contained each time it was emptied. */
	#logged: Uint32Array[] = [];
	#allowed = 0;
	#suspended = false;
	#resuming = false;
	#program: Program | undefined;
	#call: Call | undefined;

	constructor(module: WebAssembly.Module, world: World, index: number) {
		this.#world = world;
		this.#words = new Uint32Array(world.memory.buffer);
		this.#stack = world.scratch.byteOffset + STACKS + index * STACK_BYTES;
		this.#log = world.scratch.byteOffset + LOGS + index * LOG_BYTES;
		const env = { memory: world.memory, suspend: () => this.#suspend(), full: () => this.#flush() };
		this.#core = new WebAssembly.Instance(module, { env }).exports as unknown as Core & Suspendable;
		this.#core.logEnd.value = this.#log + LOG_BYTES;
	}

	/** Called before an access when none is left, and again when the call is resumed there. */
	#suspend(): void {
		if (this.#resuming) {
			this.#core.asyncify_stop_rewind();
			this.#resuming = false;
			return;
		}
		this.#words.set([this.#stack + 8, this.#stack + STACK_BYTES], this.#stack >> 2);
		this.#suspended = true;
		this.#core.asyncify_start_unwind(this.#stack);
	}

	/** Empties the log. */
	#flush(): void {
		const { log } = this.#core;
		this.#logged.push(this.#words.slice(this.#log >> 2, log.value >> 2));
		log.value = this.#log;
	}

	/** Begins to note the memory of its accesses. */
	record(): void {
		this.#core.log.value = this.#log;
	}

	/** Returns what was noted since `record`, and notes no more. */
	recorded(): Trace {
		this.#flush();
		this.#core.log.value = 0;
		const ranges = new Uint32Array(this.#logged.reduce((sum, { length }) => sum + length, 0));
		let end = 0;
		for (const each of this.#logged) {
			ranges.set(each, end);
			end += each.length;
		}
		const starts: number[] = [];
		let access = -1;
		for (let i = 0; i < ranges.length; i += 3) {
			const which = (ranges[i + 2] as number) >> 1;
			if (which !== access) starts.push(i);
			access = which;
		}
		return { ranges, starts };
	}

	/** Begins a program. It does nothing before the first `run`. */
	begin(program: Program): void {
		this.#program = program;
		this.#call = undefined;
		this.#suspended = false;
		this.#resuming = false;
		this.#logged = [];
		this.#allowed = 0;
		this.#core.left.value = 0;
		this.#core.log.value = 0;
	}

	/** The number of accesses so far. */
	get accesses(): number {
		return this.#allowed - this.#core.left.value;
	}

	/** True when the program has ended. */
	get done(): boolean {
		return this.#program === undefined;
	}

	/** Makes at most `count` accesses, at least one; stops before the next one, or at the end. */
	run(count: number): void {
		const { accesses } = this;
		this.#allowed = Math.min(accesses + count, ENDLESS);
		this.#core.left.value = this.#allowed - accesses;
		while (this.#program !== undefined) {
			const result = this.#advance();
			if (this.#suspended) {
				if (this.#allowed === ENDLESS)
					throw new Stuck("it goes on without end, as if it waited for the other");
				return;
			}
			const next = this.#program.next(result);
			this.#call = next.done ? undefined : next.value;
			if (next.done) this.#program = undefined;
		}
	}

	/** The result of the current call; 0 before the first. */
	#advance(): number {
		if (this.#call === undefined) return 0;
		const [name, ...parameters] = this.#call;
		const [at, second, third] = parameters as [number, number, number];
		switch (name) {
			case "read":
				return this.#directly(at, 4, 0, () => this.#world.words[at >> 2] as number);
			case "write":
				return this.#directly(at, 4, 1, () => {
					this.#world.words[at >> 2] = second;
				});
			case "fill":
				return this.#directly(at, second, 1, () => {
					this.#world.fill(at, second, third);
				});
			case "filled":
				return this.#directly(at, second, 0, () => Number(this.#world.isFilled(at, second, third)));
		}
		if (this.#suspended) {
			this.#suspended = false;
			this.#resuming = true;
			this.#core.asyncify_start_rewind(this.#stack);
		}
		const operation = this.#core[name] as (...values: number[]) => number;
		const result = operation(...parameters);
		if (this.#suspended) this.#core.asyncify_stop_unwind();
		return result >>> 0;
	}

	#directly(at: number, bytes: number, writes: 0 | 1, access: () => number | undefined): number {
		const { left, log, logEnd } = this.#core;
		this.#suspended = left.value === 0;
		if (this.#suspended) return 0;
		left.value--;
		if (log.value !== 0) {
			if (log.value === logEnd.value) this.#flush();
			this.#words.set([at, bytes, (left.value << 1) | writes], log.value >> 2);
			log.value += ENTRY_BYTES;
		}
		return access() ?? 0;
	}
}
