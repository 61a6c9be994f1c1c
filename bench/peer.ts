/** The other process of a measurement: sends what the driver measures, or echoes. See `pair.ts`. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Consumer, type Producer, Region } from "../src/index.js";

import {
	type Answer,
	BATCH,
	checkMessage,
	fillMessage,
	fillRecords,
	type Job,
	LARGE_BYTES,
	LINE_WORDS,
	MESSAGE_BYTES,
	MESSAGE_WORDS,
	patternByte,
	QUEUES,
	RECORDS,
	SPINS,
	wordsOf,
} from "./data.js";
import { receiveFrames, socketPath, write } from "./sockets.js";

/** How often an echo looks for a message before it sleeps. */
const LOOKS = 1e6;

function sendMessages(producer: Producer, count: number): void {
	const words = new Uint32Array(MESSAGE_WORDS);
	const bytes = new Uint8Array(words.buffer);
	for (let sequence = 0; sequence < count; sequence++) {
		fillMessage(words, 0, sequence);
		if (!producer.trySend(bytes)) producer.sendSync(bytes);
	}
}

async function sendBatches(producer: Producer, count: number): Promise<void> {
	const words = new Uint32Array(MESSAGE_WORDS * BATCH);
	const messages = Array.from(
		{ length: BATCH },
		(_, index) => new Uint8Array(words.buffer, index * MESSAGE_BYTES, MESSAGE_BYTES),
	);
	for (let sequence = 0; sequence < count; sequence += BATCH) {
		for (let i = 0; i < BATCH; i++) fillMessage(words, i * MESSAGE_WORDS, sequence + i);
		let sent = producer.sendMany(messages);
		while (sent < BATCH) {
			await producer.send(messages[sent] as Uint8Array);
			sent += 1 + producer.sendMany(messages.slice(sent + 1));
		}
	}
}

function sendRecords(region: Region, count: number): void {
	using producer = region.queue(QUEUES.records.name, QUEUES.records).producer();
	const values = new Float64Array(RECORDS);
	for (let sequence = 0; sequence < count; sequence += RECORDS) {
		fillRecords(values, RECORDS, sequence);
		let pushed = producer.pushMany(values);
		while (pushed < RECORDS) {
			producer.waitSync();
			pushed += producer.pushMany(values.subarray(pushed));
		}
	}
}

function sendLarge(producer: Producer, count: number): void {
	for (let sequence = 0; sequence < count; sequence++) {
		let slot = producer.tryReserve(LARGE_BYTES);
		while (slot === undefined) slot = producer.tryReserve(LARGE_BYTES);
		slot.bytes.fill(patternByte(sequence));
		slot.commit();
	}
}

function receiveSpinning(consumer: Consumer) {
	for (let look = 0; look < LOOKS; look++) {
		const message = consumer.tryReceive();
		if (message !== undefined) return message;
	}
	return consumer.receiveSync({ timeout: 10_000 });
}

function echoSpinning(consumer: Consumer, producer: Producer, count: number): void {
	for (let sequence = 0; sequence < count; sequence++) {
		const message = receiveSpinning(consumer);
		if (message === undefined) throw new Error("The stream ended early");
		producer.sendSync(message.bytes);
		message.release();
	}
}

async function echoAsleep(consumer: Consumer, producer: Producer, count: number): Promise<void> {
	for (let sequence = 0; sequence < count; sequence++) {
		const message = await consumer.receive();
		if (message === undefined) throw new Error("The stream ended early");
		await producer.send(message.bytes);
		message.release();
	}
}

function echoLine(region: Region, token: string, count: number): void {
	const words = wordsOf(region, token);
	for (let sequence = 1; sequence <= count; sequence++) {
		let spins = 0;
		while (Atomics.load(words, 0) !== sequence) if (++spins === SPINS) throw new Error("The driver is gone");
		Atomics.store(words, LINE_WORDS, sequence);
	}
}

/** One write for each message. A copy for each, too, for the stream keeps what it was given until it is out. */
async function sendOnSocket(socket: Socket, count: number): Promise<void> {
	const words = new Uint32Array(MESSAGE_WORDS);
	const bytes = new Uint8Array(words.buffer);
	for (let sequence = 0; sequence < count; sequence++) {
		fillMessage(words, 0, sequence);
		if (!socket.write(Buffer.from(bytes))) await once(socket, "drain");
	}
}

/** Writes of 64 KiB, each made anew for the same reason. */
async function sendBatchesOnSocket(socket: Socket, count: number): Promise<void> {
	const batch = 2 ** 16 / MESSAGE_BYTES;
	for (let sequence = 0; sequence < count; sequence += batch) {
		const part = Math.min(batch, count - sequence);
		const words = new Uint32Array(part * MESSAGE_WORDS);
		for (let i = 0; i < part; i++) fillMessage(words, i * MESSAGE_WORDS, sequence + i);
		await write(socket, new Uint8Array(words.buffer));
	}
}

async function sendRecordsOnSocket(socket: Socket, count: number): Promise<void> {
	for (let sequence = 0; sequence < count; sequence += RECORDS) {
		const values = new Float64Array(RECORDS);
		fillRecords(values, RECORDS, sequence);
		await write(socket, new Uint8Array(values.buffer));
	}
}

function echoOnSocket(socket: Socket, count: number): Promise<void> {
	return receiveFrames(socket, MESSAGE_BYTES, count, (buffer, frames, first) => {
		const words = new Uint32Array(buffer);
		for (let i = 0; i < frames; i++) checkMessage(words, i * MESSAGE_WORDS, first + i);
		socket.write(Buffer.from(new Uint8Array(buffer, 0, frames * MESSAGE_BYTES)));
	});
}

async function run(region: Region, socket: Socket, { name, count, token }: Job): Promise<void> {
	switch (name) {
		case "messages": {
			using producer = region.queue(QUEUES.small.name).producer();
			return sendMessages(producer, count);
		}
		case "batches": {
			using producer = region.queue(QUEUES.small.name).producer();
			return await sendBatches(producer, count);
		}
		case "records":
			return sendRecords(region, count);
		case "large": {
			using producer = region.queue(QUEUES.large.name).producer();
			return sendLarge(producer, count);
		}
		case "echo-spinning":
		case "echo-asleep": {
			using consumer = region.queue(QUEUES.ping.name).consumer();
			using producer = region.queue(QUEUES.pong.name).producer();
			if (name === "echo-asleep") return await echoAsleep(consumer, producer, count);
			return echoSpinning(consumer, producer, count);
		}
		case "line-echo":
			return echoLine(region, token ?? "", count);
		case "socket-messages":
			return await sendOnSocket(socket, count);
		case "socket-batches":
			return await sendBatchesOnSocket(socket, count);
		case "socket-records":
			return await sendRecordsOnSocket(socket, count);
		case "socket-echo":
			return await echoOnSocket(socket, count);
	}
}

const [name, directory] = process.argv.slice(2) as [string, string];
using region = Region.open(name, { directory, mode: "open" });
const socket = connect(socketPath(name));
await once(socket, "connect");
const answer = (text: Answer) => process.send?.(text);
// Without the driver there is nothing to do.
process.once("disconnect", () => process.exit(1));
process.on("message", async (job: Job) => {
	try {
		await run(region, socket, job);
		answer("done");
	} catch (error) {
		answer({ error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) });
	}
});
answer("ready");
await once(socket, "close");
