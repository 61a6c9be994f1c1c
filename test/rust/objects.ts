/** Named objects, records and mailboxes between Node and Rust, in both directions. */
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { folderTest, Peer, peerTest } from "../c/peer.js";
import { Child, codeOf } from "../fixture/index.js";

peerTest("structures and arrays are the same memory in Node and Rust", async (region, peer) => {
	const params = region.struct("params", { a: "f64", b: "f64", step: "u32" });
	params.b = 0.25;
	await peer.ask("set-params 0.5 7", "0.5 0.25 7");
	assert.equal({ ...params }, { a: 0.5, b: 0.25, step: 7 });
	await peer.ask("array grid f64[10,3]", "[10, 3]");
	const grid = region.array("grid", { dtype: "f64", shape: [10, 3] });
	grid.set(9, 2, 7);
	await peer.ask("get grid 29", "7");
	await peer.ask("set grid 1 0.125", "set");
	assert.is(grid.get(0, 1), 0.125);
	region.array("none", { dtype: "f64", shape: [0, 4] });
	await peer.ask("array none", "[0, 4]");
	assert.match(
		await peer.ask("array grid f64[10,4]"),
		/^DHMEM_TYPE_MISMATCH grid is an array f64\[10,3\], but was opened as an array f64\[10,4\]; /,
	);
	region.array("bytes", { dtype: "u8", shape: [8] });
	assert.match(await peer.ask("array bytes"), /^DHMEM_TYPE_MISMATCH bytes has the type u8\[8\], but was/);
	assert.match(await peer.ask("array missing"), /^DHMEM_NOT_FOUND There is no missing in /);
});

peerTest("tokens work in both directions, of arrays and of blocks", async (region, peer) => {
	const grid = region.array("grid", { dtype: "f64", shape: [4] });
	grid.set(3, 5);
	const token = String(region.save(grid));
	await peer.ask(`load loaded ${token}`, "[4]");
	await peer.ask("get loaded 3", "5");
	await peer.ask("token loaded", token);
	const block = region.allocate(3001);
	block.bytes.fill(9);
	const saved = String(region.save(block));
	await peer.ask(`load-block it ${saved}`, "3001 times 9");
	await peer.ask(`free-saved ${saved}`, "freed");
	assert.match(await peer.ask(`load-block it ${saved}`), /^DHMEM_BAD_HANDLE /);
	await peer.ask("allocate ours 5000 4", "allocated");
	const loaded = region.load(await peer.ask("save ours"));
	assert.is(loaded.kind, "block");
	if (loaded.kind === "block") {
		assert.ok(loaded.bytes.every((byte) => byte === 4));
		loaded.free();
	}
});

peerTest("what a killed Rust program had saved stays, and its clones go", async (region, peer) => {
	await peer.ask("allocate ours 5000 4", "allocated");
	await peer.ask("clone ours copy", "cloned");
	await peer.ask("bytes copy", "5000 times 4");
	await peer.ask("producer there 0", "producer");
	await peer.ask("send-clone ours there", "sent");
	await peer.ask("allocate saved 100 1", "allocated");
	const token = await peer.ask("save saved");
	await peer.ask("free ours", "freed");
	const consumer = region.queue("there").consumer();
	await peer.kill();
	region.recover();
	{
		using message = consumer.receiveSync({ timeout: 60_000 });
		assert.ok(message?.block?.bytes.every((byte) => byte === 4));
	}
	const loaded = region.load(token);
	if (loaded.kind === "block") loaded.free();
	const { used } = region.stats();
	consumer.close();
	region.remove("there");
	assert.ok(region.stats().used <= 1024, `${used} bytes were used`);
});

