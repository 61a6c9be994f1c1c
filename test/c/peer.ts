/** A participant in C, which answers commands: `peer.c` says which. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { type Region, Region as Regions } from "dhmem";
import { test } from "uvu";
import { temporaryFolder, within } from "../fixture/index.js";

/** The compiled program, from scripts/test-c.sh. */
const PROGRAM = process.env.DHMEM_C_PEER ?? "";

export class Peer {
	readonly #process: ChildProcessByStdio<Writable, Readable, null>;
	readonly #lines: AsyncIterator<string>;

	/** Starts it, and lets it open the region. */
	static async in(
		region: Region,
		label = "peer",
		program = PROGRAM,
		parameters: string[] = [],
	): Promise<Peer> {
		const peer = new Peer(program, parameters);
		try {
			await peer.ask(`open ${region.path} ${label}`, "open");
			return peer;
		} catch (error) {
			await peer.kill();
			throw error;
		}
	}

	constructor(program = PROGRAM, parameters: string[] = []) {
		this.#process = spawn(program, parameters, { stdio: ["pipe", "pipe", "inherit"] });
		// One that has crashed is noticed by its missing answer.
		this.#process.stdin.on("error", () => {});
		this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
	}

	/** Asks it to do something, and returns the answer, which must be `expected` if that is given. */
	async ask(command: string, expected?: string): Promise<string> {
		this.#process.stdin.write(`${command}\n`);
		const { value = "no answer: it has ended" } = await this.#lines.next();
		if (expected !== undefined && value !== expected)
			throw new Error(`${command}: ${value}, not ${expected}`);
		return value;
	}

	/** Kills it. */
	async kill(): Promise<void> {
		this.#process.kill("SIGKILL");
		if (this.#process.exitCode === null && this.#process.signalCode === null)
			await once(this.#process, "exit");
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.kill();
	}
}

/** A test in a region of its own, with a peer in C that has it open. */
export function peerTest(
	title: string,
	body: (region: Region, peer: Peer) => Promise<void>,
	limit = 60_000,
): void {
	test(title, async () => {
		using region = Regions.temporary({ size: "16MiB" });
		await using peer = await Peer.in(region);
		await within(limit, title, body(region, peer));
	});
}

/** A test in a folder of its own. */
export function folderTest(title: string, body: (folder: string) => Promise<void>, limit = 60_000): void {
	test(title, async () => {
		const folder = temporaryFolder();
		try {
			await within(limit, title, body(folder));
		} finally {
			rmSync(folder, { recursive: true });
		}
	});
}
