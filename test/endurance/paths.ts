/** The ways for messages to go from one side to the other, each with its producer and its consumer. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Consumer, DhmemError, type Message, type Producer, type Queue, type Region } from "dhmem";
import { Checker, mix, Payloads, StreamChecker } from "./payload.js";

/** What a side is told. */
export interface Job {
	path: string;
	region: string;
	side: "producer" | "consumer";
	count: number;
	seed: number;
	/** Bytes of the largest message. */
	largest: number;
	/** What the producer does wrong in the middle, to see whether it is found. */
	fault?: "lose" | "repeat" | "tear" | undefined;
}

/** What a side tells. */
export interface Report {
	messages: number;
	bytes: number;
	/** How often the ring was full (a producer's), or empty (a consumer's). */
	waits: number;
	errors: string[];
}

export interface Path {
	/** What it is about, for the listing. */
	what: string;
	/** Messages in a full run. */
	count: number;
	/** Of the region. */
	size: string;
	/** Bytes of the ring, or records. */
	capacity: number;
	record?: "f64" | "u32";
	/** Bytes of the largest message; left out, the largest that the region takes. */
	largest?: number;
	produce(region: Region, job: Job, report: Report): void | Promise<void>;
	consume(region: Region, job: Job, report: Report): void | Promise<void>;
}

export const QUEUE = "endurance";
/** Nothing here takes this long, on however busy a machine. */
const wait = { timeout: 60_000 };

function queueOf(region: Region): Queue {
	return region.queue(QUEUE);
}

/** Changes the pace now and then, so that the ring is full at times and empty at others. */
function linger(payloads: Payloads, sequence: number, bytes: Uint8Array): void {
	if ((mix(1, sequence >>> 12) & 3) !== 0) return;
	for (let turn = 0; turn < 8; turn++) payloads.isRight(sequence, bytes);
}

/** Sends every message by `send`, then ends. */
function produceAll(send: (producer: Producer, bytes: Uint8Array, sequence: number, report: Report) => void) {
	return (region: Region, job: Job, report: Report): void => {
		using producer = queueOf(region).producer(wait);
		const payloads = new Payloads(job.seed, job.largest);
		for (let sequence = 0; sequence < job.count; sequence++) {
			let bytes = payloads.bytes(sequence);
			if (sequence === job.count >> 1) {
				if (job.fault === "lose") continue;
				if (job.fault === "repeat") send(producer, bytes, sequence, report);
				// Another's content, at the right length.
				if (job.fault === "tear") bytes = payloads.bytes(sequence + 1, Math.max(bytes.length, 4));
			}
			send(producer, bytes, sequence, report);
			report.messages++;
			report.bytes += bytes.length;
			if (job.largest <= 1024) linger(payloads, sequence, bytes);
		}
		producer.end();
	};
}

function sendSync(producer: Producer, bytes: Uint8Array, _sequence: number, report: Report): void {
	if (producer.trySend(bytes)) return;
	report.waits++;
	producer.sendSync(bytes);
}

function receiveSync(consumer: Consumer, report: Report): Message | undefined {
	const message = consumer.tryReceive();
	if (message !== undefined || consumer.ended) return message;
	report.waits++;
	return consumer.receiveSync();
}

function conclude(checker: Checker, job: Job, report: Report): void {
	checker.finish(job.count);
	report.messages = checker.messages;
	report.bytes = checker.bytes;
	report.errors.push(...checker.errors);
}

/** Receives one after the other until the end. */
function consumeAll(region: Region, job: Job, report: Report): void {
	using consumer = queueOf(region).consumer(wait);
	const checker = new Checker(new Payloads(job.seed, job.largest));
	for (let message = receiveSync(consumer, report); message; message = receiveSync(consumer, report)) {
		checker.check(message.bytes);
		message.release();
	}
	conclude(checker, job, report);
}

