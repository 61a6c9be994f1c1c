/** How a newcomer's first mistakes are answered: each message says what to do instead. */
import { DhmemError, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** A call as from JavaScript, where no compiler objects. */
function loosely<T>(value: unknown): T {
	return value as T;
}

async function message(act: () => unknown): Promise<string> {
	try {
		await act();
	} catch (error) {
		if (error instanceof DhmemError) return error.message;
		throw error;
	}
	return "nothing was thrown";
}

const region = () => Region.temporary({ size: "16MiB" });

test("sending an object, an ArrayBuffer or a block says what to send instead", async () => {
	using opened = region();
	using producer = opened.queue("q").producer();
	for (const data of [{ a: 1 }, [1, 2], 7, new ArrayBuffer(8), opened.allocate(8)]) {
		const told = await message(() => producer.send(loosely(data)));
		for (const way of ["JSON.stringify(value)", "new Uint8Array(buffer)", "send(data, { block })"]) {
			assert.ok(told.includes(way), told);
		}
	}
});

test("a send that waits too long names unreleased messages, and a receive names the region", async () => {
	using opened = region();
	const queue = opened.queue("q", { capacity: 64 });
	using producer = queue.producer();
	using consumer = queue.consumer();
	const received = await message(() => consumer.receive({ timeout: 1 }));
	assert.match(received, `opened ${opened.path} too`);
	while (producer.trySend("12345678")) consumer.tryReceive();
	assert.match(await message(() => producer.send("1", { timeout: 1 })), "releases what it receives");
	assert.match(
		await message(() => opened.queue("z").waitForPeer({ timeout: 1 })),
		`opened ${opened.path} too`,
	);
});

test("an endpoint that is taken is named by the label and the slot of its holder", async () => {
	using opened = Region.temporary({ size: "16MiB", label: "steer" });
	using other = Region.open(opened.name, { label: "evaluate" });
	using _producer = opened.queue("q").producer();
	assert.match(
		await message(() => opened.queue("q").producer()),
		"already has a producer (this participant, slot 0)",
	);
	assert.match(await message(() => other.queue("q").producer()), "already has a producer (steer, slot 0)");
});

test("a call that nobody awaited says so when the region is closed", async () => {
	const opened = region();
	const waiting = opened.queue("q").consumer().receive();
	opened.close();
	assert.match(await message(() => waiting), "close it when no call waits any more");
});

test("a wrong type of a map's values or of a struct's field names the types that there are", async () => {
	using opened = region();
	const map = (value: unknown) =>
		message(() => opened.map("m", { key: "string", value: loosely<"f64">(value) }));
	assert.match(
		await map("json"),
		/The type of a map's values is "json".*"string", "bytes", a dtype.*a schema such as/,
	);
	assert.match(
		await map({ name: "string" }),
		/The type of field "name" is "string"; it must be a dtype: i8,/,
	);
});

test("arguments in the wrong order are named", async () => {
	using opened = region();
	const map = message(() => opened.map("m", loosely<undefined>("string")));
	assert.match(
		await map,
		'The argument types is "string"; it must be an object such as { key: "string", value: "f64" }',
	);
	const array = message(() => opened.array("a", loosely<undefined>("f64")));
	assert.match(await array, 'The argument options is "f64"; it must be an object');
});

test("a path is no name, and a terabyte is a size, though too large a one", async () => {
	assert.match(
		await message(() => Region.open("/dev/shm/climate")),
		"a folder goes into the option directory",
	);
	assert.match(await message(() => Region.open("climate", { size: "64TiB" })), "it must be from 64 KiB to");
});

test.run();
