/** A round of one carrier: both ends are started, warmed up, measured, and ended. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Server } from "../../test/network/server.js";
import { endings } from "../ending.js";
import type { Scratch } from "../scratch.js";
import type { Carrier } from "./carriers.js";
import type { Answer, Done, Job } from "./end.js";

const END = fileURLToPath(new URL("./end.js", import.meta.url));
const SECOND = 1000;
/** Milliseconds after which an end hangs. */
const DEADLINE = 300 * SECOND;
/** The kernel counts a process's time in these, per second. */
const TICKS = 100;

export interface Figures {
	readonly rate: number;
	/** Seconds of processor time for each message, of both ends, of the server, and of what keeps blocks. */
	readonly cpu: number;
	/** Milliseconds. */
	readonly trips: readonly number[];
}

/** How much a round does with messages of this many bytes. */
export interface Amount {
	readonly bytes: number;
	readonly messages: number;
	readonly trips: number;
}

class End {
	readonly #process: ChildProcess;
	readonly #name: string;

	constructor(name: string, args: string[]) {
		this.#name = name;
		this.#process = fork(END, args, { stdio: ["ignore", 2, 2, "ipc"] });
		endings.add(this.kill);
	}

	readonly kill = (): void => {
		this.#process.kill("SIGKILL");
	};

	async answer(): Promise<Exclude<Answer, { failure: string }>> {
		const signal = AbortSignal.timeout(DEADLINE);
		const [answer] = (await Promise.race([
			once(this.#process, "message", { signal }),
			once(this.#process, "exit", { signal }).then(([code]) => [{ failure: `ended with ${code}` }]),
		])) as [Answer];
		if (typeof answer === "object" && "failure" in answer)
			throw new Error(`${this.#name}: ${answer.failure}`);
		return answer;
	}

	async run(job: Job): Promise<Done> {
		const done = this.answer();
		this.#process.send(job);
		return (await done) as Done;
	}

	async close(): Promise<void> {
		const ended = once(this.#process, "exit");
		this.#process.send("close");
		await ended;
		endings.delete(this.kill);
	}
}

export async function round(
	carrier: Carrier,
	{ bytes, messages, trips }: Amount,
	server: Server,
	scratch: Scratch,
): Promise<Figures> {
	const place = scratch.place();
	const clear = await carrier.prepare(place, bytes, server);
	const ends = (["a", "b"] as const).map(
		(end) => new End(`${carrier.name} (${end})`, [carrier.module, end, place, `${bytes}`]),
	);
	try {
		await Promise.all(ends.map((end) => end.answer()));
		const run = (kind: Job["kind"], count: number) =>
			Promise.all(ends.map((end) => end.run({ kind, count })));
		const count = Math.max(2, Math.floor(messages / carrier.slowness));
		await run("stream", Math.ceil(count / 2));
		const serving = () => (carrier.usesServer ? timeOf(server.pid) + timeOf(process.pid) : 0);
		const before = serving();
		const [a, b] = (await run("stream", count)) as [Done, Done];
		const served = serving() - before;
		const [{ trips: times }] = (await run("trips", trips)) as [Done, Done];
		await Promise.all(ends.map((end) => end.close()));
		return {
			rate: count / (Math.max(a.ended, b.ended) - Math.min(a.started, b.started)),
			cpu: (a.cpu + b.cpu + served) / count,
			trips: times,
		};
	} finally {
		for (const end of ends) end.kill();
		await clear();
		scratch.remove(place);
	}
}

/** Seconds of processor time that a process has used. */
function timeOf(pid = 0): number {
	const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
	return (Number(fields[11]) + Number(fields[12])) / TICKS;
}