/** Releases in any order, with up to 32 messages held. */
function consumeHolding(region: Region, job: Job, report: Report): void {
	using consumer = queueOf(region).consumer(wait);
	const payloads = new Payloads(job.seed, job.largest);
	const checker = new Checker(payloads);
	const held: { message: Message; sequence: number }[] = [];
	const releaseOne = (): void => {
		const index = mix(job.seed ^ 3, checker.messages + held.length) % held.length;
		const [{ message, sequence }] = held.splice(index, 1) as [(typeof held)[number]];
		// Nobody may have written over it meanwhile.
		if (!payloads.isRight(sequence, message.bytes)) checker.fail(`message ${sequence} changed while held`);
		message.release();
	};
	for (;;) {
		const message = consumer.tryReceive();
		if (message !== undefined) {
			held.push({ message, sequence: checker.due });
			checker.check(message.bytes);
			if (held.length === 32) releaseOne();
		} else if (held.length > 0) releaseOne();
		else if (consumer.ended) break;
		else {
			report.waits++;
			const next = consumer.receiveSync();
			if (next === undefined) break;
			held.push({ message: next, sequence: checker.due });
			checker.check(next.bytes);
		}
	}
	conclude(checker, job, report);
}

async function produceAsync(region: Region, job: Job, report: Report): Promise<void> {
	using producer = queueOf(region).producer(wait);
	const payloads = new Payloads(job.seed, job.largest);
	for (let sequence = 0; sequence < job.count; sequence++) {
		const bytes = payloads.bytes(sequence);
		if (!producer.trySend(bytes)) {
			report.waits++;
			await producer.send(bytes);
		}
		report.messages++;
		report.bytes += bytes.length;
		linger(payloads, sequence, bytes);
	}
	producer.end();
}

async function consumeAsync(region: Region, job: Job, report: Report): Promise<void> {
	using consumer = queueOf(region).consumer(wait);
	const checker = new Checker(new Payloads(job.seed, job.largest));
	for await (const message of consumer) checker.check(message.bytes);
	conclude(checker, job, report);
}

/** Many promises at once, which have to be kept in the order in which they were given. */
async function produceUnawaited(region: Region, job: Job, report: Report): Promise<void> {
	using producer = queueOf(region).producer(wait);
	const payloads = new Payloads(job.seed, job.largest);
	for (let sequence = 0; sequence < job.count; ) {
		const sends: Promise<void>[] = [];
		for (let turn = 0; turn < 100 && sequence < job.count; turn++, sequence++) {
			const bytes = payloads.bytes(sequence);
			sends.push(producer.send(bytes));
			report.messages++;
			report.bytes += bytes.length;
		}
		await Promise.all(sends);
	}
	producer.end();
}

async function consumeUnawaited(region: Region, job: Job, report: Report): Promise<void> {
	using consumer = queueOf(region).consumer(wait);
	const checker = new Checker(new Payloads(job.seed, job.largest));
	const receive = async (): Promise<void> => {
		const message = await consumer.receive();
		if (message === undefined) return;
		checker.check(message.bytes);
		message.release();
	};
	while (!consumer.ended) await Promise.all(Array.from({ length: 10 }, receive));
	conclude(checker, job, report);
}

function produceMany(region: Region, job: Job, report: Report): void {
	using producer = queueOf(region).producer(wait);
	const payloads = new Payloads(job.seed, job.largest);
	for (let sequence = 0; sequence < job.count; ) {
		const length = Math.min(1 + (mix(job.seed ^ 5, sequence) % 200), job.count - sequence);
		const batch = Array.from({ length }, (_, index) => payloads.bytes(sequence + index));
		let sent = producer.sendMany(batch);
		if (sent < length) {
			report.waits++;
			producer.sendSync(batch[sent++] as Uint8Array);
		}
		for (const bytes of batch.slice(0, sent)) report.bytes += bytes.length;
		report.messages += sent;
		sequence += sent;
	}
	producer.end();
}

async function consumeBatches(region: Region, job: Job, report: Report): Promise<void> {
	using consumer = queueOf(region).consumer(wait);
	const checker = new Checker(new Payloads(job.seed, job.largest));
	for await (const batch of consumer.batches(128)) {
		if (batch.length === 0 || batch.length > 128) checker.fail(`a batch of ${batch.length}`);
		for (const message of batch) checker.check(message.bytes);
	}
	conclude(checker, job, report);
}

