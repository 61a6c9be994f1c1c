/** Receiving by a handler, without an object for each message. */
import type { Consumer, DhmemErrorCode, PollHandler } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, codeOfLater, count, eachInFolder } from "../fixture/index.js";
import { drain, ends, fails, fill, got, open, patience } from "./stage.js";

eachInFolder();

/** The text of a message as a handler gets it. */
export const textOf = (...[view, at, length, message]: Parameters<PollHandler>): string =>
	message ? message.text() : Buffer.from(view.buffer, view.byteOffset + at, length).toString();

/** Polls once. Returns the texts of what was handled. */
function polled(consumer: Consumer, max?: number): string[] {
	const texts: string[] = [];
	const handled = consumer.poll((...message) => void texts.push(textOf(...message)), { max });
	assert.is(handled, texts.length);
	return texts;
}

test("poll passes each message to its handler, in order, and releases it", () => {
	const { region, producer, consumer } = ends();
	assert.is(
		consumer.poll(() => assert.unreachable()),
		0,
	);
	producer.sendMany(["0", "", "two", "3".repeat(100)]);
	assert.equal(polled(consumer), ["0", "", "two", "3".repeat(100)]);
	assert.equal(polled(consumer), []);
	const { depth, bytes, received } = region.stats().queues[0] ?? {};
	assert.equal([depth, bytes, received], [0, 0, 4]);
});

test("the view is over the ring, and what the handler reads is what was written", () => {
	const { producer, consumer } = ends();
	let view: DataView | undefined;
	for (let round = 0; round < 200; round++) {
		for (let index = 0; index < 5; index++) producer.trySend(Float64Array.of(round, index));
		let next = 0;
		consumer.poll((ring, at, length, message) => {
			assert.is(length, 16);
			assert.is(message, undefined);
			assert.is(ring.getFloat64(at, true), round);
			assert.is(ring.getFloat64(at + 8, true), next++);
			view ??= ring;
			assert.is(ring, view);
		});
		assert.is(next, 5);
	}
	assert.is(view?.byteLength, 1024);
});

test("poll handles at most `max` messages, and goes on with the next", () => {
	const { producer, consumer } = ends(65_536);
	const texts = Array.from({ length: 700 }, (_, index) => String(index));
	producer.sendMany(texts);
	assert.equal(polled(consumer, 1), ["0"]);
	assert.equal(polled(consumer, 3), ["1", "2", "3"]);
	assert.equal(polled(consumer, 600), texts.slice(4, 604));
	assert.equal(polled(consumer), texts.slice(604));
	for (const max of [0, -1, 1.5, Number.NaN, "1" as never]) {
		fails("DHMEM_BAD_ARGUMENT", () => consumer.poll(() => {}, { max }));
	}
	fails("DHMEM_BAD_ARGUMENT", () => consumer.poll(() => {}, { most: 1 } as never));
	fails("DHMEM_BAD_ARGUMENT", () => consumer.poll(undefined as never));
});

test("poll takes turns with every other way to receive", async () => {
	const { producer, consumer } = ends(4096);
	const texts = Array.from({ length: 60 }, (_, index) => String(index));
	producer.sendMany(texts);
	producer.end();
	const seen: string[] = [];
	const iterator = consumer[Symbol.asyncIterator]();
	for (let turn = 0; !consumer.ended; turn++) {
		if (turn % 5 === 0) consumer.poll((...each) => void seen.push(textOf(...each)), { max: 2 });
		else if (turn % 5 === 1) seen.push(...consumer.receiveMany(2).map((each) => each.text()));
		else if (turn % 5 === 2) {
			const message = await consumer.receive();
			if (message) seen.push(message.text());
		} else if (turn % 5 === 3) {
			const message = consumer.tryReceive();
			if (message) seen.push(message.text());
		} else {
			const { value } = await iterator.next();
			if (value) seen.push(value.text());
		}
	}
	assert.equal(seen, texts);
});

test("messages held from before poll stay held, and are released in any order", () => {
	const { region, producer, consumer } = ends();
	const held = [];
	for (let round = 0; round < 3; round++) {
		producer.sendMany([`held ${round}`, `polled ${round}`, `polled ${round} too`]);
		held.push(got(consumer.tryReceive()));
		assert.equal(polled(consumer), [`polled ${round}`, `polled ${round} too`]);
	}
	assert.equal(
		held.map((message) => message.text()),
		["held 0", "held 1", "held 2"],
	);
	assert.is(region.stats().queues[0]?.received, 6);
	for (const index of [1, 0, 2]) held[index]?.release();
	assert.is(region.stats().queues[0]?.bytes, 0);
	assert.ok(fill(producer) > 0);
});

