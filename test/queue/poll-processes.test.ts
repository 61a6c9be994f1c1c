/** `poll` and `tryReserveMany` between processes, some of which are killed. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child, count, directory, eachInFolder, some } from "../fixture/index.js";
import { LENGTH, receive } from "./poll-child.js";
import { open, patience } from "./stage.js";

eachInFolder();

const module = new URL("./poll-child.js", import.meta.url).href;
/** The most messages that are delivered again after a consumer has died in `poll`. */
const MOST = 256;

function sender(first: number, end: number, most: number): Child {
	return new Child(module, "producer", [directory, first, end, most]);
}

for (const most of some([1, 64, 7, 1000], 2)) {
	test(`every word of what one process sends, ${most} at a time, is what another receives`, async () => {
		const queue = open().queue("q", { capacity: 32_768 });
		const end = count(10_000, 1_000_000);
		const child = sender(0, end, most);
		assert.equal(receive(queue.consumer(patience)), { first: 0, next: end });
		assert.is((await child.ended).code, 0);
	});
}

for (const stop of some([0, 1, 255, 256, 2047, 1000], 2)) {
	test(`after a consumer was killed in the handler of message ${stop}, at most ${MOST} handled come again`, async () => {
		const queue = open().queue("q", { capacity: 262_144 });
		const end = 2048;
		await sender(0, end, 64).ended;
		const child = new Child(module, "consumer", [directory, stop]);
		assert.is(await child.hear(), "stopped");
		await child.kill();
		using next = await queue.acquireConsumer(patience, patience);
		const { first, next: behind } = receive(next);
		assert.ok(first <= stop && first > stop - MOST, `message ${first} came first`);
		assert.is(behind, end);
	});
}

test("what a killed producer has reserved and not committed is gone, and what it has committed is there", async () => {
	const queue = open().queue("q", { capacity: 65_536 });
	const consumer = queue.consumer({ ...patience, patient: true });
	for (let round = 0; round < 3; round++) {
		const child = sender(0, 2 ** 31, 16);
		let received = 0;
		while (received < 1000) {
			consumer.waitSync();
			received += consumer.poll(() => {}, { max: 100 });
		}
		await child.kill();
		using next = await queue.acquireProducer(patience, patience);
		// The last batches of the killed producer are whole.
		consumer.poll((view, at, length) => {
			assert.is(length, LENGTH);
			assert.is.not(view.getUint32(at + 4, true), 0);
		});
		assert.ok(next.trySend("after"));
		const rest = consumer.poll((view, at, length) => {
			assert.is(Buffer.from(view.buffer, view.byteOffset + at, length).toString(), "after");
		});
		assert.is(rest, 1);
	}
});

test.run();
