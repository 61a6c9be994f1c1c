/**
 * Processes in several languages that exchange messages in a ring while they are killed at random. Each checks that no
 * message is missing and that each is as it was sent; at the end, all memory of the region must be free.
 */
import type { Region, SharedArray } from "dhmem";
import { Random } from "../../conformance/traces/random.js";
import { Child, within } from "../fixture/index.js";
import { Peer } from "./peer.js";

export type Language = "C" | "Node" | "Python";

interface Exchanger {
	/** What it says when it ends by itself: "exchanged", or what is wrong. */
	done: Promise<unknown>;
	kill(): Promise<void>;
}

interface Options {
	/** Of the processes. Each sends to the one before it. */
	languages: readonly Language[];
	seconds: number;
	/** Of the times between kills, and of who is killed. */
	seed: number;
	/** The number of a message that processes in Node leave out, which must be found. */
	lose?: number;
}

/** The programs that answer the commands of `peer.c`. */
const PROGRAMS = { C: process.env.DHMEM_C_PEER, Python: process.env.DHMEM_PYTHON_PEER };

async function start(region: Region, index: number, { languages, lose = 0 }: Options): Promise<Exchanger> {
	const language = languages[index] as Language;
	const input = (index + 1) % languages.length;
	if (language === "Node") {
		const child = new Child(new URL("chaos-node.js", import.meta.url).href, "chaos", [
			region.path,
			index,
			input,
			lose,
		]);
		await child.hear();
		return { done: child.hear(), kill: () => child.kill().then(() => {}) };
	}
	const peer = await Peer.in(region, `${language}-${index}`, PROGRAMS[language]);
	return { done: peer.ask(`chaos ${index} ${input}`), kill: () => peer.kill() };
}

class Chaos {
	readonly failures: unknown[] = [];
	readonly #exchangers: Exchanger[] = [];
	readonly #region: Region;
	readonly #options: Options;
	/** Of each queue, the last number that was sent and received; and behind them, whether to stop. */
	readonly progress: SharedArray<"f64">;

	constructor(region: Region, options: Options) {
		this.#region = region;
		this.#options = options;
		this.progress = region.array("progress", { dtype: "f64", shape: [2 * options.languages.length + 1] });
	}

	async run(): Promise<number> {
		const { languages, seconds, seed } = this.#options;
		const random = new Random(seed);
		for (let index = 0; index < languages.length; index++) await this.#start(index);
		const until = Date.now() + seconds * 1000;
		let kills = 0;
		while (Date.now() < until && this.failures.length === 0) {
			await new Promise((next) => setTimeout(next, random.below(300)));
			const index = random.below(languages.length);
			await this.#exchangers[index]?.kill();
			await this.#start(index);
			kills++;
		}
		await this.#drain();
		if (this.failures.length === 0) await Promise.all(this.#exchangers.map(({ done }) => done));
		return kills;
	}

	async #start(index: number): Promise<void> {
		const exchanger = await start(this.#region, index, this.#options);
		this.#exchangers[index] = exchanger;
		// Kills are no failures; what a process says before that is.
		exchanger.done.then(
			(said) => {
				if (said !== "exchanged" && !String(said).startsWith("no answer")) this.failures.push(said);
			},
			(error) => {
				if (!String(error).includes("SIGKILL")) this.failures.push(error);
			},
		);
	}

	async #drain(): Promise<void> {
		const { data } = this.progress;
		const stop = data.length - 1;
		data[stop] = 1;
		// One that was killed between sending a message and noting it has sent one more.
		const isDrained = () =>
			this.#options.languages.every(
				(_, index) => (data[2 * index] as number) <= (data[2 * index + 1] as number),
			);
		while (!isDrained() && this.failures.length === 0) await new Promise((next) => setTimeout(next, 10));
		data[stop] = 2;
	}

	async end(): Promise<void> {
		for (const exchanger of this.#exchangers) await exchanger.kill();
	}
}

/**
 * Lets the processes exchange messages in the region, which must be empty, and kills them at random. Returns what was found
 * to be wrong, and what happened in a few words.
 */
export async function exchangeWhileKilled(
	region: Region,
	options: Options,
): Promise<{ failures: unknown[]; account: string }> {
	const chaos = new Chaos(region, options);
	const { failures, progress } = chaos;
	try {
		const limit = options.seconds * 1000 + 300_000;
		const kills = await within(limit, "the exchange", chaos.run());
		const counts = Array.from(options.languages, (_, index) => progress.data[2 * index + 1]);
		await chaos.end();
		region.recover();
		for (const { name } of region.entries()) region.remove(name);
		const { used } = region.stats();
		if (used !== 0) failures.push(`${used} bytes are not freed`);
		return { failures, account: `${kills} kills; messages through each queue: ${counts.join(", ")}` };
	} finally {
		await chaos.end();
	}
}
