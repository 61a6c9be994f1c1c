/** Waits that are given up, and timeouts. */
import { getEventListeners } from "node:events";
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	Child,
	codeOf,
	codeOfLater,
	directory,
	eachInFolder,
	leastTime,
	limitedTest,
	PATIENCE,
	within,
} from "../fixture/index.js";
import { fill, module, open, textOf } from "./stage.js";

eachInFolder();

limitedTest("abandoned waits leave nothing: no listeners, no messages, no running process", async () => {
	const region = open();
	const queue = region.queue("a");
	const aborter = new AbortController();
	const consumer = queue.consumer({ signal: aborter.signal });
	const listeners = () => getEventListeners(aborter.signal, "abort").length;

	const waits = Array.from({ length: 50 }, () => consumer.receive());
	const peer = region.queue("b").waitForPeer({ signal: aborter.signal });
	await turn();
	// One signal for all, or Node would warn of a leak.
	assert.is(listeners(), 1);
	const reason = { why: "a reason of any kind" };
	aborter.abort(reason);
	for (const wait of [...waits, peer]) {
		assert.is(await wait.then(Object, (error: unknown) => error), reason);
	}
	assert.is(listeners(), 0);
	// A signal that is aborted already rejects at once with its own reason, although there is a message.
	const producer = queue.producer();
	producer.trySend("kept");
	assert.is(await consumer.receive().then(Object, (error: unknown) => error), reason);
	assert.throws(
		() => consumer.receiveSync(),
		(error: unknown) => error === reason,
	);
	assert.is(await producer.send("x", { signal: aborter.signal }).catch((error: unknown) => error), reason);
	// The message was not lost.
	assert.is(textOf(consumer.tryReceive()), "kept");
	assert.is(consumer.tryReceive(), undefined);

	// After a message and after a timeout, the listener is removed too.
	const another = new AbortController();
	const received = consumer.receive({ signal: another.signal });
	const late = codeOfLater(region.queue("b").waitForPeer({ signal: another.signal, timeout: 20 }));
	await turn();
	assert.is(getEventListeners(another.signal, "abort").length, 1);
	producer.trySend("x");
	assert.is(textOf(await received), "x");
	assert.is(await late, "DHMEM_TIMEOUT");
	assert.is(getEventListeners(another.signal, "abort").length, 0);

	const gaveUp = new Child(module, "giveUp", [directory]);
	consumer.close();
	assert.is(await gaveUp.hear(), 400);
	const { code, errors } = await within(PATIENCE, "ending by itself", gaveUp.ended);
	assert.equal([code, errors], [0, ""]);
});

limitedTest("a timeout of 0 tries once, and longer ones are kept", async () => {
	const region = open();
	const queue = region.queue("a", { capacity: 64 });
	const consumer = queue.consumer();
	const producer = queue.producer();
	const records = region.queue("r", { record: "i32", capacity: 4 });
	const popping = records.consumer();
	const pushing = records.producer();

	assert.is(
		codeOf(() => consumer.receiveSync({ timeout: 0 })),
		"DHMEM_TIMEOUT",
	);
	assert.is(
		codeOf(() => popping.waitSync({ timeout: 0 })),
		"DHMEM_TIMEOUT",
	);
	assert.is(await codeOfLater(consumer.receive({ timeout: 0 })), "DHMEM_TIMEOUT");
	assert.is(await codeOfLater(popping.wait({ timeout: 0 })), "DHMEM_TIMEOUT");
	assert.is(await codeOfLater(region.queue("b").waitForPeer({ timeout: 0 })), "DHMEM_TIMEOUT");
	await queue.waitForPeer({ timeout: 0 });

	producer.sendSync("x", { timeout: 0 });
	await producer.send("y", { timeout: 0 });
	assert.is(textOf(consumer.receiveSync({ timeout: 0 })), "x");
	assert.is(textOf(await consumer.receive({ timeout: 0 })), "y");
	assert.is(pushing.waitSync({ timeout: 0 }), true);
	assert.is(await pushing.wait({ timeout: 0 }), true);
	fill(producer);
	while (pushing.push(1));
	assert.is(
		codeOf(() => producer.sendSync("x", { timeout: 0 })),
		"DHMEM_TIMEOUT",
	);
	assert.is(await codeOfLater(producer.send("x", { timeout: 0 })), "DHMEM_TIMEOUT");
	assert.is(
		codeOf(() => pushing.waitSync({ timeout: 0 })),
		"DHMEM_TIMEOUT",
	);
	assert.is(await codeOfLater(pushing.wait({ timeout: 0 })), "DHMEM_TIMEOUT");

	const empty = region.queue("empty").consumer({ timeout: 60 });
	for (const [wait, least] of [
		[() => empty.receive(), 60],
		[async () => empty.receiveSync(), 60],
		[() => empty.receive({ timeout: 130.5 }), 130],
		[async () => empty.receiveSync({ timeout: 130.5 }), 130],
		[() => empty[Symbol.asyncIterator]().next(), 60],
		[() => empty.batches(3).next(), 60],
	] as const) {
		const took = await leastTime(least + 100, async () => {
			assert.is(await codeOfLater(wait()), "DHMEM_TIMEOUT");
		});
		assert.ok(took >= least - 2 && took < least + 100, `${took} ms in place of ${least}`);
	}
});

