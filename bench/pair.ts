/**
 * Measurements between two processes: this one drives and receives, `peer.ts` sends or echoes.
 *
 * Each round runs dhmem and then what it is compared with, so that both meet the same weather: with where the
 * cores happen to sit, the same program's rate varies by a factor of several. What arrives is checked in the
 * measured loop, for both alike. A rate counts from the first message's arrival.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { type Consumer, type Message, type Producer, Region } from "../src/index.js";

import {
	type Answer,
	BATCH,
	checkMessage,
	checkRecords,
	fillMessage,
	type Job,
	LARGE_BYTES,
	LINE_WORDS,
	largePatterns,
	MESSAGE_BYTES,
	MESSAGE_WORDS,
	QUEUES,
	RECORDS,
	SPINS,
	wordsOf,
} from "./data.js";
import { compare, type Measurement, median } from "./measure.js";
import { receiveFrames, socketPath, write } from "./sockets.js";

interface Variant {
	/** Of the figure; the job that the peer does meanwhile, if any. */
	name: string;
	job?: Job["name"];
	/** A power of two, so that what is left after the division is whole batches. */
	count: number;
	/** Receives, and gives the figure. */
	run(count: number): Promise<number> | number;
	token?: string;
}

/** The measurements' scale: rounds, and the power of two that the counts are divided by. */
export interface Scale {
	rounds: number;
	divisor: number;
}

/** Messages, or records, a second in millions, without the first `lead`, whose arrival starts the clock. */
function millions(count: number, lead: number, started: number): number {
	return (count - lead) / (performance.now() - started) / 1000;
}

class Pair {
	readonly #region: Region;
	readonly #child: ChildProcess;
	readonly #socket: Socket;
	#words: Uint32Array | undefined;

	constructor(region: Region, child: ChildProcess, socket: Socket) {
		this.#region = region;
		this.#child = child;
		this.#socket = socket;
	}

	/** Runs two variants in turn, once unrecorded. */
	async compare(
		what: string,
		unit: string,
		ours: Variant,
		theirs: Variant,
		{ rounds, divisor }: Scale,
	): Promise<Measurement> {
		const figures: [number[], number[]] = [[], []];
		for (let round = 0; round <= rounds; round++) {
			for (const [index, variant] of [ours, theirs].entries()) {
				const figure = await this.#once(variant, divisor);
				if (round > 0) figures[index as 0 | 1].push(figure);
			}
		}
		return compare(what, unit, figures[0], theirs.name, figures[1]);
	}

