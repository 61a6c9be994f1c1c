/** What happens to the messages that a queue keeps when a send finds no room. */
import { type Block, type Queue, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { sizeOfBlock } from "../../src/queue/making-room.js";
import { codeOf, errorOf, processorTime, regionTest } from "../fixture/index.js";

const MIB = 2 ** 20;

/** Allocates all remaining memory in blocks of this size. */
function fill(region: Region, bytes: number): Block[] {
	const blocks: Block[] = [];
	while (codeOf(() => blocks.push(region.allocate(bytes))) !== "DHMEM_REGION_FULL");
	return blocks;
}

/** What a new consumer receives. */
function texts(queue: Queue): string[] {
	using consumer = queue.consumer();
	return consumer.receiveMany(10_000).map((message) => message.text());
}

function statsOf(region: Region, name: string) {
	return region.stats().queues.find((queue) => queue.name === name);
}

for (const [title, options, kept] of [
	["latest", { policy: "latest" }, ["state 7"]],
	["drop-oldest", { policy: "drop-oldest", keep: 4 }, ["state 4", "state 5", "state 6", "state 7"]],
] as const) {
	regionTest(
		`a send that can't fit drops nothing of a ${title} queue`,
		(region) => {
			const queue = region.queue("view", options);
			const producer = queue.producer();
			for (let i = 0; i < 8; i++) producer.trySend(`state ${i}`);
			const dropped = statsOf(region, "view")?.dropped;
			using _hog = region.allocate(300_000);
			const tooLarge = new Uint8Array(600_000);
			for (const send of [
				() => producer.trySend(tooLarge),
				() => producer.sendSync(tooLarge),
				() => producer.tryReserve(tooLarge.length),
				() => producer.sendMany([tooLarge]),
			]) {
				assert.is(errorOf(send).code, "DHMEM_REGION_FULL");
			}
			assert.is(statsOf(region, "view")?.dropped, dropped);
			assert.equal(texts(queue), kept);
		},
		{ size: "1MiB" },
	);
}

regionTest(
	"a send never makes room by dropping the newest message",
	(region) => {
		const queue = region.queue("view", { policy: "latest" });
		const producer = queue.producer();
		producer.trySend(new Uint8Array(600_000).fill(65));
		assert.is(
			codeOf(() => producer.trySend(new Uint8Array(600_000))),
			"DHMEM_REGION_FULL",
		);
		assert.is(texts(queue)[0]?.length, 600_000);
	},
	{ size: "1MiB" },
);

regionTest("a send drops no more messages than it needs room for", (region) => {
	const queue = region.queue("log", { policy: "drop-oldest", keep: 30 });
	const producer = queue.producer();
	// Each has a run of spans of its own, one after another.
	for (let i = 0; i < 30; i++) producer.trySend(new Uint8Array(MIB - 8).fill(i));
	const blocks = fill(region, 65536);
	producer.trySend(new Uint8Array(3 * MIB).fill(30));
	assert.is(statsOf(region, "log")?.depth, 27, "four of a mebibyte made room for a little more than three");
	using consumer = queue.consumer();
	assert.equal(
		consumer.receiveMany(100).map((message) => message.bytes[0]),
		Array.from({ length: 27 }, (_, i) => i + 4),
	);
	for (const block of blocks) block.free();
});

regionTest("a small message makes room by dropping one of its size, or all that share a span", (region) => {
	const queue = region.queue("log", { policy: "drop-oldest", keep: 4000 });
	const producer = queue.producer();
	for (let i = 0; i < 3500; i++) producer.trySend(`${i}`.padStart(50));
	const blocks = [65536, 32768, 64].flatMap((bytes) => fill(region, bytes));
	producer.trySend("as small as they are");
	assert.is(statsOf(region, "log")?.depth, 3500, "one went");
	producer.trySend("x".repeat(30_000));
	// The first of the dropped messages makes a span empty only together with all others in it.
	const depth = statsOf(region, "log")?.depth as number;
	assert.ok(depth > 0 && depth < 3500, `${depth} are left`);
	assert.is(texts(queue).at(-1)?.length, 30_000);
	for (const block of blocks) block.free();
});

regionTest("a block that goes with a message makes room, when its last reference is dropped", (region) => {
	const queue = region.queue("log", { policy: "drop-oldest", keep: 10 });
	const producer = queue.producer();
	const block = region.allocate(20 * MIB);
	producer.trySend("first", { block: block.clone() });
	producer.trySend("second", { block });
	producer.trySend("third");
	const blocks = fill(region, 65536);
	producer.trySend(new Uint8Array(10 * MIB));
	assert.equal(
		texts(queue).map((text) => text.length),
		[5, 10 * MIB],
		"the first and the second had the block",
	);
	for (const each of blocks) each.free();
});

test("a send that can't fit fails soon, however large the region and however many messages it keeps", async () => {
	using region = Region.temporary({ size: "1GiB" });
	const queue = region.queue("log", { policy: "drop-oldest", keep: 4096 });
	const producer = queue.producer();
	for (let i = 0; i < 4096; i++) producer.trySend("x".repeat(100));
	const blocks = [...fill(region, MIB), ...fill(region, 65536)];
	const took = await processorTime(() => {
		assert.is(
			codeOf(() => producer.trySend(new Uint8Array(2 * MIB))),
			"DHMEM_REGION_FULL",
		);
	});
	assert.is(statsOf(region, "log")?.depth, 4096);
	// This once took 2.7 s, because the whole region was searched for each dropped message.
	assert.ok(took < 1000, `it took ${took} ms of processor time`);
	for (const block of blocks) block.free();
});

regionTest("the calculated size of a block is that of the core", (region) => {
	for (let bytes = 1; bytes < 200_000; bytes += bytes < 2000 ? 1 : 37) {
		const block = region.allocate(bytes);
		const used = region.stats().used;
		block.free();
		assert.is(used - region.stats().used, sizeOfBlock(bytes), `for ${bytes}`);
	}
});

test.run();
