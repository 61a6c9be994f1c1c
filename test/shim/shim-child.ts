/** A process that has a file open and mapped, and does with it what it is told. */
import { dirname, join } from "node:path";
import { serve, type Talk } from "../fixture/index.js";
import { memoryOf, type Operation, shim } from "./stage.js";

async function open(talk: Talk, path: string, writable: string): Promise<void> {
	const file = shim.openFile(path, writable === "true");
	const memory = memoryOf(shim.statFile(file).size);
	shim.mapFile(file, memory, writable !== "true");
	const words = new Int32Array(memory.buffer);
	const operations: Record<Operation, (...values: number[]) => unknown> = {
		tryLock: (index) => shim.tryLock(file, index as number),
		unlock: (index) => shim.unlock(file, index as number),
		isLocked: (index) => shim.isLocked(file, index as number),
		wait: (offset, expected, timeout) =>
			shim.wait(file, offset as number, expected as number, timeout as number),
		wake: (offset) => shim.wake(file, offset as number),
		load: (offset) => Atomics.load(words, (offset as number) / 4),
		store: (offset, value) => Atomics.store(words, (offset as number) / 4, value as number),
		add: (offset, value) => Atomics.add(words, (offset as number) / 4, value as number),
		isBroken: () => shim.isBroken(file),
		makePipe: (name) => {
			shim.watch(file, 0, () => {});
			shim.makePipe(file, pipeOf(name as number));
		},
		connectPipe: (index, name) => shim.connectPipe(file, index as number, pipeOf(name as number)),
		ringPipe: (index) => shim.ringPipe(file, index as number),
	};
	const pipeOf = (name: number) => join(dirname(path), `.dhmem-${name}.bell`);
	talk.say("ready");
	for (;;) {
		const [operation, ...values] = (await talk.hear()) as [Operation, ...number[]];
		talk.say({ value: operations[operation](...values) });
	}
}

serve(import.meta.url, { open });
