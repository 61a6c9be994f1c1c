/** For the tests of the shim: the addon, and processes that do with a file what they are told. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type * as Shim from "../native-shim/index.js";

export const shimPath = fileURLToPath(new URL("../shim.node", import.meta.url));
export const shim = createRequire(import.meta.url)(shimPath) as typeof Shim;

interface MemoryDescriptor {
	initial: number;
	maximum: number;
	shared: boolean;
}

/** What is used here of the types that neither `es2023` nor Node's own describe. */
export const { WebAssembly } = globalThis as unknown as {
	WebAssembly: { Memory: new (descriptor: MemoryDescriptor) => { buffer: ArrayBufferLike } };
};

export const wasmPage = 65536;

/** A shared WebAssembly memory of `size` bytes, as the shim wants it. */
export function memoryOf(size: number): Uint8Array {
	const pages = size / wasmPage;
	return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer);
}

type Operation = "tryLock" | "unlock" | "isLocked" | "wait" | "wake" | "load" | "store" | "add" | "isBroken";

/** Another process that has the file at a path open and mapped. */
export class Child {
	readonly #process: ChildProcess;

	private constructor(process: ChildProcess) {
		this.#process = process;
	}

	static async open(path: string, writable = true): Promise<Child> {
		const process = fork(fileURLToPath(import.meta.url), [path, String(writable)]);
		await once(process, "message");
		return new Child(process);
	}

	/** Calls the shim, or loads, stores or adds to a 32-bit word, over there. */
	async call(operation: Operation, ...values: number[]): Promise<unknown> {
		this.#process.send([operation, ...values]);
		const [answer] = (await once(this.#process, "message")) as [{ value?: unknown }];
		return answer.value;
	}

	async kill(): Promise<void> {
		if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
			return;
		}
		const end = once(this.#process, "exit");
		this.#process.kill("SIGKILL");
		await end;
	}
}

export interface Ending {
	code: number | null;
	signal: NodeJS.Signals | null;
	output: string;
	errors: string;
}

/** Runs a CommonJS script in a process of its own, which finds the addon as `shim`. */
export async function run(
	script: string,
	options: { flags?: string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<Ending> {
	const source = `
		const shim = require(${JSON.stringify(shimPath)});
		const fs = require("node:fs");
		const memoryOf = (size) => new Uint8Array(
			new WebAssembly.Memory({ initial: size / 65536, maximum: size / 65536, shared: true }).buffer);
		${script}`;
	const child = spawn(process.execPath, [...(options.flags ?? []), "-e", source], {
		stdio: ["ignore", "pipe", "pipe"],
		env: { ...process.env, ...options.env },
	});
	let output = "";
	let errors = "";
	child.stdout.on("data", (text) => {
		output += text;
	});
	child.stderr.on("data", (text) => {
		errors += text;
	});
	const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
	return { code, signal, output, errors };
}

function serve(path: string, writable: boolean): void {
	const file = shim.openFile(path, writable);
	const memory = memoryOf(shim.statFile(file).size);
	shim.mapFile(file, memory, !writable);
	const words = new Int32Array(memory.buffer);
	const operations: Record<Operation, (...values: number[]) => unknown> = {
		tryLock: (index) => shim.tryLock(file, index as number),
		unlock: (index) => shim.unlock(file, index as number),
		isLocked: (index) => shim.isLocked(file, index as number),
		wait: (offset, expected, timeout) =>
			shim.wait(file, offset as number, expected as number, timeout as number),
		wake: (offset) => shim.wake(file, offset as number),
		load: (offset) => Atomics.load(words, (offset as number) / 4),
		store: (offset, value) => Atomics.store(words, (offset as number) / 4, value as number),
		add: (offset, value) => Atomics.add(words, (offset as number) / 4, value as number),
		isBroken: () => shim.isBroken(file),
	};
	process.on("message", ([operation, ...values]: [Operation, ...number[]]) => {
		process.send?.({ value: operations[operation](...values) });
	});
	process.on("disconnect", () => process.exit());
	process.send?.("ready");
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.send !== undefined) {
	serve(process.argv[2] as string, process.argv[3] === "true");
}
