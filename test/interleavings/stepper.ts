/**
 * Participants that are run one access to memory at a time, in one thread. The shipped core gets a call before each
 * access, and Binaryen's Asyncify lets that call leave the core in its middle and come back to it later.
 */
import binaryen from "binaryen";
import type { Core } from "../../src/core.js";
import { instrument } from "../allocator/wasm.js";
import { coreBytes, type World } from "../allocator/world.js";

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
	binaryen.setPassArgument("asyncify-imports", "env.hook");
	module.runPasses(["asyncify"]);
	binaryen.setOptimizeLevel(1);
	module.optimize();
	const bytes = module.emitBinary();
	module.dispose();
	return new WebAssembly.Module(bytes);
}

/** What Asyncify adds. */
interface Asyncify {
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
/** Where in the page behind the region each keeps the stack that it has left, and how large that gets. */
const STACKS = 32_768;
const STACK_BYTES = 8192;

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

/** Which memory a program's accesses were to, from the first on. */
export class Trace {
	/** Of three numbers for each range: the offset, the bytes, and 1 if it was written. */
	ranges: number[] = [];
	/** For each access, where its ranges begin. Most have one. */
	starts: number[] = [];

	/** What there is from access number `from` on. */
	since(from: number): Trace {
		const rest = new Trace();
		const start = this.starts[from] ?? this.ranges.length;
		rest.ranges = this.ranges.slice(start);
		rest.starts = this.starts.slice(from).map((each) => each - start);
		return rest;
	}
}

/** Runs one program, so many accesses at a time. */
export class Stepper {
	/** Accesses so far. */
	accesses = 0;
	trace = new Trace();
	readonly #core: Core & Asyncify;
	readonly #world: World;
	readonly #stack: number;
	#allowed = 0;
	#suspended = false;
	#resuming = false;
	#program: Program | undefined;
	#call: Call | undefined;
	/** The ranges of the access that comes next. */
	readonly #next: number[] = [];

	constructor(module: WebAssembly.Module, world: World, index: number) {
		this.#world = world;
		this.#stack = world.scratch.byteOffset + STACKS + index * STACK_BYTES;
		const imports = {
			env: {
				memory: world.memory,
				hook: () => this.#onAccess(),
				note: (at: number, bytes: number, writes: number) => this.#next.push(at >>> 0, bytes, writes),
			},
		};
		this.#core = new WebAssembly.Instance(module, imports).exports as unknown as Core & Asyncify;
	}

	#onAccess(): void {
		if (this.#resuming) {
			this.#core.asyncify_stop_rewind();
			this.#resuming = false;
		} else if (this.accesses === this.#allowed) {
			const words = new Uint32Array(this.#world.memory.buffer, this.#stack, 2);
			words[0] = this.#stack + 8;
			words[1] = this.#stack + STACK_BYTES;
			this.#suspended = true;
			this.#core.asyncify_start_unwind(this.#stack);
			return;
		}
		this.#count();
	}

	#count(): void {
		this.trace.starts.push(this.trace.ranges.length);
		this.trace.ranges.push(...this.#next);
		this.#next.length = 0;
		this.accesses++;
	}

	/** Begins a program. Nothing of it has run before the first `run`. */
	begin(program: Program): void {
		this.#program = program;
		this.#call = undefined;
		this.#suspended = false;
		this.#resuming = false;
		this.#next.length = 0;
		this.trace = new Trace();
		this.accesses = 0;
	}

	/** Whether the program has come to its end. */
	get done(): boolean {
		return this.#program === undefined;
	}

	/** Makes at most `count` accesses; stops before the next one, or at the end. */
	run(count: number): void {
		this.#allowed = Math.min(this.accesses + count, ENDLESS);
		while (this.#program !== undefined) {
			const result = this.#advance();
			if (this.#suspended) {
				if (this.accesses >= ENDLESS)
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
		this.#suspended = this.accesses === this.#allowed;
		if (this.#suspended) return 0;
		this.#next.push(at, bytes, writes);
		this.#count();
		return access() ?? 0;
	}
}
