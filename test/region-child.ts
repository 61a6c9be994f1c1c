/** For the tests of regions and of waiting: processes that run a named function, and what goes with them. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DhmemError, type DhmemErrorCode } from "../src/index.js";

/** What a child process can be told to do. What it returns, or throws, goes to its parent. */
export type Scenario = (talk: Talk, ...parameters: string[]) => unknown;

/** A child's way to talk with its parent. */
export interface Talk {
	say(value: unknown): void;
	hear(): Promise<unknown>;
}

export interface Ending {
	code: number | null;
	signal: NodeJS.Signals | null;
	errors: string;
}

/** What waits for values that come in their own time, in order. */
class Inbox {
	readonly #values: unknown[] = [];
	readonly #wanted: { resolve(value: unknown): void; reject(error: Error): void }[] = [];
	#error: Error | undefined;

	add(value: unknown): void {
		const first = this.#wanted.shift();
		if (first) first.resolve(value);
		else this.#values.push(value);
	}

	end(error: Error): void {
		this.#error = error;
		for (const { reject } of this.#wanted.splice(0)) reject(error);
	}

	next(): Promise<unknown> {
		return new Promise((resolve, reject) => {
			if (this.#values.length > 0) resolve(this.#values.shift());
			else if (this.#error) reject(this.#error);
			else this.#wanted.push({ resolve, reject });
		});
	}
}

const children = new Set<Child>();

/** A process that runs one of a module's scenarios. */
export class Child {
	readonly pid: number;
	readonly ended: Promise<Ending>;
	readonly #process: ChildProcess;
	readonly #inbox = new Inbox();

	/** @param module the URL of a module that calls `serve`, or its path */
	constructor(module: string, scenario: string, parameters: (string | number)[] = [], flags: string[] = []) {
		const path = module.startsWith("file:") ? fileURLToPath(module) : module;
		this.#process = fork(path, [scenario, ...parameters.map(String)], {
			execArgv: flags,
			stdio: ["ignore", "inherit", "pipe", "ipc"],
		});
		this.pid = this.#process.pid as number;
		let errors = "";
		this.#process.stderr?.on("data", (text) => {
			errors += text;
		});
		this.#process.on("message", (value) => this.#inbox.add(value));
		this.ended = once(this.#process, "close").then(([code, signal]) => {
			children.delete(this);
			this.#inbox.end(new Error(`${scenario} ended with ${code ?? signal}: ${errors}`));
			return { code, signal, errors } as Ending;
		});
		children.add(this);
	}

	/** The next thing that it says; fails if it ends without. */
	hear(): Promise<unknown> {
		return this.#inbox.next();
	}

	say(value: unknown): void {
		this.#process.send(value as object);
	}

	signal(signal: NodeJS.Signals): void {
		this.#process.kill(signal);
	}

	/** Ends it, stopped or not. */
	async kill(): Promise<Ending> {
		this.#process.kill("SIGKILL");
		return this.ended;
	}

	/** Ends all that run. */
	static async killAll(): Promise<void> {
		await Promise.all([...children].map((child) => child.kill()));
	}
}

/** Runs the scenario that the command line names, if this module is what a child was started with. */
export function serve(module: string, scenarios: Record<string, Scenario>): void {
	if (process.argv[1] !== fileURLToPath(module) || process.send === undefined) return;
	const [name, ...parameters] = process.argv.slice(2);
	const talk: Talk = {
		say: (value) => void process.send?.(value),
		// Listening keeps the process alive, so only where it has to. Node keeps what comes meanwhile.
		hear: () => new Promise((resolve) => process.once("message", resolve)),
	};
	const scenario = scenarios[name ?? ""];
	if (scenario === undefined) throw new Error(`There is no scenario ${name}`);
	Promise.resolve()
		.then(() => scenario(talk, ...parameters))
		.then((result) => result !== undefined && talk.say(result));
}

let directory = "";

/** A folder in shared memory for one test, gone with `removeFolder`. */
export function makeFolder(): string {
	// A test that ends the process leaves nothing either.
	if (!process.listeners("exit").includes(removeFolder)) process.on("exit", removeFolder);
	directory = mkdtempSync("/dev/shm/dhmem-region-");
	return directory;
}

export function removeFolder(): void {
	if (directory !== "") rmSync(directory, { recursive: true, force: true });
	directory = "";
}

export function regionPath(name: string): string {
	return join(directory, `${name}.dhmem`);
}

/** The code of the DhmemError that `action` throws; "nothing" for none. Anything else is thrown on. */
export function codeOf(action: () => unknown): DhmemErrorCode | "nothing" {
	try {
		action();
	} catch (error) {
		return checked(error).code;
	}
	return "nothing";
}

/** The same for a promise. */
export async function codeOfLater(promise: Promise<unknown>): Promise<DhmemErrorCode | "nothing"> {
	try {
		await promise;
	} catch (error) {
		return checked(error).code;
	}
	return "nothing";
}

/** The DhmemError that `action` throws. */
export function errorOf(action: () => unknown): DhmemError {
	try {
		action();
	} catch (error) {
		return checked(error);
	}
	throw new Error("Nothing was thrown");
}

/** A DhmemError whose message says what happened and what to do; any other error is thrown on. */
function checked(error: unknown): DhmemError {
	if (!(error instanceof DhmemError)) throw error;
	if (!/^DHMEM_[A-Z_]+$/.test(error.code) || !/\w.*([;:]|\. ).*\w/s.test(error.message)) {
		throw new Error(`The message of ${error.code} doesn't say what to do: ${error.message}`);
	}
	return error;
}

/** Fails if `promise` takes longer; for what would otherwise hang. */
export async function within<T>(milliseconds: number, what: string, promise: Promise<T>): Promise<T> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what} took more than ${milliseconds} ms`)), milliseconds);
	});
	try {
		return await Promise.race([promise, late]);
	} finally {
		clearTimeout(timer);
	}
}
