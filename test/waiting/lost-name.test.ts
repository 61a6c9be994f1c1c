/** A region whose name somebody removes while others use it: whoever waits there in vain is told. */
import { renameSync, unlinkSync } from "node:fs";
import { DhmemError, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child, directory, eachInFolder, regionPath, within } from "../fixture/index.js";

const module = new URL("../attachment/names-child.js", import.meta.url).href;
let warnings: (Error & { code?: string })[] = [];
const note = (warning: Error) => warnings.push(warning);

eachInFolder();

test.before.each(() => {
	warnings = [];
	process.on("warning", note);
});

test.after.each(() => {
	process.off("warning", note);
});

const open = (name = "region") => Region.open(name, { directory, size: "8MiB" });

async function warned(): Promise<void> {
	while (warnings.length === 0) await new Promise((resolve) => process.once("warning", resolve));
}

async function messageOf(wait: Promise<unknown>): Promise<string> {
	const error: unknown = await wait.catch((reason) => reason);
	assert.ok(error instanceof DhmemError && error.code === "DHMEM_TIMEOUT", String(error));
	return error.message;
}

test("a wait that is too late says that the name is gone, or another region's", async () => {
	using region = open();
	const consumer = region.queue("q").consumer();
	assert.not.match(await messageOf(consumer.receive({ timeout: 1 })), /removed/);
	using other = open("other");
	renameSync(other.path, region.path);
	for (const wait of [
		() => consumer.receive({ timeout: 1 }),
		() => region.queue("q").waitForPeer({ timeout: 1 }),
		async () => consumer.receiveSync({ timeout: 1 }),
	]) {
		assert.match(await messageOf(wait()), /region\.dhmem was removed.*another region.*RemoveIPC=no/);
	}
});

test("whoever waits alone for a peer, without a timeout, is warned once", async () => {
	using region = open();
	const waits = [region.queue("q").consumer().receive(), region.queue("p").waitForPeer()].map((wait) =>
		wait.catch(() => {}),
	);
	unlinkSync(region.path);
	await within(20_000, "the warning", warned());
	assert.is(warnings[0]?.code, "DHMEM_NAME_REMOVED");
	assert.match(warnings[0]?.message ?? "", /region\.dhmem was removed/);
	await messageOf(region.queue("q2").consumer().receive({ timeout: 1500 }));
	assert.is(warnings.length, 1);
	region.close();
	await Promise.all(waits);
});

test("so is a thread that blocks, by its standard error", async () => {
	open().close();
	const child = new Child(module, "receive", [directory]);
	assert.is(await child.hear(), "receiving");
	unlinkSync(regionPath("region"));
	const { errors } = await child.ended;
	assert.match(errors, /DHMEM_NAME_REMOVED.*region\.dhmem was removed/);
});

test("where somebody else is in the region, or waits end well, there is no warning", async () => {
	using region = open();
	using other = open();
	region.unlink();
	const consumer = region.queue("q").consumer();
	await messageOf(consumer.receive({ timeout: 1500 }));
	other.queue("q").producer().trySend("here");
	assert.is((await consumer.receive())?.text(), "here");
	assert.equal(warnings, []);
});

test.run();
