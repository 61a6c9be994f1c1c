/** What leaves no garbage: batches written in place, `poll`, and accessors. */
import { getHeapSpaceStatistics } from "node:v8";
import type { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { count, regionTest } from "../fixture/index.js";

const TURNS = 5000;
const MESSAGES = 64;

/** Bytes of young objects. */
function young(): number {
	return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_used_size ?? 0;
}

/**
 * The garbage of one turn in bytes: the median of some rounds, because a collection makes one round's figure negative.
 * The code is compiled in the first rounds, so there may be several tries.
 */
function garbageOf(turn: () => void): number {
	for (let i = 0; i < 10 * TURNS; i++) turn();
	let garbage = Number.POSITIVE_INFINITY;
	for (let attempt = 0; attempt < 20 && garbage >= 1; attempt++) {
		const rounds = Array.from({ length: 9 }, () => {
			const before = young();
			for (let i = 0; i < TURNS; i++) turn();
			return (young() - before) / TURNS;
		});
		garbage = rounds.sort((a, b) => a - b)[4] as number;
	}
	return garbage;
}

function batches(region: Region): () => void {
	const queue = region.queue("batches", { capacity: "1MiB" });
	const producer = queue.producer();
	const consumer = queue.consumer();
	let sum = 0;
	const handler = (view: DataView, at: number) => {
		sum = (sum + view.getUint32(at, true)) | 0;
	};
	return () => {
		const batch = producer.tryReserveMany(64, MESSAGES);
		assert.ok(batch);
		// At the end of the ring fewer may fit.
		const { count: fitting } = batch;
		for (let i = 0; i < fitting; i++) batch.view.setUint32(batch.offset(i), i, true);
		batch.commit();
		if (consumer.poll(handler) !== fitting) throw new Error("a batch is incomplete");
	};
}

regionTest("tryReserveMany, commit and poll leave no garbage", (region) => {
	const turn = batches(region);
	const garbage = garbageOf(turn);
	assert.ok(garbage < 1, `${garbage} B for a batch`);
});

regionTest("nor do they once the positions in the ring are beyond 2^31", (region) => {
	const turn = batches(region);
	// Each message takes 72 bytes of the ring.
	const turns = count(0, Math.ceil(2 ** 31 / (72 * MESSAGES)));
	for (let i = 0; i < turns; i++) turn();
	const garbage = garbageOf(turn);
	assert.ok(garbage < 1, `${garbage} B for a batch`);
});

regionTest("pushEach and poll of structs leave no garbage", (region) => {
	const queue = region.queue("structs", { record: { id: "u32", x: "f32" }, capacity: 1024 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	let sum = 0;
	const write = (to: { id: number }) => {
		to.id = 3;
	};
	const read = (from: { id: number }) => {
		sum = (sum + from.id) | 0;
	};
	const garbage = garbageOf(() => {
		producer.pushEach(MESSAGES, write);
		consumer.poll(read);
	});
	assert.ok(garbage < 1, `${garbage} B for a batch`);
});

regionTest("accessors leave no garbage", (region) => {
	const block = region.allocate(64);
	let sum = 0;
	const garbage = garbageOf(() => {
		for (let at = 0; at < 64; at += 4) block.writeUInt32LE(at, at);
		for (let at = 0; at < 64; at += 4) sum = (sum + block.readUInt32LE(at)) | 0;
	});
	assert.ok(garbage < 1, `${garbage} B for 32 numbers`);
});

test.run();
