/** Everyone sleeps on a pipe, and random ones are killed. Those that wait for them learn of it, and no pipe is left. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Consumer, DhmemError, type Producer, Region } from "dhmem";
import { inFolder } from "../acceptance/row.js";
import { clock, dependOnRings, PATIENCE, randomFrom, until, within } from "../fixture/index.js";
import { REGION, type Said, SLICE } from "./sleeper.js";

const SLEEPER = fileURLToPath(new URL("sleeper.js", import.meta.url));
const COUNT = 4;
/** The number of answered messages between two kills. */
const MESSAGES = 6;

export interface Sleepers {
	kills: number;
	/** Milliseconds from a death until each participant that waited for the dead one knew of it. */
	notices: number[];
	/** Milliseconds that an answer took. */
	answers: number[];
	/** Pipes that are left after everyone has gone and the folder was listed. */
	left: string[];
}

class Sleeper {
	readonly index: number;
	readonly #process: ChildProcess;
	readonly #gone: ((at: number) => void)[] = [];
	#hasMet = false;

	private constructor(index: number, process: ChildProcess) {
		this.index = index;
		this.#process = process;
		process.on("message", (said: Said) => {
			this.#hasMet = said === "met";
			if (typeof said === "object") this.#gone.shift()?.(said.gone);
		});
	}

	static async start(directory: string, index: number): Promise<Sleeper> {
		const process = fork(SLEEPER, [directory, String(index), String(COUNT)]);
		const sleeper = new Sleeper(index, process);
		const [said] = (await within(PATIENCE, "a sleeper", once(process, "message"))) as [Said];
		if (said !== "ready") throw new Error(`sleeper ${index} begins with ${JSON.stringify(said)}`);
		return sleeper;
	}

	/** Whether it knows that its neighbour is there. Otherwise it would not learn of the neighbour's death. */
	get hasMet(): boolean {
		return this.#hasMet;
	}

	/** When it learned that its neighbour has gone. */
	hears(): Promise<number> {
		return new Promise((resolve) => this.#gone.push(resolve));
	}

	/** When it was dead. */
	async kill(): Promise<number> {
		const exit = once(this.#process, "exit");
		// False if it is dead already.
		if (this.#process.kill("SIGKILL")) await exit;
		return clock();
	}
}

function pipesIn(directory: string): string[] {
	return readdirSync(directory).filter((name) => name.endsWith(".bell"));
}

/** Kills sleepers one after the other. All depend on being told of deaths. */
export function killSleepers(seed: number, kills: number): Promise<Sleepers> {
	return inFolder(async (directory) => {
		using _ = dependOnRings(SLICE);
		const report: Sleepers = { kills: 0, notices: [], answers: [], left: [] };
		const random = randomFrom(seed);
		const region = Region.open(REGION, { directory, size: "16MiB", label: "who counts" });
		const sleepers: Sleeper[] = [];
		const outgoing: Producer[] = [];
		const incoming: Consumer[] = [];
		try {
			for (let index = 0; index < COUNT; index++) {
				outgoing.push(region.queue(`to ${index}`).producer());
				incoming.push(region.queue(`from ${index}`).consumer());
				sleepers.push(await Sleeper.start(directory, index));
			}
			for (; report.kills < kills; report.kills++) {
				for (let i = 0; i < MESSAGES; i++) await ask(random(COUNT));
				// All of them sleep on pipes, and the one that counts.
				await until(() => pipesIn(directory).length === COUNT + 1);
				await kill(random(COUNT));
			}
		} finally {
			await Promise.all(sleepers.map((each) => each.kill()));
			region.close();
		}
		Region.list({ directory });
		report.left = pipesIn(directory);
		return report;

		/** Wakes one, which wakes this participant. */
		async function ask(index: number): Promise<void> {
			const began = clock();
			const answer = incoming[index]?.receive({ timeout: PATIENCE });
			outgoing[index]?.trySend("hello");
			(await answer)?.release();
			report.answers.push(clock() - began);
		}

		/** Kills one while all sleep, or while it wakes another. Both that wait for it learn of it. */
		async function kill(index: number): Promise<void> {
			const waiting = gone(incoming[index] as Consumer);
			const before = sleepers[(index + COUNT - 1) % COUNT] as Sleeper;
			await until(() => before.hasMet);
			const heard = before.hears();
			if (random(2) === 0) outgoing[random(COUNT)]?.trySend("and who answers?");
			const died = await (sleepers[index] as Sleeper).kill();
			for (const notice of await within(PATIENCE, "the news", Promise.all([waiting, heard])))
				report.notices.push(notice - died);
			sleepers[index] = await Sleeper.start(directory, index);
			// Messages whose answers nobody waited for may have been answered, or come again.
			for (const each of incoming) for (const message of each.receiveMany(100)) message.release();
		}

		async function gone(consumer: Consumer): Promise<number> {
			for (;;) {
				try {
					(await consumer.receive())?.release();
				} catch (error) {
					if (error instanceof DhmemError && error.code === "DHMEM_PEER_GONE") return clock();
					throw error;
				}
			}
		}
	});
}
