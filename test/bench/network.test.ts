/** The benchmark of carriers between machines: what it sends arrives, and what is wrong is noticed. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, fill, Turns } from "../../bench/network/channel.js";
import { open } from "../../bench/network/tcp.js";

test("a message that is not the expected one is noticed", () => {
	const bytes = new Uint8Array(10_000);
	fill(bytes, 7);
	check(bytes, 7, bytes.length);
	assert.throws(() => check(bytes, 8, bytes.length), /Message 8 has 7 at/);
	assert.throws(() => check(bytes.subarray(0, 9000), 7, bytes.length), /has 9000 bytes/);
	for (const at of [0, bytes.length - 8 - 4096, bytes.length - 8]) {
		fill(bytes, 7);
		bytes[at + 6] = 0;
		assert.throws(() => check(bytes, 7, bytes.length), new RegExp(`at byte ${at}`));
	}
});

test("plain TCP carries messages of all sizes in both directions", async () => {
	const place = mkdtempSync(join(tmpdir(), "dhmem-tcp-"));
	try {
		for (const bytes of [8, 4096, 65_536, 1_000_008]) {
			const [a, b] = await Promise.all([open("a", place, bytes), open("b", place, bytes)]);
			const count = bytes < 10_000 ? 1000 : 10;
			const sent = (async () => {
				for (let i = 0; i < count; i++) await a.send(i, bytes);
				await a.flush();
			})();
			for (let i = 0; i < count; i++) await b.receive(i, bytes);
			await sent;
			await Promise.all([b.send(0, 8), a.receive(0, 8)]);
			await Promise.all([a.close(), b.close()]);
			for (const end of ["a", "b"]) rmSync(join(place, `port-${end}`));
		}
	} finally {
		rmSync(place, { recursive: true });
	}
});

test("a place is used again only after what was begun with it is over, and its failure is thrown", async () => {
	const turns = new Turns([0, 1]);
	const begun: number[] = [];
	const controller = new AbortController();
	await turns.begin(async (place) => {
		begun.push(place);
		await once(controller.signal, "abort");
	});
	await turns.begin(async (place) => void begun.push(place));
	const third = turns.begin(async (place) => {
		begun.push(place);
		throw new Error("failed");
	});
	await new Promise(setImmediate);
	assert.equal(begun, [0, 1]);
	controller.abort();
	await third;
	assert.equal(begun, [0, 1, 0]);
	let failure: unknown;
	await turns.settle().catch((error) => {
		failure = error;
	});
	assert.is((failure as Error).message, "failed");
});

test.run();
