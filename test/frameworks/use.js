/** Uses a region as programs do: the same in every framework and engine. Throws at the first thing that is not right. */
import assert from "node:assert/strict";
import { DhmemError, Region } from "dhmem";
import { Task } from "dhmem/workflow";

/** A region in the folder of `DHMEM_DIR`, under a name that nobody else has. */
export async function use(name) {
	const region = Region.open(name, { size: "64MiB", mode: "create" });
	try {
		await sendAndReceive(region);
		await wait(region);
		numbers(region);
		objects(region);
		await locks(region);
		await task(region);
		errors();
	} finally {
		region.unlink();
		region.close();
	}
	assert.throws(() => region.stats(), { code: "DHMEM_CLOSED" });
}

async function sendAndReceive(region) {
	const queue = region.queue("queue");
	const producer = queue.producer();
	const consumer = queue.consumer();
	const late = consumer.receive({ timeout: 10_000 });
	await producer.send("hello");
	assert.equal((await late).text(), "hello");
	const block = region.allocate(80);
	block.as("f64").fill(1.5);
	await producer.send(Float64Array.of(1, 2), { block });
	const message = consumer.tryReceive();
	assert.deepEqual(Array.from(message.as("f64")), [1, 2]);
	assert.equal(message.take().as("f64")[9], 1.5);
	// In a turn of its own, so that the consumer has gone to sleep.
	setTimeout(() => {
		producer.send(Buffer.from("from a buffer"));
		producer.end();
	}, 20);
	const texts = [];
	for await (const each of consumer) texts.push(each.text());
	assert.deepEqual(texts, ["from a buffer"]);
}

async function wait(region) {
	const consumer = region.queue("nobody sends").consumer();
	await assert.rejects(consumer.receive({ timeout: 10 }), { code: "DHMEM_TIMEOUT" });
	const reason = new Error("given up");
	await assert.rejects(consumer.receive({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
	const controller = new AbortController();
	const waiting = consumer.receive({ signal: controller.signal });
	setTimeout(() => controller.abort(reason), 10);
	await assert.rejects(waiting, (error) => error === reason);
	assert.throws(() => consumer.receiveSync({ timeout: 10 }), { code: "DHMEM_TIMEOUT" });
}

function numbers(region) {
	const queue = region.queue("numbers", { record: "f64" });
	const producer = queue.producer();
	const consumer = queue.consumer();
	assert.equal(producer.pushMany(Float64Array.of(1, 2, 3)), 3);
	const into = new Float64Array(2);
	assert.equal(consumer.popInto(into), 2);
	assert.deepEqual([...into, consumer.pop()], [1, 2, 3]);
}

function objects(region) {
	const map = region.map("map", { key: "string", value: { a: "f64" } });
	map.set("key", { a: 2 });
	assert.deepEqual({ ...map.get("key") }, { a: 2 });
	const vector = region.vector("vector", "u64");
	vector.push(1n, 2n);
	assert.throws(() => vector.push(1), { code: "DHMEM_BAD_ARGUMENT" });
	assert.deepEqual([...vector], [1n, 2n]);
	const array = region.array("array", { dtype: "i32", shape: [2, 2], initial: Int32Array.of(1, 2, 3, 4) });
	assert.equal(Atomics.add(array.data, 3, 1), 4);
	assert.equal(region.load(String(region.save(array))).get(1, 1), 5);
	const params = region.struct("params", { dt: "f64" }, { initial: { dt: 0.5 } });
	params.dt *= 2;
	assert.deepEqual({ ...params }, { dt: 1 });
	assert.equal(region.remove("array"), true);
	assert.ok(region.entries().some(({ name }) => name === "params"));
}

async function locks(region) {
	const mutex = region.mutex("mutex");
	const condition = region.condition("condition");
	let ready = false;
	const held = await mutex.lock({ timeout: 1000 });
	assert.throws(() => mutex.lockSync(), { code: "DHMEM_BAD_ARGUMENT" });
	setTimeout(() => {
		ready = true;
		condition.notifyAll();
	}, 10);
	await condition.wait(held, { until: () => ready, timeout: 10_000 });
	held.unlock();
	mutex.tryLock().unlock();
}

async function task(region) {
	const worker = Task.fromEnvironment({
		DHMEM_REGION: region.name,
		DHMEM_TASK: "worker",
		DHMEM_LINKS: "out=worker.out>other.in",
	});
	await worker.output("out").send("done");
	const consumer = region.queue("worker.out>other.in").consumer();
	assert.equal((await consumer.receive()).text(), "done");
	worker.close();
}

function errors() {
	assert.throws(() => Region.open("not-there", { mode: "open" }), { code: "DHMEM_NOT_FOUND" });
	assert.throws(() => Region.list({ directory: "/not/there" }), { code: "DHMEM_NOT_FOUND" });
	assert.throws(
		() => Region.open("x", { sise: 1 }),
		(error) => error instanceof DhmemError && error instanceof Error && error.code === "DHMEM_BAD_ARGUMENT",
	);
}
