/** The inputs and outputs of tasks. */
import { setTimeout as sleep } from "node:timers/promises";
import { Block, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOfLater, errorOf, PATIENCE } from "../fixture/index.js";
import { Tasks } from "./tasks.js";

test("an input takes from several producers in turn, and ends when all have", async () => {
	using tasks = new Tasks(["a.out>sum.in", "b.out>sum.in", "c.out>sum.in"]);
	const input = tasks.get("sum").input("in");
	const producers = ["a", "b", "c"].map((name) => tasks.get(name).output("out"));
	for (const [i, producer] of producers.entries())
		for (let n = 0; n < 10; n++) await producer.send(Uint8Array.of(i));
	const counts = [0, 0, 0];
	const count = (i = Number.NaN) => counts.splice(i, 1, (counts[i] ?? 0) + 1);
	for (let n = 0; n < 15; n++) {
		using message = await input.receive();
		count(message?.bytes[0]);
	}
	assert.equal(counts, [5, 5, 5]);
	for (const producer of producers) producer.end();
	for await (const message of input) count(message.bytes[0]);
	assert.equal(counts, [10, 10, 10]);
	assert.ok(input.ended);
	assert.is(await input.receive(), undefined);
});

test("an input of several links waits for whichever comes first, and keeps what comes at once", async () => {
	using tasks = new Tasks(["a.out>sum.in", "b.out>sum.in"]);
	const input = tasks.get("sum").input("in");
	const [a, b] = ["a", "b"].map((name) => tasks.get(name).output("out"));
	const first = input.receive();
	await Promise.all([a?.send("from a"), b?.send("from b")]);
	const texts = [(await first)?.text(), (await input.receive())?.text()];
	assert.equal(texts.sort(), ["from a", "from b"]);
	assert.is(await codeOfLater(input.receive({ timeout: 20 })), "DHMEM_TIMEOUT");
	assert.is(await codeOfLater(input.receive({ timeout: 0 })), "DHMEM_TIMEOUT");
	const reason = new Error("enough");
	const controller = new AbortController();
	const waiting = input.receive({ signal: controller.signal });
	controller.abort(reason);
	assert.is(await waiting.catch((error) => error), reason);
	await a?.send("later");
	assert.is((await input.receive())?.text(), "later");
});

test("batches contain messages of all links", async () => {
	using tasks = new Tasks(["a.out>sum.in", "b.out>sum.in"]);
	const outputs = ["a", "b"].map((name) => tasks.get(name).output("out"));
	for (const output of outputs) {
		for (let n = 0; n < 5; n++) await output.send(Uint8Array.of(n));
		output.end();
	}
	const sizes = [];
	for await (const batch of tasks.get("sum").input("in").batches(4)) sizes.push(batch.length);
	assert.equal(sizes, [4, 4, 2]);
});

test("every consumer of an output gets every message, and a reference of its own to a block", async () => {
	using tasks = new Tasks(["sim.field>a.in", "sim.field>b.in", "sim.field>c.in"]);
	const sim = tasks.get("sim");
	const output = sim.output("field");
	const inputs = ["a", "b", "c"].map((name) => tasks.get(name).input("in"));
	const before = sim.region.stats().used;
	const large = new Uint8Array(2_000_000).fill(7);
	for (let round = 0; round < 20; round++) {
		const block = sim.region.allocate(1_000_000);
		block.bytes.fill(round);
		await output.send("beside", { block });
		assert.is(errorOf(() => block.bytes).code, "DHMEM_CLOSED");
		await output.send(large);
		for (const input of inputs) {
			using message = await input.receive();
			assert.is(message?.text(), "beside");
			assert.is(message?.block?.bytes[999_999], round);
			using whole = await input.receive();
			assert.is(whole?.length, large.length);
			assert.is(whole?.bytes[1_999_999], 7);
			assert.is(whole?.block, undefined);
		}
	}
	output.end();
	for (const input of inputs) assert.is(await input.receive(), undefined);
	assert.is(sim.region.stats().used, before);
});

