/** What `send` and `recv` work on: a link of the task that they are part of, or a queue of a region. */
import { Region } from "../region.js";
import { Input } from "../workflow/input.js";
import { Interruption } from "../workflow/interruption.js";
import { Output } from "../workflow/output.js";
import { Task } from "../workflow/task.js";
import { UsageError } from "./usage-error.js";

/** Runs `body` with the end that `names` says: `QUEUE` of this task, or `REGION QUEUE`. */
export async function withInput(
	names: readonly string[],
	body: (input: Input) => Promise<void>,
): Promise<void> {
	await withEnd(names, body, {
		ofTask: (task, name) => task.input(name),
		ofRegion: (region, name, signal) =>
			new Input(name, [region.queue(name).consumer({ patient: true })], signal),
	});
}

/** The same with an output, and the signal that ends its waits. */
export async function withOutput(
	names: readonly string[],
	body: (output: Output, signal: AbortSignal) => Promise<void>,
): Promise<void> {
	await withEnd(names, body, {
		ofTask: (task, name) => task.output(name),
		ofRegion: (region, name, signal) =>
			new Output(name, [region.queue(name).producer({ patient: true })], signal),
	});
}

interface Opening<T> {
	ofTask(task: Task, name: string): T;
	ofRegion(region: Region, name: string, signal: AbortSignal): T;
}

async function withEnd<T>(
	names: readonly string[],
	body: (end: T, signal: AbortSignal) => Promise<void>,
	opening: Opening<T>,
): Promise<void> {
	const [first, second, ...rest] = names;
	if (first === undefined || rest.length > 0) {
		throw new UsageError("give a region and a queue, or, inside a task, an input or output of its own");
	}
	if (second === undefined) {
		using task = Task.fromEnvironment();
		await body(opening.ofTask(task, first), task.signal);
		return;
	}
	const { signal } = new Interruption(`The end of queue ${second}`);
	using region = Region.open(first);
	await body(opening.ofRegion(region, second, signal), signal);
}
