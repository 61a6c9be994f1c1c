/** Blocks beyond the first 4 GiB of a region, between Node and C, or Python in its place. */
import { closeSync, ftruncateSync, openSync } from "node:fs";
import { join } from "node:path";
import { type Block, Region } from "dhmem";
import * as assert from "uvu/assert";
import { folderTest, Peer } from "./peer.js";

/** Large enough for the bulk space, and not a multiple of its spans. */
const LENGTH = (8 << 20) + 1000;
const HEAP = 2 ** 32;

function bulkTest(title: string, body: (region: Region, peer: Peer) => Promise<void>): void {
	folderTest(title, async (directory) => {
		using region = Region.open("large", { directory, size: "16GiB" });
		await using peer = await Peer.in(region);
		await body(region, peer);
	});
}

function hasOnly(bytes: Uint8Array, byte: number): boolean {
	return bytes.length === LENGTH && bytes.every((each) => each === byte);
}

bulkTest("blocks in the bulk space are handed over in both directions", async (region, peer) => {
	await peer.ask("consumer there", "consumer");
	await peer.ask("producer back 0", "producer");
	const there = region.queue("there").producer();
	const back = region.queue("back").consumer();
	for (const how of ["receive", "take"]) {
		const block = region.allocate(LENGTH);
		block.bytes.fill(7);
		there.sendSync("a field", { block });
		await peer.ask(`${how} there 60000`, `message a field, block ${LENGTH} times 7`);
	}
	const original = region.allocate(LENGTH);
	original.bytes.fill(8);
	there.sendSync("a clone", { block: original.clone() });
	await peer.ask("receive there 60000", `message a clone, block ${LENGTH} times 8`);
	original.free();
	await peer.ask(`block back ${LENGTH} 9 from the peer`, "sent");
	const taken = back.receiveSync({ timeout: 60_000 })?.take();
	assert.ok(hasOnly(taken?.bytes as Uint8Array, 9));
	taken?.free();
	assert.is(region.stats().bulk, 0);
});

bulkTest("large messages travel through the bulk space in both directions", async (region, peer) => {
	await peer.ask("consumer there", "consumer");
	await peer.ask("producer back 0", "producer");
	region.queue("there").producer().sendSync(new Uint8Array(LENGTH).fill(3));
	await peer.ask("receive there 60000", `${LENGTH} times 3`);
	await peer.ask(`large back ${LENGTH} 4`, "sent");
	const message = region.queue("back").consumer().receiveSync({ timeout: 60_000 });
	assert.ok(hasOnly(message?.bytes as Uint8Array, 4));
	message?.release();
	assert.is(region.stats().bulk, 0);
});

bulkTest("tokens of blocks in the bulk space work on both sides, and for readers", async (region, peer) => {
	const block = region.allocate(LENGTH);
	block.bytes.fill(5);
	const token = String(region.save(block));
	await peer.ask(`load-block theirs ${token}`, `${LENGTH} times 5`);
	await peer.ask(`allocate mine ${LENGTH} 6`);
	await peer.ask("clone mine copy");
	const saved = await peer.ask("save copy");
	await peer.ask("free mine");
	assert.ok(hasOnly((region.load(saved) as Block).bytes, 6));
	{
		await using reader = new Peer();
		await reader.ask(`open-as ${region.path} 4`, "open");
		await reader.ask(`load-block it ${saved}`, `${LENGTH} times 6`);
	}
	await peer.ask(`free-saved ${token}`);
	await peer.ask(`free-saved ${saved}`);
	assert.is(region.stats().bulk, 0);
});

bulkTest("an array in the bulk space is the same memory on both sides", async (region, peer) => {
	const grid = region.array("grid", { dtype: "f64", shape: [2 ** 20 + 1] });
	grid.set(2 ** 20, 0.5);
	await peer.ask("array grid");
	await peer.ask("get grid 1048576", "0.5");
	await peer.ask("set grid 1048575 2.5");
	assert.is(grid.get(2 ** 20 - 1), 2.5);
	await peer.ask("array theirs f64[1048577]");
	await peer.ask("set theirs 1048576 7");
	assert.equal([...(region.array("theirs").data.subarray(-2) as Float64Array)], [0, 7]);
});

bulkTest("what a killed participant has in the bulk space is freed", async (region, peer) => {
	await peer.ask("producer back 0", "producer");
	await peer.ask(`allocate it ${LENGTH} 6`);
	await peer.ask("clone it copy");
	await peer.ask(`block back ${LENGTH} 9 sent before`, "sent");
	assert.is(region.stats().bulk, 2 * 5 * (2 << 20));
	await peer.kill();
	region.recover();
	assert.is(region.stats().bulk, 5 * (2 << 20));
	using message = region.queue("back").consumer().tryReceive();
	assert.ok(hasOnly(message?.block?.bytes as Uint8Array, 9));
});

bulkTest("a file that is truncated to its heap ends the participant with its code", async (region, peer) => {
	await peer.ask("consumer there", "consumer");
	const block = region.allocate(LENGTH);
	block.bytes.fill(7);
	region.queue("there").producer().sendSync("it", { block });
	await peer.ask(`allocate mine ${LENGTH} 6`);
	const file = openSync(region.path, "r+");
	ftruncateSync(file, HEAP);
	closeSync(file);
	const seen = await peer.ask("bytes mine");
	assert.match(seen, /^8389608 times 0$|^DHMEM_TRUNCATED /);
	assert.match(
		await peer.ask("receive there 100"),
		/^DHMEM_TRUNCATED Another program truncated .* to 4294967296/,
	);
	await peer.ask("close", "closed");
});

folderTest("a peer makes a region with a bulk space, which Node opens", async (directory) => {
	await using peer = new Peer();
	await peer.ask(`create ${join(directory, "made.dhmem")} 6`, "open");
	using region = Region.open("made", { directory, mode: "open" });
	assert.is(region.size, 6 * 2 ** 30);
	await peer.ask(`allocate it ${LENGTH} 6`);
	const token = await peer.ask("save it");
	assert.ok(hasOnly((region.load(token) as Block).bytes, 6));
	assert.match(await peer.ask("allocate large 4294967296 1"), /^DHMEM_REGION_FULL .* as no block has 4 GiB$/);
	await peer.ask(`free-saved ${token}`);
	await peer.ask("trim");
	assert.is(region.stats().trimmable, 0);
});