test("an end of stream is 0 with `ended`, also for streams one after another", () => {
	const { queue, producer, consumer } = ends();
	producer.end();
	producer.close();
	assert.equal(polled(consumer), []);
	assert.ok(consumer.ended);
	assert.equal(polled(consumer), []);
	consumer.close();
	const next = queue.consumer();
	const second = open().queue("q").producer();
	second.sendMany(["a", "b"]);
	second.end();
	assert.equal(polled(next), ["a", "b"]);
	assert.not(next.ended);
	assert.equal(polled(next), []);
	assert.ok(next.ended);
});

for (const options of [{ capacity: 1024 }, { policy: "drop-oldest", keep: 4 }] as const) {
	const kind = "policy" in options ? options.policy : "block";
	test(`an end that poll has not told yet is there for the next consumer, policy ${kind}`, () => {
		const region = open();
		const queue = region.queue("q", options);
		const producer = queue.producer();
		producer.sendMany(["a", "b"]);
		producer.end();
		const consumer = queue.consumer();
		assert.equal(polled(consumer), ["a", "b"]);
		assert.not(consumer.ended);
		consumer.close();
		const next = queue.consumer();
		assert.equal(polled(next), []);
		assert.ok(next.ended);
	});
}

test("the message whose handler throws is the next one again, and those before it are released", () => {
	const { region, producer, consumer } = ends();
	producer.sendMany(["0", "1", "2", "3"]);
	const handled: string[] = [];
	for (let failures = 0; failures < 2; failures++) {
		assert.throws(
			() =>
				consumer.poll((...message) => {
					if (textOf(...message) === "2") throw new Error("not this one");
					handled.push(textOf(...message));
				}),
			"not this one",
		);
		assert.equal(handled, ["0", "1"]);
	}
	assert.is(region.stats().queues[0]?.received, 2);
	assert.equal(drain(consumer), ["2", "3"]);
});

test("a throw is passed on from each place in a fetch of 256, and nothing is lost or repeated", () => {
	const { producer, consumer } = ends(65_536);
	const failing = new Set(["0", "255", "256", "257", "511", "599"]);
	const texts = Array.from({ length: 600 }, (_, index) => String(index));
	producer.sendMany(texts);
	const seen: string[] = [];
	let thrown = 0;
	for (let handled = -1; handled !== 0; ) {
		try {
			handled = consumer.poll((...message) => {
				const text = textOf(...message);
				if (failing.delete(text)) throw new Error(text);
				seen.push(text);
			});
		} catch {
			thrown++;
		}
	}
	assert.is(thrown, 6);
	assert.equal(seen, texts);
});

test("a handler that returns a promise counts as one that throws", () => {
	const { producer, consumer } = ends();
	producer.sendMany(["a", "b"]);
	fails("DHMEM_BAD_ARGUMENT", () => consumer.poll((async () => {}) as PollHandler));
	consumer.poll((() => ({ not: "a promise" })) as PollHandler, { max: 1 });
	assert.equal(drain(consumer), ["b"]);
});

const uses: Record<string, (consumer: Consumer) => unknown> = {
	poll: (consumer) => consumer.poll(() => {}),
	tryReceive: (consumer) => consumer.tryReceive(),
	receive: (consumer) => consumer.receive(),
	receiveSync: (consumer) => consumer.receiveSync(),
	receiveMany: (consumer) => consumer.receiveMany(1),
	wait: (consumer) => consumer.wait(),
	waitSync: (consumer) => consumer.waitSync(),
};
for (const [way, use] of Object.entries(uses)) {
	for (const size of [4, 3000]) {
		test(`a handler that uses its consumer by ${way} counts as one that throws, message of ${size}`, () => {
			const { producer, consumer } = ends();
			const texts = ["a", "b", "c"].map((letter) => letter.repeat(size));
			producer.sendMany(texts);
			fails("DHMEM_BAD_ARGUMENT", () => consumer.poll(() => void use(consumer)));
			assert.equal(polled(consumer), texts);
		});
	}
}

test("a handler may close its consumer: what was handled before is released, and nothing more is called", () => {
	for (const closing of [0, 1, 3, 300]) {
		const { region, queue, producer, consumer } = ends(65_536);
		const texts = Array.from({ length: 400 }, (_, index) => String(index));
		producer.sendMany(texts);
		let calls = 0;
		consumer.poll(() => {
			if (calls++ === closing) consumer.close();
		});
		assert.is(calls, closing + 1);
		assert.is(region.stats().queues[0]?.received, closing);
		fails("DHMEM_CLOSED", () => consumer.poll(() => {}));
		assert.equal(drain(queue.consumer()), texts.slice(closing));
		region.remove("q");
	}
});

