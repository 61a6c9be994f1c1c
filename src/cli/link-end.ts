/**
 * Opens what `send` and `recv` work on: an input or output of the task they are part of, or a queue of any
 * kind.
 */

import { DhmemError } from "../errors.js";
import type { Queue } from "../queue/queue.js";
import type { RecordConsumer, StructConsumer } from "../queue/record-consumer.js";
import type { RecordProducer } from "../queue/record-producer.js";
import { RecordQueue, StructQueue } from "../queue/record-queue.js";
import { Region } from "../region.js";
import type { DType } from "../values/dtypes.js";
import type { Schema } from "../values/schema.js";
import { Input } from "../workflow/input.js";
import { Interruption } from "../workflow/interruption.js";
import { Output } from "../workflow/output.js";
import { Task } from "../workflow/task.js";
import { UsageError } from "./usage-error.js";

/** An endpoint of a queue of records, and the type of the records. */
export interface Records<End> {
	readonly end: End;
	readonly dtype: DType;
}

/** The consumer of a queue of structs, and their type. */
export interface Structs {
	readonly end: StructConsumer;
	readonly schema: Schema;
}

/**
 * Runs `body` with the input that `names` means, which is `INPUT` of this task or `REGION QUEUE`, and with
 * the signal that ends its waits. Region and queue are created only with `create`.
 */
export async function withInput(
	names: readonly string[],
	create: boolean,
	body: (input: Input | Records<RecordConsumer> | Structs, signal: AbortSignal) => Promise<void>,
): Promise<void> {
	await withEnd(names, create, body, {
		ofTask: (task, name) => task.input(name),
		ofQueue: (queue, signal) => {
			if (queue instanceof RecordQueue)
				return { end: queue.consumer({ patient: true, signal }), dtype: queue.dtype };
			if (queue instanceof StructQueue)
				return { end: queue.consumer({ patient: true, signal }), schema: queue.schema };
			return new Input(queue.name, [queue.consumer({ patient: true })], signal);
		},
	});
}

/** Runs `body` with an output, likewise. Region and queue are created if they don't exist. */
export async function withOutput(
	names: readonly string[],
	body: (output: Output | Records<RecordProducer>, signal: AbortSignal) => Promise<void>,
): Promise<void> {
	await withEnd(names, true, body, {
		ofTask: (task, name) => task.output(name),
		ofQueue: (queue, signal) => {
			if (queue instanceof RecordQueue)
				return { end: queue.producer({ patient: true, signal }), dtype: queue.dtype };
			if (queue instanceof StructQueue)
				throw new UsageError(`queue ${queue.name} carries structs, which only programs can send`);
			return new Output(queue.name, [queue.producer({ patient: true })], signal);
		},
	});
}

export function wrongNames(): UsageError {
	return new UsageError("give a region and a queue; or inside a task, one of its inputs or outputs");
}

/**
 * Checks that a single name is given only inside a task, where it means an input or output.
 *
 * @throws UsageError
 */
export function checkInTask(): void {
	const { DHMEM_TASK, DHMEM_LINKS } = process.env;
	if (!DHMEM_TASK && DHMEM_LINKS === undefined) throw wrongNames();
}

interface Opening<T> {
	ofTask(task: Task, name: string): T;
	ofQueue(queue: Queue | RecordQueue | StructQueue, signal: AbortSignal): T;
}

async function withEnd<T>(
	names: readonly string[],
	create: boolean,
	body: (end: T, signal: AbortSignal) => Promise<void>,
	opening: Opening<T>,
): Promise<void> {
	const [first, second, ...rest] = names;
	if (first === undefined || rest.length > 0) throw wrongNames();
	if (second === undefined) {
		checkInTask();
		await using task = Task.fromEnvironment();
		await body(opening.ofTask(task, first), task.signal);
		return;
	}
	const { signal } = new Interruption(`The end of queue ${second}`);
	using region = create ? Region.open(first) : existing(first);
	if (!create && !region.entries().some(({ name }) => name === second)) {
		throw notThere(`There is no queue ${second} in ${region.path}`);
	}
	await body(opening.ofQueue(region.queue<Queue | RecordQueue | StructQueue>(second), signal), signal);
}

function existing(name: string): Region {
	try {
		return Region.open(name, { mode: "open" });
	} catch (error) {
		if (!(error instanceof DhmemError) || error.code !== "DHMEM_NOT_FOUND") throw error;
		throw notThere(error.message);
	}
}

function notThere(what: string): DhmemError {
	return new DhmemError("DHMEM_NOT_FOUND", `${what}. Start the sender first, or use --create`);
}
