/** Programs in C that fork, that are killed again and again, and the first program of the library's page. */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { Random } from "../../conformance/traces/random.js";
import { Child } from "../fixture/index.js";
import { QUEUES, STOP } from "./chaos-node.js";
import { folderTest, Peer, peerTest } from "./peer.js";

const FIRST = join(dirname(process.env.DHMEM_C_PEER ?? ""), "first");
/** Seconds of kills. */
const SECONDS = Number(process.env.DHMEM_C_KILLS ?? 10);

folderTest("the first program of the page receives what its counterpart in Node sends", async (directory) => {
	using region = Region.open("climate", { directory, size: "16MiB" });
	const program = spawn(FIRST, [], {
		env: { ...process.env, DHMEM_DIR: directory },
		stdio: ["ignore", "pipe", "inherit"],
	});
	const said = text(program.stdout);
	using steps = region.queue("steps").producer();
	for (let i = 0; i < 10; i++) await steps.send(`step ${i}`);
	steps.end();
	assert.is(await said, Array.from({ length: 10 }, (_, i) => `step ${i}\n`).join(""));
});

peerTest(
	"a forked child can't use its parent's opening, and does not keep it alive",
	async (region, peer) => {
		await peer.ask("producer steps 0", "producer");
		const child = Number(await peer.ask("fork steps"));
		assert.ok(child > 0);
		try {
			const fromChild = region.queue("child").consumer();
			assert.is(fromChild.receiveSync({ timeout: 10_000 })?.text(), "from the child");
			await peer.ask("send steps from the parent", "sent");
			const consumer = region.queue("steps").consumer();
			assert.is(consumer.receiveSync({ timeout: 10_000 })?.text(), "from the parent");
			await peer.kill();
			region.recover();
			assert.is(region.stats().participants.length, 1);
		} finally {
			process.kill(child, "SIGKILL");
		}
	},
);

/** A process that exchanges messages, in C or in Node. */
interface Exchanger {
	done: Promise<unknown>;
	kill(): Promise<void>;
}

async function start(region: Region, index: number): Promise<Exchanger> {
	const out = index;
	const input = index ^ 1;
	if (index % 2 === 1) {
		const child = new Child(new URL("chaos-node.js", import.meta.url).href, "chaos", [
			region.name,
			out,
			input,
		]);
		await child.hear();
		return { done: child.hear(), kill: () => child.kill().then(() => {}) };
	}
	const peer = await Peer.in(region, `c-${index}`);
	return { done: peer.ask(`chaos ${out} ${input}`), kill: () => peer.kill() };
}

peerTest(
	`no message and no byte is lost while two of each of C and Node are killed for ${SECONDS} s`,
	async (region, peer) => {
		await peer.ask("close", "closed");
		const progress = region.array("progress", { dtype: "f64", shape: [STOP + 1] });
		const random = new Random(SECONDS);
		const exchangers = await Promise.all(Array.from({ length: QUEUES }, (_, index) => start(region, index)));
		const failures: unknown[] = [];
		/** Kills are no failures; what a process says before that is. */
		const watch = ({ done }: Exchanger) =>
			void done.then(
				(said) => said !== "exchanged" && !String(said).startsWith("no answer") && failures.push(said),
				(error) => !String(error).includes("SIGKILL") && failures.push(error),
			);
		exchangers.forEach(watch);
		const until = Date.now() + SECONDS * 1000;
		let kills = 0;
		while (Date.now() < until && failures.length === 0) {
			await new Promise((next) => setTimeout(next, random.below(300)));
			const index = random.below(QUEUES);
			await exchangers[index]?.kill();
			exchangers[index] = await start(region, index);
			watch(exchangers[index] as Exchanger);
			kills++;
		}
		progress.data[STOP] = 1;
		// One that was killed between sending and noting it has sent one more.
		const isDrained = () =>
			Array.from({ length: QUEUES }, (_, index) => index).every(
				(index) => (progress.data[2 * index] as number) <= (progress.data[2 * index + 1] as number),
			);
		while (!isDrained() && failures.length === 0) await new Promise((next) => setTimeout(next, 10));
		progress.data[STOP] = 2;
		if (failures.length === 0) await Promise.all(exchangers.map(({ done }) => done));
		for (const exchanger of exchangers) await exchanger.kill();
		assert.equal(failures, []);
		console.log(`${kills} kills; ${progress.data.subarray(0, STOP).join(", ")} messages sent and received`);
		region.recover();
		for (let index = 0; index < QUEUES; index++) region.remove(`queue-${index}`);
		region.remove("progress");
		assert.is(region.stats().used, 0);
	},
	SECONDS * 1000 + 120_000,
);
