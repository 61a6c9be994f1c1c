/**
 * The process whose copies run an operation and end, stop or fail in it. It loads everything once, and is then forked for
 * each try, which takes 2 ms instead of 150. A copy has only one thread, so V8 runs without threads of its own
 * (`--single-threaded`), and the copy does nothing that needs the event loop.
 *
 * Each line of standard input is a try; the lines of standard output say how it went.
 */
import { readdirSync, readSync, writeSync } from "node:fs";
import { DhmemError, Region } from "dhmem";
import { shim } from "../../src/host/shim.js";
import { operations } from "./operations.js";
import { loadSteps, type Mode } from "./steps.js";
import { VictimStage } from "./victim-stage.js";

/** A try: which operation, in which folder, and what happens at which step. */
export interface Try {
	operation: string;
	directory: string;
	mode: Mode;
	step: number;
	errno: number;
}

/** What a copy prints when it has finished the operation. */
export interface Outcome {
	/** "done", the code of the DhmemError, or anything else that was thrown. */
	result: string;
	/** The steps of the operation. */
	steps: string[];
	/** The descriptors and mappings that are left after everything is closed. */
	descriptors: number;
	mappings: number;
	/** The bytes of memory that are left, of a program that frees all of its own. */
	kept?: number;
	/** "done", or what closing has thrown. */
	closing: string;
}

/**
 * A line of output: the process of the try; that everything is prepared, which waits for an answer; the outcome; or the
 * status of the process when it has ended or stopped.
 */
export type Line = { pid: number } | "set" | { outcome: Outcome } | { status: number };

const steps = loadSteps(process.argv[2] as string);

function say(line: Line | "ready"): void {
	writeSync(1, `${JSON.stringify(line)}\n`);
}

let buffered = "";

function hear(): string | undefined {
	const bytes = Buffer.alloc(4096);
	while (!buffered.includes("\n")) {
		const length = readSync(0, bytes);
		if (length === 0) return undefined;
		buffered += bytes.toString("utf8", 0, length);
	}
	const end = buffered.indexOf("\n");
	const line = buffered.slice(0, end);
	buffered = buffered.slice(end + 1);
	return line;
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;

function resultOf(body: () => unknown): string {
	try {
		body();
		return "done";
	} catch (error) {
		if (!(error instanceof DhmemError)) return error instanceof Error ? `${error.stack}` : String(error);
		const saysWhatToDo = /\w.*([;:]|\. ).*\w/s.test(error.message);
		return saysWhatToDo ? error.code : `does not say what to do: ${error.message}`;
	}
}

function play({ operation: name, directory, mode, step, errno }: Try): Outcome {
	const operation = operations.find((each) => each.name === name);
	if (operation === undefined) throw new Error(`There is no operation ${name}`);
	const before = descriptors();
	const stage = new VictimStage(directory, steps);
	const body = operation.victim(stage);
	say("set");
	hear();
	steps.arm(mode, step, errno, operation.hasTmpfile !== false);
	const result = resultOf(body);
	const taken = steps.disarm();
	const closing = resultOf(() => stage.close());
	return {
		result,
		steps: taken,
		closing,
		descriptors: descriptors() - before,
		mappings: shim().openFiles(),
	};
}

Region.temporary({ directory: process.argv[3] as string, size: "1MiB" }).close();
say("ready");
for (let line = hear(); line !== undefined; line = hear()) {
	const pid = steps.fork();
	if (pid === 0) {
		say({ outcome: play(JSON.parse(line)) });
		steps.exit();
	}
	say({ pid });
	for (;;) {
		const status = steps.wait(pid);
		say({ status });
		if ((status & 0xff) !== 0x7f) break;
		// Another process does something meanwhile.
		hear();
		process.kill(pid, "SIGCONT");
	}
}