/** Some reservations are given up, some are longer than what is committed, some are larger than the ring. */
function reserve(producer: Producer, bytes: Uint8Array, sequence: number, report: Report): void {
	const chance = mix(2, sequence);
	if ((chance & 7) === 0) {
		const slot = producer.tryReserve((chance >>> 8) % 2000);
		slot?.bytes.fill(0xee);
		slot?.abort();
	}
	const slot = producer.tryReserve(bytes.length + ((chance & 8) === 0 ? 0 : (chance >>> 8) % 500));
	if (slot === undefined) sendSync(producer, bytes, sequence, report);
	else {
		slot.bytes.set(bytes);
		slot.commit(bytes.length);
	}
}

/** A block with each message: its bytes are the message's with half as many more. */
function produceBlocks(region: Region, job: Job, report: Report): void {
	const contents = new Payloads(job.seed ^ 0xb10c, job.largest);
	const size = (sequence: number) => 1 + contents.size(sequence);
	produceAll((producer, bytes, sequence) => {
		const block = region.allocate(size(sequence));
		contents.write(sequence, block.bytes);
		if (!producer.trySend(bytes, { block })) {
			report.waits++;
			producer.sendSync(bytes, { block });
		}
		report.bytes += size(sequence);
	})(region, job, report);
}

function consumeBlocks(region: Region, job: Job, report: Report): void {
	using consumer = queueOf(region).consumer(wait);
	const contents = new Payloads(job.seed ^ 0xb10c, job.largest);
	const checker = new Checker(new Payloads(job.seed, job.largest));
	for (let message = receiveSync(consumer, report); message; message = receiveSync(consumer, report)) {
		const sequence = checker.due;
		checker.check(message.bytes);
		const isRight = (bytes: Uint8Array | undefined) =>
			bytes?.length === 1 + contents.size(sequence) && contents.isRight(sequence, bytes);
		checker.bytes += message.block?.length ?? 0;
		if (!isRight(message.block?.bytes)) checker.fail(`block ${sequence} is torn or another`);
		if (sequence % 2 === 0) message.release();
		else {
			const block = message.take();
			if (!isRight(block.bytes)) checker.fail(`block ${sequence} changed when it was taken`);
			block.free();
		}
	}
	conclude(checker, job, report);
}

async function produceStream(region: Region, job: Job, report: Report): Promise<void> {
	using producer = queueOf(region).producer(wait);
	const payloads = new Payloads(job.seed, job.largest);
	function* chunks(): Generator<Uint8Array> {
		for (let sequence = 0; sequence < job.count; sequence++) {
			const bytes = payloads.bytes(sequence);
			report.messages++;
			report.bytes += bytes.length;
			yield bytes;
		}
	}
	await pipeline(Readable.from(chunks()), producer.writable());
}

async function consumeStream(region: Region, job: Job, report: Report): Promise<void> {
	using consumer = queueOf(region).consumer(wait);
	const checker = new StreamChecker(new Payloads(job.seed, job.largest));
	for await (const chunk of consumer.readable()) checker.check(chunk as Uint8Array);
	checker.finish(job.count);
	report.messages = job.count;
	report.bytes = checker.bytes;
	report.errors.push(...checker.errors);
}

/** Whether a stream ends before the message with this number. */
function isBorder(seed: number, sequence: number): boolean {
	return sequence > 0 && mix(seed ^ 7, sequence) % 300 === 0;
}

/** Ends its stream now and then, and begins the next with another producer; so do its peers. */
async function produceStreams(region: Region, job: Job, report: Report): Promise<void> {
	const queue = queueOf(region);
	const payloads = new Payloads(job.seed, job.largest);
	let producer = queue.producer(wait);
	for (let sequence = 0; sequence < job.count; sequence++) {
		if (isBorder(job.seed, sequence)) {
			producer.end();
			producer.close();
			producer = queue.producer(wait);
		}
		const bytes = payloads.bytes(sequence);
		report.messages++;
		report.bytes += bytes.length;
		if (producer.trySend(bytes)) continue;
		report.waits++;
		await whoeverComesNext(queue, () => producer.send(bytes));
	}
	producer.end();
	producer.close();
}

