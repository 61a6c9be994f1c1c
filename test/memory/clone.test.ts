import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, count, loadBlock, regionTest } from "../fixture/index.js";

const child = new URL("./clone-child.js", import.meta.url).pathname;

regionTest("clones refer to the same memory, and freeing the last one frees it", (region) => {
	const before = region.stats().used;
	const block = region.allocate(100_000);
	const clones = [block, block.clone(), block.clone()];
	clones.push(clones[2]?.clone() as typeof block);
	clones[0]?.bytes.set([1, 2, 3]);
	for (const clone of clones) assert.equal(clone.bytes.slice(0, 3), Uint8Array.of(1, 2, 3));
	while (clones.length > 0) {
		assert.ok(region.stats().used >= before + 100_000);
		const clone = clones.splice(clones.length >> 1, 1)[0];
		clone?.free();
		assert.is(
			codeOf(() => clone?.free()),
			"DHMEM_DOUBLE_FREE",
		);
		assert.is(
			codeOf(() => clone?.bytes),
			"DHMEM_CLOSED",
		);
	}
	assert.is(region.stats().used, before);
});

regionTest("clones are sent, taken and saved on their own", async (region) => {
	const queues = ["a", "b"].map((name) => region.queue(name));
	const producers = queues.map((queue) => queue.producer());
	const consumers = queues.map((queue) => queue.consumer());
	const before = region.stats().used;
	const block = region.allocate(5000);
	block.bytes.fill(7);
	const saved = String(region.save(block.clone()));
	await producers[0]?.send("one", { block: block.clone() });
	await producers[1]?.send("two", { block });
	const first = await consumers[0]?.receive();
	assert.is(first?.block?.bytes[4999], 7);
	first?.release();
	const second = (await consumers[1]?.receive())?.take();
	assert.is(second?.bytes[4999], 7);
	second?.free();
	assert.is(loadBlock(region, saved).bytes[4999], 7);
	loadBlock(region, saved).free();
	assert.is(
		codeOf(() => region.load(saved)),
		"DHMEM_BAD_HANDLE",
	);
	assert.is(region.stats().used, before);
});

regionTest("a block has at most 960 references, and says so", (region) => {
	const block = region.allocate(64);
	const clones = Array.from({ length: 959 }, () => block.clone());
	assert.is(
		codeOf(() => block.clone()),
		"DHMEM_REGION_FULL",
	);
	clones.pop()?.free();
	clones.push(block.clone());
	for (const clone of clones) clone.free();
	block.free();
	assert.is(region.stats().used, 0);
});

regionTest("killed holders give up their own references and no others", async (region) => {
	const producer = region.queue("clones").producer();
	const before = region.stats().used;
	for (let turn = 0; turn < count(4, 20); turn++) {
		const block = region.allocate(3000);
		block.bytes.fill(turn);
		const holder = spawn(process.execPath, [child, region.name], { stdio: ["ignore", "pipe", "inherit"] });
		await producer.send("", { block: block.clone() });
		const [answer] = await once(holder.stdout, "data");
		assert.is(String(answer).trim(), `${turn}`);
		holder.kill("SIGKILL");
		await once(holder, "exit");
		region.recover();
		assert.is(block.bytes[2999], turn);
		block.free();
		assert.is(region.stats().used, before);
	}
});

test.run();
