/**
 * Processes in several languages that exchange messages in a ring while they are killed at random. Each checks that no
 * message is missing, that each is as it was sent, and that none but the last comes again. At the end, each message must have
 * been received, none more often than a kill explains, and all memory of the region must be free.
 */
import { fileURLToPath } from "node:url";
import type { Region, SharedArray } from "dhmem";
import { Random } from "../../conformance/traces/random.js";
import { within } from "../fixture/index.js";
import { Peer } from "./peer.js";

export type Language = "Node" | "C" | "Python" | "Go" | "Rust" | "Deno" | "Bun";

interface Options {
	/** Of the processes. Each sends to the one before it. */
	languages: readonly Language[];
	/** Of kills; more, until each process has been killed. */
	seconds: number;
	/** Of the times between kills, and of who is killed. */
	seed: number;
}

/** What processes do. Where `progress` says it, a message to leave out and one to change follow. */
const EXCHANGING = 0;
const RECEIVING = 1;
const ENDING = 2;
const SENDING = 3;

/** The program that answers the commands of `peer.c`, as DHMEM_C_PEER names it for C; for engines, what runs the module. */
function commandOf(language: Language): string[] {
	const command = process.env[`DHMEM_${language.toUpperCase()}_PEER`];
	const words = language === "Node" ? [process.execPath] : (command?.split(" ") ?? []);
	if (words.length === 0)
		throw new Error(`DHMEM_${language.toUpperCase()}_PEER must name the program in ${language}`);
	const isEngine = language === "Node" || language === "Deno" || language === "Bun";
	return isEngine ? [...words, fileURLToPath(new URL("chaos-node.js", import.meta.url))] : words;
}

/** A process that exchanges messages: it sends to the queue of its index, and receives from the next one. */
class Exchanger {
	/** What it says when it ends by itself: "exchanged", or what is wrong. */
	readonly said: Promise<string>;
	isKilled = false;
	readonly #peer: Peer;

	static async start(region: Region, languages: readonly Language[], index: number): Promise<Exchanger> {
		const language = languages[index] as Language;
		const [program, ...parameters] = commandOf(language);
		const peer = await Peer.in(region, `${language}-${index}`, program, parameters);
		return new Exchanger(peer, index, (index + 1) % languages.length);
	}

	private constructor(peer: Peer, out: number, input: number) {
		this.#peer = peer;
		this.said = peer.ask(`chaos ${out} ${input}`);
	}

	kill(): Promise<void> {
		this.isKilled = true;
		return this.#peer.kill();
	}
}

class Chaos {
	readonly failures: unknown[] = [];
	readonly kills: number[];
	readonly #exchangers: Exchanger[] = [];
	readonly #region: Region;
	readonly #languages: readonly Language[];
	/**
	 * Of each queue, the last number that was sent, the last that was received, and how many came again; and behind them
	 * what to do, the number of a message to leave out, and that of one to change.
	 */
	readonly #progress: SharedArray<"f64">["data"];

	constructor(region: Region, languages: readonly Language[]) {
		this.#region = region;
		this.#languages = languages;
		this.kills = languages.map(() => 0);
		this.#progress = region.array("progress", { dtype: "f64", shape: [3 * languages.length + 3] }).data;
	}