	async #once({ job, count, run, token }: Variant, divisor: number): Promise<number> {
		const scaled = count / divisor;
		if (job === undefined) return await run(scaled);
		const done = this.#answer();
		this.#child.send({ name: job, count: scaled, ...(token === undefined ? {} : { token }) } satisfies Job);
		const [figure] = await Promise.all([run(scaled), done]);
		return figure;
	}

	async #answer(): Promise<void> {
		const answer = await answerOf(this.#child);
		if (typeof answer === "object") throw new Error(`The peer: ${answer.error}`);
	}

	// ---------------------------------------------------------------------------------------- dhmem

	/** By one array over the whole region, made once, so that the check costs what it costs a socket's bytes. */
	#check(message: Message, sequence: number): void {
		const { bytes } = message;
		this.#words ??= new Uint32Array(bytes.buffer);
		checkMessage(this.#words, bytes.byteOffset >> 2, sequence);
	}

	messages(count: number): number {
		using consumer = this.#region.queue(QUEUES.small.name).consumer();
		let started = 0;
		for (let sequence = 0; sequence < count; sequence++) {
			const message = present(consumer.tryReceive() ?? consumer.receiveSync());
			if (sequence === 0) started = performance.now();
			this.#check(message, sequence);
			message.release();
		}
		return millions(count, 1, started);
	}

	async batches(count: number): Promise<number> {
		using consumer = this.#region.queue(QUEUES.small.name).consumer();
		let sequence = 0;
		let started = 0;
		let lead = 0;
		for await (const batch of consumer.batches(BATCH)) {
			for (const message of batch) this.#check(message, sequence++);
			if (started === 0) {
				started = performance.now();
				lead = sequence;
			}
			if (sequence === count) {
				for (const message of batch) message.release();
				break;
			}
		}
		return millions(count, lead, started);
	}

	records(count: number): number {
		using consumer = this.#region.queue(QUEUES.records.name, QUEUES.records).consumer();
		const values = new Float64Array(RECORDS);
		let sequence = 0;
		let started = 0;
		let lead = 0;
		while (sequence < count) {
			const popped = consumer.popInto(values);
			if (popped === 0) {
				consumer.waitSync();
				continue;
			}
			checkRecords(values, popped, sequence);
			sequence += popped;
			if (started === 0) {
				started = performance.now();
				lead = sequence;
			}
		}
		return millions(count, lead, started);
	}

	large(count: number): number {
		using consumer = this.#region.queue(QUEUES.large.name).consumer();
		const patterns = largePatterns();
		let started = 0;
		for (let sequence = 0; sequence < count; sequence++) {
			const message = present(consumer.tryReceive() ?? consumer.receiveSync());
			if (sequence === 0) started = performance.now();
			const expected = patterns[sequence % patterns.length] as Uint8Array;
			if (Buffer.compare(message.bytes, expected) !== 0) throw new Error(`Message ${sequence} is wrong`);
			message.release();
		}
		return (millions(count, 1, started) * LARGE_BYTES) / 1000;
	}

	/** Microseconds for each round trip. */
	trip(count: number): number {
		using producer = this.#region.queue(QUEUES.ping.name).producer();
		using consumer = this.#region.queue(QUEUES.pong.name).consumer();
		const words = new Uint32Array(MESSAGE_WORDS);
		const bytes = new Uint8Array(words.buffer);
		let started = 0;
		for (let sequence = 0; sequence < count; sequence++) {
			if (sequence === 1) started = performance.now();
			fillMessage(words, 0, sequence);
			producer.sendSync(bytes);
			let answer = consumer.tryReceive();
			for (let look = 0; answer === undefined && look < 1e6; look++) answer = consumer.tryReceive();
			answer ??= present(consumer.receiveSync({ timeout: 10_000 }));
			this.#check(answer, sequence);
			answer.release();
		}
		return ((performance.now() - started) * 1000) / (count - 1);
	}

	async tripAsleep(count: number): Promise<number> {
		using producer: Producer = this.#region.queue(QUEUES.ping.name).producer();
		using consumer: Consumer = this.#region.queue(QUEUES.pong.name).consumer();
		const words = new Uint32Array(MESSAGE_WORDS);
		const bytes = new Uint8Array(words.buffer);
		return await medianTrip(count, async (sequence) => {
			fillMessage(words, 0, sequence);
			await producer.send(bytes);
			const answer = present(await consumer.receive());
			this.#check(answer, sequence);
			answer.release();
		});
	}

	// ---------------------------------------------------------------------------- what it is compared with

	async socketMessages(count: number): Promise<number> {
		let started = 0;
		let lead = 0;
		await receiveFrames(this.#socket, MESSAGE_BYTES, count, (buffer, frames, first) => {
			const words = new Uint32Array(buffer);
			for (let i = 0; i < frames; i++) checkMessage(words, i * MESSAGE_WORDS, first + i);
			if (started === 0) {
				started = performance.now();
				lead = frames;
			}
		});
		return millions(count, lead, started);
	}

	async socketRecords(count: number): Promise<number> {
		let started = 0;
		let lead = 0;
		await receiveFrames(this.#socket, 8, count, (buffer, frames, first) => {
			checkRecords(new Float64Array(buffer), frames, first);
			if (started === 0) {
				started = performance.now();
				lead = frames;
			}
		});
		return millions(count, lead, started);
	}

	async socketTrip(count: number): Promise<number> {
		const words = new Uint32Array(MESSAGE_WORDS);
		return await medianTrip(count, async (sequence) => {
			fillMessage(words, 0, sequence);
			const answered = receiveFrames(this.#socket, MESSAGE_BYTES, 1, (buffer) => {
				checkMessage(new Uint32Array(buffer), 0, sequence);
			});
			await write(this.#socket, Buffer.from(new Uint8Array(words.buffer)));
			await answered;
		});
	}

	/** Two words in shared memory, each on a cache line of its own: what no queue can undercut. */
	line(block: Int32Array, count: number): number {
		block.fill(0);
		const started = performance.now();
		for (let sequence = 1; sequence <= count; sequence++) {
			Atomics.store(block, 0, sequence);
			let spins = 0;
			while (Atomics.load(block, LINE_WORDS) !== sequence) {
				if (++spins === SPINS) throw new Error("The peer does not answer");
			}
		}
		return ((performance.now() - started) * 1000) / count;
	}
}

/** `memcpy` and `memcmp` of what the large messages carry, in one process. */
function copyAndCompare(count: number): number {
	const ring = new Uint8Array(8 * LARGE_BYTES);
	const patterns = largePatterns();
	const started = performance.now();
	for (let sequence = 0; sequence < count; sequence++) {
		const at = (sequence % 8) * LARGE_BYTES;
		const source = patterns[sequence % patterns.length] as Uint8Array;
		ring.set(source, at);
		if (Buffer.compare(ring.subarray(at, at + LARGE_BYTES), source) !== 0)
			throw new Error("The copy is wrong");
	}
	return (millions(count, 0, started) * LARGE_BYTES) / 1000;
}

