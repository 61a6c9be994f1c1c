/** The descriptor for event loops in C, with Node on the other side. */
import { closeSync, ftruncateSync, openSync, readdirSync, readSync, writeSync } from "node:fs";
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { SLEEP_PIPE, SLEEP_UNREACHABLE, SLOT_BYTES, SLOT_SLEEP, SLOTS_START } from "../../assembly/layout.js";
import { Child } from "../fixture/index.js";
import { folderTest, Peer, peerTest } from "./peer.js";

/** So many that they would take minutes if each waited for the end of a time slice. */
const TURNS = 2000;

async function exchange(region: Region, peer: Peer): Promise<void> {
	await peer.ask("consumer there", "consumer");
	await peer.ask("producer there-back 0", "producer");
	const echoed = peer.ask(`echo there ${TURNS}`);
	const there = region.queue("there").producer();
	const back = region.queue("there-back").consumer();
	for (let i = 0; i < TURNS; i++) {
		there.sendSync(`message ${i}`);
		using message = await back.receive({ timeout: 10_000 });
		assert.is(message?.text(), `message ${i}`);
	}
	assert.is(await echoed, `message ${TURNS - 1}`);
}

function participant(region: Region, name: string) {
	const found = region.stats().participants.find(({ label }) => label === name);
	assert.ok(found, `no participant ${name}`);
	return found;
}

/** Where the word is that says how a participant sleeps, as an offset of the file. */
function sleepWord(region: Region, name: string): number {
	return SLOTS_START + participant(region, name).slot * SLOT_BYTES + SLOT_SLEEP;
}

function sleepOf(region: Region, name: string): number {
	const word = new Uint32Array(1);
	const file = openSync(region.path, "r");
	readSync(file, word, 0, 4, sleepWord(region, name));
	closeSync(file);
	return word[0] as number;
}

function pipesIn(folder: string): string[] {
	return readdirSync(folder).filter((name) => name.endsWith(".bell"));
}

folderTest("the descriptor becomes readable when Node sends, by a pipe", async (folder) => {
	using region = Region.open("event-loop", { directory: folder, size: "16MiB", lifetime: "last-close" });
	await using peer = await Peer.in(region);
	await exchange(region, peer);
	assert.is(pipesIn(folder).length, 2);
	assert.is(sleepOf(region, "peer") & SLEEP_PIPE, SLEEP_PIPE);
	await peer.ask("close", "closed");
	assert.is(pipesIn(folder).length, 1);
});

peerTest("a thread takes the place of a pipe that Node could not reach", async (region, peer) => {
	await peer.ask("consumer early", "consumer");
	const waiting = peer.ask("poll early 1");
	region.queue("early").producer().sendSync("first");
	assert.is(await waiting, "first");
	const file = openSync(region.path, "r+");
	writeSync(file, Uint8Array.of(SLEEP_UNREACHABLE | SLEEP_PIPE), 0, 1, sleepWord(region, "peer"));
	closeSync(file);
	await exchange(region, peer);
	assert.is(sleepOf(region, "peer") & SLEEP_PIPE, 0);
});

peerTest("whoever polls sees the end, a dead peer, and a truncated file", async (region, peer) => {
	await peer.ask("consumer ended", "consumer");
	const producer = region.queue("ended").producer();
	const ended = peer.ask("poll ended 1");
	producer.end();
	assert.is(await ended, "end");

	const victim = new Child(new URL("victim.js", import.meta.url).href, "holder", [region.name]);
	await victim.hear();
	await peer.ask("consumer steps", "consumer");
	assert.is(await peer.ask("poll steps 1"), "last words");
	const gone = peer.ask("poll steps 1");
	await victim.kill();
	assert.match(await gone, /^DHMEM_PEER_GONE /);
});

peerTest("whoever polls hears of a truncated file", async (region, peer) => {
	await peer.ask("consumer steps", "consumer");
	const truncated = peer.ask("poll steps 1");
	const file = openSync(region.path, "r+");
	ftruncateSync(file, 0);
	closeSync(file);
	assert.match(await truncated, /^DHMEM_TRUNCATED /);
});

peerTest("a mutex can be waited for by the descriptor", async (region, peer) => {
	const mutex = region.mutex("turn");
	for (let i = 0; i < 20; i++) {
		const held = mutex.lockSync();
		const locked = peer.ask("poll-lock turn");
		held.unlock();
		assert.is(await locked, "locked");
		await peer.ask("unlock turn", "unlocked");
	}
});

peerTest("C does not inherit what a late ringer wrote into its slot", async (region, peer) => {
	const at = sleepWord(region, "peer");
	await peer.ask("close", "closed");
	const file = openSync(region.path, "r+");
	writeSync(file, Uint8Array.of(SLEEP_UNREACHABLE), 0, 1, at);
	closeSync(file);
	await using next = await Peer.in(region, "next");
	assert.is(sleepWord(region, "next"), at);
	assert.is(sleepOf(region, "next"), 0);
	await next.ask("close", "closed");
});