	async run(seconds: number, seed: number): Promise<void> {
		const random = new Random(seed);
		/** Who is killed next: each once, in a random order, before one is killed again. */
		const next: number[] = [];
		const choose = () => {
			if (next.length === 0) next.push(...this.#languages.keys());
			return next.splice(random.below(next.length), 1)[0] as number;
		};
		this.#do(EXCHANGING);
		await this.#startAll();
		const until = Date.now() + seconds * 1000;
		while ((Date.now() < until || this.kills.includes(0)) && this.failures.length === 0) {
			await new Promise((go) => setTimeout(go, random.below(300)));
			// Several at once, so that sometimes both sides of a queue are gone.
			const chosen = Array.from({ length: 1 + random.below(3) }, choose);
			await Promise.all(Array.from(new Set(chosen), (index) => this.#restart(index)));
		}
		this.#do(RECEIVING);
		await this.#until(() => this.#queues().every(({ sent, received }) => sent <= received));
		this.#do(ENDING);
		if (this.failures.length === 0) await Promise.all(this.#exchangers.map(({ said }) => said));
	}

	/** Lets each leave out or change a message before any receives, and returns what each says then. */
	async spoil(fault: Fault): Promise<string[]> {
		const { lost = 0, changed = 0 } = fault;
		this.#do(SENDING, lost, changed);
		await this.#startAll();
		await this.#until(() => this.#queues().every(({ sent }) => sent > lost && sent > changed));
		this.#do(ENDING, lost, changed);
		return Promise.all(this.#exchangers.map(({ said }) => said));
	}

	#do(...what: number[]): void {
		const { length } = this.#progress;
		this.#progress.set([...what, 0, 0].slice(0, 3), length - 3);
	}

	async #startAll(): Promise<void> {
		for (let index = 0; index < this.#languages.length; index++) await this.#start(index);
	}

	async #restart(index: number): Promise<void> {
		(this.kills[index] as number)++;
		await this.#exchangers[index]?.kill();
		await this.#start(index);
	}

	async #start(index: number): Promise<void> {
		const exchanger = await Exchanger.start(this.#region, this.#languages, index);
		this.#exchangers[index] = exchanger;
		exchanger.said.then((said) => {
			const isExplained = exchanger.isKilled && said.startsWith("no answer");
			if (said !== "exchanged" && !isExplained) this.failures.push(`${this.#languages[index]}: ${said}`);
		});
	}

	async #until(isTrue: () => boolean): Promise<void> {
		while (!isTrue() && this.failures.length === 0) await new Promise((next) => setTimeout(next, 10));
	}

	#queues(): { sent: number; received: number; again: number }[] {
		return this.#languages.map((_, index) => {
			const [sent = 0, received = 0, again = 0] = this.#progress.subarray(3 * index);
			return { sent, received, again };
		});
	}

	/** What each language did, in a line each; and what of it can't be. */
	account(): string {
		const { length } = this.#languages;
		const sums = new Map<Language, { kills: number; sent: number; received: number; again: number }>();
		const of = (index: number) => {
			const language = this.#languages[index % length] as Language;
			const sum = sums.get(language) ?? { kills: 0, sent: 0, received: 0, again: 0 };
			sums.set(language, sum);
			return sum;
		};
		for (const [index, { sent, received, again }] of this.#queues().entries()) {
			const receiver = (index + length - 1) % length;
			const kills = this.kills[index] as number;
			of(index).kills += kills;
			of(index).sent += received;
			of(receiver).received += received;
			of(receiver).again += again;
			const queue = `${this.#languages[index]} to ${this.#languages[receiver]}`;
			// One that was killed between sending a message and noting it has sent one more.
			const isOneMore = kills > 0 && received === sent + 1;
			if (received === 0 || (received !== sent && !isOneMore))
				this.failures.push(`${queue}: ${received} messages received, ${sent} sent`);
			if (again > kills + (this.kills[receiver] as number))
				this.failures.push(`${queue}: ${again} came again, with ${kills} and ${this.kills[receiver]} kills`);
		}
		return Array.from(
			sums,
			([language, { kills, sent, received, again }]) =>
				`${language}: ${kills} kills; ${sent} messages sent, ${received} received, and ${again} again`,
		).join("\n");
	}

	async end(): Promise<void> {
		for (const exchanger of this.#exchangers) await exchanger.kill();
	}
}

/**
 * Lets the processes exchange messages in the region, which must be empty, and kills them at random. Returns what was found
 * to be wrong, and what each language did.
 */
export async function exchangeWhileKilled(
	region: Region,
	{ languages, seconds, seed }: Options,
): Promise<{ failures: unknown[]; account: string }> {
	const chaos = new Chaos(region, languages);
	try {
		await within(seconds * 1000 + 300_000, "the exchange", chaos.run(seconds, seed));
		await chaos.end();
		const account = chaos.account();
		region.recover();
		for (const { name } of region.entries()) region.remove(name);
		const { used } = region.stats();
		if (used !== 0) chaos.failures.push(`${used} bytes are not freed`);
		return { failures: chaos.failures, account };
	} finally {
		await chaos.end();
	}
}

/** The number of a message that each process leaves out, or changes. */
export interface Fault {
	lost?: number;
	changed?: number;
}

/** Lets each process leave out or change a message. Returns what each process says, which must have noticed it. */
export async function exchangeSpoilt(
	region: Region,
	languages: readonly Language[],
	fault: Fault,
): Promise<string[]> {
	const chaos = new Chaos(region, languages);
	try {
		return await within(120_000, "the control", chaos.spoil(fault));
	} finally {
		await chaos.end();
	}
}
