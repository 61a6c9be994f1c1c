/**
 * Runs a program between an input and an output of a task. The nth line that the program prints answers the
 * nth message, which is released when the answer was sent. The output ends only if the program has answered
 * all messages and exited with 0. So after a failure the program can be started again, and gets the messages
 * that it has not answered.
 */
import { isUtf8 } from "node:buffer";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { QueueActivity } from "../inspect/stats.js";
import type { Message } from "../queue/message.js";
import { escapeControls } from "../terminal/escape.js";
import type { DType } from "../values/dtypes.js";
import type { Input } from "../workflow/input.js";
import { parseLinkName } from "../workflow/links.js";
import type { Output } from "../workflow/output.js";
import { Task } from "../workflow/task.js";
import { checkNoBlock, linesIn, messageIn, written } from "./framing.js";
import { UsageError } from "./usage-error.js";

export interface Between {
	/** The names of the task's ports. */
	readonly input: string;
	readonly output: string;
	/** Lines consist of numbers of this type; if undefined, of text. */
	readonly as: DType | undefined;
}

/** Milliseconds without an answer after which a full link is reported, and between the looks at it. */
const STILL = 5000;
const LOOK = 1000;
/** Milliseconds that a program has to end after SIGTERM. */
const GRACE = 5000;
/** Milliseconds without output after which the output of a failed program is closed. */
const OUTPUT_GRACE = 1000;

/** The program printed something that can't be an answer, or was sent something that can't be a line. */
class Mistake extends Error {}

/** Runs the program, and returns the exit status. */
export async function filterBy(command: readonly string[], { input, output, as }: Between): Promise<number> {
	await using task = Task.fromEnvironment();
	const filter = new Filter(command, task.input(input), task.output(output), as);
	const looking = setInterval(
		() => filter.reportFullLink(task.region.activity().queues, task.name),
		LOOK,
	).unref();
	try {
		return await filter.run(task.signal);
	} catch (error) {
		if (!(error instanceof Mistake)) throw error;
		say(error.message);
		return 1;
	} finally {
		clearInterval(looking);
	}
}

class Filter {
	readonly #command: readonly string[];
	readonly #input: Input;
	readonly #output: Output;
	readonly #as: DType | undefined;
	/** The messages that the program was given and has not answered. */
	readonly #unanswered: Message[] = [];
	#given = 0;
	#answered = 0;
	/** When a message was given or answered last. Infinity once the full link was reported. */
	#moved = performance.now();
	/** True once the program was given all messages and its input was closed. */
	#isAllGiven = false;

	constructor(command: readonly string[], input: Input, output: Output, as: DType | undefined) {
		this.#command = command;
		this.#input = input;
		this.#output = output;
		this.#as = as;
	}

