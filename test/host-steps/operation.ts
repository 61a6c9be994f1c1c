/** What an operation is, for a sweep: the part of who may die, and the part of who goes on. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DhmemError, Region, type RegionOptions } from "dhmem";
import * as assert from "uvu/assert";
import { within } from "../fixture/index.js";
import { NAME, SIZE, type VictimStage } from "./victim-stage.js";

export interface Operation {
	name: string;
	/** False where the folder's file system is to have no O_TMPFILE. */
	hasTmpfile?: boolean;
	/** What has to be there before, in the process that may die; what it returns is the operation. */
	victim(stage: VictimStage): () => unknown;
	/** What has to be there before, of the survivor's; what it returns looks at how it came out. */
	survivor(stage: SurvivorStage): Survival | Promise<Survival>;
}

export interface Survival {
	/** Begins to wait, when all is there and right before the operation. */
	wait?(): void;
	/** Throws if something is not as it should be. */
	verify(ending: Ending): void | Promise<void>;
}

export interface Ending {
	/** What came of the operation, undefined if its process died. */
	result: string | undefined;
	/** Whether nothing was in its way. */
	undisturbed: boolean;
}

/** Milliseconds for what takes a slice of 50, on however busy a machine. */
export const PATIENCE = Number(process.env.STEPS_PATIENCE ?? 20_000);

const SPARE = "spare";
/** Bytes that have pages after a survivor has worked, and may be used again. */
export const WORKED_IN = 3 * 65_536;

export class SurvivorStage {
	readonly directory: string;
	/** Does an operation in a process of its own, to its end. */
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

	/** Opens the region or makes it, and keeps it open. */
	enter(options: RegionOptions = {}): Survivor {
		const region = Region.open(NAME, { size: SIZE, ...options, directory: this.directory });
		const survivor = new Survivor(region);
		this.#survivors.push(survivor);
		return survivor;
	}

	/** While somebody is stopped anywhere in an operation, the others go on. */
	goOnMeanwhile(): void {
		for (const survivor of this.#survivors) survivor.work();
	}

	close(): void {
		for (const { region } of this.#survivors) region.close();
	}
}

/** A participant that goes on, whatever happens to the other. */
export class Survivor {
	readonly region: Region;
	readonly #used: number;
	readonly #committed: number;

	constructor(region: Region) {
		this.region = region;
		// What objects need is needed once.
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

	/** Recovers, and goes on: nobody else is there, and nothing of theirs is left. */
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

	/** Bytes that the file has been given since. */
	get grown(): number {
		return statSync(this.region.path).blocks * 512 - this.#committed;
	}
}

/** What comes of a wait: its result as text, or the code of its error. */
export async function settled(wait: Promise<unknown>): Promise<string> {
	try {
		return String(await wait);
	} catch (error) {
		if (error instanceof DhmemError) return error.code;
		throw error;
	}
}

/** It has to be over long before its timeout, at which it would look once more. */
export function noticed<T>(wait: Promise<T>): Promise<T> {
	return within(PATIENCE / 2, "the wait", wait);
}

/** Names that nobody gave: of files that were not whole yet. */
export function litterAmong(names: string[]): string[] {
	return names.filter((name) => !/^[^.].*\.dhmem$/.test(name));
}
