/** What happens to options with unknown names. */
import { DhmemError, Region } from "dhmem";
import { Task } from "dhmem/workflow";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("options");

/** The message of the DHMEM_BAD_ARGUMENT that `call` throws, or rejects with. */
async function refusal(call: () => unknown): Promise<string> {
	try {
		await call();
	} catch (error) {
		assert.instance(error, DhmemError);
		assert.is((error as DhmemError).code, "DHMEM_BAD_ARGUMENT");
		return (error as DhmemError).message;
	}
	throw new Error("nothing was refused");
}

/** Options as a program without types would pass them. */
function untyped(options: object): never {
	return options as never;
}

const misspelt = untyped({ misspelt: 1 });

test("a misspelt option of Region is refused, with the name that was meant", async () => {
	const message = await refusal(() => Region.open("options", untyped({ sise: "1MiB" })));
	assert.match(message, /Region\.open has no option "sise"\. Did you mean size\?/);
	assert.match(message, /mode, size, permissions, directory, lifetime, label/);
	for (const call of [
		() => Region.temporary(misspelt),
		() => Region.temporary(untyped({ mode: "open" })),
		() => Region.list(misspelt),
		() => Region.unlink("options", misspelt),
	]) {
		assert.match(await refusal(call), /has no option/);
	}
	assert.not(Region.list().includes("options"));
});

test("a misspelt option is refused wherever an object is opened, and nothing is made", async () => {
	using region = Region.temporary({ size: "16MiB" });
	for (const call of [
		() => region.queue("q", misspelt),
		() => region.queue("q", untyped({ policy: "block", slots: 4 })),
		() => region.queue("q", untyped({ policy: "latest", capacity: "1MiB" })),
		() => region.queue("q", untyped({ policy: "drop-oldest", slot: 4 })),
		() => region.queue("q", untyped({ record: "f64", policy: "latest" })),
		() => region.struct("s", { a: "f64" }, misspelt),
		() => region.array("a", untyped({ dtype: "f64", shape: [1], misspelt: 1 })),
		() => region.map("m", untyped({ key: "string", value: "f64", misspelt: 1 })),
	]) {
		assert.match(await refusal(call), /has no option/);
	}
	assert.equal(region.entries(), []);
});

test("a misspelt option is refused by every wait", async () => {
	using region = Region.temporary({ size: "16MiB" });
	const queue = region.queue("q");
	const records = region.queue("r", { record: "f64" });
	for (const open of [queue, records, region.queue("m", { policy: "latest" })]) {
		assert.match(await refusal(() => open.producer(misspelt)), /The producer of a queue has no option/);
		assert.match(await refusal(() => open.consumer(misspelt)), /The consumer of a queue has no option/);
		assert.match(await refusal(() => open.waitForPeer(misspelt)), /A wait has no option/);
	}
	using producer = queue.producer();
	using consumer = queue.consumer();
	using pushing = records.producer();
	using popping = records.consumer();
	const mutex = region.mutex("mutex");
	const condition = region.condition("condition");
	using held = mutex.lockSync();
	const until = untyped({ until: () => true, timout: 1 });
	for (const call of [
		() => producer.trySend("x", misspelt),
		() => producer.trySend("x", untyped({ timeout: 1 })),
		() => producer.send("x", misspelt),
		() => producer.sendSync("x", misspelt),
		() => consumer.receive(misspelt),
		() => consumer.receiveSync(misspelt),
		() => pushing.wait(misspelt),
		() => pushing.waitSync(misspelt),
		() => popping.wait(misspelt),
		() => popping.waitSync(misspelt),
		() => mutex.lock(misspelt),
		() => mutex.lockSync(misspelt),
		() => condition.wait(held, until),
		() => condition.waitSync(held, until),
	]) {
		assert.match(await refusal(call), /has no option/);
	}
	assert.match(await refusal(() => consumer.receive(untyped({ timout: 5 }))), /Did you mean timeout\?/);
	assert.is(consumer.tryReceive(), undefined);
});

test("a misspelt option is refused by a task's inputs and outputs", async () => {
	using region = Region.temporary({ size: "16MiB" });
	using task = Task.fromEnvironment({
		DHMEM_REGION: region.name,
		DHMEM_TASK: "a",
		DHMEM_LINKS: "out=a.out>b.in,in=b.out>a.in",
	});
	for (const call of [
		() => task.output("out").send("x", misspelt),
		() => task.output("out").allocate(8, misspelt),
		() => task.input("in").receive(misspelt),
	]) {
		assert.match(await refusal(call), /has no option/);
	}
});

test("inherited properties are not taken for options", () => {
	const inherited = Object.create({ misspelt: 1 }, { size: { value: "1MiB", enumerable: true } }) as object;
	using region = Region.temporary(untyped(inherited));
	assert.is(region.size, 2 ** 20);
});

test.run();
