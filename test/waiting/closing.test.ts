/** Closing a region while someone waits on it. */
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	Child,
	codeOfLater,
	directory,
	eachInFolder,
	limitedTest,
	PATIENCE,
	within,
} from "../fixture/index.js";
import { child, fill, module, open, textOf } from "./stage.js";

eachInFolder();

limitedTest("an open region does not keep the process alive, a pending wait does", async () => {
	const ended = await within(PATIENCE, "ending", new Child(module, "leaveOpen", [directory]).ended);
	assert.equal([ended.code, ended.errors], [0, ""]);
	// It was open, and left when it ended: its slot is free again.
	const region = open();
	region.recover();
	assert.is(region.stats().participants.length, 1);

	for (const what of ["receive", "peer"]) {
		const waiting = await child("waitOnly", what);
		const still = await Promise.race([waiting.ended, delay(300, "waiting")]);
		assert.is(still, "waiting");
		using producer = region.queue("a").producer();
		producer.trySend("here");
		assert.is(await waiting.hear(), what === "receive" ? "here" : "peer");
		const { code } = await within(PATIENCE, "ending", waiting.ended);
		assert.is(code, 0);
		region.recover();
	}
});

limitedTest("closing a region or an endpoint rejects its pending waits", async () => {
	const region = open();
	const consumer = region.queue("a").consumer();
	const producer = region.queue("b", { capacity: 64 }).producer();
	const popping = region.queue("c", { record: "f64" }).consumer();
	const pushing = region.queue("d", { record: "f64", capacity: 2 }).producer();
	fill(producer);
	while (pushing.push(1));
	const waits = () => [
		consumer.receive(),
		consumer.receive({ timeout: PATIENCE }),
		consumer.batches(5).next(),
		consumer[Symbol.asyncIterator]().next(),
		producer.send("x"),
		popping.wait(),
		pushing.wait(),
	];
	const pending = [...waits(), region.queue("e").waitForPeer()];
	// Nobody can handle a rejection before the next line.
	const codes = Promise.all(pending.map(codeOfLater));
	await turn();
	region.close();
	assert.equal([...new Set(await within(PATIENCE, "closing", codes))], ["DHMEM_CLOSED"]);
	for (const wait of waits()) assert.is(await codeOfLater(wait), "DHMEM_CLOSED");

	const again = open();
	const receiving = again.queue("a").consumer();
	const other = again.queue("z").consumer();
	const waiting = [receiving.receive(), receiving.receive()].map(codeOfLater);
	const unaffected = other.receive();
	receiving.close();
	assert.equal(await within(PATIENCE, "closing", Promise.all(waiting)), ["DHMEM_CLOSED", "DHMEM_CLOSED"]);
	again.queue("z").producer().trySend("still here");
	assert.is(textOf(await unaffected), "still here");
});

test.run();
