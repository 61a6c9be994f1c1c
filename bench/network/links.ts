/** Links of a workflow: the same program, whatever carries them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Input, type Output, Task } from "../../src/workflow/index.js";
import { type Channel, check, fill, LARGE, type OpenChannel, Turns, windowOf } from "./channel.js";

const NOTHING = new Uint8Array(0);
const file = (place: string) => join(place, "environments.json");

/** The environments of both ends. */
export type Environments = Readonly<Record<"a" | "b", NodeJS.ProcessEnv>>;

export function writeEnvironments(place: string, environments: Environments): void {
	writeFileSync(file(place), JSON.stringify(environments));
}

export const open: OpenChannel = async (end, place, bytes) => {
	const task = Task.fromEnvironment(JSON.parse(readFileSync(file(place), "utf8"))[end]);
	return new Link(task, bytes);
};

class Link implements Channel {
	readonly #task: Task;
	readonly #output: Output;
	readonly #input: Input;
	readonly #turns: Turns<Uint8Array>;

	constructor(task: Task, bytes: number) {
		this.#task = task;
		this.#output = task.output("out");
		this.#input = task.input("in");
		const size = bytes < LARGE ? bytes : 8;
		this.#turns = new Turns(Array.from({ length: windowOf(bytes) }, () => new Uint8Array(size)));
	}

	async send(sequence: number, bytes: number): Promise<void> {
		if (bytes < LARGE) {
			await this.#turns.begin((buffer) => {
				const message = buffer.subarray(0, bytes);
				fill(message, sequence);
				return this.#output.send(message);
			});
			return;
		}
		await this.#turns.begin(async () => {
			const block = await this.#output.allocate(bytes);
			fill(block.bytes, sequence);
			await this.#output.send(NOTHING, { block });
		});
	}

	flush(): Promise<void> {
		return this.#turns.settle();
	}

	async receive(sequence: number, bytes: number): Promise<void> {
		using message = await this.#input.receive();
		if (message === undefined) throw new Error("The stream ended early");
		check(message.block?.bytes ?? message.bytes, sequence, bytes);
	}

	async close(): Promise<void> {
		this.#task.close();
		await this.#task.closed;
	}
}
