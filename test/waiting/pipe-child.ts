/** What the other processes and worker threads do in the tests of pipes. */
import { openSync } from "node:fs";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { Region, type RegionOptions } from "dhmem";
import { becomeUser, type Scenario, serve, type Talk } from "../fixture/index.js";

/** Takes every descriptor that this process may have. */
function takeDescriptors(): void {
	try {
		for (;;) openSync("/dev/null", "r");
	} catch {
		// There are none left.
	}
}

/** Answers every message of "ping" with one in "pong", until the end: "user N" as this user, "full" without descriptors. */
async function answer(talk: Talk, directory: string, how = "", options = "{}"): Promise<unknown> {
	if (how.startsWith("user ")) becomeUser(Number(how.slice(5)));
	const region = Region.open("waiting", { directory, ...(JSON.parse(options) as RegionOptions) });
	const pings = region.queue("ping").consumer();
	const pongs = region.queue("pong").producer();
	talk.say("ready");
	if (how === "full") takeDescriptors();
	let count = 0;
	for await (const ping of pings) {
		const text = ping.text();
		ping.release();
		pongs.trySend(text);
		count++;
	}
	region.close();
	return count;
}

/** Sends to "blocking", and then to "pending", each time that it is told. */
async function sendBoth(talk: Talk, directory: string): Promise<unknown> {
	const region = Region.open("waiting", { directory });
	const blocking = region.queue("blocking").producer();
	const pending = region.queue("pending").producer();
	const told = region.queue("told").consumer();
	talk.say("ready");
	for await (const word of told) {
		word.release();
		blocking.trySend("x");
		pending.trySend("y");
	}
	return "done";
}

const scenarios: Record<string, Scenario> = { answer: answer as Scenario, sendBoth: sendBoth as Scenario };

if (isMainThread) serve(import.meta.url, scenarios);
else if (workerData?.scenario !== undefined) {
	const { scenario, parameters } = workerData as { scenario: string; parameters: string[] };
	const talk: Talk = {
		say: (value) => parentPort?.postMessage(value),
		hear: () => new Promise((resolve) => parentPort?.once("message", resolve)),
	};
	Promise.resolve(scenarios[scenario]?.(talk, ...parameters)).then((result) => talk.say(result));
}
