/** The events that dhmem publishes on diagnostics channels. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { readFileSync, truncateSync } from "node:fs";
import { type DhmemEvents, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, started } from "./attachment/stage.js";
import { codeOf, directory, eachInFolder, limitedTest } from "./fixture/index.js";
import { ends, fill } from "./queue/stage.js";

eachInFolder();

/** Collects the events of a channel until the end of the scope. */
function watch<N extends keyof DhmemEvents>(name: N, onEvent?: (event: DhmemEvents[N]) => void) {
	const events: DhmemEvents[N][] = [];
	const note = (event: unknown) => {
		events.push(event as DhmemEvents[N]);
		onEvent?.(event as DhmemEvents[N]);
	};
	subscribe(name, note);
	return { events, [Symbol.dispose]: () => void unsubscribe(name, note) };
}

limitedTest("opening and closing a region are published", () => {
	using opened = watch("dhmem:open");
	using closed = watch("dhmem:close");
	const region = open({ label: "evaluate" });
	const reader = open({ mode: "read-only", label: "reader" });
	const { path } = region;
	assert.equal(opened.events, [
		{ path, mode: "open-or-create", label: "evaluate", slot: 0 },
		{ path, mode: "read-only", label: "reader", slot: undefined },
	]);
	assert.equal(closed.events, []);
	reader.close();
	region.close();
	region.close();
	const byProgram = { path, code: undefined, message: undefined };
	assert.equal(closed.events, [byProgram, byProgram]);
});

limitedTest("an opening that fails publishes nothing", () => {
	open();
	using opened = watch("dhmem:open");
	using closed = watch("dhmem:close");
	assert.is(
		codeOf(() => open({ mode: "create" })),
		"DHMEM_EXISTS",
	);
	assert.equal([opened.events, closed.events], [[], []]);
});

limitedTest("an unusable region is closed, and the event says why", () => {
	using closed = watch("dhmem:close");
	const region = open();
	truncateSync(region.path, 0);
	assert.is(
		codeOf(() => region.stats()),
		"DHMEM_TRUNCATED",
	);
	assert.is(closed.events.length, 1);
	assert.is(closed.events[0]?.code, "DHMEM_TRUNCATED");
	assert.match(closed.events[0]?.message ?? "", "truncated");
});

limitedTest("recovering from a dead participant is published, in whichever way it happens", async () => {
	using recovered = watch("dhmem:recovery");
	const region = open();
	const { path } = region;
	const first = await started("stay", '{"label":"evaluate"}');
	await first.kill();
	region.recover();
	assert.equal(recovered.events, [{ path, slot: 1, label: "evaluate" }]);
	const second = await started("stay", '{"label":"steer"}');
	await second.kill();
	open();
	assert.equal(recovered.events[1], { path, slot: 1, label: "steer" });
	region.recover();
	assert.is(recovered.events.length, 2);
});

limitedTest("taking over the slot of a dead participant is published", async () => {
	using recovered = watch("dhmem:recovery");
	const dead = await started("stay", '{"label":"evaluate"}');
	const { path } = open();
	for (let count = 2; count < 128; count++) open();
	await dead.kill();
	open();
	assert.equal(recovered.events, [{ path, slot: 0, label: "evaluate" }]);
});

limitedTest("a full queue is published once until something is sent", async () => {
	using full = watch("dhmem:full");
	const { region, producer, consumer } = ends();
	const event = { path: region.path, what: "queue" as const, queue: "q" };
	fill(producer);
	assert.equal(full.events, [event]);
	assert.not(producer.trySend("more"));
	assert.is(producer.tryReserve(100), undefined);
	assert.is(producer.sendMany(["more"]), 0);
	const sent = producer.send("more");
	assert.is(full.events.length, 1);
	consumer.tryReceive()?.release();
	await sent;
	fill(producer);
	assert.equal(full.events, [event, event]);
	consumer.tryReceive()?.release();
	consumer.tryReceive()?.release();
	assert.ok(producer.trySend("1"));
	assert.is(producer.sendMany(["2", "3", "4"]), 1);
	assert.is(producer.sendMany(["3", "4"]), 0);
	assert.is(full.events.length, 3, "the messages that went through are part of the same event");
});

limitedTest("a full queue of records is published once until something is pushed", () => {
	using full = watch("dhmem:full");
	const region = open();
	const queue = region.queue("numbers", { record: "u32", capacity: 4 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	assert.is(producer.pushMany(new Uint32Array(5)), 4);
	assert.not(producer.push(1));
	assert.not(producer.push(1));
	assert.equal(full.events, [{ path: region.path, what: "queue", queue: "numbers" }]);
	assert.is(consumer.pop(), 0);
	assert.is(consumer.popInto(new Uint32Array(3)), 3);
	assert.is(producer.pushMany(new Uint32Array(5)), 4);
	assert.not(producer.push(1));
	assert.is(full.events.length, 2);
});

limitedTest("a full region is published, and a subscriber may look at it", () => {
	const used: number[] = [];
	const region = open({ size: "1MiB" });
	using full = watch("dhmem:full", () => used.push(region.stats().used));
	while (codeOf(() => region.allocate(100_000)) === "nothing");
	assert.equal(full.events, [{ path: region.path, what: "region", bytes: 100_000 }]);
	assert.equal(used, [region.stats().used]);
});

limitedTest("a subscriber that throws does not disturb the call", async () => {
	const uncaught = once(process, "uncaughtException");
	const failure = new Error("from a subscriber");
	using _ = watch("dhmem:open", () => {
		throw failure;
	});
	const region = open();
	region.queue("q").producer().trySend("fine");
	assert.is(region.stats().participants.length, 1);
	const [error] = await uncaught;
	assert.is(error, failure);
});

limitedTest("a temporary region publishes too", () => {
	using opened = watch("dhmem:open");
	using region = Region.temporary({ directory, label: "alone" });
	assert.equal(
		opened.events.map(({ path, label }) => [path, label]),
		[[region.path, "alone"]],
	);
});

test("docs/watching.md has every channel", () => {
	const document = readFileSync(new URL("../../docs/watching.md", import.meta.url), "utf8");
	const source = readFileSync(new URL("../../src/events.ts", import.meta.url), "utf8");
	const channelsIn = (text: string) =>
		[...text.matchAll(/^(?:\| `| \* \| `)(dhmem:\w+)/gm)].map(([, name]) => name);
	assert.is(channelsIn(source).length, 5);
	assert.equal(channelsIn(document), channelsIn(source));
});

test.run();