limitedTest(
	"a message that came in time is received, even if the event loop was too busy to look",
	async () => {
		const queue = open().queue("a");
		const consumer = queue.consumer();
		const producer = queue.producer();
		for (const timeout of [1, 20]) {
			const received = consumer.receive({ timeout });
			producer.trySend("in time");
			const end = performance.now() + timeout + 5;
			while (performance.now() < end);
			assert.is(textOf(await received), "in time");
		}
		// With a timeout of 0, what is there is received, whatever the turn of the event loop.
		for (let i = 0; i < 2000; i++) {
			producer.trySend(String(i));
			if (i % 500 === 0) await delay(6);
			assert.is(textOf(await consumer.receive({ timeout: 0 })), String(i));
		}
	},
);

limitedTest("a signal whose methods throw does not hold up other waits, and loses no lock", async () => {
	const region = open();
	const { signal } = new AbortController();
	const refuse = (): never => {
		throw new Error("no listeners");
	};
	const deaf = Object.assign(Object.create(signal, { aborted: { value: false } }), {
		addEventListener: refuse,
		removeEventListener: () => {},
	}) as AbortSignal;
	const queue = region.queue("a");
	const consumer = queue.consumer();
	const refused = await consumer.receive({ signal: deaf }).catch((error: unknown) => error);
	assert.match(String(refused), "no listeners");
	const received = consumer.receive();
	queue.producer().trySend("x");
	assert.is(textOf(await received), "x");

	const clinging = Object.assign(Object.create(signal, { aborted: { value: false } }), {
		addEventListener: () => {},
		removeEventListener: refuse,
	}) as AbortSignal;
	const held = open().mutex("m").tryLock();
	const locked = region.mutex("m").lock({ signal: clinging });
	await turn();
	held?.unlock();
	(await locked).unlock();
});

limitedTest(
	"a signal without `throwIfAborted` or a reason, as in old jsdom and polyfills, ends waits",
	async () => {
		const region = open();
		const mutex = region.mutex("m");
		const holder = open().mutex("m").tryLock();
		const consumer = region.queue("a").consumer();
		for (const reason of [undefined, null, "its own"]) {
			const signal = Object.assign(new EventTarget(), { aborted: false, reason }) as unknown as AbortSignal;
			const aborted = (error: unknown) =>
				reason === undefined ? (error as Error).name === "AbortError" : error === reason;
			const waits: (() => Promise<unknown>)[] = [
				() => consumer.receive({ signal }),
				() => mutex.lock({ signal }),
			];
			const pending = waits.map((wait) => wait().then(() => false, aborted));
			await turn();
			Object.assign(signal, { aborted: true });
			signal.dispatchEvent(new Event("abort"));
			assert.equal(await Promise.all(pending), [true, true]);
			for (const wait of waits) assert.ok(await wait().then(() => false, aborted));
			assert.throws(() => consumer.receiveSync({ signal }), aborted);
			assert.throws(() => mutex.lockSync({ signal }), aborted);
		}
		holder?.unlock();
	},
);

test.run();
