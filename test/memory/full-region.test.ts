/** A region that is full. */
import type { Block } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open } from "../attachment/stage.js";
import { codeOf, codeOfLater, eachInFolder, errorOf, limitedTest } from "../fixture/index.js";

eachInFolder();

limitedTest("a full region is DHMEM_REGION_FULL, and freeing makes room", async () => {
	const region = open({ size: "2MiB" });
	const { used } = region.stats();
	const blocks: Block[] = [];
	let code = "nothing";
	while (code === "nothing") {
		code = codeOf(() => {
			blocks.push(region.allocate(100_000));
		});
	}
	assert.is(code, "DHMEM_REGION_FULL");
	assert.ok(blocks.length >= 8, `${blocks.length} blocks`);
	assert.is(
		codeOf(() => region.queue("q")),
		"DHMEM_REGION_FULL",
	);
	assert.is(
		codeOf(() => region.allocate(region.size)),
		"DHMEM_REGION_FULL",
	);
	assert.is(
		codeOf(() => region.allocate(Number.MAX_SAFE_INTEGER)),
		"DHMEM_REGION_FULL",
	);
	blocks.pop()?.free();
	blocks.pop()?.free();
	const queue = region.queue("q", { capacity: 4096 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	while (codeOf(() => blocks.push(region.allocate(60_000))) === "nothing");
	assert.is(
		codeOf(() => producer.trySend(new Uint8Array(300_000))),
		"DHMEM_REGION_FULL",
	);
	assert.is(
		codeOf(() => producer.sendSync(new Uint8Array(300_000))),
		"DHMEM_REGION_FULL",
	);
	assert.is(await codeOfLater(producer.send(new Uint8Array(300_000))), "DHMEM_REGION_FULL");
	// The refused message has left no reservation behind.
	assert.ok(producer.trySend("small"));
	const message = consumer.tryReceive();
	assert.is(message?.text(), "small");
	// With something sent and not released, there is something to wait for.
	assert.is(producer.trySend(new Uint8Array(300_000)), false);
	assert.is(producer.tryReserve(300_000), undefined);
	message?.release();
	for (const block of blocks) block.free();
	assert.ok(producer.trySend(new Uint8Array(300_000)));
	consumer.tryReceive()?.release();
	assert.ok(region.stats().used - used < 32 * 1024);
});

limitedTest("a message larger than the region is DHMEM_MESSAGE_TOO_LARGE", async () => {
	const region = open({ size: "1MiB" });
	const queue = region.queue("q", { capacity: 4096 });
	const producer = queue.producer();
	const data = new Uint8Array(2 ** 20);
	const code = "DHMEM_MESSAGE_TOO_LARGE";
	const error = errorOf(() => producer.trySend(data));
	assert.is(error.code, code);
	assert.match(error.message, "1048576");
	assert.is(
		codeOf(() => producer.sendSync(data)),
		code,
	);
	assert.is(await codeOfLater(producer.send(data)), code);
	assert.is(
		codeOf(() => producer.tryReserve(2 ** 20)),
		code,
	);
	assert.is(
		codeOf(() => producer.sendMany(["a", data, "b"])),
		code,
	);
	const block = region.allocate(100);
	assert.is(
		codeOf(() => producer.trySend(new Uint8Array(4096), { block })),
		code,
	);
	block.free();
	const consumer = queue.consumer();
	// This came before the large one was sent.
	assert.is(consumer.tryReceive()?.text(), "a");
	assert.is(consumer.tryReceive(), undefined);
	assert.ok(producer.trySend(new Uint8Array(200_000)));
});

test.run();