test("a handler may close the region: what was handled before is released", () => {
	const region = open();
	const queue = region.queue("q");
	queue.producer().sendMany(["0", "1", "2", "3"]);
	const other = open();
	let calls = 0;
	other
		.queue("q")
		.consumer()
		.poll(() => {
			if (calls++ === 2) other.close();
		});
	assert.is(calls, 3);
	assert.equal(drain(queue.consumer()), ["2", "3"]);
});

test("a wait that began before poll goes on after it, and gets what poll has left", async () => {
	const { region, producer, consumer } = ends();
	const waiting = consumer.receive();
	// Rings for this thread's waits while the handler runs.
	const ring = () => region.queue("other").producer().close();
	producer.sendMany(["a", "b"]);
	let calls = 0;
	const handler: PollHandler = () => {
		ring();
		if (calls++ === 1) throw new Error("not this one");
	};
	assert.throws(() => consumer.poll(handler), "not this one");
	assert.is(got(await waiting).text(), "b");
	assert.equal(polled(consumer), []);
});

test("messages that were given back come first, and to poll as any other", async () => {
	const { producer, consumer } = ends();
	producer.sendMany(["a", "b", "c", "d".repeat(3000), "e"]);
	const stream = consumer.readable({ objectMode: true });
	for await (const chunk of stream) {
		assert.is(String(chunk), "a");
		break;
	}
	assert.equal(polled(consumer, 2), ["a", "b"]);
	consumer.giveBack(consumer.receiveMany(2));
	assert.equal(polled(consumer), ["c", "d".repeat(3000), "e"]);
});

test("poll wraps around the ring with messages of all lengths", () => {
	const { producer, consumer } = ends(256);
	let sent = 0;
	let handled = 0;
	const rounds = count(2000, 50_000);
	const lengthOf = (index: number) => (index * 7) % 121;
	while (handled < rounds) {
		while (producer.trySend(Buffer.alloc(lengthOf(sent), sent % 256))) sent++;
		consumer.poll((view, at, length) => {
			assert.is(length, lengthOf(handled));
			for (let index = 0; index < length; index++) {
				if (view.getUint8(at + index) !== handled % 256) assert.unreachable(`message ${handled}`);
			}
			handled++;
		});
		assert.is(handled, sent);
	}
});

test("wait is true when there is a message, and false when the stream has ended", async () => {
	const { producer, consumer } = ends();
	fails("DHMEM_TIMEOUT", () => consumer.waitSync({ timeout: 0 }));
	assert.is(await codeOfLater(consumer.wait({ timeout: 5 })), "DHMEM_TIMEOUT");
	const waiting = consumer.wait();
	producer.sendMany(["a", "b".repeat(3000)]);
	assert.is(await waiting, true);
	assert.is(await consumer.wait(), true);
	assert.is(consumer.waitSync(), true);
	assert.equal(polled(consumer, 1), ["a"]);
	assert.is(await consumer.wait(), true);
	assert.is(consumer.waitSync(), true);
	assert.equal(drain(consumer), ["b".repeat(3000)]);
	producer.end();
	assert.is(await consumer.wait(), false);
	assert.is(consumer.waitSync(), false);
	assert.ok(consumer.ended);
});

test("wait fails as receive does", async () => {
	const { queue, producer, consumer } = ends();
	const waiting = consumer.wait();
	producer.close();
	assert.is(await codeOfLater(waiting), "DHMEM_PEER_GONE");
	const reason = new Error("enough");
	assert.is(await consumer.wait({ signal: AbortSignal.abort(reason) }).catch((error) => error), reason);
	using next = queue.producer();
	next.trySend("a");
	assert.is(await consumer.wait(), true);
	consumer.close();
	for (const code of [codeOf(() => consumer.waitSync()), await codeOfLater(consumer.wait())]) {
		assert.is(code satisfies DhmemErrorCode | "nothing", "DHMEM_CLOSED");
	}
});

test("a loop of wait and poll reads a stream to its end", async () => {
	const { producer, consumer } = ends(64);
	const texts = Array.from({ length: count(200, 5000) }, (_, index) => `step ${index}`);
	const sending = (async () => {
		for (const text of texts) await producer.send(text, patience);
		producer.end();
	})();
	const seen: string[] = [];
	while (await consumer.wait()) consumer.poll((...message) => void seen.push(textOf(...message)));
	await sending;
	assert.equal(seen, texts);
});

test.run();
