/** Handles and their tokens: saved, forged, and out of date. */
import { Block, Handle } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Failure } from "../attachment/region-scenarios.js";
import { open, start } from "../attachment/stage.js";
import { codeOf, eachInFolder, limitedTest, loadBlock } from "../fixture/index.js";

eachInFolder();

limitedTest("a saved block is found by its token in any process, and outlives the saver", async () => {
	const region = open();
	const block = region.allocate(9);
	block.bytes.set(new TextEncoder().encode("something"));
	const handle = region.save(block);
	assert.ok(handle instanceof Handle);
	assert.match(String(handle), /^[A-Za-z0-9_-]+$/);
	assert.is(JSON.stringify({ handle }), `{"handle":"${handle}"}`);
	assert.is(
		codeOf(() => block.bytes),
		"DHMEM_CLOSED",
	);
	const { text, code } = (await start("load", [String(handle)]).hear()) as Failure & { text: string };
	assert.equal([code, text], ["nothing", "something"]);

	const saver = start("saveAndDie");
	const token = (await saver.hear()) as string;
	saver.say("die");
	await saver.ended;
	region.recover();
	for (const given of [token, `  ${token}\n`]) {
		const loaded = region.load(given);
		assert.ok(loaded instanceof Block);
		assert.equal([loaded.kind, loaded.length, loaded.text()], ["block", 5, "saved"]);
	}
	const loaded = loadBlock(region, handle);
	loaded.free();
	assert.is(
		codeOf(() => loaded.free()),
		"DHMEM_DOUBLE_FREE",
	);
	assert.is(
		codeOf(() => region.load(handle)),
		"DHMEM_BAD_HANDLE",
	);
	const other = (await start("load", [String(handle)]).hear()) as Failure;
	assert.is(other.code, "DHMEM_BAD_HANDLE");
	assert.is(other.message.length > 20, true);
});

limitedTest("a freed handle stays bad when its memory is in use again", () => {
	const region = open();
	const old: Handle[] = [];
	for (let round = 0; round < 50; round++) {
		const handle = region.save(region.allocate(100));
		for (const freed of old)
			assert.is(
				codeOf(() => region.load(freed)),
				"DHMEM_BAD_HANDLE",
			);
		region.load(handle);
		loadBlock(region, handle).free();
		old.push(handle);
	}
	// The control: the memory is in use again, rather than new each time.
	const first = region.allocate(100);
	const { used } = region.stats();
	first.free();
	const handles = Array.from({ length: 10 }, () => region.save(region.allocate(100)));
	for (const freed of old)
		assert.is(
			codeOf(() => region.load(freed)),
			"DHMEM_BAD_HANDLE",
		);
	for (const handle of handles) loadBlock(region, handle).free();
	assert.ok(region.stats().used <= used);
	// A view of the region's block that somebody else freed.
	const handle = region.save(region.allocate(100));
	const [one, two] = [loadBlock(region, handle), loadBlock(region, handle)];
	one.free();
	assert.ok(["DHMEM_BAD_HANDLE", "DHMEM_DOUBLE_FREE"].includes(codeOf(() => two.free())));
});

limitedTest("10,000 forged tokens are detected", () => {
	const region = open();
	const tokens = Array.from({ length: 5 }, () => String(region.save(region.allocate(1000))));
	const bytes = tokens.map((token) => Buffer.from(token, "base64url"));
	let seed = 12345;
	const random = (below: number) => {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		return (seed >>> 8) % below;
	};
	const { used } = region.stats();
	for (let i = 0; i < 10_000; i++) {
		const forged = Buffer.from(bytes[random(5)] as Buffer);
		const kind = random(4);
		// A bit, a byte, the place, or a mixture of two.
		if (kind === 0) {
			const at = random(forged.length);
			forged[at] = (forged[at] as number) ^ (1 << random(8));
		} else if (kind === 1) {
			const at = random(forged.length);
			forged[at] = (forged[at] as number) + 1 + random(255);
		} else if (kind === 2) forged.writeUInt32LE((random(2 ** 23) * 512) >>> 0, 12);
		else {
			const other = bytes[random(5)] as Buffer;
			other.copy(forged, 12 + random(10), 12 + random(10));
		}
		const token = forged.toString("base64url");
		if (tokens.includes(token)) continue;
		assert.is(
			codeOf(() => region.load(token)),
			"DHMEM_BAD_HANDLE",
			token,
		);
	}
	for (let i = 0; i < 1000; i++) {
		const characters = Array.from({ length: random(60) }, () => String.fromCharCode(32 + random(1000)));
		assert.is(
			codeOf(() => region.load(characters.join(""))),
			"DHMEM_BAD_HANDLE",
		);
	}
	// The same bits spelt another way are not the same token.
	const [token] = tokens as [string];
	for (const other of [
		`${token}=`,
		`${token}A`,
		token.slice(1),
		`${token.slice(0, -1)} `,
		"",
		token + token,
	]) {
		assert.is(
			codeOf(() => region.load(other)),
			"DHMEM_BAD_HANDLE",
		);
	}
	assert.is(region.stats().used, used);
	for (const good of tokens) loadBlock(region, good).free();
	// Another region's.
	const other = open({}, "other");
	assert.is(
		codeOf(() => region.load(other.save(other.allocate(1)))),
		"DHMEM_BAD_HANDLE",
	);
});

test.run();
