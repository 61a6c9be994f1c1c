/** Regions beyond 4 GiB, whose large blocks are in the bulk space. */
import { statSync } from "node:fs";
import { type Block, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BULK_PAGES, BULK_TAG_SHIFT, HEADER_BULK_STATES } from "../../assembly/layout.js";
import { attach, detach } from "../../src/attachment/files.js";
import { fileOptions } from "../../src/attachment/region-options.js";
import {
	Child,
	codeOf,
	count,
	directory,
	eachInFolder,
	errorOf,
	limitedTest,
	loadBlock,
	openRegion,
	regionPath,
	regionTest,
} from "../fixture/index.js";
import { playRounds } from "./bulk-rounds.js";

eachInFolder();

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const child = new URL("./bulk-child.js", import.meta.url).href;

/** A test in a region with a bulk space. */
function bulkTest(title: string, body: (region: Region) => Promise<void> | void, size = "16GiB"): void {
	regionTest(title, body, { size });
}

/** True if the bytes are in a window, not in the memory of the region's heap. */
function isBulk(region: Region, { bytes }: Pick<Block, "bytes">): boolean {
	using heap = region.allocate(1);
	return bytes.buffer !== heap.bytes.buffer;
}

test("a region of 16 TiB has hardly any pages, and one of 4 GiB has no bulk space", () => {
	const sizes: [size: string, bytes: number][] = [
		["16TiB", 2 ** 44],
		["4294967297", 4 * GIB + 2 * MIB],
		["4GiB", 4 * GIB - 2 * 65536],
	];
	for (const [size, bytes] of sizes) {
		const region = openRegion(size, { size });
		assert.is(region.size, bytes);
		const { size: length, blocks } = statSync(regionPath(size));
		assert.is(length, bytes);
		assert.ok(blocks * 512 < 300 * 1024, `${blocks * 512} bytes in a region of ${size}`);
	}
	assert.is(
		codeOf(() => openRegion("large", { size: 2 ** 44 + 1 })),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => openRegion("4GiB", { size: "5GiB" })),
		"DHMEM_TYPE_MISMATCH",
	);
});

bulkTest("large blocks are in the bulk space, small ones in the heap, and both are used alike", (region) => {
	const before = region.stats().used;
	for (const [bytes, expected] of [
		[1000, false],
		[5 * MIB, false],
		[8 * MIB, true],
		[33_000_001, true],
	] as const) {
		const block = region.allocate(bytes);
		assert.is(isBulk(region, block), expected, `${bytes}`);
		assert.is(block.bytes.length, bytes);
		block.writeDoubleLE(0.5, bytes - 8 - (bytes % 8));
		assert.is(block.as("f64").at(-1), 0.5);
		block.writeUInt8(7, bytes - 1);
		const copy = new Uint8Array(3);
		assert.is(block.copyTo(copy, 0, bytes - 3), 3);
		assert.is(copy[2], 7);
		const long = new Uint8Array(1000);
		assert.is(block.copyTo(long, 0, bytes - 1000), 1000);
		assert.is(long[999], 7);
		const structs = block.as({ x: "f64", n: "u32" });
		(structs[3] as { x: number }).x = 2.5;
		assert.is(block.readDoubleLE(48), 2.5);
		block.free();
		assert.is(
			codeOf(() => block.bytes),
			"DHMEM_CLOSED",
		);
		assert.is(
			codeOf(() => block.free()),
			"DHMEM_DOUBLE_FREE",
		);
	}
	assert.is(region.stats().used, before);
});

bulkTest("numbers are read and written on both sides of 2 GiB in a window", (region) => {
	region.allocate(8 * MIB).free();
	// As if a participant had claimed the first spans, whose pages nobody has to provide then.
	const states = region.lookWith((attachment) => {
		const first = attachment.header(HEADER_BULK_STATES) >>> 2;
		return attachment.words.subarray(first, first + 1022);
	});
	states.fill(128 << BULK_TAG_SHIFT);
	const block = region.allocate(8 * MIB);
	states.fill(0);
	for (const at of [0, 4 * MIB - 4, 4 * MIB, 8 * MIB - 8]) {
		block.writeDoubleLE(at + 0.5, at);
		assert.is(block.readDoubleLE(at), at + 0.5);
		assert.is(new DataView(block.bytes.buffer, block.bytes.byteOffset + at).getFloat64(0, true), at + 0.5);
	}
	block.free();
	assert.is(
		codeOf(() => region.allocate(2046 * 2 * MIB + 1)),
		"DHMEM_REGION_FULL",
	);
});

bulkTest("bulk blocks are sent, taken, saved, loaded and cloned by several processes", async (region) => {
	const before = region.stats().used;
	using there = region.queue("there").producer();
	using back = region.queue("back").consumer();
	const echo = new Child(child, "echo", [region.name]);
	for (let i = 0; i < 10; i++) {
		const block = region.allocate(10 * MIB + i);
		block.writeUInt8(i, block.length - 1);
		await there.send(`${i}`, { block });
	}
	there.end();
	let count = 0;
	for await (const message of back) {
		assert.is(message.text(), `${count}`);
		assert.is(message.block?.readUInt8(0), count + 1);
		assert.is(message.block?.length, 10 * MIB + count);
		count++;
		if (count % 2 === 0) message.release();
		else message.take().free();
	}
	assert.is(count, 10);
	await echo.ended;

	const block = region.allocate(12 * MIB);
	const clone = block.clone();
	block.writeUInt8(42, block.length - 1);
	assert.is(clone.readUInt8(clone.length - 1), 42);
	block.free();
	const token = String(region.save(clone));
	region.array("field", { dtype: "f64", shape: [2_000_000] }).set(1_999_999, 2.5);
	const reader = new Child(child, "read", [region.name, token]);
	assert.equal(await reader.hear(), [42, 2.5, 16 * GIB]);
	loadBlock(region, token).free();
	region.remove("field");
	region.remove("there");
	region.remove("back");
	assert.is(region.stats().used, before);
});

