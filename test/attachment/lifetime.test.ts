/** How long a region, and its name, stay. */
import { statSync } from "node:fs";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, directory, eachInFolder, limitedTest, regionPath } from "../fixture/index.js";
import { names, open, start, started } from "./stage.js";

eachInFolder();

limitedTest("unlinking takes the name, and leaves the region to those who have it", () => {
	const region = open();
	const other = open();
	const producer = region.queue("q").producer();
	region.unlink();
	assert.equal(names(), []);
	assert.is(
		codeOf(() => region.unlink()),
		"DHMEM_NOT_FOUND",
	);
	assert.is(
		codeOf(() => Region.unlink("region", { directory })),
		"DHMEM_NOT_FOUND",
	);
	producer.trySend("x");
	assert.is(other.queue("q").consumer().tryReceive()?.text(), "x");
	// The next one is another region.
	const fresh = open({ mode: "create" });
	assert.equal(fresh.entries(), []);
	region.close();
	assert.equal(names(), ["region.dhmem"]);
	Region.unlink("region", { directory });
	assert.equal(names(), []);
});

limitedTest("a persistent region stays, with what is in it", () => {
	const region = open();
	const producer = region.queue("q").producer();
	producer.trySend("x");
	region.close();
	assert.equal(names(), ["region.dhmem"]);
	assert.is(open().queue("q").consumer().tryReceive()?.text(), "x");
	assert.equal(open().entries(), [{ name: "q", type: "a queue of 1048576 bytes" }]);
});

limitedTest("a last-close region goes with its last participant", async () => {
	const region = open({ lifetime: "last-close" });
	const second = open();
	const third = await started("stay", "{}");
	region.close();
	assert.equal(names(), ["region.dhmem"]);
	second.close();
	assert.equal(names(), ["region.dhmem"]);
	third.say("go");
	assert.is(await third.hear(), "closed");
	assert.equal(names(), []);
	await third.ended;

	// A name that is somebody else's by now is left alone.
	const old = open({ lifetime: "last-close" });
	open({ mode: "force-create" });
	old.close();
	assert.equal(names(), ["region.dhmem"]);
});

limitedTest("a last-close region whose last participant was killed counts as absent", async () => {
	const options = JSON.stringify({ lifetime: "last-close", size: "4MiB" });
	const killed = async () => {
		const child = await started("stay", options);
		await child.kill();
		assert.equal(names(), ["region.dhmem"]);
	};
	await killed();
	assert.equal(Region.list({ directory }), []);
	assert.equal(names(), []);

	await killed();
	assert.is(
		codeOf(() => open({ mode: "open" })),
		"DHMEM_NOT_FOUND",
	);
	assert.equal(names(), []);

	await killed();
	const { ino } = statSync(regionPath("region"));
	const fresh = open();
	assert.is.not(statSync(fresh.path).ino, ino);
	assert.is(fresh.stats().participants.length, 1);
	// This one is persistent, so it is not removed.
	fresh.close();
	assert.equal(Region.list({ directory }), ["region"]);
	Region.unlink("region", { directory });

	await killed();
	open({ mode: "create" });
	// While one of two lives, it stays.
	Region.unlink("region", { directory });
	const child = await started("stay", options);
	open();
	await child.kill();
	assert.equal(Region.list({ directory }), ["region"]);
});

limitedTest(
	"many come and go in a last-close region, and it keeps its name while anybody is in it",
	async () => {
		const children = Array.from({ length: 4 }, (_, i) => start("comeAndGo", [i, 200]));
		for (const child of children) {
			const [opens, met] = (await child.hear()) as [number, number];
			assert.is(opens, 200);
			// The control: they were there at the same time, and the name changed hands too.
			assert.ok(met > 0);
			await child.ended;
		}
		assert.equal(names(), []);
	},
);

limitedTest("list gives the regions' names, sorted, and leaves the rest alone", async () => {
	assert.equal(Region.list({ directory }), []);
	for (const name of ["b", "a", "c.d", "_", "a-1"]) open({}, name);
	assert.equal(Region.list({ directory }), ["_", "a", "a-1", "b", "c.d"]);
	assert.is(
		codeOf(() => Region.list({ directory: `${directory}/missing` })),
		"DHMEM_NOT_FOUND",
	);
});

test.run();