async function medianTrip(count: number, trip: (sequence: number) => Promise<void>): Promise<number> {
	const times: number[] = [];
	for (let sequence = 0; sequence < count; sequence++) {
		const started = performance.now();
		await trip(sequence);
		times.push((performance.now() - started) * 1000);
	}
	return median(times);
}

function present(message: Message | undefined): Message {
	if (message === undefined) throw new Error("The stream ended early");
	return message;
}

async function answerOf(child: ChildProcess): Promise<Answer> {
	const gone = new AbortController();
	const died = once(child, "exit", { signal: gone.signal }).then(([code, signal]) => {
		throw new Error(`The peer ended early: ${code ?? signal}`);
	});
	try {
		const [answer] = await Promise.race([once(child, "message"), died]);
		return answer as Answer;
	} finally {
		died.catch(() => undefined);
		gone.abort();
	}
}

async function listen(path: string): Promise<Server> {
	const server = createServer();
	server.listen(path);
	await once(server, "listening");
	return server;
}

/** All measurements that need two processes. `onDone` hears of each as it is done. */
export async function measurePairs(
	scale: Scale,
	onDone: (measurement: Measurement) => void,
): Promise<Measurement[]> {
	const name = `dhmem-bench-${process.pid}`;
	const server = await listen(socketPath(name));
	using region = Region.open(name, { mode: "create", size: "256MiB", lifetime: "last-close" });
	const { records: _, ...queues } = QUEUES;
	for (const { name, capacity } of Object.values(queues)) region.queue(name, { capacity });
	const block = region.allocate(LINE_WORDS * 8);
	const token = String(region.save(block));
	const line = wordsOf(region, token);
	const script = fileURLToPath(new URL("./peer.js", import.meta.url));
	const directory = region.path.slice(0, region.path.lastIndexOf("/"));
	const child = fork(script, [name, directory]);
	try {
		const connected = once(server, "connection") as Promise<[Socket]>;
		const [[socket]] = await Promise.all([connected, answerOf(child)]);
		// Both have it, so its name is no longer needed, and an end in the middle leaves nothing behind.
		region.unlink();
		const pair = new Pair(region, child, socket);
		const done: Measurement[] = [];
		const run = async (what: string, unit: string, ours: Variant, theirs: Variant) => {
			const measurement = await pair.compare(what, unit, ours, theirs, scale);
			done.push(measurement);
			onDone(measurement);
		};
		const socketName = "Unix socket";
		await run(
			"64 B messages, one call each",
			"M/s",
			{ name: "dhmem", job: "messages", count: 2 ** 21, run: (count) => pair.messages(count) },
			{
				name: `${socketName}, one write each`,
				job: "socket-messages",
				count: 2 ** 17,
				run: (count) => pair.socketMessages(count),
			},
		);
		await run(
			"64 B messages, sendMany and batches",
			"M/s",
			{ name: "dhmem", job: "batches", count: 2 ** 21, run: (count) => pair.batches(count) },
			{
				name: `${socketName}, writes of 64 KiB`,
				job: "socket-batches",
				count: 2 ** 21,
				run: (count) => pair.socketMessages(count),
			},
		);
		await run(
			"f64 records, pushMany and popInto",
			"M/s",
			{ name: "dhmem", job: "records", count: 2 ** 25, run: (count) => pair.records(count) },
			{
				name: `${socketName}, writes of 32 KiB`,
				job: "socket-records",
				count: 2 ** 25,
				run: (count) => pair.socketRecords(count),
			},
		);
		await run(
			"1 MiB messages in place",
			"GB/s",
			{ name: "dhmem", job: "large", count: 2 ** 11, run: (count) => pair.large(count) },
			{ name: "memcpy and memcmp in one process", count: 2 ** 11, run: copyAndCompare },
		);
		await run(
			"round trip, both spinning",
			"µs",
			{ name: "dhmem", job: "echo-spinning", count: 2 ** 17, run: (count) => pair.trip(count) },
			{
				name: "two words, no queue",
				job: "line-echo",
				count: 2 ** 18,
				run: (count) => pair.line(line, count),
				token,
			},
		);
		await run(
			"round trip, both asleep (p50)",
			"µs",
			{ name: "dhmem", job: "echo-asleep", count: 2 ** 13, run: (count) => pair.tripAsleep(count) },
			{ name: socketName, job: "socket-echo", count: 2 ** 13, run: (count) => pair.socketTrip(count) },
		);
		return done;
	} finally {
		child.kill();
		server.close();
	}
}
