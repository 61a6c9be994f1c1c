/** Peers that come and go while others wait for them. */
import { closeSync, openSync, writeSync } from "node:fs";
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import type { Message } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HEADER_TOUCHED } from "../../assembly/layout.js";
import {
	clock,
	codeOf,
	codeOfLater,
	eachInFolder,
	limitedTest,
	long,
	PATIENCE,
	some,
	within,
} from "../fixture/index.js";
import { child, fill, open, textOf } from "./stage.js";

eachInFolder();

for (const way of some(["kill", "exit", "close", "close region"], 2)) {
	limitedTest(`a producer that goes by "${way}" is noticed, once what it sent is drained`, async () => {
		const region = open();
		const consumer = region.queue("held", { capacity: 1024 }).consumer();
		const popping = region.queue("held records", { record: "f64", capacity: 16 }).consumer();
		for (const sync of [false, true]) {
			const other = await child("hold", "producer");
			other.say(["send", 3]);
			assert.is(await other.hear(), "done");
			// The peer leaves while this side waits or blocks.
			const received: (string | undefined)[] = [];
			if (!sync) for (let i = 0; i < 3; i++) received.push(textOf(await consumer.receive()));
			const pending = sync ? undefined : [consumer.receive(), consumer.receive(), popping.wait()];
			other.say([way, 0]);
			if (pending) {
				const gone = await Promise.all(pending.map(codeOfLater));
				for (const code of gone) assert.is(code, "DHMEM_PEER_GONE");
			} else {
				for (let i = 0; i < 3; i++) received.push(textOf(consumer.receiveSync({ timeout: PATIENCE })));
				assert.is(
					codeOf(() => consumer.receiveSync({ timeout: PATIENCE })),
					"DHMEM_PEER_GONE",
				);
				assert.is(
					codeOf(() => popping.waitSync({ timeout: PATIENCE })),
					"DHMEM_PEER_GONE",
				);
			}
			assert.equal(received, ["0", "1", "2"]);
			assert.is(consumer.tryReceive(), undefined);
			await other.kill();
		}
		// The next one is welcome.
		const next = await child("hold", "producer");
		const receiving = consumer.receive();
		next.say(["send", 1]);
		assert.is(textOf(await receiving), "0");
		next.say(["end", 0]);
		assert.is(await consumer.receive(), undefined);
		assert.is(consumer.ended, true);
		assert.is(region.stats().participants.length, 2);
	});

	limitedTest(`a consumer that goes by "${way}" is noticed by a producer that waits for room`, async () => {
		const region = open();
		const producer = region.queue("held", { capacity: 1024 }).producer();
		const pushing = region.queue("held records", { record: "f64", capacity: 16 }).producer();
		fill(producer);
		while (pushing.push(1));
		for (const sync of [false, true]) {
			const other = await child("hold", "consumer");
			const pending = sync ? undefined : [producer.send("x"), producer.send("y"), pushing.wait()];
			other.say([way, 0]);
			if (pending) {
				const gone = await Promise.all(pending.map(codeOfLater));
				for (const code of gone) assert.is(code, "DHMEM_PEER_GONE");
			} else {
				assert.is(
					codeOf(() => producer.sendSync("x", { timeout: PATIENCE })),
					"DHMEM_PEER_GONE",
				);
				assert.is(
					codeOf(() => pushing.waitSync({ timeout: PATIENCE })),
					"DHMEM_PEER_GONE",
				);
			}
			assert.is(producer.trySend("x"), false);
			await other.kill();
		}
		const next = await child("hold", "consumer");
		const sending = producer.send(new Uint8Array(200));
		next.say(["receive", 20]);
		await within(PATIENCE, "room", sending);
	});
}

limitedTest("a death is noticed even if others ring more often than time slices end", async () => {
	const region = open();
	const consumer = region.queue("held", { capacity: 1024 }).consumer();
	const others = region.queue("others").consumer();
	const sender = open().queue("others").producer();
	const other = await child("hold", "producer");
	const pending = codeOfLater(consumer.receive());
	let isOver = false;
	let rings = 0;
	const ringing = (async () => {
		for (; !isOver; rings++) {
			const receiving = others.receive();
			await delay(5);
			sender.trySend("x");
			textOf(await receiving);
		}
	})();
	// The rings come first: at the first of them the peers are checked in any case.
	while (rings < 20) await turn();
	await other.kill();
	assert.is(await pending, "DHMEM_PEER_GONE");
	isOver = true;
	await ringing;
});

long(limitedTest)(
	"where recovering from the dead peer fails, all who wait are told, and the process goes on",
	async () => {
		const region = open({ size: "16MiB" });
		const consumer = region.queue("held", { capacity: 1024 }).consumer();
		const others = region.queue("others").consumer();
		const other = await child("hold", "producer");
		const pending = [codeOfLater(consumer.receive()), codeOfLater(others.receive())];
		const file = openSync(region.path, "r+");
		writeSync(file, Uint8Array.of(0, 0, 0, 0xf0), 0, 4, HEADER_TOUCHED);
		closeSync(file);
		await other.kill();
		assert.equal(await Promise.all(pending), ["DHMEM_CORRUPT", "DHMEM_CORRUPT"]);
	},
);

