import { type Mutex, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child, codeOf, count, PATIENCE, regionTest, within } from "../fixture/index.js";

const module = new URL("./remove-child.js", import.meta.url).href;
const TURNS = Number(process.env.DHMEM_STEPS ?? count(1000, 3000));

test.after.each(Child.killAll);

/** One object of each kind, in use. */
function makeAll(region: Region): void {
	region.struct("struct", { a: "f64" }).a = 1;
	region.array("array", { dtype: "f64", shape: [10_000] }).data.fill(1);
	region.vector("vector", "f64").push(...Array(1000).fill(1));
	const map = region.map("map", { key: "string", value: "string" });
	for (let i = 0; i < 1000; i++) map.set(`key ${i}`, "x".repeat(i % 500));
	for (let i = 0; i < 500; i++) map.delete(`key ${i}`);
	region.map("structs", { key: "u32", value: { x: "f64" } }).set(1, { x: 1 });
	region.mutex("mutex").lockSync().unlock();
	region.condition("condition").notifyAll();
	const queue = region.queue("queue", { capacity: 4096 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	producer.trySend("plain");
	producer.trySend(new Uint8Array(100_000));
	producer.trySend("with block", { block: region.allocate(70_000) });
	producer.end();
	consumer.tryReceive()?.release();
	consumer.tryReceive();
	region.queue("records", { record: "f64" }).producer().push(1);
}

regionTest("a removed object is gone at once, and all its memory is freed", (region) => {
	makeAll(region);
	for (const { name } of region.entries()) region.remove(name);
	const { used } = region.stats();
	for (let round = 0; round < 20; round++) {
		makeAll(region);
		const names = region.entries().map(({ name }) => name);
		assert.is(names.length, 9);
		for (const name of names) assert.is(region.remove(name), true, name);
		assert.equal(region.entries(), []);
		assert.is(region.stats().objects, 0);
		assert.is(region.stats().used, used);
	}
	assert.is(used, 0);
	assert.is(region.remove("struct"), false);
});

regionTest("a removed name can be used for an object of any kind", (region) => {
	region.struct("x", { a: "f64" });
	assert.is(
		codeOf(() => region.vector("x", "f64")),
		"DHMEM_TYPE_MISMATCH",
	);
	region.remove("x");
	region.vector("x", "f64").push(1);
	region.remove("x");
	assert.equal([...region.vector("x", "u64")], []);
	assert.is(region.entries().length, 1);
});

regionTest(
	"a participant's references to a removed object end, and do not reach a later object in the same memory",
	async (region) => {
		const struct = region.struct("struct", { a: "f64", n: "u8" }, { initial: { a: 1.5 } });
		const array = region.array("array", { dtype: "u32", shape: [4], initial: [1, 2, 3, 4] });
		const vector = region.vector("vector", "f64");
		const map = region.map("map", { key: "u8", value: "u8" });
		const mutex = region.mutex("mutex");
		const held = mutex.lockSync();
		const condition = region.condition("condition");
		const queue = region.queue("queue");
		const consumer = queue.consumer();
		const waiting = consumer.receive();
		for (const { name } of region.entries()) region.remove(name);
		const later = Array.from({ length: 64 }, () => {
			const block = region.allocate(64);
			block.bytes.fill(7);
			return block;
		});
		struct.a = 3;
		struct.n++;
		assert.equal({ ...struct }, { a: 3, n: 1 }, "a struct lives on in memory of its own");
		for (const use of [
			() => array.data,
			() => array.set(0, 1),
			() => array.get(0),
			() => vector.push(1),
			() => vector.at(0),
			() => vector.length,
			() => vector.view,
			() => map.get(1),
			() => map.set(1, 1),
			() => map.size,
			() => mutex.tryLock(),
			() => condition.notifyOne(),
			() => queue.producer(),
			() => queue.capacity,
			() => consumer.tryReceive(),
			() => region.save(array),
		]) {
			assert.is(codeOf(use), "DHMEM_CLOSED", String(use));
		}
		assert.is(held.held, false);
		held.unlock();
		await assertRejects(waiting, "DHMEM_CLOSED");
		for (const block of later) assert.ok(block.bytes.every((byte) => byte === 7));
	},
);

async function assertRejects(promise: Promise<unknown>, code: string): Promise<void> {
	const error = await promise.then(
		() => undefined,
		(reason) => reason,
	);
	assert.is(error?.code, code);
}

regionTest(
	"participants keep a removed object open until they leave, and the name is free meanwhile",
	async (region) => {
		const before = region.stats().used;
		const field = region.array("field", {
			dtype: "u32",
			shape: [100_000],
			initial: new Uint32Array(100_000).fill(41),
		});
		region.queue("queue");
		assert.is(field.data.length, 100_000);
		const other = new Child(module, "keep", [region.name]);
		assert.is(await other.hear(), 41);
		region.remove("field");
		region.remove("queue");
		// Another object of this name, and use of all free memory, do not disturb the old one.
		const fresh = region.array("field", { dtype: "u32", shape: [4], initial: [1, 1, 1, 1] });
		const blocks = Array.from({ length: 300 }, () => region.allocate(60_000));
		for (const block of blocks) block.bytes.fill(0xee);
		other.say("go on");
		assert.equal(await other.hear(), [42, 100_000]);
		assert.equal([...fresh.data], [1, 1, 1, 1]);
		for (const block of blocks) block.free();
		const held = region.stats().used;
		assert.ok(held >= 400_000);
		other.say("leave");
		assert.is(await other.hear(), "gone");
		await other.ended;
		assert.ok(region.stats().used < held - 400_000);
		region.remove("field");
		assert.is(region.stats().used, before);
	},
);

regionTest("calling remove after another participant did gives up this participant's reference", (region) => {
	using other = Region.open(region.name);
	for (let round = 0; round < 100; round++) {
		const mine = region.array("field", { dtype: "u8", shape: [1_000_000] });
		const theirs = other.array("field", { dtype: "u8" });
		mine.data[0] = round;
		assert.is(region.remove("field"), true);
		assert.is(theirs.get(0), round);
		assert.is(other.remove("field"), false);
		assert.is(
			codeOf(() => theirs.data),
			"DHMEM_CLOSED",
		);
		assert.is(region.stats().used, 0);
	}
});

regionTest("if the map is removed during an update, the update changes nothing", (region) => {
	const map = region.map("map", { key: "u8", value: "u8" });
	map.set(1, 1);
	assert.is(
		codeOf(() =>
			map.update(1, () => {
				region.remove("map");
				return 2;
			}),
		),
		"DHMEM_CLOSED",
	);
	assert.is(region.stats().used, 0);
	assert.is(region.map("map", { key: "u8", value: "u8" }).size, 0);
});

regionTest("recovery frees removed objects that only a killed participant had open", async (region) => {
	region.array("field", { dtype: "u32", shape: [100_000] });
	region.queue("queue");
	const other = new Child(module, "keep", [region.name]);
	await other.hear();
	region.remove("field");
	region.remove("queue");
	assert.ok(region.stats().used > 400_000);
	await other.kill();
	assert.is(region.recover(), 1);
	assert.is(region.stats().used, 0);
});

regionTest("removing a mutex ends the waits for it without waking others", async (region) => {
	using other = Region.open(region.name);
	const mine: Mutex = region.mutex("mutex");
	const theirs = other.mutex("mutex");
	const held = theirs.lockSync();
	const waiting = mine.lock();
	region.remove("mutex");
	await assertRejects(waiting, "DHMEM_CLOSED");
	held.unlock();
	assert.ok(theirs.tryLock(), "for the other it is a mutex still");
	assert.ok(region.mutex("mutex").tryLock(), "and there is a new one");
});

regionTest(
	"processes that construct, use and remove at random do not disturb each other, and leave nothing",
	async (region) => {
		const others = [1, 2].map((number) => new Child(module, "churn", [region.name, number, TURNS]));
		const victims: Child[] = [];
		for (let i = 0; i < count(2, 6); i++) {
			const victim = new Child(module, "churn", [region.name, 3 + i, 1e9]);
			victims.push(victim);
			while (!region.entries().some(({ name }) => name === `own ${3 + i}`)) {
				await new Promise((resolve) => setImmediate(resolve));
			}
			await victim.kill();
		}
		for (const other of others) assert.is(await within(PATIENCE, "churning", other.hear()), "done");
		await Promise.all(others.map((other) => other.ended));
		region.recover();
		for (const { name } of region.entries()) region.remove(name);
		assert.equal(region.entries(), []);
		assert.is(region.stats().used, 0);
	},
);

test.run();
