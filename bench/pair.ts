/**
 * A contender in separate processes: one that measures, and usually one that serves it by sending or echoing.
 * Each contender gets fresh processes, so that code the JIT compiler has specialised for one does not slow
 * down another.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { endings } from "./ending.js";
import { type Contender, DEADLINE, type Job, Missing, type Role, type Running } from "./measure.js";
import type { Scratch } from "./scratch.js";

/** Prepares one half in its process. Returns a function that does one job after another. */
export type Half<T> = (
	place: string,
) => Promise<(job: Job) => T | Promise<T>> | ((job: Job) => T | Promise<T>);

/** A contender's work in two halves. `measure` returns the figure, and is ready before `serve` begins. */
export interface Work {
	measure: Half<number>;
	serve?: Half<void>;
}

export type Works = Readonly<Record<string, Work>>;

/** The half that a process runs, as a command-line argument. */
export type Part = "measure" | "serve";

/** A message from a process: it is ready, it has no such half, it has done a job, or it failed. */
export type Answer =
	| { kind: "ready" }
	| { kind: "none" }
	| { kind: "done"; figure: number | undefined }
	| { kind: "missing"; reason: string }
	| { kind: "failed"; reason: string };

const WORKER = fileURLToPath(new URL("./worker.js", import.meta.url));

/** One process of a contender. */
class Hand {
	readonly #process: ChildProcess;
	readonly #what: string;

	constructor(what: string, args: string[]) {
		this.#what = what;
		// Standard output is reserved for the report.
		this.#process = fork(WORKER, args, {
			serialization: "advanced",
			detached: true,
			stdio: ["ignore", 2, 2, "ipc"],
		});
		endings.add(this.#kill);
	}

	/** Kills the process and its children: it leads its own process group. */
	readonly #kill = (): void => {
		const { pid, exitCode, signalCode } = this.#process;
		if (pid === undefined || exitCode !== null || signalCode !== null) return;
		process.kill(-pid, "SIGKILL");
	};

	async answer(): Promise<Extract<Answer, { kind: "ready" | "none" | "done" }>> {
		const over = new AbortController();
		const { signal } = over;
		const late = setTimeout(() => over.abort(new Error(`${this.#what} did not answer in time`)), DEADLINE);
		try {
			const answer = await Promise.race([
				once(this.#process, "message", { signal }).then(([message]) => message as Answer),
				once(this.#process, "exit", { signal }).then(([code, killedBy]): Answer => {
					return { kind: "failed", reason: `ended early: ${code ?? killedBy}` };
				}),
			]);
			if (answer.kind === "missing") throw new Missing(answer.reason);
			if (answer.kind === "failed") throw new Error(`${this.#what}: ${answer.reason}`);
			return answer;
		} finally {
			clearTimeout(late);
			over.abort();
		}
	}

	async run(job: Job): Promise<number | undefined> {
		const done = this.answer();
		this.#process.send(job);
		const answer = await done;
		return answer.kind === "done" ? answer.figure : undefined;
	}

	async stop(): Promise<void> {
		endings.delete(this.#kill);
		if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
		const ended = once(this.#process, "exit");
		this.#kill();
		await ended;
	}
}

async function start(what: string, from: string, work: string, scratch: Scratch): Promise<Running> {
	const place = scratch.place();
	const hands: Hand[] = [];
	const stop = async () => {
		await Promise.all(hands.map((hand) => hand.stop()));
		scratch.remove(place);
	};
	try {
		for (const part of ["measure", "serve"] satisfies Part[]) {
			const hand = new Hand(`${what} (${part})`, [from, work, part, place]);
			hands.push(hand);
			if ((await hand.answer()).kind === "none") {
				await hand.stop();
				hands.pop();
			}
		}
	} catch (error) {
		await stop();
		throw error;
	}
	const round = async (job: Job) => {
		// The half that fails first gives the reason. The other half is stuck then, and is stopped too.
		const [figure] = await Promise.all(hands.map((hand) => hand.run(job)));
		if (figure === undefined) throw new Error(`${what} gave no figure`);
		return figure;
	};
	return { round, stop };
}

export interface PairOptions {
	name: string;
	role: Role;
	/** The module that exports the works: `import.meta.url`, or `peer(name)`. */
	from: string;
	work: string;
	count: number;
	size?: number;
}

export function pair({ name, role, from, work, count, size }: PairOptions): Contender {
	const sized = size === undefined ? {} : { size };
	return { name, role, count, ...sized, start: (scratch) => start(name, from, work, scratch) };
}

/** Returns the URL of the module with a peer's adapter. */
export function peer(name: string): string {
	return new URL(`./peers/${name}.js`, import.meta.url).href;
}