/** Does `act`, again when the consumer left in the middle of it. */
async function whoeverComesNext(queue: Queue, act: () => unknown): Promise<void> {
	for (;;) {
		try {
			await act();
			return;
		} catch (error) {
			if (!(error instanceof DhmemError)) throw error;
			if (error.code !== "DHMEM_PEER_GONE") throw error;
			await queue.waitForPeer(wait);
		}
	}
}

/** Leaves now and then with messages held and others released, and expects the held ones again. */
async function consumeStreams(region: Region, job: Job, report: Report): Promise<void> {
	const queue = queueOf(region);
	const payloads = new Payloads(job.seed, job.largest);
	const checker = new Checker(payloads);
	const fail = (error: string) => checker.fail(error);
	let next = 0;
	let consumer = queue.consumer(wait);
	let again: number[] = [];
	let held: { message: Message; sequence: number }[] = [];
	let steps = 0;
	const release = (chance: number): void => held.splice(chance % held.length, 1)[0]?.message.release();
	const accept = (message: Message): void => {
		const repeated = again.shift();
		const sequence = repeated ?? next++;
		if (repeated === undefined) {
			checker.messages++;
			checker.bytes += message.length;
		}
		if (message.length !== payloads.size(sequence) || !payloads.isRight(sequence, message.bytes)) {
			fail(`message ${sequence} is torn or another${repeated === undefined ? "" : ", delivered again"}`);
		}
		held.push({ message, sequence });
	};
	for (;;) {
		const chance = mix(job.seed ^ 11, steps++);
		if (chance % 97 === 0) {
			again = [...again, ...held.map(({ sequence }) => sequence)].sort((a, b) => a - b);
			held = [];
			consumer.close();
			consumer = queue.consumer(wait);
		}
		const message = consumer.tryReceive();
		if (message !== undefined) accept(message);
		else if (consumer.ended) {
			if (again.length > 0) fail(`the stream ended before ${again[0]} was delivered again`);
			if (next < job.count && !isBorder(job.seed, next)) fail(`the stream ended before message ${next}`);
			while (held.length > 0) release(chance);
			if (next === job.count) break;
			consumer.close();
			consumer = queue.consumer(wait);
		} else if (held.length > 0) release(chance);
		else {
			report.waits++;
			const awaited = await consumer.receive();
			if (awaited !== undefined) accept(awaited);
		}
		if (held.length > 16) release(chance >>> 8);
	}
	consumer.close();
	if (next !== job.count) fail(`${next} of ${job.count} messages came before the end`);
	report.messages = checker.messages;
	report.bytes = checker.bytes;
	report.errors.push(...checker.errors);
}

/** The record with this number, of which a `u32` takes the upper half. */
function recordAt(job: Job, sequence: number): number {
	return mix(job.seed, sequence) + mix(job.seed ^ 0xf64, sequence) / 2 ** 20;
}

function produceRecords(region: Region, job: Job, report: Report): void {
	using producer = region.queue(QUEUE, { record: "f64" }).producer(wait);
	for (let sequence = 0; sequence < job.count; sequence++) {
		const value = recordAt(job, sequence);
		while (!producer.push(value)) {
			report.waits++;
			producer.waitSync();
		}
		report.messages++;
	}
	report.bytes = 8 * report.messages;
	producer.end();
}

function consumeRecords(region: Region, job: Job, report: Report): void {
	using consumer = region.queue(QUEUE, { record: "f64" }).consumer(wait);
	for (;;) {
		const value = consumer.pop();
		if (value === undefined) {
			if (consumer.ended) break;
			report.waits++;
			if (!consumer.waitSync()) break;
			continue;
		}
		if (value !== recordAt(job, report.messages) && report.errors.length < 10) {
			report.errors.push(`record ${report.messages} is ${value}`);
		}
		report.messages++;
	}
	report.bytes = 8 * report.messages;
	if (report.messages !== job.count) report.errors.push(`${report.messages} of ${job.count} records came`);
}

