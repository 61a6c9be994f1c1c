/** A file system that is full. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Block, Consumer, Message } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	Child,
	closeRegions,
	codeOf,
	codeOfLater,
	directory,
	eachInFolder,
	errorOf,
	limitedTest,
} from "../fixture/index.js";
import { isRoot, module, open } from "./stage.js";

eachInFolder();

/** A small file system of its own. */
async function onSmallDisk(body: (folder: string) => void | Promise<void>): Promise<void> {
	assert.ok(isRoot, "this test needs root, to mount a file system");
	const folder = join(directory, "disk");
	mkdirSync(folder);
	execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m,mode=777", "dhmem-test", folder]);
	try {
		await body(folder);
	} finally {
		closeRegions();
		await Child.killAll();
		execFileSync("umount", [folder]);
	}
}

/** Leaves less than `left` bytes. */
function fillDisk(folder: string, left = 0): string {
	const path = join(folder, "filler");
	const step = 4096;
	try {
		for (;;) writeFileSync(path, new Uint8Array(step), { flag: "a" });
	} catch (error) {
		assert.is((error as NodeJS.ErrnoException).code, "ENOSPC");
	}
	const { length } = readFileSync(path);
	truncateSync(path, Math.max(0, length - left));
	return path;
}

function drain(consumer: Consumer): Message[] {
	return consumer.receiveMany(10_000);
}

limitedTest("a full file system is DHMEM_NO_SPACE, and loses nothing", async () => {
	await onSmallDisk(async (folder) => {
		// Far more than there is: only what is used needs room.
		const region = open({ directory: folder, size: "1GiB" });
		const queue = region.queue("q", { capacity: "64KiB" });
		const producer = queue.producer();
		const consumer = queue.consumer();
		const { used } = region.stats();
		for (let i = 0; i < 100; i++) assert.ok(producer.trySend(`message ${i}`));
		const kept = region.allocate(1000);
		kept.bytes.fill(42);
		const filler = fillDisk(folder);

		const error = errorOf(() => region.allocate(1_000_000));
		assert.is(error.code, "DHMEM_NO_SPACE");
		assert.match(error.message, region.path);
		assert.is(
			codeOf(() => region.queue("another", { capacity: "1MiB" })),
			"DHMEM_NO_SPACE",
		);
		assert.is(
			codeOf(() => region.queue("records", { record: "f64", capacity: 100_000 })),
			"DHMEM_NO_SPACE",
		);
		assert.equal(
			region.entries().map(({ name }) => name),
			["q"],
		);
		// A message that needs memory waits until sent messages are released; if nothing was sent, it is an error.
		assert.is(producer.trySend(new Uint8Array(500_000)), false);
		assert.is(await codeOfLater(producer.send(new Uint8Array(500_000), { timeout: 100 })), "DHMEM_TIMEOUT");
		assert.is(producer.tryReserve(500_000), undefined);
		// Joining needs a little room, too.
		const joining = codeOf(() => open({ directory: folder, size: "1GiB" }).close());
		assert.ok(joining === "nothing" || joining === "DHMEM_NO_SPACE", joining);

		const messages = drain(consumer);
		assert.equal(
			messages.map((message) => message.text()),
			Array.from({ length: 100 }, (_, i) => `message ${i}`),
		);
		for (const message of messages) message.release();
		assert.is(
			codeOf(() => producer.trySend(new Uint8Array(500_000))),
			"DHMEM_NO_SPACE",
		);
		assert.is(
			codeOf(() => producer.sendSync(new Uint8Array(500_000))),
			"DHMEM_NO_SPACE",
		);
		assert.is(await codeOfLater(producer.send(new Uint8Array(500_000))), "DHMEM_NO_SPACE");
		assert.is(
			codeOf(() => producer.tryReserve(500_000)),
			"DHMEM_NO_SPACE",
		);
		// What has its memory already continues to work.
		for (let i = 0; i < 5000; i++) {
			assert.ok(producer.trySend(`more ${i}`));
			const message = consumer.tryReceive();
			assert.is(message?.text(), `more ${i}`);
			message?.release();
		}
		assert.ok(kept.bytes.every((byte) => byte === 42));

		// Creating fails in every mode, and nothing of it is left.
		const before = readdirSync(folder).sort();
		for (const mode of ["create", "open-or-create", "force-create"] as const) {
			const failure = errorOf(() => open({ directory: folder, mode, size: "1MiB" }, "new"));
			assert.is(failure.code, "DHMEM_NO_SPACE");
		}
		assert.equal(readdirSync(folder).sort(), before);

		// With room, everything works again.
		rmSync(filler);
		const block = region.allocate(1_000_000);
		block.bytes.fill(1);
		producer.sendSync(new Uint8Array(500_000).fill(3));
		const large = consumer.tryReceive();
		assert.ok(large?.length === 500_000 && large.bytes.every((byte) => byte === 3));
		large?.release();
		block.free();
		assert.ok(kept.bytes.every((byte) => byte === 42));
		kept.free();
		assert.is(region.stats().used, used);
	});
});

limitedTest("allocating fills a small file system, and freeing gives all of it back", async () => {
	await onSmallDisk((folder) => {
		const region = open({ directory: folder, size: "64MiB" });
		const { used } = region.stats();
		for (const size of [100, 5000, 70_000, 1_000_000]) {
			const blocks: Block[] = [];
			let code = "nothing";
			while (code === "nothing") {
				code = codeOf(() => {
					const block = region.allocate(size);
					block.bytes.fill(size);
					blocks.push(block);
				});
			}
			assert.is(code, "DHMEM_NO_SPACE");
			assert.ok(blocks.length * size > 1.5 * 2 ** 20, `${blocks.length} blocks of ${size}`);
			for (const block of blocks) assert.ok(block.bytes.every((byte) => byte === (size & 0xff)));
			for (const block of blocks) block.free();
			assert.is(region.stats().used, used, `after blocks of ${size}`);
		}
		// Another participant may join nevertheless, or is told why not.
		const code = codeOf(() => open({ directory: folder, size: "64MiB" }));
		assert.ok(code === "nothing" || code === "DHMEM_NO_SPACE", code);
	});
});

limitedTest("a page that a full file system can't provide is DHMEM_NO_SPACE, not a signal", async () => {
	await onSmallDisk(async (folder) => {
		const child = new Child(module, "hole", [folder]);
		const results = (await child.hear()) as Record<string, unknown>;
		assert.equal(results, { sum: 0, allocate: "DHMEM_NO_SPACE", stats: "DHMEM_NO_SPACE", close: "nothing" });
		assert.is((await child.ended).code, 0);
	});
});

test.run();
