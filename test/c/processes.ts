/** Programs in C that fork, that are killed again and again, and the first program of the library's page. */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { exchangeWhileKilled } from "./chaos.js";
import { folderTest, peerTest } from "./peer.js";

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

folderTest(
	`no message and no byte is lost while two of each of C and Node are killed for ${SECONDS} s`,
	async (directory) => {
		using region = Region.open("chaos", { directory, size: "16MiB", mode: "create" });
		const languages = ["C", "Node", "C", "Node"] as const;
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