limitedTest("a peer that has not come, or that left before, is not an error", async () => {
	const region = open();
	const other = open();
	for (const earlier of [false, true]) {
		const name = `queue ${earlier}`;
		const records = `records ${earlier}`;
		if (earlier) {
			other.queue(name, { capacity: 64 }).producer().close();
			other.queue(name).consumer().close();
			other.queue(records, { record: "u8", capacity: 2 }).producer().close();
			other.queue(records, { record: "u8" }).consumer().close();
		}
		const producer = region.queue(name, { capacity: 64 }).producer();
		fill(producer);
		assert.is(await codeOfLater(producer.send("x", { timeout: 70 })), "DHMEM_TIMEOUT");
		assert.is(
			codeOf(() => producer.sendSync("x", { timeout: 70 })),
			"DHMEM_TIMEOUT",
		);
		producer.close();
		const consumer = region.queue(`${name} 2`).consumer();
		assert.is(await codeOfLater(consumer.receive({ timeout: 70 })), "DHMEM_TIMEOUT");
		assert.is(
			codeOf(() => consumer.receiveSync({ timeout: 70 })),
			"DHMEM_TIMEOUT",
		);
		const popping = region.queue(records, { record: "u8", capacity: 2 }).consumer();
		assert.is(await codeOfLater(popping.wait({ timeout: 70 })), "DHMEM_TIMEOUT");
		assert.is(
			codeOf(() => popping.waitSync({ timeout: 70 })),
			"DHMEM_TIMEOUT",
		);
		popping.close();
		const pushing = region.queue(records, { record: "u8" }).producer();
		while (pushing.push(1));
		assert.is(await codeOfLater(pushing.wait({ timeout: 70 })), "DHMEM_TIMEOUT");
	}
	// A peer that was there when this endpoint opened, and then left, is gone too.
	const producer = other.queue("there").producer();
	const consumer = region.queue("there").consumer();
	producer.trySend("last words");
	producer.close();
	assert.is(textOf(await consumer.receive()), "last words");
	assert.is(await codeOfLater(consumer.receive()), "DHMEM_PEER_GONE");
	// But not after end().
	const ending = other.queue("ended").producer();
	const draining = region.queue("ended").consumer();
	ending.trySend("last");
	ending.end();
	ending.close();
	assert.is(textOf(draining.receiveSync()), "last");
	assert.is(draining.receiveSync(), undefined);
	assert.is(await draining.receive(), undefined);
});

// Both processes spin, so on a busy machine each round takes some of the scheduler's time slices: only a round has a limit.
long(test)("a producer that comes during a check is not taken for one that left", async () => {
	const region = open();
	const words = region.queue("next").producer();
	const count = 3000;
	const other = await child("streams", count);
	for (let i = 0; i < count; i++) {
		using consumer = region.queue("streams").consumer();
		words.trySend("go");
		// This looks all the time, without sleeping, while the other one comes, sends and goes.
		let received: Message | undefined;
		const deadline = clock() + PATIENCE;
		while (received === undefined) {
			assert.ok(clock() < deadline, `message ${i} never came`);
			const code = codeOf(() => {
				received = consumer.receiveSync({ timeout: 0.001 });
			});
			assert.ok(code === "nothing" || code === "DHMEM_TIMEOUT", code);
		}
		assert.is(textOf(received), String(i));
		assert.is(consumer.receiveSync({ timeout: PATIENCE }), undefined);
	}
	assert.is(await within(PATIENCE, "the end of the other one", other.hear()), "done");
});

limitedTest(
	"queue.waitForPeer() resolves when the other end comes, times out, and can be aborted",
	async () => {
		const region = open();
		const queue = region.queue("held", { capacity: 1024 });
		assert.is(await codeOfLater(queue.waitForPeer({ timeout: 60 })), "DHMEM_TIMEOUT");
		const aborter = new AbortController();
		const aborted = queue.waitForPeer({ signal: aborter.signal });
		aborter.abort("that's all");
		assert.is(await aborted.catch((error: unknown) => error), "that's all");

		// A participant that holds one endpoint waits for the other, also by another Queue object.
		const consumer = queue.consumer();
		assert.is(await codeOfLater(region.queue("held").waitForPeer({ timeout: 60 })), "DHMEM_TIMEOUT");
		const waits = [
			queue.waitForPeer(),
			region.queue("held").waitForPeer(),
			open().queue("held").waitForPeer(),
		];
		const other = await child("hold", "producer");
		await within(PATIENCE, "waitForPeer()", Promise.all(waits));
		await queue.waitForPeer({ timeout: 0 });
		// A dead participant is no peer.
		other.say(["kill", 0]);
		await other.ended;
		assert.is(await codeOfLater(queue.waitForPeer({ timeout: 300 })), "DHMEM_TIMEOUT");
		consumer.close();
	},
);

test.run();
