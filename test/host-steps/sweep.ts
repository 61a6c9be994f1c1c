/**
 * Each operation, cut off at each of its system calls. The process that does it is killed right before the call or right
 * after it, or is stopped while others continue, or the call fails. Then the survivors are checked.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Region } from "dhmem";
import { shim } from "../../src/host/shim.js";
import { litterAmong, type Operation, PATIENCE, type Survival, SurvivorStage } from "./operation.js";
import { buildSteps, type Mode } from "./steps.js";
import type { Line, Outcome, Try } from "./victim.js";
import { NAME } from "./victim-stage.js";

/** Milliseconds after which a copy that has printed nothing counts as hanging. */
const LONGEST = 40_000;
/** The join lock's byte. */
const JOIN_LOCK = 1024;

/** The errors that a call fails with: interrupted, full, busy, forbidden, and not there at all. */
const errors = ["EINTR", "ENOSPC", "EAGAIN", "EPERM", "ENOSYS"] as const;

/** The ways in which an operation is cut off. */
interface Cut {
	mode: Mode;
	step: number;
	error?: (typeof errors)[number];
}

export interface Report {
	/** The number of tries, by what happened in them. */
	tries: Record<Mode, number>;
	/** The number of calls of all operations when nothing disturbs them. */
	steps: number;
	/** The longest that a survivor took to finish after a death, in milliseconds. */
	slowest: number;
	failures: string[];
}

export function emptyReport(): Report {
	const tries = { count: 0, "kill-before": 0, "kill-after": 0, "fail-once": 0, "fail-always": 0, stop: 0 };
	return { tries, steps: 0, slowest: 0, failures: [] };
}

/** The program that is copied for each try, how it is called and what its environment has. */
export interface Program {
	command: string;
	args: string[];
	env: Record<string, string>;
}

/** The one in TypeScript. */
function nodeVictim(folder: string): Program {
	const library = buildSteps(folder);
	const victim = fileURLToPath(new URL("victim.js", import.meta.url));
	return {
		command: process.execPath,
		args: ["--single-threaded", victim, library, folder],
		env: { LD_PRELOAD: `${process.env.LD_PRELOAD ?? ""} ${library}` },
	};
}

/** The process that is copied for each try. */
class Victims {
	readonly #process: ChildProcess;
	readonly #lines: AsyncIterator<string>;

	private constructor(process: ChildProcess, lines: AsyncIterator<string>) {
		this.#process = process;
		this.#lines = lines;
	}

	static async start({ command, args, env }: Program): Promise<Victims> {
		const process = spawn(command, args, {
			stdio: ["pipe", "pipe", "inherit"],
			env: { ...globalThis.process.env, ...env },
		});
		const input = process.stdout as NonNullable<typeof process.stdout>;
		const victims = new Victims(process, createInterface({ input })[Symbol.asyncIterator]());
		await victims.#line();
		return victims;
	}

	async #line(): Promise<Line> {
		const { value, done } = await this.#lines.next();
		if (done) throw new Error("the process that is copied has ended");
		return JSON.parse(value);
	}

	#say(line: string): void {
		this.#process.stdin?.write(`${line}\n`);
	}

	/** Makes a try. Returns its outcome, or undefined if it was killed as it should be. */
	async run(
		what: Try,
		hooks: { set(): void | Promise<void>; stopped(): void },
	): Promise<Outcome | undefined> {
		this.#say(JSON.stringify(what));
		let outcome: Outcome | undefined;
		let timer: NodeJS.Timeout | undefined;
		let hangs = false;
		// A failure on this side must not keep the other side from finishing.
		let failure: unknown;
		const guarded = async (hook: () => void | Promise<void>) => {
			try {
				await hook();
			} catch (error) {
				failure ??= error;
			}
		};
		try {
			for (;;) {
				const line = await this.#line();
				if (line === "set") {
					await guarded(hooks.set);
					this.#say("go");
				} else if ("pid" in line) {
					timer = setTimeout(() => {
						hangs = true;
						process.kill(line.pid, "SIGKILL");
					}, LONGEST);
				} else if ("outcome" in line) outcome = line.outcome;
				else if ((line.status & 0xff) === 0x7f) {
					await guarded(hooks.stopped);
					this.#say("go on");
				} else {
					if (failure !== undefined) throw failure;
					if (hangs) throw new Error(`it hangs: nothing in ${LONGEST} ms`);
					const signal = line.status & 0x7f;
					if (outcome === undefined && signal === constants.signals.SIGKILL) return undefined;
					if (line.status === 0 && outcome !== undefined) return outcome;
					throw new Error(`its process ended with ${signal ? `signal ${signal}` : line.status >> 8}`);
				}
			}
		} finally {
			clearTimeout(timer);
		}
	}

	async end(): Promise<void> {
		const ended = once(this.#process, "exit");
		this.#process.stdin?.end();
		await ended;
	}
}