function produceRecordBatches(region: Region, job: Job, report: Report): void {
	using producer = region.queue(QUEUE, { record: "u32" }).producer(wait);
	const batch = new Uint32Array(3000);
	for (let sequence = 0; sequence < job.count; ) {
		const length = Math.min(1 + (mix(job.seed ^ 9, sequence) % batch.length), job.count - sequence);
		for (let index = 0; index < length; index++) batch[index] = recordAt(job, sequence + index);
		for (let pushed = 0; pushed < length; ) {
			const count = producer.pushMany(batch.subarray(pushed, length));
			pushed += count;
			if (count > 0) continue;
			report.waits++;
			producer.waitSync();
		}
		sequence += length;
	}
	report.messages = job.count;
	report.bytes = 4 * job.count;
	producer.end();
}

function consumeRecordBatches(region: Region, job: Job, report: Report): void {
	using consumer = region.queue(QUEUE, { record: "u32" }).consumer(wait);
	const batch = new Uint32Array(1500);
	for (;;) {
		const count = consumer.popInto(
			batch.subarray(0, 1 + (mix(job.seed ^ 13, report.messages) % batch.length)),
		);
		for (let index = 0; index < count; index++) {
			if (batch[index] === recordAt(job, report.messages + index) >>> 0 || report.errors.length >= 10)
				continue;
			report.errors.push(`record ${report.messages + index} is ${batch[index]}`);
		}
		report.messages += count;
		if (count > 0) continue;
		report.waits++;
		if (!consumer.waitSync()) break;
	}
	report.bytes = 4 * report.messages;
	if (report.messages !== job.count) report.errors.push(`${report.messages} of ${job.count} records came`);
}

const small = { count: 1_000_000, size: "16MiB", capacity: 65536, largest: 1024 };

export const paths: Record<string, Path> = {
	small: {
		...small,
		what: "sendSync, receiveSync: 0 to 1 KiB",
		count: 10_000_000,
		produce: produceAll(sendSync),
		consume: consumeAll,
	},
	large: {
		what: "the same, up to the largest the region takes",
		count: 20_000,
		size: "24MiB",
		capacity: 4096,
		produce: produceAll(sendSync),
		consume: consumeAll,
	},
	smallest: {
		...small,
		what: "the same, in the smallest ring",
		capacity: 64,
		largest: 48,
		produce: produceAll(sendSync),
		consume: consumeAll,
	},
	held: { ...small, what: "released in any order", produce: produceAll(sendSync), consume: consumeHolding },
	async: { ...small, what: "await send, for await", produce: produceAsync, consume: consumeAsync },
	unawaited: {
		...small,
		what: "many sends and receives pending at once",
		capacity: 4096,
		produce: produceUnawaited,
		consume: consumeUnawaited,
	},
	many: { ...small, what: "sendMany, batches", produce: produceMany, consume: consumeBatches },
	reserve: {
		...small,
		what: "tryReserve, commit and abort, up to twice the ring",
		capacity: 4096,
		largest: 8192,
		produce: produceAll(reserve),
		consume: consumeAll,
	},
	blocks: {
		...small,
		what: "blocks handed over, released or taken",
		largest: 1800,
		capacity: 4096,
		produce: produceBlocks,
		consume: consumeBlocks,
	},
	streams: { ...small, what: "Node streams", produce: produceStream, consume: consumeStream },
	rejoin: {
		...small,
		what: "stream after stream, with consumers that leave before they have released all",
		capacity: 4096,
		produce: produceStreams,
		consume: consumeStreams,
	},
	records: {
		...small,
		what: "push, pop: f64",
		record: "f64",
		capacity: 1024,
		produce: produceRecords,
		consume: consumeRecords,
	},
	"record-batches": {
		...small,
		what: "pushMany, popInto: u32",
		record: "u32",
		capacity: 1024,
		produce: produceRecordBatches,
		consume: consumeRecordBatches,
	},
};
