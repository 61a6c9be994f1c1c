/** What a wait at a condition tells of a holder that died meanwhile. */
import type { Region } from "dhmem";
import * as assert from "uvu/assert";
import { Child } from "../fixture/index.js";
import { type Peer, peerTest } from "./peer.js";

/** The peer waits at a condition, and a process that has the mutex then is killed. */
async function killHolder(region: Region, peer: Peer) {
	const state = region.struct("state", { step: "f64" });
	const watched = peer.ask("watch changed");
	const looked = async () => {
		for (const { step } = state; state.step === step; ) await new Promise((next) => setImmediate(next));
	};
	await looked();
	const victim = new Child(new URL("victim.js", import.meta.url).href, "holder", [region.name]);
	await victim.hear();
	return { state, watched, looked, kill: () => victim.kill() };
}

peerTest("who waits at a condition learns that a holder died meanwhile", async (region, peer) => {
	const { state, watched, kill } = await killHolder(region, peer);
	state.step = -1;
	await kill();
	assert.is(await watched, "abandoned");
});

peerTest("a wait that goes on leaves the news of a dead holder to the next one", async (region, peer) => {
	const { state, watched, looked, kill } = await killHolder(region, peer);
	await kill();
	await looked();
	const held = await region.mutex("turn").lock({ timeout: 60_000 });
	assert.is(held.abandoned, true);
	state.step = -1;
	held.unlock();
	assert.is(await watched, "whole");
});
