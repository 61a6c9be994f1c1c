/** A participant can no longer read or write what it has given up, or what was taken from it. */
import { closeSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, errorOf, regionTest } from "../fixture/index.js";
import { got } from "./stage.js";

for (const policy of ["block", "drop-oldest"] as const) {
	for (const how of ["closed", "removed"] as const) {
		regionTest(`the block of a message ends with its consumer (${policy}, ${how})`, (region) => {
			const queue = region.queue("q", { policy });
			const consumer = queue.consumer();
			const producer = queue.producer();
			for (const text of ["1", "2"]) producer.trySend(text, { block: region.allocate(4096) });
			const first = got(consumer.tryReceive());
			const second = got(consumer.tryReceive());
			const { block } = first;
			assert.is(block?.bytes.length, 4096);
			if (how === "closed") consumer.close();
			else region.remove("q");
			for (const use of [
				() => block?.bytes,
				() => block?.as("f64"),
				() => block?.as({ x: "f64" }),
				() => block?.text(),
				() => first.block?.bytes,
				() => second.block?.bytes,
			]) {
				assert.match(errorOf(use).message, "consumer");
				assert.is(codeOf(use), "DHMEM_CLOSED");
			}
		});
	}
}

regionTest("the block of a message ends with its region, which is named", (region) => {
	const other = Region.open(region.name);
	const consumer = other.queue("q").consumer();
	region
		.queue("q")
		.producer()
		.trySend("x", { block: region.allocate(64) });
	const block = got(consumer.tryReceive()).block;
	other.close();
	assert.match(errorOf(() => block?.bytes).message, other.path);
});

regionTest(
	"a producer of records that was declared dead writes over nothing of its successor's",
	(region) => {
		const queue = region.queue("q", { record: "f64", capacity: 1024 });
		const consumer = queue.consumer();
		const dead = openToDie(region);
		const producer = dead.region.queue("q", { record: "f64" }).producer();
		assert.ok(producer.push(1));
		dead.die();
		assert.ok(queue.producer().push(2));
		for (const push of [() => producer.push(98), () => producer.pushMany(new Float64Array([99]))])
			assert.is(codeOf(push), "DHMEM_CLOSED");
		assert.equal([consumer.pop(), consumer.pop(), consumer.pop()], [1, 2, undefined]);
	},
);

test.run();

/** A second opening that can be declared dead: its file descriptors are closed behind its back. */
function openToDie(region: Region): { region: Region; die(): void } {
	const before = new Set(readdirSync("/proc/self/fd"));
	const opened = Region.open(region.name);
	return {
		region: opened,
		die() {
			const its = readdirSync("/proc/self/fd").filter(
				(each) => !before.has(each) && leadsTo(each, region.path),
			);
			for (const each of its) closeSync(Number(each));
			// The opening will close descriptors with these numbers, which must not belong to others by then.
			for (const _ of its) openSync("/dev/null", "r");
			assert.is(region.recover(), 1);
		},
	};
}

function leadsTo(descriptor: string, path: string): boolean {
	try {
		return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(path);
	} catch {
		return false;
	}
}
