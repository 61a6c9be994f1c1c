/** Queues, blocks and mutexes between Node and C, in both directions. */
import * as assert from "uvu/assert";
import { Child, codeOf } from "../fixture/index.js";
import { Peer, peerTest } from "./peer.js";

peerTest("C receives what Node sends, and sees the end", async (region, peer) => {
	const producer = region.queue("steps").producer();
	producer.sendSync("sent before C was there");
	await peer.ask("consumer steps", "consumer");
	await peer.ask("receive steps 10000", "message sent before C was there");
	const next = peer.ask("receive steps 10000");
	producer.sendSync("sent while C waits");
	assert.is(await next, "message sent while C waits");
	producer.end();
	await peer.ask("receive steps 10000", "end");
	await peer.ask("receive steps 10000", "end");
});

peerTest("Node receives what C sends, in place too, and sees the end", async (region, peer) => {
	await peer.ask("producer steps 1024", "producer");
	const consumer = region.queue("steps").consumer();
	const first = consumer.receive({ timeout: 10_000 });
	await peer.ask("send steps a message", "sent");
	assert.is((await first)?.text(), "a message");
	await peer.ask("reserve steps written in place", "sent");
	assert.is(consumer.receiveSync({ timeout: 10_000 })?.text(), "written in place");
	await peer.ask("end steps", "ended");
	assert.is(await consumer.receive({ timeout: 10_000 }), undefined);
});

peerTest("a sender waits for room, on either side", async (region, peer) => {
	const count = 3000;
	await peer.ask("consumer there 256", "consumer");
	await peer.ask("producer back 256", "producer");
	const there = region.queue("there", { capacity: 256 }).producer();
	const counted = peer.ask("count there");
	for (let i = 0; i < count; i++) await there.send("x".repeat(i % 100), { timeout: 10_000 });
	there.end();
	assert.is(await counted, `${count} messages, ${(count / 100) * 4950} bytes`);

	const flooding = peer.ask(`flood back ${count} 50`);
	let received = 0;
	const back = region.queue("back").consumer();
	while (received < count) {
		using message = await back.receive({ timeout: 10_000 });
		assert.is(message?.length, 50);
		received++;
	}
	assert.is(await flooding, "sent");
});

peerTest("blocks are handed over without a copy, in both directions", async (region, peer) => {
	await peer.ask("consumer there", "consumer");
	await peer.ask("producer back 0", "producer");
	const there = region.queue("there").producer();
	const back = region.queue("back").consumer();
	const used = region.stats().used;
	for (const how of ["receive", "take"]) {
		const block = region.allocate(1_000_000);
		block.bytes.fill(7);
		there.sendSync("a field", { block });
		await peer.ask(`${how} there 10000`, "message a field, block 1000000 times 7");
	}
	// A reference to a shared block: its bytes are elsewhere than itself.
	using block = region.allocate(3000);
	block.bytes.fill(8);
	there.sendSync("a clone", { block: block.clone() });
	await peer.ask("receive there 10000", "message a clone, block 3000 times 8");
	block.free();

	await peer.ask("block back 500000 9 from C", "sent");
	const message = back.receiveSync({ timeout: 10_000 });
	assert.is(message?.text(), "from C");
	const taken = message?.take();
	assert.is(taken?.length, 500_000);
	assert.ok(taken?.bytes.every((byte) => byte === 9));
	taken?.free();
	// What is left are the pages of slabs, which were not there before.
	assert.ok(region.stats().used <= used + 1024, `${region.stats().used} bytes are used, before ${used}`);
});

peerTest("messages larger than the queue travel as blocks", async (region, peer) => {
	await peer.ask("consumer there 1024", "consumer");
	await peer.ask("producer back 1024", "producer");
	const there = region.queue("there").producer();
	const sent = there.send(new Uint8Array(2_000_000).fill(3), { timeout: 10_000 });
	await peer.ask("receive there 10000", "2000000 times 3");
	await sent;
	await peer.ask("large back 2000000 4", "sent");
	using message = region.queue("back").consumer().receiveSync({ timeout: 10_000 });
	assert.is(message?.length, 2_000_000);
	assert.ok(message?.bytes.every((byte) => byte === 4));
});

peerTest("a mutex excludes Node and C from each other", async (region, peer) => {
	const mutex = region.mutex("turn");
	const held = mutex.lockSync();
	assert.match(await peer.ask("lock turn 30"), /^DHMEM_TIMEOUT Waited 30 ms for mutex turn; /);
	const waiting = peer.ask("lock turn 10000");
	held.unlock();
	assert.is(await waiting, "locked");
	assert.is(mutex.tryLock(), undefined);
	assert.match(
		await peer.ask("lock turn 0"),
		/^DHMEM_BAD_ARGUMENT This participant already holds mutex turn/,
	);
	const ours = mutex.lock({ timeout: 10_000 });
	await peer.ask("unlock turn", "unlocked");
	assert.is((await ours).abandoned, false);
});

peerTest("what a killed C program had goes to Node", async (region, peer) => {
	await peer.ask("producer steps 0", "producer");
	await peer.ask("lock turn 0", "locked");
	await peer.ask("block steps 100000 1 before it died", "sent");
	const consumer = region.queue("steps").consumer();
	const lock = region.mutex("turn").lock({ timeout: 10_000 });
	await peer.kill();
	assert.is((await lock).abandoned, true);
	assert.is(consumer.receiveSync({ timeout: 10_000 })?.text(), "before it died");
	assert.is(
		codeOf(() => consumer.receiveSync({ timeout: 10_000 })),
		"DHMEM_PEER_GONE",
	);
	assert.is(region.stats().participants.length, 1);
	await using next = await Peer.in(region);
	await next.ask("producer steps 0", "producer");
});

peerTest("what a killed Node had goes to C", async (region, peer) => {
	const victim = new Child(new URL("victim.js", import.meta.url).href, "holder", [region.name]);
	await victim.hear();
	await peer.ask("consumer steps", "consumer");
	await peer.ask("receive steps 10000", "message last words, block 5000 times 6");
	const lock = peer.ask("lock turn 10000");
	await victim.kill();
	assert.is(await lock, "abandoned");
	const gone = await peer.ask("receive steps 10000");
	assert.match(gone, /^DHMEM_PEER_GONE The producer of queue steps left or died/);
	assert.is(region.stats().participants.length, 2);
});