peerTest("a vector grows on both sides", async (region, peer) => {
	const vector = region.vector("residuals", "f64");
	await peer.ask("vector residuals", "f64");
	const appended = peer.ask("append residuals 0 1000");
	for (let i = 1000; i < 2000; i++) {
		vector.push(i);
		if (i % 100 === 0) await new Promise((next) => setImmediate(next));
	}
	assert.is(await appended, "appended");
	await peer.ask("sum residuals", "2000 numbers, 1999000");
	vector.push(-1);
	await peer.ask("pop-back residuals", "-1");
	await peer.ask("resize residuals 3", "resized");
	assert.is(vector.length, 3);
	vector.resize(0);
	await peer.ask("pop-back residuals", "empty");
	assert.match(await peer.ask("vector residuals u8"), /^DHMEM_TYPE_MISMATCH residuals is a vector of f64, /);
});

peerTest("a map is changed and read on both sides, and no update is lost", async (region, peer) => {
	const best = region.map("best", { key: "string", value: "f64" });
	best.set("größer", 2);
	await peer.ask("map best", "string to f64");
	await peer.ask("look best größer", "2");
	await peer.ask("look best nothing", "none");
	for (let i = 0; i < 100; i++) await peer.ask(`put best key-${i} ${i}`, "set");
	await peer.ask("entries best", `101 entries, ${8 + 10 * 5 + 90 * 6} bytes of keys, 4952`);
	await peer.ask("delete best key-1", "deleted");
	await peer.ask("delete best key-1", "missing");
	const counted = peer.ask("count-up best both 2000");
	for (let i = 0; i < 2000; i++) {
		best.update("both", (old) => (old ?? 0) + 1);
		if (i % 50 === 0) await new Promise((next) => setImmediate(next));
	}
	assert.is(await counted, "counted");
	assert.is(best.get("both"), 4000);
	const points = region.map("points", { key: "u64", value: { x: "f64", y: "f64" } });
	points.set(2n ** 64n - 1n, { x: 0.25, y: 3 });
	await peer.ask("points - 18446744073709551615 8", "0.25 3");
	assert.equal({ ...points.get(2n ** 64n - 1n) }, { x: 8, y: 0.5 });
});

peerTest("a map stays whole when Rust is killed while it changes it", async (region) => {
	const map = region.map("counts", { key: "string", value: "f64" });
	for (let kills = 0; kills < 5; kills++) {
		await using peer = await Peer.in(region);
		await peer.ask("map counts", "string to f64");
		const before = map.get("both") ?? 0;
		void peer.ask("count-up counts both 1000000").catch(() => {});
		while ((map.get("both") ?? 0) < before + 20) await new Promise((next) => setImmediate(next));
		await peer.kill();
		const after = map.get("both") as number;
		map.update("both", (old) => (old ?? 0) + 1);
		assert.is(map.get("both"), after + 1);
	}
});

peerTest("a condition wakes Rust, and Rust wakes Node", async (region, peer) => {
	const state = region.struct("state", { step: "f64" });
	const turn = region.mutex("turn");
	const changed = region.condition("changed");
	const reached = peer.ask("await changed 5");
	for (let step = 1; step <= 5; step++) {
		using held = await turn.lock({ timeout: 60_000 });
		state.step = step;
		changed.notifyAll();
		assert.ok(held);
	}
	assert.is(await reached, "reached");
	const held = await turn.lock({ timeout: 60_000 });
	const waiting = changed.wait(held, { until: () => state.step === 9, timeout: 60_000 });
	await peer.ask("change changed 8", "changed");
	await peer.ask("change changed 9", "changed");
	await waiting;
	held.unlock();
	assert.match(await peer.ask("await changed 100 30"), /^DHMEM_TIMEOUT Waited 30 ms for condition changed; /);
});