test("messages of every size keep their order on every link, also while they wait for memory", async () => {
	using tasks = new Tasks(["sim.field>a.in", "sim.field>b.in", "sim.field>c.in"]);
	const output = tasks.get("sim").output("field");
	const inputs = ["a", "b", "c"].map((name) => tasks.get(name).input("in"));
	const sizes = [30_000_000, 1, 25_000_000, 2, 20_000_000, 3, 0];
	const sends = sizes.map((size) => output.send(new Uint8Array(size)));
	const seen = inputs.map(async (input) => {
		const lengths = [];
		while (lengths.length < sizes.length) {
			using message = await input.receive();
			lengths.push(message?.length);
		}
		return lengths;
	});
	for (const lengths of await Promise.all(seen)) assert.equal(lengths, sizes);
	await Promise.all(sends);
});

test("a large message is in memory once, however many consumers get it", async () => {
	using tasks = new Tasks(["sim.field>a.in", "sim.field>b.in", "sim.field>c.in"]);
	const sim = tasks.get("sim");
	const output = sim.output("field");
	const before = sim.region.stats().used;
	await output.send(new Uint8Array(8_000_000));
	const more = sim.region.stats().used - before;
	assert.ok(more > 8_000_000 && more < 9_000_000, `${more}`);
});

test("each consumer has its own back-pressure, and a send that fails leaves the block the sender's", async () => {
	using tasks = new Tasks(["sim.field>fast.in;capacity=4096", "sim.field>slow.in;capacity=4096"]);
	const sim = tasks.get("sim");
	const output = sim.output("field");
	const fast = tasks.get("fast").input("in");
	let sent = 0;
	for (;;) {
		const block = sim.region.allocate(1000);
		const code = await codeOfLater(output.send(new Uint8Array(500), { block, timeout: 50 }));
		fast.tryReceive()?.release();
		if (code === "nothing") {
			sent++;
			continue;
		}
		assert.is(code, "DHMEM_TIMEOUT");
		block.free();
		break;
	}
	assert.ok(sent >= 2 && sent < 10, `${sent}`);
	const slow = tasks.get("slow").input("in");
	for (let i = 0; i < sent; i++) (await slow.receive())?.release();
	await output.send("there is room again");
});

test("with drop-oldest a slow consumer gets the last messages, and the sender never waits", async () => {
	using tasks = new Tasks([
		"sim.field>all.in",
		"sim.field>last.in;policy=drop-oldest;keep=3",
		"sim.field>newest.in;policy=latest",
	]);
	const sim = tasks.get("sim");
	const output = sim.output("field");
	const inputs = ["all", "last", "newest"].map((name) => tasks.get(name).input("in"));
	const before = sim.region.stats().used;
	for (let step = 0; step < 10; step++) {
		const block = await output.allocate(100_000);
		block.bytes.fill(step);
		await output.send(`${step}`, { block });
	}
	output.end();
	const seen = [];
	for (const input of inputs) {
		const steps = [];
		for await (const message of input) {
			assert.is(message.block?.bytes[99_999], Number(message.text()));
			steps.push(message.text());
		}
		seen.push(steps.join(""));
	}
	assert.equal(seen, ["0123456789", "789", "9"]);
	assert.is(sim.region.stats().used, before);
});

test("large messages go to consumers of every policy", async () => {
	using tasks = new Tasks([
		"sim.field>a.in",
		"sim.field>b.in",
		"sim.field>last.in;policy=drop-oldest;keep=2",
		"sim.field>newest.in;policy=latest",
	]);
	const output = tasks.get("sim").output("field");
	const inputs = ["a", "b", "last", "newest"].map((name) => tasks.get(name).input("in"));
	for (let step = 0; step < 3; step++) await output.send(new Uint8Array(3_000_000).fill(step));
	output.end();
	const seen = [];
	for (const input of inputs) {
		const steps = [];
		for await (const { bytes } of input) steps.push(bytes.length === 3_000_000 ? bytes[2_999_999] : "cut");
		seen.push(steps.join(""));
	}
	assert.equal(seen, ["012", "012", "12", "2"]);
});

test("an output waits for memory that consumers can release, and only for that", async () => {
	using tasks = new Tasks(["sim.field>a.in", "sim.field>b.in"]);
	const output = tasks.get("sim").output("field");
	const inputs = ["a", "b"].map((name) => tasks.get(name).input("in"));
	const size = 20_000_000;
	for (let n = 0; n < 3; n++) await output.send("", { block: await output.allocate(size) });
	assert.is(await codeOfLater(output.allocate(size, { timeout: 20 })), "DHMEM_TIMEOUT");
	const waiting = output.allocate(size);
	const large = output.send(new Uint8Array(size));
	for (const input of inputs) {
		for (let n = 0; n < 3; n++) (await input.receive())?.release();
	}
	(await waiting).free();
	await large;
	for (const input of inputs) assert.is((await input.receive())?.length, size);
	assert.is(await codeOfLater(output.allocate(100_000_000)), "DHMEM_MESSAGE_TOO_LARGE");
});

