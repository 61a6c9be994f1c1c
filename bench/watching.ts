/**
 * Does a queue become slower when its region is watched? A queue between two processes runs by turns of 0.4 s with and
 * without a watcher, and each pair of turns gives a ratio. `node dist/bench/watching.js [SECONDS BETWEEN TWO LOOKS]`
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { type Producer, Region } from "dhmem";
import { Watcher } from "../src/inspect/watcher.js";

const ROUNDS = 100;
const TURN = 400;
/** What a message costs is measured in the time of the producer's processor: others on the machine change that least. */
const MESSAGES = Array.from({ length: 256 }, () => new Uint8Array(64));

const [role, ...parameters] = process.argv.slice(2);
if (role === "consume") await consume(parameters[0] as string);
else if (role === "watch") watch(parameters[0] as string, parameters[1] as string);
else await measure(Number(role ?? 0.05));

async function consume(name: string): Promise<void> {
	const region = Region.open(name, { mode: "open" });
	let received = 0;
	for await (const batch of region.queue("q").consumer().batches(MESSAGES.length)) received += batch.length;
	region.close();
	process.exit(received > 0 ? 0 : 1);
}

/** Looks as often as the parent says, in milliseconds; 0 is never. */
function watch(name: string, directory: string): void {
	const watcher = new Watcher(directory, "owner", [name]);
	let timer: NodeJS.Timeout | undefined;
	process.on("message", (interval: number) => {
		clearInterval(timer);
		if (interval > 0) timer = setInterval(() => watcher.snapshot(), interval);
		process.send?.("ready");
	});
}

/** Messages sent in each millisecond of this process's time. */
function send(producer: Producer): number {
	const end = performance.now() + TURN;
	const before = process.cpuUsage();
	let sent = 0;
	while (performance.now() < end) sent += producer.sendMany(MESSAGES);
	const { user, system } = process.cpuUsage(before);
	return sent / ((user + system) / 1000);
}

async function tell(watcher: ChildProcess, interval: number): Promise<void> {
	watcher.send(interval);
	await once(watcher, "message");
}

async function measure(seconds: number): Promise<void> {
	const region = Region.temporary({ size: "64MiB" });
	const producer = region.queue("q", { capacity: "1MiB" }).producer();
	const start = (as: string) => fork(fileURLToPath(import.meta.url), [as, region.name, dirname(region.path)]);
	const [consumer, watcher] = [start("consume"), start("watch")];
	send(producer);
	const ratios: number[] = [];
	for (let round = 0; round < ROUNDS; round++) {
		const rates = { watched: 0, alone: 0 };
		for (const turn of round % 2 === 0 ? (["watched", "alone"] as const) : (["alone", "watched"] as const)) {
			await tell(watcher, turn === "watched" ? seconds * 1000 : 0);
			rates[turn] = send(producer);
		}
		ratios.push(rates.watched / rates.alone);
	}
	watcher.kill();
	producer.end();
	await once(consumer, "exit");
	region.close();
	ratios.sort((a, b) => a - b);
	const [low, median, high] = [0.25, 0.5, 0.75].map((share) =>
		ratios[Math.floor(share * ratios.length)]?.toFixed(3),
	);
	console.log(
		`watched every ${seconds} s, the producer sends ${median} × as many messages in its time (${low} to ${high})`,
	);
}
