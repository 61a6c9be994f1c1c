/** Programs in Go that wait by the descriptor, and that are killed again and again. */
import type { Region } from "dhmem";
import * as assert from "uvu/assert";
import { Random } from "../../conformance/traces/random.js";
import { QUEUES, STOP } from "../c/chaos-node.js";
import { Peer, peerTest } from "../c/peer.js";
import { Child } from "../fixture/index.js";

/** Seconds of kills. */
const SECONDS = Number(process.env.DHMEM_GO_KILLS ?? 3);

/** So many that they would take minutes if each waited for the end of a time slice. */
const TURNS = 2000;

peerTest("a message and its answer cross as often as they are sent", async (region, peer) => {
	await peer.ask("consumer there 0", "consumer");
	await peer.ask("producer there-back 0", "producer");
	const echoed = peer.ask(`echo there ${TURNS}`);
	const there = region.queue("there").producer();
	const back = region.queue("there-back").consumer();
	for (let i = 0; i < TURNS; i++) {
		there.trySend(String(i));
		using message = await back.receive({ timeout: 60_000 });
		assert.is(message?.text(), String(i));
	}
	assert.is(await echoed, String(TURNS - 1));
});

/** A process that exchanges messages, in Go or in Node. */
interface Exchanger {
	done: Promise<unknown>;
	kill(): Promise<void>;
}

async function start(region: Region, index: number): Promise<Exchanger> {
	const input = index ^ 1;
	if (index % 2 === 1) {
		const child = new Child(new URL("../c/chaos-node.js", import.meta.url).href, "chaos", [
			region.name,
			index,
			input,
		]);
		await child.hear();
		return { done: child.hear(), kill: () => child.kill().then(() => {}) };
	}
	const peer = await Peer.in(region, `go-${index}`);
	return { done: peer.ask(`chaos ${index} ${input}`), kill: () => peer.kill() };
}

peerTest(
	`no message and no byte is lost while two of each of Go and Node are killed for ${SECONDS} s`,
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
		/** A sender that was killed last may not have noted its last message. */
		const isDrained = () =>
			Array.from({ length: QUEUES }, (_, index) => progress.data.subarray(2 * index, 2 * index + 2)).every(
				([sent = 0, received = 0]) => received === sent || received === sent + 1,
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
	SECONDS * 1000 + 180_000,
);