test("inputs and outputs wait for a peer that has gone, and go on with the next", async () => {
	using tasks = new Tasks(["a.out>b.in;capacity=64"]);
	const input = tasks.get("b").input("in");
	await tasks.get("a").output("out").send("one");
	tasks.leave("a");
	assert.is((await input.receive())?.text(), "one");
	const waiting = input.receive();
	assert.is(await Promise.race([waiting, sleep(200, "still waiting")]), "still waiting");
	const output = tasks.get("a").output("out");
	await output.send("two");
	assert.is((await waiting)?.text(), "two");
	tasks.leave("b");
	await output.send(new Uint8Array(16)).catch(() => {});
	const blocked = output.send(new Uint8Array(16));
	const again = tasks.get("b").input("in");
	// What was not released comes again.
	const texts = [await again.receive(), await again.receive()].map((message) => message?.text());
	assert.equal(texts, ["one", "two"]);
	tasks.leave("b");
	const third = tasks.get("b").input("in");
	for await (const message of third) {
		if (message.length === 16) break;
	}
	await blocked;
});

test("an endpoint's option `patient` is true or false", () => {
	using region = Region.temporary({ size: "16MiB" });
	const patient = "very" as unknown as boolean;
	assert.is(errorOf(() => region.queue("q").producer({ patient })).code, "DHMEM_BAD_ARGUMENT");
	assert.is(errorOf(() => region.queue("q").consumer({ patient })).code, "DHMEM_BAD_ARGUMENT");
	region.queue("q").producer({ patient: true });
});

test("if one link of an output can't be ended, the others are", async () => {
	using tasks = new Tasks(["a.out>b.in", "a.out>c.in"]);
	const output = tasks.get("a").output("out");
	tasks.get("a").region.remove("a.out>b.in");
	for (const _ of [1, 2]) assert.is(errorOf(() => output.end()).code, "DHMEM_CLOSED");
	assert.is(await tasks.get("c").input("in").receive({ timeout: PATIENCE }), undefined);
});

test("closing a task does not end its outputs", async () => {
	using tasks = new Tasks(["a.out>b.in"]);
	tasks.get("a").output("out");
	tasks.leave("a");
	assert.is(await codeOfLater(tasks.get("b").input("in").receive({ timeout: 100 })), "DHMEM_TIMEOUT");
});

test("a closed task has left its region at once, and says when everything else is settled", async () => {
	using tasks = new Tasks(["a.out>b.in"]);
	const task = tasks.get("a");
	task.output("out").end();
	task.close();
	assert.is(errorOf(() => task.region.entries()).code, "DHMEM_CLOSED");
	task.close();
	assert.is(await task.closed, undefined);
	{
		await using other = tasks.get("b");
		assert.is(await other.input("in").receive(), undefined);
	}
	assert.is(errorOf(() => tasks.get("b").region.entries()).code, "DHMEM_CLOSED");
});

test("what can't be sent to several links is refused in words, also if it was spoilt while it waited", async () => {
	using tasks = new Tasks(["a.out>b.in;capacity=1024", "a.out>c.in;capacity=1024"]);
	const output = tasks.get("a").output("out");
	const imitation = Object.create(Block.prototype) as Block;
	assert.is(await codeOfLater(output.send("x", { block: imitation })), "DHMEM_BAD_ARGUMENT");
	const inputs = ["b", "c"].map((name) => tasks.get(name).input("in"));
	const sends = Array.from({ length: 4 }, () => output.send(new Uint8Array(400)));
	const large = new Uint8Array(5000);
	const spoilt = codeOfLater(output.send(large));
	structuredClone(large, { transfer: [large.buffer] });
	for (let i = 0; i < 4; i++) for (const input of inputs) (await input.receive())?.release();
	await Promise.all(sends);
	assert.is(await spoilt, "DHMEM_BAD_ARGUMENT");
	for (const input of inputs) assert.is(input.tryReceive(), undefined);
});

test.run();
