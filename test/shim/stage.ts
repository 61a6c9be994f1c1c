/** What tests of the shim use: the addon, files in the folder of the test, and other processes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type * as Shim from "../../native-shim/index.js";
import type { File } from "../../native-shim/index.js";
import { pathOfPart } from "../../src/host/parts.js";
import { Child, directory, eachInFolder, until } from "../fixture/index.js";

/** The addon that the library loads. */
export const shimPath = pathOfPart("shim.node");
export const shim = createRequire(import.meta.url)(shimPath) as typeof Shim;

interface MemoryDescriptor {
	initial: number;
	maximum: number;
	shared: boolean;
}

/** The parts used here of types that neither `es2023` nor Node describes. */
export const { WebAssembly } = globalThis as unknown as {
	WebAssembly: { Memory: new (descriptor: MemoryDescriptor) => { buffer: ArrayBufferLike } };
};

export const wasmPage = 65536;
export const size = 16 * wasmPage;
export const isRoot = process.getuid?.() === 0;

/** The path of the test's file. */
export let path = "";
let opened: File[] = [];

/** Gives each test of the calling file a folder. What it has opened is closed after it. */
export function eachInShimFolder(): void {
	eachInFolder();
	test.before.each(() => {
		path = join(directory, "a.dhmem");
	});
	test.after.each(() => {
		for (const file of opened) shim.closeFile(file);
		opened = [];
	});
}

/** The path of a pipe in the folder of the test. */
export function pipePath(name: number): string {
	return join(directory, `.dhmem-${name}.bell`);
}

/** A shared WebAssembly memory of `size` bytes, as the shim needs it. */
export function memoryOf(size: number): Uint8Array {
	const pages = size / wasmPage;
	return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer);
}

export function create(bytes = size, mode = 0o600, where = directory): File {
	const file = shim.createFile(where, bytes, mode);
	opened.push(file);
	return file;
}

export function open(writable = true, name = path): File {
	const file = shim.openFile(name, writable);
	opened.push(file);
	return file;
}

export function map(file: File, isPrivate = false): Uint8Array {
	const memory = memoryOf(shim.statFile(file).size);
	shim.mapFile(file, memory, isPrivate);
	return memory;
}

/** A published file of this test's name, open and mapped. */
export function region(bytes = size): { file: File; memory: Uint8Array; words: Int32Array } {
	const file = create(bytes);
	shim.publishFile(file, path, false);
	const memory = map(file);
	return { file, memory, words: new Int32Array(memory.buffer) };
}

const module = new URL("./shim-child.js", import.meta.url).href;

/** What another process can be told to do. */
export type Operation =
	| "tryLock"
	| "unlock"
	| "isLocked"
	| "wait"
	| "wake"
	| "load"
	| "store"
	| "add"
	| "isBroken"
	| "makePipe"
	| "connectPipe"
	| "ringPipe";

export interface Other {
	/** Calls the shim there, or loads, stores or adds to a 32-bit word. */
	call(operation: Operation, ...values: number[]): Promise<unknown>;
	kill(): Promise<unknown>;
}

/** Another process that has the test's file open and mapped. */
export async function child(writable = true): Promise<Other> {
	const other = new Child(module, "open", [path, String(writable)]);
	assert.is(await other.hear(), "ready");
	return {
		async call(operation, ...values) {
			other.say([operation, ...values]);
			return ((await other.hear()) as { value?: unknown }).value;
		},
		kill: () => other.kill(),
	};
}

export interface Ending {
	code: number | null;
	signal: NodeJS.Signals | null;
	output: string;
	errors: string;
}

/** Runs a CommonJS script in a process of its own, in which the addon is `shim`. */
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

/** The code of the error that `action` throws, or the name of its class; "nothing" for none. */
export function code(action: () => unknown): unknown {
	try {
		action();
	} catch (error) {
		return (error as NodeJS.ErrnoException).code ?? (error as Error).name;
	}
	return "nothing";
}

/** The files of the test. */
export function names(): string[] {
	return readdirSync(directory).sort();
}

/** The lines of /proc/self/maps with this inode. */
export function mappingsOf(inode: number): string[] {
	return readFileSync("/proc/self/maps", "utf8")
		.split("\n")
		.filter((line) => line.split(/ +/)[4] === String(inode));
}

/** The number of descriptors or threads of this process. */
export function countOf(kind: "fd" | "task"): number {
	return readdirSync(`/proc/self/${kind}`).length;
}

/** Waits until there are at most `most` threads: the kernel lists one for a moment after its end. */
export async function threadsEnd(most: number): Promise<void> {
	await until(() => countOf("task") <= most, `${most} threads or fewer`);
}
