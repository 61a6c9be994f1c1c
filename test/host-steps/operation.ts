/** The operations of a sweep: the part of the process that may die, and that of the survivor. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DhmemError, Region, type RegionOptions } from "dhmem";
import * as assert from "uvu/assert";
import { within } from "../fixture/index.js";
import { NAME, SIZE, type VictimStage } from "./victim-stage.js";

export interface Operation {
	name: string;
	/** False if the folder's file system must not have O_TMPFILE. */
	hasTmpfile?: boolean;
	/** Prepares in the process that may die, and returns the operation. */
	victim(stage: VictimStage): () => unknown;
	/** Prepares in the survivor, and returns how it checks the outcome. */
	survivor(stage: SurvivorStage): Survival | Promise<Survival>;
}

export interface Survival {
	/** Begins to wait, when everything is prepared and right before the operation. */
	wait?(): void;
	/** Throws if something is wrong. */
	verify(ending: Ending): void | Promise<void>;
}

export interface Ending {
	/** The result of the operation; undefined if its process has died. */
	result: string | undefined;
	/** True if nothing disturbed it. */
	undisturbed: boolean;
}

/** Milliseconds allowed for what takes a time slice of 50 ms, on a machine however busy. */
export const PATIENCE = Number(process.env.STEPS_PATIENCE ?? 60_000);

const SPARE = "spare";
/** The bytes that have pages after a survivor has worked, and may be used again. */
export const WORKED_IN = 3 * 65_536;

export class SurvivorStage {
	readonly directory: string;
	/** Runs an operation in a process of its own, to its end. */
	readonly run: (operation: string) => Promise<void>;
	readonly #survivors: Survivor[] = [];

	constructor(directory: string, run: (operation: string) => Promise<void>) {
		this.directory = directory;
		this.run = run;
	}

	get path(): string {
		return join(this.directory, `${NAME}.dhmem`);
	}

	get exists(): boolean {
		return existsSync(this.path);
	}

	/** All names in the folder. */
	names(): string[] {
		return readdirSync(this.directory).sort();
	}

	/** Opens the region, or makes it, and keeps it open. */
	enter(options: RegionOptions = {}): Survivor {
		const region = Region.open(NAME, { size: SIZE, ...options, directory: this.directory });
		const survivor = new Survivor(region);
		this.#survivors.push(survivor);
		return survivor;
	}

	/** Lets the others continue while a participant is stopped anywhere in an operation. */
	goOnMeanwhile(): void {
		for (const survivor of this.#survivors) survivor.work();
	}

	close(): void {
		for (const { region } of this.#survivors) region.close();
	}
}

/** A participant that continues, whatever happens to the other. */
export class Survivor {
	readonly region: Region;
	readonly #used: number;
	readonly #committed: number;

	constructor(region: Region) {
		this.region = region;
		// What objects need is taken only once.
		region.queue(SPARE, { capacity: "4KiB" });
		this.work();
		const { used, committed } = region.stats();
		this.#used = used;
		this.#committed = committed;
	}

	/** Allocates, sends and receives, and constructs. */
	work(): void {
		const { region } = this;
		using block = region.allocate(100_000);
		block.bytes.fill(1);
		const queue = region.queue(SPARE);
		using producer = queue.producer();
		using consumer = queue.consumer();
		assert.is(producer.trySend("on its way"), true);
		using message = consumer.tryReceive();
		assert.is(message?.text(), "on its way");
		const made = region.struct("made", { a: "f64" }, { initial: { a: 1 } });
		assert.is(made.a, 1);
		region.remove("made");
	}

	/** Recovers, and continues: nobody else is there, and nothing of theirs may be left. */
	goOn(): void {
		const { region } = this;
		region.recover();
		const { used, participants } = region.stats();
		assert.equal(
			participants.map(({ alive }) => alive),
			[true],
			"who is there",
		);
		assert.is(used, this.#used, "bytes in use");
		this.work();
		assert.is(region.recover(), 0);
	}

	/** The bytes that the file has been given since. */
	get grown(): number {
		return statSync(this.region.path).blocks * 512 - this.#committed;
	}
}

/** The outcome of a wait: its result as text, or the code of its error. */
export async function settled(wait: Promise<unknown>): Promise<string> {
	try {
		return String(await wait);
	} catch (error) {
		if (error instanceof DhmemError) return error.code;
		throw error;
	}
}

/** A wait must end long before its timeout, at which it would look once more. */
export function noticed<T>(wait: Promise<T>): Promise<T> {
	return within(PATIENCE / 2, "the wait", wait);
}

/** Names that no user gave: of files that are not complete yet. */
export function litterAmong(names: string[]): string[] {
	return names.filter((name) => !/^[^.].*\.dhmem$/.test(name));
}