/** Sweeps operations, one try after another. */
export class Sweep {
	readonly report = emptyReport();
	readonly #folder: string;
	readonly #victims: Victims;

	private constructor(folder: string, victims: Victims) {
		this.#folder = folder;
		this.#victims = victims;
	}

	/** `build` makes the program that is copied for each try, in a folder. */
	static async start(build: (folder: string) => Program = nodeVictim): Promise<Sweep> {
		const folder = mkdtempSync("/dev/shm/dhmem-steps-");
		process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
		return new Sweep(folder, await Victims.start(build(folder)));
	}

	async end(): Promise<void> {
		await this.#victims.end();
		rmSync(this.#folder, { recursive: true, force: true });
	}

	/** Cuts the operation off at each of its steps, in each way; `chosen` may leave some out. */
	async sweep(
		operation: Operation,
		modes: readonly Mode[],
		chosen: () => boolean = () => true,
	): Promise<void> {
		const whole = await this.#try(operation, { mode: "count", step: 0 });
		if (whole === undefined) return;
		const steps = whole.steps.length;
		this.report.steps += steps;
		if (steps === 0) this.report.failures.push(`${operation.name}: it makes no system call`);
		for (const mode of modes) {
			// A wait may take one step more or less than before.
			for (let step = 1; step <= steps; step++) {
				if (!mode.startsWith("fail")) {
					if (chosen()) await this.#try(operation, { mode, step }, whole);
					continue;
				}
				// All slots are checked in the same way, so a check that fails in the middle stands for all of them.
				if (isAlike(whole.steps, step)) continue;
				for (const error of errors) {
					// A call that is busy forever is tried again until the time is over, and none is interrupted forever.
					if (mode === "fail-always" && (error === "EAGAIN" || error === "EINTR")) continue;
					if (chosen()) await this.#try(operation, { mode, step, error }, whole);
				}
			}
		}
	}

	/** Makes a try in a folder of its own. Returns its outcome if the operation got to its end. */
	async #try(operation: Operation, cut: Cut, whole?: Outcome): Promise<Outcome | undefined> {
		const { mode, step, error } = cut;
		const directory = mkdtempSync(join(this.#folder, "try-"));
		const stage = new SurvivorStage(directory, async (name) => {
			const what: Try = { operation: name, directory, mode: "count", step: 0, errno: 0 };
			await this.#victims.run(what, { set() {}, stopped() {} });
		});
		let outcome: Outcome | undefined;
		try {
			const survival = await operation.survivor(stage);
			const errno = error === undefined ? 0 : constants.errno[error];
			outcome = await this.#victims.run(
				{ operation: operation.name, directory, mode, step, errno },
				{ set: () => beginWait(survival, directory), stopped: () => intrude(stage) },
			);
			this.report.tries[mode]++;
			const died = performance.now();
			if (outcome === undefined && !mode.startsWith("kill")) throw new Error("it was killed");
			if (outcome !== undefined) checkOutcome(outcome);
			const undisturbed = mode === "count" || mode === "stop";
			if (whole !== undefined && mode === "stop") same(outcome, whole);
			await survival.verify({ result: outcome?.result, undisturbed });
			if (outcome === undefined)
				this.report.slowest = Math.max(this.report.slowest, performance.now() - died);
			stage.close();
			Region.list({ directory });
			const litter = litterAmong(stage.names());
			if (litter.length > 0) throw new Error(`litter is left for ever: ${litter.join()}`);
		} catch (failure) {
			const name = whole?.steps[step - 1] ?? "";
			const what = `${operation.name}: ${mode} at step ${step} (${[name, error].filter(Boolean).join(" ")})`;
			this.report.failures.push(`${what}: ${outcome?.result ?? "died"}: ${shortened(failure)}`);
			stage.close();
		}
		rmSync(directory, { recursive: true });
		return outcome;
	}
}

/** Begins to wait, and returns when the waiter sleeps: what happens before that is seen without a wake-up. */
async function beginWait({ wait }: Survival, directory: string): Promise<void> {
	if (wait === undefined) return;
	wait();
	const deadline = performance.now() + PATIENCE;
	while (!isOnPipe(directory) && !isAsleep()) {
		if (performance.now() > deadline) throw new Error(`who waits is not asleep after ${PATIENCE} ms`);
		// A slice of its sleep may end before this is checked; this thread must then begin the next one.
		await new Promise((resolve) => setImmediate(resolve));
	}
}

/** True if this event loop waits on a pipe, which it makes right before. */
function isOnPipe(directory: string): boolean {
	return readdirSync(directory).some((name) => name.endsWith(".bell"));
}

/** True if a thread of this process is in FUTEX_WAIT_BITSET without flags; only the shim's thread ever is. */
function isAsleep(): boolean {
	return readdirSync("/proc/self/task").some((thread) => {
		try {
			return /^\d+ 0x\w+ 0x9 /.test(readFileSync(`/proc/self/task/${thread}/syscall`, "utf8"));
		} catch (error) {
			// It has ended meanwhile.
			if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
			throw error;
		}
	});
}

/** True if the step of this number is in the middle of a long row of equal steps. */
function isAlike(steps: string[], step: number): boolean {
	const around = steps.slice(Math.max(0, step - 4), step + 3);
	return around.length === 7 && around.every((name) => name === steps[step - 1]) && step % 32 !== 0;
}

/** What was thrown, and the top of its stack. */
function shortened(failure: unknown): string {
	return failure instanceof Error
		? (failure.stack ?? "").split("\n").slice(0, 4).join("\n")
		: String(failure);
}

function checkOutcome({ result, closing, descriptors, mappings, kept = 0 }: Outcome): void {
	if (!/^(done|DHMEM_[A-Z_]+)$/.test(result)) throw new Error("a wrong error");
	if (closing !== "done") throw new Error(`closing failed: ${closing}`);
	if (descriptors !== 0) throw new Error(`${descriptors} descriptors are left`);
	if (mappings !== 0) throw new Error(`${mappings} mappings are left`);
	if (kept !== 0) throw new Error(`${kept} bytes of memory are left`);
}

function same(outcome: Outcome | undefined, whole: Outcome): void {
	if (outcome?.result !== whole.result) throw new Error(`it should be ${whole.result}`);
}

/** What others do while a participant is stopped in the middle of an operation. */
function intrude(stage: SurvivorStage): void {
	stage.goOnMeanwhile();
	const { directory } = stage;
	if (stage.exists && isBeingJoined(stage.path)) return;
	Region.list({ directory });
	if (!stage.exists) return;
	const region = Region.open(NAME, { mode: "open", directory });
	region.allocate(100_000);
	region.close();
}

/** True if a process holds the join lock: others that want to join wait then, as the guarantees say. */
function isBeingJoined(path: string): boolean {
	if (!existsSync(path)) return false;
	const file = shim().openFile(path, true);
	try {
		return !shim().tryLock(file, JOIN_LOCK);
	} finally {
		shim().closeFile(file);
	}
}
