/** Queues that drop messages, records, and named objects, between Node and Go. */
import * as assert from "uvu/assert";
import { Peer, peerTest } from "../c/peer.js";

peerTest("Node and Go drop messages alike", async (region, peer) => {
	await peer.ask("mail-producer back 3", "producer");
	for (let i = 0; i < 10; i++) await peer.ask(`block back 1000 ${i} message ${i}`, "sent");
	await peer.ask("end back", "ended");
	const texts: string[] = [];
	for await (const message of region.queue("back", { policy: "drop-oldest", keep: 3 }).consumer()) {
		texts.push(message.text());
		assert.ok(message.block?.bytes.every((byte) => byte === texts.length + 6));
	}
	assert.equal(texts, ["message 7", "message 8", "message 9"]);
	await peer.ask("mail-consumer there 0", "consumer");
	const there = region.queue("there", { policy: "latest" }).producer();
	for (const text of ["old", "latest"]) there.sendSync(text);
	await peer.ask("receive there 10000", "message latest");
	assert.match(
		await peer.ask("receive there 0"),
		/^DHMEM_TIMEOUT Waited 0 ms for a message from queue there; /,
	);
});

peerTest("numbers and structs go through queues of records, in both directions", async (region, peer) => {
	const count = 20_000;
	const sum = (count * (count - 1)) / 2;
	await peer.ask("pop-from there f64", "consumer");
	await peer.ask("push-to back f64", "producer");
	const there = region.queue("there", { record: "f64", capacity: 4096 }).producer();
	const popped = peer.ask(`pop there ${count}`);
	const numbers = Float64Array.from({ length: count }, (_, index) => index);
	for (let sent = 0; sent < count; ) {
		sent += there.pushMany(numbers.subarray(sent));
		if (sent < count) await there.wait({ timeout: 60_000 });
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

	const record = { id: "u32", x: "f64" } as const;
	await peer.ask("push-to points { id: u32, x: f64 }", "producer");
	await peer.ask("push-struct points 8 0.25", "pushed");
	assert.equal(region.queue("points", { record }).consumer().pop(), { id: 8, x: 0.25 });
	assert.match(
		await peer.ask("pop-from points f64"),
		/^DHMEM_TYPE_MISMATCH points is a queue of \{ id: u32, x: f64 \} records with capacity 4096, but was opened as /,
	);
});

peerTest("structs and arrays are the same memory in Node and Go", async (region, peer) => {
	const params = region.struct("params", { a: "f64", "größe b": "i16", step: "u32" });
	params.a = 0.5;
	assert.match(
		await peer.ask("structs"),
		/^DHMEM_TYPE_MISMATCH params is a struct \{ a: f64, "größe b": i16, step: u32 \}, but was opened as /,
	);
	assert.is(params.step, 4);
	assert.is(params["größe b"], -7);
	assert.equal({ ...region.struct("odd", { größe: "f64", 'a"b': "u8" }) }, { größe: 1.5, 'a"b': 9 });
	const grid = region.array("grid", { dtype: "f64", shape: [10, 3] });
	grid.set(9, 2, -7);
	await peer.ask("array grid f64[10,3]", "f64[10,3]");
	await peer.ask("get grid 29", "-7");
	await peer.ask("set grid 0 0.25", "set");
	assert.is(grid.get(0, 0), 0.25);
	await peer.ask(`load loaded ${await peer.ask("token grid")}`, "loaded");
	await peer.ask("get loaded 0", "0.25");
	region.array("bytes", { dtype: "u8", shape: [3] });
	assert.match(
		await peer.ask("array bytes"),
		/^DHMEM_TYPE_MISMATCH The array is u8\[3\], and has the type f64 here/,
	);
	assert.match(await peer.ask("array missing"), /^DHMEM_NOT_FOUND There is no missing in /);
});

peerTest("saved blocks are loaded and freed in both directions", async (region, peer) => {
	const block = region.allocate(3000);
	block.bytes.fill(9);
	const token = String(region.save(block));
	await peer.ask(`load-block it ${token}`, "3000 times 9");
	assert.match(await peer.ask("free it"), /^DHMEM_BAD_ARGUMENT This block belongs to its region/);
	await peer.ask(`free-saved ${token}`, "freed");
	assert.match(await peer.ask(`load-block it ${token}`), /^DHMEM_BAD_HANDLE /);
	await peer.ask("allocate ours 5000 4", "allocated");
	await peer.ask("clone ours copy", "cloned");
	await peer.ask("free copy", "freed");
	const loaded = region.load(await peer.ask("save ours"));
	assert.is(loaded.kind, "block");
	if (loaded.kind === "block") assert.ok(loaded.bytes.every((byte) => byte === 4));
});

peerTest("vectors and maps are changed on both sides", async (region, peer) => {
	const vector = region.vector("numbers", "f64");
	vector.push(1, 2);
	await peer.ask("vector numbers f64", "f64");
	await peer.ask("append numbers 3 1000", "appended");
	assert.is(vector.length, 1002);
	await peer.ask("sum numbers", `1002 numbers, ${3 + 1000 * 3 + 499_500}`);
	await peer.ask("pop-back numbers", "1002");
	await peer.ask("resize numbers 0", "resized");
	await peer.ask("pop-back numbers", "empty");
	assert.match(
		await peer.ask("vector numbers u8"),
		/^DHMEM_TYPE_MISMATCH numbers is a vector of f64, but was/,
	);
	assert.is(region.load(await peer.ask("vector-token numbers")).kind, "vector");

	const best = region.map("best", { key: "string", value: "f64" });
	best.set("größer", 2);
	await peer.ask("map best string f64", "string to f64");
	await peer.ask("look best größer", "2");
	await peer.ask("look best nothing", "missing");
	for (let i = 0; i < 100; i++) await peer.ask(`put best key-${i} ${i}`, "set");
	await peer.ask("delete best key-1", "deleted");
	await peer.ask("delete best key-1", "missing");
	await peer.ask("entries best", `100 entries, ${8 + 9 * 5 + 90 * 6} bytes of keys, ${4950 + 2 - 1}`);
	assert.is(best.get("key-99"), 99);
	await peer.ask("map numbered u64 string", "u64 to string");
	await peer.ask("put numbered 18446744073709551615 many words", "set");
	const numbered = region.map("numbered", { key: "u64", value: "string" });
	assert.is(numbered.get(2n ** 64n - 1n), "many words");
	numbered.set(1n, "x".repeat(100));
	await peer.ask("look numbered 1", "x".repeat(100));
	assert.match(
		await peer.ask("map best u64 string"),
		/^DHMEM_TYPE_MISMATCH best is a map from string to f64/,
	);
});

peerTest("no update of a map is lost when Node and Go make them at once", async (region, peer) => {
	const map = region.map("counts", { key: "string", value: "f64" });
	await peer.ask("map counts string f64", "string to f64");
	const counted = peer.ask("count-up counts both 1000");
	for (let i = 0; i < 1000; i++) {
		map.update("both", (old) => (old ?? 0) + 1);
		if (i % 50 === 0) await new Promise((next) => setImmediate(next));
	}
	assert.is(await counted, "counted");
	assert.is(map.get("both"), 2000);
});

peerTest("a map stays whole when Go is killed while it changes it", async (region) => {
	const map = region.map("counts", { key: "string", value: "f64" });
	for (let kills = 0; kills < 3; kills++) {
		await using peer = await Peer.in(region);
		await peer.ask("map counts string f64", "string to f64");
		const before = map.get("both") ?? 0;
		void peer.ask("count-up counts both 1000000").catch(() => {});
		while ((map.get("both") ?? 0) < before + 20) await new Promise((next) => setImmediate(next));
		await peer.kill();
		const after = map.get("both") as number;
		map.update("both", (old) => (old ?? 0) + 1);
		assert.is(map.get("both"), after + 1);
	}
});

peerTest("a condition wakes Go, and Go wakes Node", async (region, peer) => {
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
