/**
 * Participants that are run one access to memory at a time, in one thread. The shipped core gets a call before each
 * access, and Binaryen's Asyncify lets that call leave the core in its middle and come back to it later.
 */
import binaryen from "binaryen";
import type { Core } from "../../src/core/core.js";
import { instrument } from "../core/wasm.js";
import { coreBytes, type World } from "../crash-points/world.js";

/** Bytes of one entry of the log that a stepper keeps of its accesses: where, how many, and which access. */
const ENTRY_BYTES = 12;

/**
 * The core with what its accesses call put into it, for calling out each time would take most of the time. It calls
 * `env.suspend` before the access for which no more are `left`, and `env.full` when the log has come to its end.
 */
function suspendable(core: Uint8Array): WebAssembly.Module {
	const module = binaryen.readBinary(instrument(core, "noted accesses").bytes);
	// Named one by one: some of all there are make modules that Node 20 refuses.
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
	binaryen.setOptimizeLevel(2);
	module.optimize();
	const emitted = module.emitBinary();
	module.dispose();
	return new WebAssembly.Module(emitted);
}

/** Gives the module a function of its own in place of `env.name`, which it imports. */
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

/** What Asyncify adds, and `suspendable`. */
interface Suspendable {
	/** Accesses that it may make before it suspends. */
	left: Counter;
	/** Where the log goes on, and where it ends; 0 while none is kept. */
	log: Counter;
	logEnd: Counter;
	asyncify_start_unwind(stack: number): void;
	asyncify_stop_unwind(): void;
	asyncify_start_rewind(stack: number): void;
	asyncify_stop_rewind(): void;
}

/**
 * What a program does with memory outside of the core, each one access: a word read; a word written; bytes filled;
 * and whether (1 or 0) all bytes have a value.
 */
interface Direct {
	read(at: number): number;
	write(at: number, value: number): number;
	fill(at: number, bytes: number, value: number): number;
	filled(at: number, bytes: number, value: number): number;
}

type Operations = Core & Direct;

/** One call of the core, or one access, by name. Its result, unsigned, is what `yield` gives. */
export type Call = { [Name in keyof Operations]: [Name, ...Parameters<Operations[Name]>] }[keyof Operations];

/** What a participant does: calls and accesses, and between them code that touches nothing that others touch. */
export type Program = Generator<Call, void, number>;

/** More accesses than any operation needs, however often others get in its way: it waits for somebody. */
const ENDLESS = 200_000;
/** Where in the page behind the region each keeps the stack that it has left, and its log, and how large those get. */
const STACKS = 32_768;
const STACK_BYTES = 8192;
const LOGS = 49_152;
const LOG_BYTES = 682 * ENTRY_BYTES;

export class Stuck extends Error {}

/** The core instances of a world whose calls can be left and come back to. */
export class Steppers {
	readonly #module: WebAssembly.Module;

	/** @param core another than the shipped one: to see that what is wrong with it is found */
	constructor(core: Uint8Array = coreBytes) {
		this.#module = suspendable(core);
	}

	in(world: World, index: number): Stepper {
		return new Stepper(this.#module, world, index);
	}
}

/** Which memory a program's accesses were to. */
export interface Trace {
	/** Of three numbers for each range: the offset, the bytes, and in its lowest bit 1 if it was written. */
	ranges: Uint32Array;
	/** For each access, where its ranges begin. Most have one. */
	starts: number[];
}

/** Runs one program, so many accesses at a time. */
export class Stepper {
	readonly #core: Core & Suspendable;
	readonly #world: World;
	readonly #words: Uint32Array;
	readonly #stack: number;
	readonly #log: number;
	/** What was in the log each time that it was emptied. */
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

	/** Before an access for which none is left; and again when the call comes back to there. */
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

	/** From here on it notes which memory its accesses are to. */
	record(): void {
		this.#core.log.value = this.#log;
	}

	/** What it has noted since `record`. It notes no more. */
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

	/** Begins a program. Nothing of it has run before the first `run`. */
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

	/** Accesses so far. */
	get accesses(): number {
		return this.#allowed - this.#core.left.value;
	}

	/** Whether the program has come to its end. */
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

	/** The result of the call that is under way; 0 before the first. */
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
