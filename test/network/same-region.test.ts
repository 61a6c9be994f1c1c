/** Blocks that a receiver copies from its own region. */
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { copyFromRegion } from "../../src/workflow/nats/pull/same-region.js";

/** More than is copied at a time. */
const LENGTH = 2 ** 25 + 3;
const { signal } = new AbortController();

function filled(region: Region) {
	const block = region.allocate(LENGTH);
	block.bytes.fill(7);
	return block;
}

test("a block is copied whole", async () => {
	using region = Region.temporary();
	const handle = region.save(filled(region));
	const target = new Uint8Array(LENGTH);
	assert.is(await copyFromRegion(region, String(handle), target, signal), true);
	assert.ok(target.every((byte) => byte === 7));
	assert.is(await copyFromRegion(region, String(handle), new Uint8Array(LENGTH - 1), signal), false);
	region.load(handle).free();
});

test("a block that is freed while it is copied counts as not there", async () => {
	using region = Region.temporary();
	const handle = region.save(filled(region));
	const copied = copyFromRegion(region, String(handle), new Uint8Array(LENGTH), signal);
	region.load(handle).free();
	// Its memory belongs to another one by now.
	region.allocate(LENGTH).bytes.fill(9);
	assert.is(await copied, false);
});

test("a block of another region, and what is no handle, is not there", async () => {
	using region = Region.temporary();
	using other = Region.temporary();
	const target = new Uint8Array(LENGTH);
	assert.is(await copyFromRegion(region, String(other.save(filled(other))), target, signal), false);
	assert.is(await copyFromRegion(region, "no handle", target, signal), false);
	assert.ok(target.every((byte) => byte === 0));
});

test("nothing is copied after it was given up", async () => {
	using region = Region.temporary();
	const handle = region.save(filled(region));
	const stopping = new AbortController();
	const target = new Uint8Array(LENGTH);
	const copied = copyFromRegion(region, String(handle), target, stopping.signal);
	stopping.abort();
	target.fill(0);
	assert.is(await copied, false);
	assert.ok(target.every((byte) => byte === 0));
});

test.run();
