/** Messages: sent, awaited, in batches, and reserved. */
import type { Consumer, Message, Producer, Region } from "dhmem";
import { conclude, type Job, linger, queueOf, type Report, wait } from "./path.js";
import { Checker, mix, Payloads } from "./payload.js";

/** Sends every message by `send`, then ends. */
export function produceAll(
	send: (producer: Producer, bytes: Uint8Array, sequence: number, report: Report) => void,
) {
	return (region: Region, job: Job, report: Report): void => {
		using producer = queueOf(region).producer(wait);
		const payloads = new Payloads(job.seed, job.largest);
		for (let sequence = 0; sequence < job.count; sequence++) {
			let bytes = payloads.bytes(sequence);
			if (sequence === job.count >> 1) {
				if (job.fault === "lose") continue;
				if (job.fault === "repeat") send(producer, bytes, sequence, report);
				// The contents of another message, with the right length.
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

export function sendSync(producer: Producer, bytes: Uint8Array, _sequence: number, report: Report): void {
	if (producer.trySend(bytes)) return;
	report.waits++;
	producer.sendSync(bytes);
}

export function receiveSync(consumer: Consumer, report: Report): Message | undefined {
	const message = consumer.tryReceive();
	if (message !== undefined || consumer.ended) return message;
	report.waits++;
	return consumer.receiveSync();
}

/** Receives one message after another until the end. */
export function consumeAll(region: Region, job: Job, report: Report): void {
	using consumer = queueOf(region).consumer(wait);
	const checker = new Checker(new Payloads(job.seed, job.largest));
	for (let message = receiveSync(consumer, report); message; message = receiveSync(consumer, report)) {
		checker.check(message.bytes);
		message.release();
	}
	conclude(checker, job, report);
}

/** Releases in any order, with up to 32 messages held. */
export function consumeHolding(region: Region, job: Job, report: Report): void {
	using consumer = queueOf(region).consumer(wait);
	const payloads = new Payloads(job.seed, job.largest);
	const checker = new Checker(payloads);
	const held: { message: Message; sequence: number }[] = [];
	const releaseOne = (): void => {
		const index = mix(job.seed ^ 3, checker.messages + held.length) % held.length;
		const [{ message, sequence }] = held.splice(index, 1) as [(typeof held)[number]];
		// Its bytes must still be as they were received.
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

export async function produceAsync(region: Region, job: Job, report: Report): Promise<void> {
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

export async function consumeAsync(region: Region, job: Job, report: Report): Promise<void> {
	using consumer = queueOf(region).consumer(wait);
	const checker = new Checker(new Payloads(job.seed, job.largest));
	for await (const message of consumer) checker.check(message.bytes);
	conclude(checker, job, report);
}

/** Many promises at once, which must be fulfilled in the order in which they were made. */
export async function produceUnawaited(region: Region, job: Job, report: Report): Promise<void> {
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

export async function consumeUnawaited(region: Region, job: Job, report: Report): Promise<void> {
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

export function produceMany(region: Region, job: Job, report: Report): void {
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

export async function consumeBatches(region: Region, job: Job, report: Report): Promise<void> {
	using consumer = queueOf(region).consumer(wait);
	const checker = new Checker(new Payloads(job.seed, job.largest));
	for await (const batch of consumer.batches(128)) {
		if (batch.length === 0 || batch.length > 128) checker.fail(`a batch of ${batch.length}`);
		for (const message of batch) checker.check(message.bytes);
	}
	conclude(checker, job, report);
}

/** Some reservations are aborted, some are longer than what is committed, some are larger than the ring. */
export function reserve(producer: Producer, bytes: Uint8Array, sequence: number, report: Report): void {
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
