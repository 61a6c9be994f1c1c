/** One end: `node end.js CARRIER END PLACE BYTES`. It does one job after another. */
import type { Channel, OpenChannel } from "./channel.js";

/** `stream`: `a` sends `count` messages. `trips`: it sends one at a time, and waits for an answer of 8 bytes. */
export interface Job {
	readonly kind: "stream" | "trips";
	readonly count: number;
}

/** Times of the clock that all processes of a machine share, in seconds. */
export interface Done {
	readonly started: number;
	readonly ended: number;
	/** Seconds of processor time that it took. */
	readonly cpu: number;
	/** Milliseconds of each round trip. */
	readonly trips: readonly number[];
}

export type Answer = "ready" | Done | { readonly failure: string };

const ANSWER = 8;
const [carrier = "", end = "a", place = "", size = ""] = process.argv.slice(2);
const isA = end === "a";
const bytes = Number(size);
const tell = (answer: Answer) => process.send?.(answer);
const now = () => Number(process.hrtime.bigint()) / 1e9;
/** Both ends count the messages of each direction. */
let sent = 0;
let received = 0;

async function stream(channel: Channel, count: number): Promise<void> {
	for (let i = 0; i < count; i++)
		await (isA ? channel.send(sent++, bytes) : channel.receive(received++, bytes));
	await channel.flush();
}

async function trips(channel: Channel, count: number): Promise<number[]> {
	const times: number[] = [];
	for (let i = 0; i < count; i++) {
		const started = now();
		if (isA) {
			await channel.send(sent++, bytes);
			await channel.receive(received++, ANSWER);
		} else {
			await channel.receive(received++, bytes);
			await channel.send(sent++, ANSWER);
		}
		times.push((now() - started) * 1000);
	}
	await channel.flush();
	return times;
}

async function run(channel: Channel, { kind, count }: Job): Promise<Done> {
	const before = process.cpuUsage();
	const started = now();
	const times = kind === "trips" ? await trips(channel, count) : [];
	if (kind === "stream") await stream(channel, count);
	const ended = now();
	const { user, system } = process.cpuUsage(before);
	return { started, ended, cpu: (user + system) / 1e6, trips: times };
}

async function begin(): Promise<void> {
	const { open } = (await import(carrier)) as { open: OpenChannel };
	const channel = await open(isA ? "a" : "b", place, bytes);
	process.on("message", async (job: Job | "close") => {
		try {
			if (job !== "close") return tell(await run(channel, job));
			await channel.close();
			process.exit();
		} catch (error) {
			tell({ failure: (error as Error).message });
		}
	});
	tell("ready");
}

process.once("disconnect", () => process.exit(1));
begin().catch((error) => tell({ failure: (error as Error).message }));