bulkTest(
	"a large message travels as a bulk block, and a large reservation is written in place",
	async (region) => {
		const queue = region.queue("q");
		using producer = queue.producer();
		using consumer = queue.consumer();
		const before = region.stats().used;
		await producer.send(new Uint8Array(20 * MIB).fill(3));
		const reservation = producer.tryReserve(9 * MIB);
		assert.ok(reservation && isBulk(region, reservation));
		reservation?.bytes.fill(4);
		reservation?.commit(9 * MIB - 1);
		const text = "ä".repeat(5 * MIB);
		await producer.send(text);
		for (const [length, byte] of [
			[20 * MIB, 3],
			[9 * MIB - 1, 4],
		]) {
			const message = await consumer.receive();
			assert.ok(message && isBulk(region, message));
			assert.equal([message?.length, message?.bytes.at(-1)], [length, byte]);
			assert.is(message?.readUInt8(0), byte);
			message?.release();
		}
		const message = await consumer.receive();
		assert.is(message?.text(), text);
		const block = message?.take();
		assert.is(block?.length, 10 * MIB);
		block?.free();
		assert.is(region.stats().used, before);
	},
);

bulkTest(
	"a block of 3.9 GiB is handed from process to process, and nobody touches its bytes",
	async (region) => {
		region.allocate(8 * MIB).free();
		// As if it had pages already: then it is sparse, and the file shows whether anybody touches them.
		const length = 1996 * 2 * MIB;
		region.lookWith((attachment) => {
			const first = attachment.header(HEADER_BULK_STATES) >>> 2;
			attachment.words.fill(BULK_PAGES, first + 4, first + 1996);
		});
		using there = region.queue("there").producer();
		using back = region.queue("back").consumer();
		const passing = new Child(child, "bounce", [region.name]);
		await passing.hear();
		let block = region.allocate(length);
		const { committed } = region.stats();
		for (let time = 0; time < 100; time++) {
			await there.send(`${time}`, { block });
			const message = await back.receive();
			assert.is(message?.text(), `${time}`);
			block = message?.take() as Block;
		}
		assert.is(block.length, length);
		assert.is(region.stats().committed, committed);
		block.free();
	},
);

bulkTest("a killed process's bulk blocks, and its clones, come back", async (region) => {
	using there = region.queue("there").producer();
	const before = region.stats().used;
	const block = region.allocate(10 * MIB);
	await there.send("", { block });
	const holder = new Child(child, "hold", [region.name]);
	assert.is(await holder.hear(), 3);
	assert.ok(region.stats().used >= before + 19 * MIB);
	await holder.kill();
	region.recover();
	assert.is(region.stats().used, before);
});

test("what one space has no room for goes to the other", () => {
	// No user can make so small a heap with a bulk space, but the layout allows it.
	const extent = { spans: 24 * 16, bulk: 8 };
	const options = fileOptions({ mode: "create", lifetime: "last-close" });
	const attachment = attach(directory, regionPath("small"), { ...options, extent });
	const region = openRegion("small");
	const sizes = [9, 9, 9, 2, 4, 2, 2].map((mebibytes) => mebibytes * MIB);
	const blocks = sizes.map((bytes) => region.allocate(bytes));
	assert.equal(
		blocks.map((block) => isBulk(region, block)),
		[true, false, false, false, true, false, true],
	);
	const error = errorOf(() => region.allocate(3 * MIB));
	assert.is(error.code, "DHMEM_REGION_FULL");
	assert.match(error.message, `${region.size}`);
	for (const block of blocks) block.free();
	region.allocate(9 * MIB).free();
	detach(attachment);
});

test("trimming gives back the pages of freed bulk blocks", () => {
	const region = openRegion("trimmed", { size: "8GiB" });
	const committed = () => statSync(region.path).blocks * 512;
	const before = committed();
	const blocks = [30 * MIB, 40 * MIB, 20 * MIB].map((bytes) => region.allocate(bytes));
	blocks[1]?.bytes.fill(1);
	blocks[0]?.free();
	blocks[2]?.free();
	assert.is(region.trim(), 50 * MIB);
	assert.ok(committed() - before < 41 * MIB);
	assert.is(blocks[1]?.bytes.at(-1), 1);
	blocks[1]?.free();
	assert.is(region.trim(), 40 * MIB);
	assert.is(region.allocate(30 * MIB).bytes.at(-1), 0);
});

limitedTest(
	"blocks handed round by processes of which some are killed are never shared, and all come back",
	async () => {
		using region = Region.temporary({ size: "16GiB" });
		const kills = count(2, 30);
		await playRounds(region, { bytes: 150 * MIB, largest: 40 * MIB, processes: 2, kills });
	},
);

test("a kept view of a window keeps the region, and reads zeros after it is closed", () => {
	const region = openRegion("kept", { size: "8GiB" });
	const { bytes } = region.allocate(8 * MIB);
	bytes[0] = 1;
	region.close();
	assert.is(bytes[0], 0);
	bytes[0] = 2;
	const again = Region.open("kept", { directory, mode: "read-only" });
	assert.is(again.size, 8 * GIB);
	again.close();
});

test.run();
