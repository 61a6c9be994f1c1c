/**
 * The costs of single operations inside one process, measured by tinybench. Each task does many operations,
 * because tinybench's own overhead is tens of nanoseconds, and checks the results.
 */
import { Bench } from "tinybench";
import { type Queue, Region } from "../src/index.js";
import { MESSAGE_BYTES, RECORDS } from "./data.js";

/** Nanoseconds per operation: the median, the least and the 99th percentile over the runs of a task. */
export interface Cost {
	what: string;
	median: number;
	least: number;
	p99: number;
}

/** The number of operations in one run of a task. */
const OPERATIONS = 1000;
/** The number of parts of an array that are sent by turns. */
const PARTS = 16;

function expect(fact: boolean): void {
	if (!fact) throw new Error("An operation gave a wrong result");
}

export interface Task {
	what: string;
	/** The number of operations in one run. */
	operations: number;
	run(): void;
}

/**
 * Returns the tasks, which work in `region`. `wrong` is added to all written values; the checks must notice
 * any but 0.
 */
export function tasksOf(region: Region, wrong = 0): Task[] {
	const queue = region.queue("messages");
	const producer = queue.producer();
	const consumer = queue.consumer();
	const records = region.queue("records", { record: "f64" });
	const pusher = records.producer();
	const popper = records.consumer();
	// Another queue, since the room of a record that was popped last is given back only later.
	const batches = region.queue("batches", { record: "f64" });
	const batchPusher = batches.producer();
	const batchPopper = batches.consumer();
	const bytes = new Uint8Array(MESSAGE_BYTES);
	// Each run sends another part of the array, so that the check notices stale values.
	const source = Float64Array.from({ length: RECORDS + PARTS }, (_, index) => index + 0.5 + wrong);
	const expected = Buffer.from(source.map((value) => value - wrong).buffer);
	let part = 0;
	const popped = new Float64Array(RECORDS);
	const poppedBytes = new Uint8Array(popped.buffer);
	const kept = region.allocate(MESSAGE_BYTES);
	kept.bytes.fill(7 + wrong);
	const saved = region.save(kept);
	const named = [12, 13, 14, 15].map((bits) => region.queue(`queue ${bits}`, { capacity: 2 ** bits }));
	return [
		{
			what: "allocate, write, read, free 64 B",
			operations: OPERATIONS,
			run() {
				for (let i = 0; i < OPERATIONS; i++) {
					const block = region.allocate(MESSAGE_BYTES);
					block.bytes[63] = i + wrong;
					expect(block.bytes[63] === (i & 0xff));
					block.free();
				}
			},
		},
		{
			what: "trySend, tryReceive, release 64 B",
			operations: OPERATIONS,
			run() {
				for (let i = 0; i < OPERATIONS; i++) {
					bytes[63] = i + wrong;
					expect(producer.trySend(bytes));
					const message = consumer.tryReceive();
					expect(message?.length === MESSAGE_BYTES && message.bytes[63] === (i & 0xff));
					message?.release();
				}
			},
		},
		{
			what: "push, pop one f64",
			operations: OPERATIONS,
			run() {
				for (let i = 0; i < OPERATIONS; i++) {
					expect(pusher.push(i + 0.5 + wrong));
					expect(popper.pop() === i + 0.5);
				}
			},
		},
		{
			what: "pushMany, popInto, compare f64, a record of 4096",
			operations: RECORDS,
			run() {
				part = (part + 1) % PARTS;
				const values = source.subarray(part, part + RECORDS);
				expect(batchPusher.pushMany(values) === RECORDS && batchPopper.popInto(popped) === RECORDS);
				expect(expected.compare(poppedBytes, 0, poppedBytes.length, 8 * part, 8 * (part + RECORDS)) === 0);
			},
		},
		{
			what: "find a named queue",
			operations: OPERATIONS,
			run() {
				for (let i = 0; i < OPERATIONS; i++) {
					const { name, capacity } = named[i % named.length] as Queue;
					expect(region.queue(name).capacity === capacity + wrong);
				}
			},
		},
		{
			what: "load a handle, read",
			operations: OPERATIONS,
			run() {
				for (let i = 0; i < OPERATIONS; i++) expect(region.load(saved).bytes[0] === 7);
			},
		},
		{
			what: "allocate, write, save, load, read, free",
			operations: OPERATIONS,
			run() {
				for (let i = 0; i < OPERATIONS; i++) {
					const block = region.allocate(MESSAGE_BYTES);
					block.bytes[63] = i + wrong;
					const loaded = region.load(region.save(block));
					expect(loaded.length === MESSAGE_BYTES && loaded.bytes[63] === (i & 0xff));
					loaded.free();
				}
			},
		},
	];
}

export function measureCosts(milliseconds: number): Cost[] {
	using region = Region.temporary({ size: "256MiB" });
	return tasksOf(region).map(({ what, operations, run }) => {
		const bench = new Bench({ time: milliseconds, warmupTime: milliseconds / 4, throws: true });
		const { result } = bench.add(what, run).runSync()[0] ?? {};
		if (result?.state !== "completed") throw new Error(`${what}: ${result?.state}`);
		const nanoseconds = (time: number) => (time * 1e6) / operations;
		const { p50, min, p99 } = result.latency;
		return { what, median: nanoseconds(p50), least: nanoseconds(min), p99: nanoseconds(p99) };
	});
}
