import { type ChildProcess, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

export const TASKS = ["evaluate", "steer", "visualize"] as const;
export type TaskName = (typeof TASKS)[number];

/** Milliseconds that the others have, after one task failed, to notice by themselves. */
const GRACE = 1000;

export interface Failure {
	readonly message: string;
	/** That of the task; 1 where a signal ended it. */
	readonly exitCode: number;
}

/** The processes of one run, of which none outlives the failure of another for long. */
export class TaskGroup {
	/** The task that failed first: what fails after it does so because of it. */
	failure: Failure | undefined;
	readonly #running = new Set<ChildProcess>();
	readonly #stopping = new AbortController();

	/** Aborted once a task has failed, or the run was stopped. */
	get stopping(): AbortSignal {
		return this.#stopping.signal;
	}

	/** Runs a task, with this terminal or to a string; resolves with that when it has ended, however it ended. */
	async run(name: TaskName, args: readonly string[], stdout: "inherit" | "pipe"): Promise<string> {
		const script = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
		const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", stdout, "inherit"] });
		this.#running.add(child);
		const output = child.stdout === null ? "" : text(child.stdout);
		const failure = await failureOf(child);
		this.#running.delete(child);
		if (failure !== undefined) this.#fail({ ...failure, message: `${name} ${failure.message}` });
		return output;
	}

	stop(signal: NodeJS.Signals): void {
		this.#stopping.abort();
		for (const child of this.#running) child.kill(signal);
	}

	/** A task whose peer is gone ends by itself; one whose peer never came would wait for ever. */
	#fail(failure: Failure): void {
		this.failure ??= failure;
		this.#stopping.abort();
		setTimeout(() => this.stop("SIGTERM"), GRACE).unref();
	}
}

/** How a process failed, once it has ended; undefined if all went well. */
function failureOf(child: ChildProcess): Promise<Failure | undefined> {
	return new Promise((resolve) => {
		child.once("error", (error) => resolve({ message: `did not start: ${error.message}`, exitCode: 1 }));
		child.once("exit", (code, signal) => {
			if (code === 0) resolve(undefined);
			else if (code === null) resolve({ message: `ended by ${signal}`, exitCode: 1 });
			else resolve({ message: `ended with exit status ${code}`, exitCode: code });
		});
	});
}
