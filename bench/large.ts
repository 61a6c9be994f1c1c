/**
 * What needs much memory, so that no other benchmark does it:
 *
 * `node dist/bench/large.js wide [MB] [M] [STEPS]`: the workflow `wide` with messages of 900 MB, every byte checked.
 * `node dist/bench/large.js hand-over`: handing over a block of 3.9 GiB, by turns with one of 64 B.
 *
 * It refuses if less memory is available than it needs, and 2 GiB more.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { inTurn } from "./measure.js";
import { startTasks } from "./measures/workflow.js";
import { type PairOptions, pair } from "./pair.js";
import { Scratch } from "./scratch.js";
import { linksOf, tasksOf } from "./shapes.js";

const GIB = 2 ** 30;
const RESERVE = 2 * GIB;
const [what, ...figures] = process.argv.slice(2);

function available(): number {
	return Number(/MemAvailable: +(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024;
}

function checkMemory(bytes: number): void {
	if (available() >= bytes + RESERVE) return;
	console.error(
		`this needs ${(bytes / GIB).toFixed(1)} GiB of memory, of which ${(available() / GIB).toFixed(1)} GiB are available`,
	);
	process.exit(2);
}

async function wide([megabytes = 900, middle = 7, steps = 4]: readonly number[]): Promise<void> {
	const size = megabytes * 1e6;
	const links = linksOf("wide", middle);
	// Each sending task has two messages in a queue, or one while it writes the next; and two are being checked.
	const senders = tasksOf(links) - 1;
	checkMemory((2 * senders + 2) * size);
	using scratch = new Scratch();
	const place = scratch.place();
	const run = await startTasks("wide", place, middle, "64GiB");
	let most = 0;
	const watching = setInterval(() => {
		most = Math.max(most, statSync(join(place, "bench.dhmem")).blocks * 512);
	}, 50);
	const seconds = await run({ count: steps, spoilt: -1, size });
	clearInterval(watching);
	const messages = links.length * steps;
	console.log(
		`wide, m = ${middle}: ${messages} messages of ${megabytes} MB arrived whole in ${seconds.toFixed(1)} s ` +
			`(${((messages * size) / seconds / 1e9).toFixed(2)} GB/s); the region had at most ${(most / GIB).toFixed(1)} GiB of memory`,
	);
	process.exit();
}

async function handOver(): Promise<void> {
	const largest = Math.floor(3.9 * 2 ** 27) * 8;
	checkMemory(largest);
	using scratch = new Scratch();
	const from = new URL("./measures/hand-over.js", import.meta.url).href;
	const of = (name: string, role: PairOptions["role"], size: number) =>
		pair({ name, role, from, work: "hand-over-bulk", count: 2 ** 15, size });
	const contenders = [of("3.9 GiB", "dhmem", largest), of("64 B", "peer", 64)];
	const { figures } = await inTurn(contenders, scratch, 5, 1);
	for (const { name, median, least, most } of figures)
		console.log(
			`${name}: ${median.toFixed(2)} µs there and back (${least.toFixed(2)} to ${most.toFixed(2)})`,
		);
}

if (what === "wide") await wide(figures.map(Number));
else if (what === "hand-over") await handOver();
else {
	console.error("Usage: node dist/bench/large.js wide [MB] [M] [STEPS] | hand-over");
	process.exitCode = 2;
}
