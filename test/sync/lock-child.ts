/** A process that works under the locks of `locks.test.ts`: `node lock-child.js REGION JOB [ARGUMENT]`. */
import { Region } from "dhmem";
import { loadBlock, PATIENCE } from "../fixture/index.js";

const [name = "", job = "", argument = "0"] = process.argv.slice(2);
const region = Region.open(name, { mode: "open" });
const mutex = region.mutex("mutex");

/** Two counters that are equal whenever the mutex is free. */
function counters(): Uint32Array {
	return loadBlock(region, process.env.COUNTERS ?? "").as("u32");
}

const jobs: Record<string, () => Promise<void> | void> = {
	/** Adds to both counters until they reach the given number, and prints how often it has added. */
	async count() {
		const [target, shared] = [Number(argument), counters()];
		let mine = 0;
		// All four begin together; otherwise one could be done before another has started.
		{
			using held = await mutex.lock();
			const ready = region.condition("ready");
			shared[2] = (shared[2] as number) + 1;
			ready.notifyAll();
			await ready.wait(held, { until: () => shared[2] === 4 });
		}
		for (;;) {
			using held = mine % 2 === 0 ? mutex.lockSync() : await mutex.lock();
			if (shared[0] !== shared[1]) throw new Error(`torn: ${shared[0]} and ${shared[1]}`);
			// It continues until each has had the mutex.
			if (!held.held || ((shared[0] as number) >= target && shared[3] === 4)) break;
			shared[0] = (shared[0] as number) + 1;
			if (mine++ === 0) shared[3] = (shared[3] as number) + 1;
			shared[1] = (shared[1] as number) + 1;
		}
		process.stdout.write(`${mine}\n`);
	},
	/** Holds the mutex until it is killed. */
	async hold() {
		await mutex.lock();
		process.stdout.write("held\n");
		await region.queue("never").consumer().receive();
	},
	/** Changes half of what the mutex guards, and dies with it. */
	die() {
		mutex.lockSync();
		region.struct("state", { value: "u32" }).value = 99;
		region.condition("condition").notifyAll();
		process.kill(process.pid, "SIGKILL");
	},
	/** Takes turns with the other process: in each round it waits for its turn. */
	async turns() {
		const [me, rounds, shared] = [Number(argument), Number(process.env.ROUNDS), counters()];
		const condition = region.condition("turn");
		for (let round = 0; round < rounds; round++) {
			using held = mutex.lockSync();
			const until = () => (shared[0] as number) % 2 === me;
			if (round % 2 === 0) condition.waitSync(held, { until, timeout: PATIENCE });
			else await condition.wait(held, { until, timeout: PATIENCE });
			shared[0] = (shared[0] as number) + 1;
			condition.notifyOne();
		}
		process.stdout.write("done\n");
	},
};

await jobs[job]?.();
region.close();
