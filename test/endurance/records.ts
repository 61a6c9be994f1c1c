/** Records. */
import type { Region } from "dhmem";
import { type Job, QUEUE, type Report, wait } from "./path.js";
import { mix } from "./payload.js";

/** The record with this number; as `u32`, its upper half. */
function recordAt(job: Job, sequence: number): number {
	return mix(job.seed, sequence) + mix(job.seed ^ 0xf64, sequence) / 2 ** 20;
}

export function produceRecords(region: Region, job: Job, report: Report): void {
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

export function consumeRecords(region: Region, job: Job, report: Report): void {
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

export function produceRecordBatches(region: Region, job: Job, report: Report): void {
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

export function consumeRecordBatches(region: Region, job: Job, report: Report): void {
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