peerTest("Node and Rust drop messages alike, with their blocks", async (region, peer) => {
	await peer.ask("mail-producer back 3", "producer");
	await peer.ask("mail-consumer there 3", "consumer");
	const used = region.stats().used;
	for (let i = 0; i < 10; i++) await peer.ask(`block back 100000 ${i} message ${i}`, "sent");
	const back = region.queue("back").consumer();
	for (let i = 7; i < 10; i++) {
		using message = back.receiveSync({ timeout: 60_000 });
		assert.is(message?.text(), `message ${i}`);
		assert.ok(message?.block?.bytes.every((byte) => byte === i));
	}
	const there = region.queue("there").producer();
	for (let i = 0; i < 10; i++) {
		const block = region.allocate(1000);
		block.bytes.fill(i);
		there.sendSync(`message ${i}`, { block });
	}
	await peer.ask("receive there 60000", "message message 7, block 1000 times 7");
	await peer.ask("take there 60000", "message message 8, block 1000 times 8");
	there.end();
	await peer.ask("receive there 60000", "message message 9, block 1000 times 9");
	await peer.ask("receive there 60000", "end");
	await peer.ask("leave there", "left");
	assert.ok(region.stats().used <= used + 2048, `${region.stats().used} bytes are used, before ${used}`);
	await peer.ask("mail-producer newest 0", "producer");
	for (const text of ["old", "newest"]) await peer.ask(`send newest ${text}`, "sent");
	using newest = region.queue("newest", { policy: "latest" }).consumer().tryReceive();
	assert.is(newest?.text(), "newest");
});

peerTest("numbers go through a queue of records, in both directions", async (region, peer) => {
	const count = 20_000;
	const sum = (count * (count - 1)) / 2;
	await peer.ask("pop-from there", "consumer");
	await peer.ask("push-to back", "producer");
	const there = region.queue("there", { record: "f64", capacity: 4096 }).producer();
	const popped = peer.ask(`pop there ${count}`);
	const numbers = Float64Array.from({ length: count }, (_, index) => index);
	for (let sent = 0; sent < count; ) {
		const pushed = there.pushMany(numbers.subarray(sent));
		sent += pushed;
		if (pushed === 0) await there.wait({ timeout: 60_000 });
	}
	assert.is(await popped, String(sum));
	there.end();
	await peer.ask("pop there 1", "end");

	const pushing = peer.ask(`push back 0 ${count}`);
	const back = region.queue("back", { record: "f64" }).consumer();
	const batch = new Float64Array(1000);
	let received = 0;
	let total = 0;
	while (received < count) {
		await back.wait({ timeout: 60_000 });
		const here = back.popInto(batch);
		received += here;
		for (const number of batch.subarray(0, here)) total += number;
	}
	assert.is(total, sum);
	assert.is(await pushing, "pushed");
	await peer.ask("end-records back", "ended");
	assert.is(await back.wait({ timeout: 60_000 }), false);
	assert.is(
		codeOf(() => region.queue("back", { record: "u8" })),
		"DHMEM_TYPE_MISMATCH",
	);
});

peerTest("what a killed Node had sent reaches Rust", async (region, peer) => {
	const victim = new Child(new URL("../c/victim.js", import.meta.url).href, "sender", [region.name]);
	await victim.hear();
	await peer.ask("mail-consumer view 0", "consumer");
	await peer.ask("pop-from numbers", "consumer");
	await victim.kill();
	await peer.ask("receive view 60000", "message last view");
	await peer.ask("pop numbers 3", "18");
	assert.match(await peer.ask("pop numbers 1"), /^DHMEM_PEER_GONE /);
});

folderTest("Rust reads a region without being a participant, and changes nothing", async (directory) => {
	using region = Region.open("read", { directory, size: "16MiB" });
	const grid = region.array("grid", { dtype: "f64", shape: [4] });
	grid.set(3, 5);
	await using peer = new Peer();
	await peer.ask(`read-only ${region.path}`, "open");
	assert.is(region.stats().participants.length, 1);
	await peer.ask("array grid", "[4]");
	await peer.ask("get grid 3", "5");
	grid.set(3, 6);
	await peer.ask("get grid 3", "6");
	for (const command of ["producer steps 0", "lock m 0", "allocate x 100 1", "trim", "array new f64[4]"])
		assert.match(await peer.ask(command), /^DHMEM_READ_ONLY /);
	await peer.ask("close", "closed");
});
