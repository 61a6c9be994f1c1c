import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** Adds 1 to the first byte of what it is sent, and sends back what it was. */
const adder = `
	const { parentPort } = require("node:worker_threads");
	parentPort.on("message", (bytes) => parentPort.postMessage(bytes[0]++));
	parentPort.on("messageerror", (error) => parentPort.postMessage(error.message));`;

for (const size of [undefined, "4GiB", 2 ** 32, 65535 * 65536, "3GiB", "16MiB"]) {
	test(`a view of a region of size ${size} is posted to a worker thread, and cloned`, async () => {
		using region = Region.temporary(size === undefined ? {} : { size });
		const { bytes } = region.allocate(1000);
		bytes.fill(3);
		const worker = new Worker(adder, { eval: true });
		worker.postMessage(bytes);
		assert.equal(await once(worker, "message"), [3]);
		await worker.terminate();
		assert.is(bytes[0], 4);
		const clone = structuredClone(bytes);
		bytes[1] = 5;
		assert.equal([...clone.subarray(0, 3)], [4, 5, 3]);
	});
}

test("the default size and 4 GiB are the same to everybody", () => {
	using region = Region.temporary();
	using second = Region.open(region.name, { size: "4GiB" });
	assert.is(second.size, region.size);
	assert.is(region.size, 2 ** 32 - 2 * 65536);
});

test.run();
