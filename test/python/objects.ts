/** Named objects between Node and Python. `eval` and `exec` let the peer run a line of Python. */
import * as assert from "uvu/assert";
import { peerTest } from "../c/peer.js";

peerTest("structs and arrays are the same memory in Node and Python", async (region, peer) => {
	const params = region.struct("params", { a: "f64", "größe b": "i16", step: "u32" });
	params.a = 0.5;
	await peer.ask('exec params = region.struct("params", {"a": "f8", "größe b": "i2", "step": "u4"})', "done");
	await peer.ask("exec params.step = int(params.a * 8)", "done");
	assert.is(params.step, 4);
	await peer.ask('exec region.struct("odd", {"größe": "f8", \'a"b\': "u1"}).größe = 1.5', "done");
	assert.is(region.struct("odd", { größe: "f64", 'a"b': "u8" }).größe, 1.5);
	const grid = region.array("grid", { dtype: "i64", shape: [10, 3] });
	grid.set(9, 2, -7n);
	await peer.ask('exec grid = memoryview(region.array("grid", "i8", (10, 3))).cast("q")', "done");
	await peer.ask("eval grid[29]", "-7");
	await peer.ask("exec grid[0] = 2**62", "done");
	assert.is(grid.get(0, 0), 2n ** 62n);
	assert.match(
		await peer.ask('exec region.array("grid", "f8", 30)'),
		/^DHMEM_TYPE_MISMATCH grid is an array i64\[10,3\]/,
	);
});

peerTest("vectors and maps are changed on both sides", async (region, peer) => {
	const vector = region.vector("numbers", "f32");
	vector.push(1, 2);
	await peer.ask('exec vector = region.vector("numbers"); vector.extend([0.5, -1])', "done");
	assert.equal([...vector], [1, 2, 0.5, -1]);
	const best = region.map("best", { key: "string", value: "f64" });
	best.set("größer", 2);
	await peer.ask('exec best = region.map("best"); best["x"] = best["größer"] + 1', "done");
	assert.is(best.get("x"), 3);
	const counted = peer.ask(
		'eval [best.change("both", lambda old: (old or 0) + 1) for _ in range(1000)][0] > 0',
	);
	for (let i = 0; i < 1000; i++) {
		best.update("both", (old) => (old ?? 0) + 1);
		if (i % 50 === 0) await new Promise((next) => setImmediate(next));
	}
	assert.is(await counted, "True");
	assert.is(best.get("both"), 2000);
	await peer.ask(
		'exec region.map("points", "u8", {"x": "f8", "n": "u1"})[2**64 - 1] = {"x": 0.25, "n": 3}',
		"done",
	);
	const points = region.map("points", { key: "u64", value: { x: "f64", n: "u8" } });
	assert.equal({ ...points.get(2n ** 64n - 1n) }, { x: 0.25, n: 3 });
});

peerTest("tokens and conditions work in both directions", async (region, peer) => {
	const block = region.allocate(3000);
	block.bytes.fill(9);
	const token = String(region.save(block));
	await peer.ask(`eval set(bytes(region.load("${token}")))`, "{9}");
	const back = await peer.ask('eval region.save(region.struct("state", {"step": "f8"}))');
	assert.is(region.load(back).kind, "struct");
	const state = region.struct("state", { step: "f64" });
	const waiting =
		'exec with region.mutex("turn").lock() as held: ' +
		'region.condition("changed").wait(held, lambda: region.struct("state").step == 5, timeout=60)';
	const reached = peer.ask(waiting);
	for (let step = 1; step <= 5; step++) {
		using held = await region.mutex("turn").lock({ timeout: 10_000 });
		state.step = step;
		region.condition("changed").notifyAll();
		assert.ok(held);
	}
	assert.is(await reached, "done");
});

peerTest("records go through a queue in both directions", async (region, peer) => {
	await peer.ask('exec there = region.queue("there", record="f8").consumer(timeout=60)', "done");
	await peer.ask('exec back = region.queue("back", record={"id": "u4", "x": "f8"}).producer()', "done");
	const there = region.queue("there", { record: "f64" }).producer();
	assert.is(there.pushMany(Float64Array.of(0.5, 1.5, 2.5)), 3);
	await peer.ask("eval (there.pop(), there.pop())", "(0.5, 1.5)");
	await peer.ask("exec numbers = memoryview(bytearray(80)).cast('d')", "done");
	await peer.ask("eval (there.pop_into(numbers), numbers[0])", "(1, 2.5)");
	const waiting = peer.ask("eval there.wait()");
	there.end();
	assert.is(await waiting, "False");
	await peer.ask('eval back.push({"id": 7, "x": 0.25}) and back.push_many([{"id": 8, "x": -1}])', "1");
	await peer.ask("exec back.end()", "done");
	const points = region.queue("back", { record: { id: "u32", x: "f64" } }).consumer();
	assert.ok(points.waitSync({ timeout: 10_000 }));
	assert.equal({ ...points.pop() }, { id: 7, x: 0.25 });
	assert.equal({ ...points.pop() }, { id: 8, x: -1 });
	assert.not(points.waitSync({ timeout: 10_000 }));
});

peerTest("messages go many at once, and vectors by their token", async (region, peer) => {
	await peer.ask('exec there = region.queue("there").consumer(timeout=60)', "done");
	await peer.ask('exec back = region.queue("back").producer()', "done");
	assert.is(region.queue("there").producer().sendMany(["one", "two", "three"]), 3);
	await peer.ask("eval [m.text() for m in there.receive_many(2)]", "['one', 'two']");
	await peer.ask("eval [m.text() for m in next(there.batches(9))]", "['three']");
	await peer.ask('eval back.send_many(["1", b"2", bytes(2000000)])', "3");
	const received = region.queue("back").consumer().receiveMany(9);
	assert.equal(
		received.map(({ length }) => length),
		[1, 1, 2_000_000],
	);
	const vector = region.vector("numbers", "f64");
	vector.push(1, 2);
	await peer.ask(`eval list(region.load("${region.save(vector)}"))`, "[1.0, 2.0]");
	const token = await peer.ask('eval region.save(region.vector("numbers"))');
	assert.equal([...(region.load(token) as typeof vector)], [1, 2]);
});

peerTest("Node and Python drop messages alike", async (region, peer) => {
	const queue = region.queue("last", { policy: "drop-oldest", keep: 3 });
	const producer = queue.producer();
	for (let i = 0; i < 10; i++) producer.trySend(String(i));
	producer.end();
	await peer.ask(
		'eval [m.text() for m in region.queue("last", policy="drop-oldest").consumer()]',
		"['7', '8', '9']",
	);
	await peer.ask('exec region.queue("newest", policy="latest").producer().send("only")', "done");
	using message = region.queue("newest", { policy: "latest" }).consumer().tryReceive();
	assert.is(message?.text(), "only");
});
