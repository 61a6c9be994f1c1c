/** Programs in Go that wait by the descriptor, and that are killed again and again. */
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { exchangeWhileKilled } from "../c/chaos.js";
import { folderTest, peerTest } from "../c/peer.js";

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

folderTest(
	`no message and no byte is lost while two of each of Go and Node are killed for ${SECONDS} s`,
	async (directory) => {
		using region = Region.open("chaos", { directory, size: "16MiB", mode: "create" });
		const languages = ["Go", "Node", "Go", "Node"] as const;
		const { failures, account } = await exchangeWhileKilled(region, {
			languages,
			seconds: SECONDS,
			seed: SECONDS,
		});
		assert.equal(failures, []);
		console.log(account);
	},
	SECONDS * 1000 + 400_000,
);
