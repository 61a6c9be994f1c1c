/**
 * What single operations cost inside one process, by tinybench. Each task does many, because tinybench's own
 * overhead is tens of nanoseconds, and checks what comes out.
 */
import { Bench } from "tinybench";
import { Region } from "../src/index.js";

import { MESSAGE_BYTES, RECORDS } from "./data.js";
import type { Measurement } from "./measure.js";

/** Operations in one run of a task. */
const OPERATIONS = 1000;

function expect(fact: boolean): void {
	if (!fact) throw new Error("An operation gave a wrong result");
}

interface Cost {
	what: string;
	/** Operations in one run of `task`. */
	operations: number;
	task(): void;
}

function costs(region: Region): Cost[] {
	const queue = region.queue("messages");
	const producer = queue.producer();
	const consumer = queue.consumer();
	const records = region.queue("records", { record: "f64" });
	const pusher = records.producer();
	const popper = records.consumer();
	const bytes = new Uint8Array(MESSAGE_BYTES);
	const values = new Float64Array(RECORDS);
	const popped = new Float64Array(RECORDS);
	const kept = region.allocate(MESSAGE_BYTES);
	kept.bytes.fill(7);
	const saved = region.save(kept);
	const { name } = region;
	const directory = region.path.slice(0, region.path.lastIndexOf("/"));
	return [
		{
			what: "allocate, write, read, free 64 B",
			operations: OPERATIONS,
			task() {
				for (let i = 0; i < OPERATIONS; i++) {
					const block = region.allocate(MESSAGE_BYTES);
					block.bytes[63] = i;
					expect(block.bytes[63] === (i & 0xff));
					block.free();
				}
			},
		},
		{
			what: "trySend, tryReceive, release 64 B",
			operations: OPERATIONS,
			task() {
				for (let i = 0; i < OPERATIONS; i++) {
					bytes[63] = i;
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
			task() {
				for (let i = 0; i < OPERATIONS; i++) {
					expect(pusher.push(i + 0.5));
					expect(popper.pop() === i + 0.5);
				}
			},
		},
		{
			what: "pushMany, popInto f64, a record of 4096",
			operations: RECORDS,
			task() {
				values[RECORDS - 1] = (values[RECORDS - 1] as number) + 0.5;
				expect(pusher.pushMany(values) === RECORDS);
				expect(popper.popInto(popped) === RECORDS && popped[RECORDS - 1] === values[RECORDS - 1]);
			},
		},
		{
			what: "find a named queue",
			operations: OPERATIONS,
			task() {
				for (let i = 0; i < OPERATIONS; i++) expect(region.queue("messages").capacity === queue.capacity);
			},
		},
		{
			what: "load a handle, read",
			operations: OPERATIONS,
			task() {
				for (let i = 0; i < OPERATIONS; i++) expect(region.load(saved).bytes[0] === 7);
			},
		},
		{
			what: "allocate, save, load, free",
			operations: OPERATIONS,
			task() {
				for (let i = 0; i < OPERATIONS; i++) {
					const block = region.allocate(MESSAGE_BYTES);
					const handle = region.save(block);
					const loaded = region.load(handle);
					expect(loaded.length === MESSAGE_BYTES);
					loaded.free();
				}
			},
		},
		{
			what: "open and close an existing region",
			operations: 1,
			task() {
				const opened = Region.open(name, { directory, mode: "open" });
				expect(opened.size === region.size);
				opened.close();
			},
		},
	];
}

/** Each operation's cost: the median over the runs of its task, the quickest run, and the 99th percentile. */
export function measureCosts(
	milliseconds: number,
	onDone: (measurement: Measurement) => void,
): Measurement[] {
	const name = `dhmem-bench-${process.pid}`;
	using region = Region.open(name, { mode: "create", size: "256MiB", lifetime: "last-close" });
	const done: Measurement[] = [];
	for (const { what, operations, task } of costs(region)) {
		const bench = new Bench({ time: milliseconds, warmupTime: milliseconds / 4, throws: true });
		const { result } = bench.add(what, task).runSync()[0] ?? {};
		if (result?.state !== "completed") throw new Error(`${what}: ${result?.state}`);
		const nanoseconds = (time: number) => (time * 1e6) / operations;
		const { p50, min, p99 } = result.latency;
		const figure = {
			name: "dhmem",
			median: nanoseconds(p50),
			least: nanoseconds(min),
			most: nanoseconds(p99),
		};
		const measurement = { what, unit: "ns", figure };
		done.push(measurement);
		onDone(measurement);
	}
	return done;
}
