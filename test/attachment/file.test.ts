/** The file of a region: its header, and beyond 2 GiB. */
import { chmodSync, closeSync, openSync, readFileSync, readSync, statSync, writeSync } from "node:fs";
import type { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HEADER_BUSY, HEADER_BYTES, SPAN_BYTES } from "../../assembly/layout.js";
import { eachInFolder, limitedTest, loadBlock } from "../fixture/index.js";
import { open } from "./stage.js";

eachInFolder();

limitedTest("the file is as long as its header says, and nobody sees half of it", () => {
	const region = open({ size: "1MiB" });
	const header = readFileSync(region.path).subarray(0, 8).toString("latin1");
	assert.is(header.slice(0, 5), "dhmem");
	assert.is(statSync(region.path).size, 2 ** 20);
	chmodSync(region.path, 0o600);
});

/** Marks everything below `bytes` as busy, so that it is skipped as if it were in use. */
function fillUp(region: Region, bytes: number): void {
	const file = openSync(region.path, "r+");
	const header = Buffer.alloc(HEADER_BYTES);
	readSync(file, header, 0, header.length, 0);
	const bits = Buffer.alloc(bytes / SPAN_BYTES / 8, 0xff);
	writeSync(file, bits, 0, bits.length, header.readUInt32LE(HEADER_BUSY));
	closeSync(file);
}

limitedTest("everything works beyond 2 GiB, where offsets no longer fit a signed number", () => {
	const region = open({ size: "3GiB" });
	fillUp(region, 2 ** 31);
	const block = region.allocate(100_000);
	assert.ok(block.bytes.byteOffset >= 2 ** 31);
	assert.is(loadBlock(region, region.save(block)).length, 100_000);
	const map = region.map("map", { key: "string", value: "f64" });
	const vector = region.vector("vector", "f64");
	for (let index = 0; index < 2000; index++) {
		map.set(`key ${index}`, index);
		vector.push(index);
	}
	assert.is(map.get("key 1999"), 1999);
	assert.is(map.entries().length, 2000);
	assert.is(vector.at(-1), 1999);
	const array = region.array("array", { dtype: "i32", shape: [50_000] });
	array.set(49_999, 5);
	assert.is(array.get(49_999), 5);
	const queue = region.queue("queue", { capacity: "64KiB" });
	const [producer, consumer] = [queue.producer(), queue.consumer()];
	assert.is(producer.sendMany(["small", "x".repeat(100_000)]), 2);
	assert.is(consumer.tryReceive()?.text(), "small");
	assert.is(consumer.tryReceive()?.length, 100_000);
	const records = region.queue("records", { record: "f64" });
	records.producer().push(0.5);
	assert.is(records.consumer().pop(), 0.5);
	region.mutex("mutex").lockSync().unlock();
	for (let index = 0; index < 120; index++) region.struct(`struct ${index}`, { a: "f64" }).a = index;
	assert.is(region.struct("struct 119", { a: "f64" }).a, 119);
	assert.is(region.entries().length, 126);
});

test.run();