	get #name(): string {
		return this.#command.join(" ");
	}

	async run(signal: AbortSignal): Promise<number> {
		const [program = "", ...args] = this.#command;
		const child = spawn(program, args, {
			stdio: ["pipe", "pipe", "inherit"],
			// Otherwise Python buffers its output, and a sender that waits for an answer waits forever.
			env: { PYTHONUNBUFFERED: "1", ...process.env },
		});
		// The program ends with this process, in whatever way this process exits.
		const kill = () => child.kill("SIGKILL");
		process.once("exit", kill);
		const onAbort = () => end(child);
		signal.addEventListener("abort", onAbort, { once: true });
		try {
			return await this.#runWith(child);
		} finally {
			end(child);
			// A process that still holds the other ends of these pipes would keep this process alive.
			child.stdin.destroy();
			child.stdout.destroy();
			signal.removeEventListener("abort", onAbort);
			process.off("exit", kill);
		}
	}

	async #runWith(child: Child): Promise<number> {
		// Aborted when the program is gone or has closed its output, since it can't answer any more.
		const gone = new AbortController();
		const ended = endOf(child).finally(() => gone.abort());
		// If the program stops reading, its exit status tells why.
		child.stdin.on("error", () => {});
		const giving = this.#give(child.stdin, gone.signal);
		const answering = this.#receiveAnswers(child.stdout).finally(() => gone.abort());
		// The first failure ends the program, and so the other two.
		const outcome = Promise.all([giving, answering, ended]);
		let failed = false;
		outcome.catch(() => {
			failed = true;
			end(child);
		});
		void ended.then(({ code }) => (failed || code !== 0 ? letGoOf(child.stdout) : undefined));
		await Promise.allSettled([giving, answering, ended]);
		const [, rest, ending] = await outcome;
		return this.#conclude(ending, rest);
	}

	/** Gives the program all messages, and then closes its input. */
	async #give(stdin: Writable, gone: AbortSignal): Promise<void> {
		for (;;) {
			const message = await this.#next(gone);
			if (gone.aborted || stdin.destroyed) {
				stdin.end();
				return;
			}
			if (message === undefined) break;
			this.#check(message);
			this.#unanswered.push(message);
			this.#given++;
			this.#moved = Math.max(this.#moved, performance.now());
			for (const piece of written(message.bytes, { as: this.#as })) await write(stdin, piece);
		}
		this.#isAllGiven = true;
		stdin.end();
	}

	async #next(gone: AbortSignal): Promise<Message | undefined> {
		try {
			return await this.#input.receive({ signal: gone });
		} catch (error) {
			if (gone.aborted && error === gone.reason) return undefined;
			throw error;
		}
	}

	#check(message: Message): void {
		asMistake(() => checkNoBlock(message, `message ${this.#given + 1} of input ${this.#input.name}`));
		if (this.#as !== undefined || !message.bytes.includes(10)) return;
		throw new Mistake(
			`message ${this.#given + 1} of input ${this.#input.name} contains a line feed, so it can't be a line for ` +
				`${this.#name}; send it as JSON, or use --as for numbers`,
		);
	}

	/** Sends each line as an answer. Returns the rest, which no line feed ends. */
	async #receiveAnswers(stdout: Readable): Promise<Buffer> {
		const lines = linesIn(stdout);
		try {
			let next = await lines.next();
			for (; !next.done; next = await lines.next()) await this.#answer(next.value);
			return next.value;
		} catch (error) {
			if (isCodeOf(error, "ERR_STREAM_PREMATURE_CLOSE")) return Buffer.alloc(0);
			throw error;
		}
	}

	async #answer(line: Buffer): Promise<void> {
		const [message] = this.#unanswered;
		if (message === undefined) throw this.#miscounted(this.#answered + 1);
		await this.#output.send(this.#read(line));
		this.#unanswered.shift();
		this.#answered++;
		this.#moved = Math.max(this.#moved, performance.now());
		message.release();
	}

	#read(line: Buffer) {
		const where = `line ${this.#answered + 1} of the output of ${this.#name}`;
		if (!isUtf8(line)) throw new Mistake(`${where} is not UTF-8`);
		return asMistake(() => messageIn(line, this.#as, where));
	}

	/**
	 * Says once that the sender waits for room, and so for answers: a message stays in its link until it is answered, and a
	 * program that collects its answers gives none before the end.
	 */
	reportFullLink(queues: readonly QueueActivity[], task: string): void {
		if (this.#unanswered.length === 0 || performance.now() - this.#moved < STILL) return;
		const full = queues.find(
			({ name, producerWaits }) => producerWaits && parseLinkName(name)?.to.task === task,
		);
		if (full === undefined) return;
		this.#moved = Number.POSITIVE_INFINITY;
		say(
			`${this.#name} has answered ${this.#answered} of ${this.#given} messages, and the sender waits for room in ` +
				`${full.name}, where the others stay until they are answered: let the program print each answer before it ` +
				"reads on, and flush its output, or give the link a larger capacity",
		);
	}

	/** Decides the outcome after the program has ended. Returns the exit status. */
	async #conclude({ code, signal }: Ending, rest: Buffer): Promise<number> {
		if (code !== 0) {
			const how = signal === null ? `failed with status ${code}` : `was ended by ${signal}`;
			say(`${this.#name} ${how}, ${this.#state()}`);
			return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
		}
		if (!this.#isAllGiven) {
			throw new Mistake(`${this.#name} exited before it had read all of its input, ${this.#state()}`);
		}
		// The rest is sent only if it is the last missing answer; otherwise the run fails anyway.
		if (rest.length > 0 && this.#unanswered.length === 1) await this.#answer(rest);
		if (this.#unanswered.length > 0) throw this.#miscounted(this.#answered);
		this.#output.end();
		return 0;
	}

	#state(): string {
		return `with ${this.#answered} of ${this.#given} messages answered; the others are delivered again when it is restarted`;
	}

	#miscounted(lines: number): Mistake {
		return new Mistake(
			`${this.#name} printed ${lines} lines for ${this.#given} messages, but dhmem filter expects one line for each ` +
				"message; let the program print one for each, or use a pipe of dhmem recv and dhmem send",
		);
	}
}

/** Not the call of `dhmem filter` is wrong, but what it was given. */
function asMistake<T>(act: () => T): T {
	try {
		return act();
	} catch (error) {
		throw error instanceof UsageError ? new Mistake(error.message) : error;
	}
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

interface Ending {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
}

async function endOf(child: Child): Promise<Ending> {
	try {
		const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
		return { code, signal };
	} catch (error) {
		// 127 and 126 are the exit statuses that a shell would return.
		say(`the program can't be started: ${(error as Error).message}`);
		return { code: isCodeOf(error, "ENOENT") ? 127 : 126, signal: null };
	}
}

/**
 * Closes the output of a failed program after it was read, because child processes may hold it open forever.
 */
async function letGoOf(stdout: Readable): Promise<void> {
	const socket = stdout as Socket;
	for (let before = -1; before !== socket.bytesRead || socket.readableLength > 0; ) {
		before = socket.bytesRead;
		await sleep(OUTPUT_GRACE, undefined, { ref: false });
	}
	socket.destroy();
}

function isCodeOf(error: unknown, code: string): boolean {
	return error instanceof Error && "code" in error && error.code === code;
}

function end(child: Child): void {
	if (!child.kill("SIGTERM")) return;
	setTimeout(() => child.kill("SIGKILL"), GRACE).unref();
}

/** Writes to the program. Resolves when the data was written or can't be written any more. */
function write(stdin: Writable, data: string | Uint8Array): Promise<void> {
	// Copied, because Node's streams don't take views over shared memory.
	const bytes = typeof data === "string" ? data : data.slice();
	return new Promise((resolve) => stdin.write(bytes, () => resolve()));
}

function say(text: string): void {
	console.error(`dhmem: ${escapeControls(text)}`);
}
