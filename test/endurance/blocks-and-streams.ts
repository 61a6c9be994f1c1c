/** Blocks, Node's streams, and one stream after another. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DhmemError, type Message, type Queue, type Region } from "dhmem";
import { produceAll, receiveSync } from "./messages.js";
import { conclude, type Job, queueOf, type Report, wait } from "./path.js";
import { Checker, mix, Payloads, StreamChecker } from "./payload.js";

/** Each message has a block, which contains the message's bytes and half as many more. */
export function produceBlocks(region: Region, job: Job, report: Report): void {
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

export function consumeBlocks(region: Region, job: Job, report: Report): void {
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

export async function produceStream(region: Region, job: Job, report: Report): Promise<void> {
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

export async function consumeStream(region: Region, job: Job, report: Report): Promise<void> {
	using consumer = queueOf(region).consumer(wait);
	const checker = new StreamChecker(new Payloads(job.seed, job.largest));
	for await (const chunk of consumer.readable()) checker.check(chunk as Uint8Array);
	checker.finish(job.count);
	report.messages = job.count;
	report.bytes = checker.bytes;
	report.errors.push(...checker.errors);
}

/** True if a stream ends before the message with this number. */
function isBorder(seed: number, sequence: number): boolean {
	return sequence > 0 && mix(seed ^ 7, sequence) % 300 === 0;
}

/** Ends its stream now and then, and begins the next with another producer, as its peers do. */
export async function produceStreams(region: Region, job: Job, report: Report): Promise<void> {
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

/** Does `act`, and repeats it if the consumer left in the middle. */
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

/** Leaves now and then with some messages held and others released, and expects the held ones again. */
export async function consumeStreams(region: Region, job: Job, report: Report): Promise<void> {
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
