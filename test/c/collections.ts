/** Vectors, maps and conditions, between Node and C. */
import type { SharedMap } from "dhmem";
import * as assert from "uvu/assert";
import { Child } from "../fixture/index.js";
import { Peer, peerTest } from "./peer.js";

peerTest("a vector grows on both sides", async (region, peer) => {
	const vector = region.vector("residuals", "f64");
	await peer.ask("vector residuals f64", "f64");
	const appended = peer.ask("append residuals 0 1000");
	for (let i = 1000; i < 2000; i++) {
		vector.push(i);
		if (i % 100 === 0) await Promise.resolve();
	}
	assert.is(await appended, "appended");
	await peer.ask("sum residuals", "2000 numbers, 1999000");
	assert.is(
		[...vector].reduce((sum, number) => sum + number, 0),
		1_999_000,
	);
	vector.push(-1);
	await peer.ask("pop-back residuals", "-1");
	await peer.ask("resize residuals 3", "resized");
	assert.is(vector.length, 3);
	vector.resize(0);
	await peer.ask("pop-back residuals", "empty");
	await peer.ask("resize residuals 2", "resized");
	assert.equal([...vector], [0, 0]);
	const loaded = region.load(await peer.ask("vector-token residuals"));
	assert.is(loaded.kind, "vector");
	assert.match(
		await peer.ask("vector residuals u8"),
		/^DHMEM_TYPE_MISMATCH residuals is a vector of f64, but was opened as/,
	);
	assert.match(await peer.ask("vector residuals {x:u8}"), /^DHMEM_BAD_ARGUMENT /);
});

peerTest("a map is changed and read on both sides", async (region, peer) => {
	const best = region.map("best", { key: "string", value: "f64" });
	best.set("run 7", 0.25).set("größer", 2);
	await peer.ask("map best", "string to f64");
	await peer.ask("look best größer", "2");
	assert.match(
		await peer.ask("look best nothing"),
		/^DHMEM_NOT_FOUND Map best has no such key; set it first/,
	);
	await peer.ask("put best größer 3", "set");
	assert.is(best.get("größer"), 3);
	for (let i = 0; i < 300; i++) await peer.ask(`put best key-${i} ${i}`, "set");
	assert.is(best.size, 302);
	assert.is(best.get("key-299"), 299);
	await peer.ask(
		"entries best",
		`302 entries, ${5 + 8 + 10 * 5 + 90 * 6 + 200 * 7} bytes of keys, ${44_850 + 3.25}`,
	);
	for (let i = 0; i < 300; i += 2) best.delete(`key-${i}`);
	await peer.ask("delete best key-1", "deleted");
	await peer.ask("delete best key-2", "missing");
	assert.is(best.size, 151);

	await peer.ask("map numbers u64 string", "u64 to string");
	await peer.ask("put numbers 18446744073709551615 many words", "set");
	const numbers = region.map("numbers", { key: "u64", value: "string" });
	assert.is(numbers.get(2n ** 64n - 1n), "many words");
	numbers.set(1n, "x".repeat(100));
	await peer.ask("look numbers 1", "100 bytes");
	await peer.ask("map points u32 { x: f64, y: f64 }", "u32 to { x: f64, y: f64 }");
	region.map("points", { key: "u32", value: { x: "f64", y: "f64" } });
	assert.match(
		await peer.ask("map points u32 { x: f64 }"),
		/^DHMEM_TYPE_MISMATCH points is a map from u32 to { x: f64, y: f64 }, but was opened as a map from u32 to { x: f64 }/,
	);
	assert.match(
		await peer.ask("map points f64 f64"),
		/^DHMEM_BAD_ARGUMENT The map is from "f64" to "f64"; keys must/,
	);
	await peer.ask("map binary string bytes", "string to bytes");
	assert.match(await peer.ask(`put binary ${"k".repeat(99)}\xff v`), /^set|^DHMEM_BAD_ARGUMENT/);
});

async function countUp(map: SharedMap<"string", "f64">, count: number): Promise<void> {
	for (let i = 0; i < count; i++) {
		map.update("both", (old) => (old ?? 0) + 1);
		if (i % 50 === 0) await new Promise((next) => setImmediate(next));
	}
}

peerTest("no update of a map is lost when Node and C make them at once", async (region, peer) => {
	const map = region.map("counts", { key: "string", value: "f64" });
	await peer.ask("map counts string f64", "string to f64");
	const counted = peer.ask("count-up counts both 2000");
	await countUp(map, 2000);
	assert.is(await counted, "counted");
	assert.is(map.get("both"), 4000);
	await peer.ask("look counts both", "4000");
});

peerTest("a map and a vector stay whole when C is killed while it changes them", async (region) => {
	const map = region.map("counts", { key: "string", value: "f64" });
	const vector = region.vector("numbers", "f64");
	for (let kills = 0; kills < 5; kills++) {
		await using peer = await Peer.in(region);
		await peer.ask("map counts", "string to f64");
		await peer.ask("vector numbers", "f64");
		const before = map.get("both") ?? 0;
		void peer.ask("count-up counts both 1000000").catch(() => {});
		while ((map.get("both") ?? 0) < before + 20) await new Promise((next) => setImmediate(next));
		await peer.kill();
		const after = map.get("both") as number;
		map.update("both", (old) => (old ?? 0) + 1);
		assert.is(map.get("both"), after + 1);
		vector.push(kills);
		assert.is(vector.length, kills + 1);
	}
});

peerTest("a condition wakes C, and C wakes Node", async (region, peer) => {
	const state = region.struct("state", { step: "f64" });
	const turn = region.mutex("turn");
	const changed = region.condition("changed");
	const reached = peer.ask("await changed 5");
	for (let step = 1; step <= 5; step++) {
		using held = await turn.lock({ timeout: 10_000 });
		state.step = step;
		changed.notifyAll();
		assert.ok(held);
	}
	assert.is(await reached, "reached");
	const held = await turn.lock({ timeout: 10_000 });
	const waiting = changed.wait(held, { until: () => state.step === 9, timeout: 10_000 });
	await peer.ask("change changed 8", "changed");
	await peer.ask("change changed 9", "changed");
	await waiting;
	held.unlock();
	assert.match(await peer.ask("await changed 100 30"), /^DHMEM_TIMEOUT Waited 30 ms for condition changed; /);
});

peerTest(
	"a thread that waits at a condition waits for another thread of its opening that locks the mutex",
	async (_region, peer) => {
		for (let step = 1; step <= 5; step++) await peer.ask(`await-beside changed ${step}`, "reached");
	},
);

peerTest("who waits at a condition goes on after Node was killed with the mutex", async (region, peer) => {
	const victim = new Child(new URL("victim.js", import.meta.url).href, "holder", [region.name]);
	await victim.hear();
	const reached = peer.ask("await changed 0");
	await victim.kill();
	assert.is(await reached, "reached");
});

peerTest("a condition can be waited for by the descriptor", async (region, peer) => {
	// So many that they would take minutes if each waited for the end of a time slice.
	const turns = 2000;
	const state = region.struct("state", { step: "f64" });
	const turn = region.mutex("turn");
	const changed = region.condition("changed");
	const turned = peer.ask(`poll-turns changed ${turns}`);
	for (let i = 0; i < turns; i++) {
		using held = turn.lockSync({ timeout: 60_000 });
		state.step++;
		changed.notifyAll();
		changed.waitSync(held, { until: () => state.step === 2 * i + 2, timeout: 60_000 });
	}
	assert.is(await turned, "turned");
});
