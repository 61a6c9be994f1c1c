/** A region whose name is removed while others use it: those that wait there in vain are told. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
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

test("the timeout of a wait says whether the name is gone or belongs to another region", async () => {
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

test("a participant that waits alone for a peer, without a timeout, is warned once", async () => {
	const stuck: unknown[] = [];
	const publish = (event: unknown) => stuck.push(event);
	subscribe("dhmem:stuck", publish);
	using region = open();
	const waits = [region.queue("q").consumer().receive(), region.queue("p").waitForPeer()].map((wait) =>
		wait.catch(() => {}),
	);
	unlinkSync(region.path);
	await within(20_000, "the warning", warned());
	assert.is(warnings[0]?.code, "DHMEM_NAME_REMOVED");
	assert.match(warnings[0]?.message ?? "", /region\.dhmem was removed/);
	assert.equal(stuck, [{ path: region.path, message: warnings[0]?.message }]);
	await messageOf(region.queue("q2").consumer().receive({ timeout: 1500 }));
	assert.is(warnings.length, 1);
	assert.is(stuck.length, 1);
	unsubscribe("dhmem:stuck", publish);
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

test("there is no warning while another participant is in the region, or if waits succeed", async () => {
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
