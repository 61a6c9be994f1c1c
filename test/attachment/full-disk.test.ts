/** What a call that fails for lack of room leaves to other users of the file system. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync, statfsSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Block, type DhmemErrorCode, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf } from "../fixture/index.js";

const MIB = 2 ** 20;

/** A region of 1 GiB, unless stated otherwise, on a file system of this many mebibytes. */
function onDisk(mebibytes: number, body: (region: Region, free: () => number) => void, size = "1GiB"): void {
	const directory = mkdtempSync("/dev/shm/dhmem-disk-");
	execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "dhmem-test", directory]);
	try {
		using region = Region.open("full", { directory, size });
		body(region, () => {
			const { bavail, bsize } = statfsSync(directory);
			return bavail * bsize;
		});
	} finally {
		execFileSync("umount", [directory]);
		rmdirSync(directory);
	}
}

/** Takes everything but about this many bytes. */
function leave(region: Region, bytes: number, free: () => number): void {
	writeFileSync(region.path.replace("full", "filler"), new Uint8Array(Math.max(0, free() - bytes)));
}

const NO_SPACE: DhmemErrorCode = "DHMEM_NO_SPACE";

test("an allocation that fails gives back the pages that it got", () => {
	onDisk(48, (region, free) => {
		const before = free();
		for (const bytes of [1e9, 100 * MIB, 50 * MIB, before]) {
			assert.is(
				codeOf(() => region.allocate(bytes)),
				NO_SPACE,
			);
			// A table of a few spans may have grown.
			assert.ok(before - free() < 64 * 1024, `${before - free()} bytes are gone after ${bytes}`);
		}
		// The failures don't make it count as full while there is room.
		region.allocate(40 * MIB).bytes.fill(1);
	});
});

test("a failed allocation keeps the pages of existing and of freed blocks", () => {
	onDisk(48, (region, free) => {
		const kept = region.allocate(3 * MIB);
		kept.bytes.fill(7);
		region.allocate(2 * MIB).free();
		leave(region, 24 * MIB, free);
		const before = free();
		for (let time = 0; time < 3; time++) {
			assert.is(
				codeOf(() => region.allocate(40 * MIB)),
				NO_SPACE,
			);
			assert.ok(before - free() < 64 * 1024);
		}
		leave(region, 0, free);
		// There are still pages where the two mebibytes were, so writing to them must not raise a signal.
		region.allocate(2 * MIB).bytes.fill(8);
		assert.ok(kept.bytes.every((byte) => byte === 7));
	});
});

test("an allocation that needs pages elsewhere takes those of free memory", () => {
	onDisk(48, (region) => {
		const blocks = [16, 1, 16, 1].map((size) => region.allocate(size * MIB));
		for (const block of blocks) block.bytes.fill(7);
		blocks[0]?.free();
		blocks[2]?.free();
		// 14 MiB have no pages yet, and the free memory is not in one piece.
		region.allocate(40 * MIB).bytes.fill(8);
		for (const kept of [blocks[1], blocks[3]]) assert.ok(kept?.bytes.every((byte) => byte === 7));
	});
});

test("a successor joins although the disk is full, and drains the queue", () => {
	const body = (region: Region, free: () => number) => {
		const directory = dirname(region.path);
		const queue = region.queue("q", { capacity: "64KiB" });
		using producer = queue.producer();
		const script = `
			const { Region } = await import(process.argv[1]);
			globalThis.consumer = Region.open("full", { directory: process.argv[2] }).queue("q").consumer();
			process.kill(process.pid, "SIGKILL");`;
		const library = import.meta.resolve("dhmem");
		const died = spawnSync(process.execPath, ["--input-type=module", "-e", script, library, directory]);
		assert.is(died.signal, "SIGKILL", String(died.stderr));
		producer.trySend("x");
		leave(region, 0, free);
		using next = Region.open("full", { directory });
		assert.is(next.queue("q").consumer().tryReceive()?.text(), "x");
		assert.is(
			codeOf(() => Region.open("full", { directory })),
			NO_SPACE,
			"a slot that nobody has used needs pages",
		);
	};
	// A slot's table takes more than one page.
	onDisk(48, body, "4GiB");
});

test("objects, messages and streams of them that find no room give back the pages, too", () => {
	onDisk(48, (region, free) => {
		const queue = region.queue("q", { capacity: "64KiB" });
		const vector = region.vector("v", "u8");
		vector.push(1);
		// What objects share exists now, and the next ones find room in it.
		region.struct("s", { a: "f64" });
		region.array("a", { dtype: "u8", shape: [100] });
		const producer = queue.producer();
		const latest = region.queue("latest", { policy: "latest" }).producer();
		const map = region.map("m", { key: "u32", value: "bytes" });
		map.set(1, Uint8Array.of(1));
		latest.trySend("newest");
		const large = new Uint8Array(50 * MIB);
		const before = free();
		for (const fails of [
			() => region.array("large", { dtype: "u8", shape: [50 * MIB] }),
			() => region.queue("large", { capacity: "64MiB" }),
			() => region.queue("large", { record: "f64", capacity: 8 * MIB }),
			() => producer.trySend(large),
			() => producer.tryReserve(large.length),
			() => producer.sendMany([large]),
			() => latest.trySend(large),
			() => vector.resize(large.length),
			() => map.set(2, large),
		]) {
			assert.is(codeOf(fails), NO_SPACE, `${fails}`);
			assert.ok(before - free() < 192 * 1024, `${before - free()} bytes are gone after ${fails}`);
		}
		assert.equal([...vector], [1]);
		assert.is(region.queue("latest").consumer().tryReceive()?.text(), "newest");
	});
});

test("on a full disk a send drops older messages only if their pages make room", () => {
	onDisk(16, (region, free) => {
		const queue = region.queue("log", { policy: "drop-oldest", keep: 8 });
		const producer = queue.producer();
		for (let i = 0; i < 5; i++) producer.trySend(new Uint8Array(2 * MIB - 8).fill(i));
		leave(region, 1 * MIB, free);
		assert.is(
			codeOf(() => producer.trySend(new Uint8Array(12 * MIB))),
			NO_SPACE,
		);
		producer.trySend(new Uint8Array(3 * MIB).fill(9));
		const consumer = queue.consumer();
		assert.equal(
			consumer.receiveMany(10).map((message) => message.bytes[0]),
			[2, 3, 4, 9],
		);
	});
});

test("on a full disk a send drops older messages whose pages make room elsewhere", () => {
	const body = (region: Region, free: () => number, block: () => Block) => {
		const queue = region.queue("log", { policy: "drop-oldest", keep: 8 });
		const producer = queue.producer();
		for (let i = 0; i < 4; i++) {
			producer.trySend(new Uint8Array(1).fill(i), { block: block() });
			// So that no run has room for the next message.
			region.allocate(64 * 1024);
		}
		leave(region, 0, free);
		producer.trySend(new Uint8Array(10 * MIB).fill(9));
		const consumer = queue.consumer();
		assert.equal(
			consumer.receiveMany(10).map((message) => message.bytes[0]),
			[2, 3, 9],
		);
	};
	onDisk(40, (region, free) => body(region, free, () => region.allocate(6 * MIB)));
	onDisk(40, (region, free) => body(region, free, () => region.allocate(8 * MIB)), "16GiB");
	const shared = (region: Region) => {
		const block = region.allocate(8 * MIB);
		const clone = block.clone();
		block.free();
		return clone;
	};
	onDisk(40, (region, free) => body(region, free, () => shared(region)), "16GiB");
});

test.run();
