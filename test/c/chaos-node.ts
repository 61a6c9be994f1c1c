/**
 * The program in TypeScript that exchanges messages as `chaos` of `peer-chaos.c` does, and is killed as often: for Node,
 * Deno and Bun. It answers the commands `open PATH LABEL` and `chaos OUT IN`.
 */
import { createInterface } from "node:readline";
import { type Consumer, type Message, type Producer, Region, type SharedArray } from "dhmem";

/** What processes do, as `progress` says. */
const EXCHANGING = 0;
const ENDING = 2;
const SENDING = 3;

/** A message: its number, and number % 200 bytes; each seventh has a block. */
function contentOf(number: number): Uint8Array {
	const bytes = new Uint8Array(8 + (number % 200)).fill(number & 0xff);
	new DataView(bytes.buffer).setFloat64(0, number, true);
	return bytes;
}

function isFilled(bytes: Uint8Array, number: number): boolean {
	return bytes.every((byte) => byte === (number & 0xff));
}

function change(bytes: Uint8Array): void {
	bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
}

class Exchanger {
	readonly #region: Region;
	/**
	 * Of each queue, the last number that was sent, the last that was received, and how many came again; and behind them
	 * what to do, the number of a message to leave out, and that of one to change.
	 */
	readonly #progress: SharedArray<"f64">["data"];
	readonly #sent: number;
	readonly #received: number;
	readonly #producer: Producer;
	readonly #consumer: Consumer;

	constructor(region: Region, out: number, input: number) {
		this.#region = region;
		this.#progress = (region.array("progress") as SharedArray<"f64">).data;
		this.#sent = 3 * out;
		this.#received = 3 * input + 1;
		const options = { capacity: 4096 };
		this.#producer = region.queue(`queue-${out}`, options).producer({ patient: true });
		this.#consumer = region.queue(`queue-${input}`, options).consumer({ patient: true });
	}

	/** Sends and receives until it should end, and then receives what is left. */
	async run(): Promise<void> {
		for (;;) {
			const [phase = ENDING] = this.#progress.subarray(-3);
			if (phase === EXCHANGING || phase === SENDING) this.#sendNext();
			if (phase !== SENDING && this.#receiveNext()) continue;
			if (phase === ENDING) return;
			await new Promise((next) => setTimeout(next, 1));
		}
	}

	#sendNext(): void {
		const number = (this.#progress[this.#sent] as number) + 1;
		const [, leftOut, changed] = this.#progress.subarray(-3);
		if (number === leftOut || this.#trySend(number, number === changed)) this.#progress[this.#sent] = number;
	}

	/** False if there is no room. */
	#trySend(number: number, isChanged: boolean): boolean {
		const content = contentOf(number);
		if (number % 7 === 0) {
			using block = this.#region.allocate(1000 + (number % 5000));
			block.bytes.fill(number & 0xff);
			if (isChanged) change(block.bytes);
			return this.#producer.trySend(content, { block });
		}
		if (isChanged) change(content);
		return this.#producer.trySend(content);
	}

	/** False if there is none. */
	#receiveNext(): boolean {
		using message = this.#consumer.tryReceive();
		if (message === undefined) return false;
		this.#check(message);
		return true;
	}

	/** The last may come again after a side was killed. */
	#check({ bytes, block }: Message): void {
		const number = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
		const last = this.#progress[this.#received] as number;
		const isRight =
			(number === last || number === last + 1) &&
			bytes.length === 8 + (number % 200) &&
			isFilled(bytes.subarray(8), number) &&
			(number % 7 === 0) === (block !== undefined) &&
			(block === undefined || (block.length === 1000 + (number % 5000) && isFilled(block.bytes, number)));
		if (!isRight) throw new Error(`wrong: ${number} after ${last}, ${bytes.length} bytes`);
		if (number === last) (this.#progress[this.#received + 1] as number)++;
		this.#progress[this.#received] = number;
	}
}

function open(path: string, label: string): Region {
	const [, directory, name = path] = /^(.*)\/(.*)\.dhmem$/.exec(path) ?? [];
	return Region.open(name, { directory, mode: "open", label });
}

let region: Region | undefined;

async function answer([command, first = "", second = ""]: string[]): Promise<string> {
	if (command === "open") {
		region = open(first, second);
		return "open";
	}
	if (command !== "chaos" || region === undefined) return `unknown command ${command}`;
	await new Exchanger(region, Number(first), Number(second)).run();
	return "exchanged";
}

for await (const line of createInterface({ input: process.stdin })) {
	const said = await answer(line.split(" ")).catch((error) => String(error));
	process.stdout.write(`${said.split("\n", 1)[0]}\n`);
}
