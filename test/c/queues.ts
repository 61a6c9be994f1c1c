/** Queues that drop messages, and queues of records, between Node and C. */

import type { Block } from "dhmem";
import * as assert from "uvu/assert";
import { Child, codeOf } from "../fixture/index.js";
import { Peer, peerTest } from "./peer.js";

peerTest("C receives the latest message of Node, and Node that of C", async (region, peer) => {
	await peer.ask("mail-consumer there 0", "consumer");
	await peer.ask("mail-producer back 0", "producer");
	const there = region.queue("there", { policy: "latest" }).producer();
	const back = region.queue("back", { policy: "latest" }).consumer();
	for (const text of ["old", "older", "latest"]) there.sendSync(text);
	await peer.ask("receive there 10000", "message latest");
	assert.match(await peer.ask("receive there 0"), /^DHMEM_TIMEOUT /);
	const waiting = peer.ask("receive there 10000");
	there.sendSync("while it waits");
	assert.is(await waiting, "message while it waits");

	await peer.ask("send back one", "sent");
	await peer.ask("reserve back two", "sent");
	assert.is(back.receiveSync({ timeout: 10_000 })?.text(), "two");
	await peer.ask("end back", "ended");
	there.end();
	await peer.ask("receive there 10000", "end");
	assert.is(back.receiveSync({ timeout: 10_000 }), undefined);
});

peerTest("a queue keeps the last messages, with their blocks, on either side", async (region, peer) => {
	await peer.ask("mail-producer back 3", "producer");
	await peer.ask("mail-consumer there 3", "consumer");
	const used = region.stats().used;
	for (let i = 0; i < 10; i++) await peer.ask(`block back 100000 ${i} message ${i}`, "sent");
	const back = region.queue("back").consumer();
	for (let i = 7; i < 10; i++) {
		using message = back.receiveSync({ timeout: 10_000 });
		assert.is(message?.text(), `message ${i}`);
		assert.ok(message?.block?.bytes.every((byte) => byte === i));
	}
	const there = region.queue("there").producer();
	for (let i = 0; i < 10; i++) {
		const block = region.allocate(1000);
		block.bytes.fill(i);
		there.sendSync(`message ${i}`, { block });
	}
	await peer.ask("receive there 10000", "message message 7, block 1000 times 7");
	await peer.ask("take there 10000", "message message 8, block 1000 times 8");
	await peer.ask("hold there 10000", "message message 9, block 1000 times 9");
	// What it holds is freed with the endpoint.
	await peer.ask("leave there", "left");
	assert.ok(region.stats().used <= used + 2048, `${region.stats().used} bytes are used, before ${used}`);
	assert.match(
		await peer.ask("mail-consumer there 4"),
		/^DHMEM_TYPE_MISMATCH there is a queue of the last 3 messages/,
	);
	assert.is(
		codeOf(() => region.queue("back", { policy: "latest" })),
		"DHMEM_TYPE_MISMATCH",
	);
});

peerTest("a mailbox in a full region drops what is older than the message", async (region, peer) => {
	await peer.ask("mail-producer fields 4", "producer");
	for (let i = 0; i < 9; i++) await peer.ask(`large fields 4000000 ${i}`, "sent");
	const consumer = region.queue("fields").consumer();
	let last = -1;
	for (;;) {
		using message = consumer.tryReceive();
		if (message === undefined) break;
		last = message.bytes[0] as number;
		assert.is(message.length, 4_000_000);
	}
	assert.is(last, 8);
});

peerTest("a send that fails in a full region drops nothing", async (region, peer) => {
	await peer.ask("mail-producer fields 16", "producer");
	for (let i = 0; i < 9; i++) await peer.ask(`large fields 100 ${i}`, "sent");
	const consumer = region.queue("fields").consumer();
	// The memory that is left has no room for more than the small messages.
	const blocks: Block[] = [];
	const whole = 2 ** 20;
	for (let size = whole; size >= 2 ** 16; size /= 2) {
		const fill = () => {
			for (;;) blocks.push(region.allocate(size));
		};
		assert.is(codeOf(fill), "DHMEM_REGION_FULL");
	}
	assert.match(await peer.ask(`large fields ${2 * whole} 9`), /^DHMEM_REGION_FULL /);
	assert.match(await peer.ask("large fields 90000000 9"), /^DHMEM_(REGION_FULL|MESSAGE_TOO_LARGE) /);
	const values = [];
	for (;;) {
		using message = consumer.tryReceive();
		if (message === undefined) break;
		values.push(message.bytes[0]);
	}
	assert.equal(values, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
	for (const block of blocks) block.free();
	await peer.ask(`large fields ${2 * whole} 9`, "sent");
	assert.is(consumer.tryReceive()?.length, 2 * whole);
});

peerTest("numbers go through a queue of records, in both directions", async (region, peer) => {
	const count = 30_000;
	const sum = (count * (count - 1)) / 2;
	await peer.ask("pop-from there f64", "consumer");
	await peer.ask("push-to back f64", "producer");
	const there = region.queue("there", { record: "f64", capacity: 4096 }).producer();
	const popped = peer.ask(`pop there ${count}`);
	const numbers = Float64Array.from({ length: count }, (_, index) => index);
	for (let sent = 0; sent < count; ) {
		const pushed = there.pushMany(numbers.subarray(sent));
		sent += pushed;
		if (pushed === 0) await there.wait({ timeout: 10_000 });
	}
	assert.is(await popped, String(sum));
	there.end();
	await peer.ask("pop there 1", "end");

	const pushing = peer.ask(`push back 0 ${count}`);
	const back = region.queue("back", { record: "f64" }).consumer();
	const batch = new Float64Array(1000);
	let received = 0;
	let total = 0;
	while (received < count) {
		await back.wait({ timeout: 10_000 });
		const here = back.popInto(batch);
		received += here;
		for (const number of batch.subarray(0, here)) total += number;
	}
	assert.is(total, sum);
	assert.is(await pushing, "pushed");
	await peer.ask("end-records back", "ended");
	assert.is(await back.wait({ timeout: 10_000 }), false);
});

peerTest("many messages are sent and received at once", async (region, peer) => {
	await peer.ask("producer back 1024", "producer");
	await peer.ask("consumer there", "consumer");
	await peer.ask("send-many back 100", "42 sent");
	const back = region.queue("back").consumer();
	assert.equal(
		back.receiveMany(100).map((message) => message.text()),
		Array.from({ length: 42 }, (_, index) => `message ${index}`),
	);
	const there = region.queue("there").producer();
	await peer.ask("receive-many there 10", "");
	there.sendMany(["one", "two", "three"]);
	await peer.ask("receive-many there 2", "one, two");
	await peer.ask("receive-many there 10", "three");
	there.end();
	await peer.ask("receive-many there 10", "end");
	await peer.ask("receive-many there 10", "end");
});

peerTest("either side waits for records or for room without moving any", async (region, peer) => {
	await peer.ask("pop-from there f64", "consumer");
	await peer.ask("push-to back f64", "producer");
	const records = peer.ask("wait-records there");
	const there = region.queue("there", { record: "f64" }).producer();
	there.push(2);
	assert.is(await records, "records");
	await peer.ask("wait-records there", "records");
	await peer.ask("pop there 1", "2");
	await peer.ask("push back 1 4096", "pushed");
	const room = peer.ask("wait-room back");
	const back = region.queue("back", { record: "f64" }).consumer();
	assert.is(back.popInto(new Float64Array(1)), 1);
	assert.is(await room, "room");
	there.end();
	await peer.ask("wait-records there", "end");
});

peerTest("structs go through a queue of records, in both directions", async (region, peer) => {
	const record = { id: "u32", x: "f64" } as const;
	await peer.ask("pop-from there {id:u32,x:f64}", "consumer");
	await peer.ask("push-to back { id: u32, x: f64 }", "producer");
	const there = region.queue("there", { record }).producer();
	const back = region.queue("back", { record }).consumer();
	there.push({ id: 7, x: 0.5 });
	await peer.ask("pop-struct there", "7 0.5");
	await peer.ask("push-struct back 8 0.25", "pushed");
	await back.wait({ timeout: 10_000 });
	assert.equal(back.pop(), { id: 8, x: 0.25 });
	assert.match(
		await peer.ask("push-to other {id:u32,x:int}"),
		/^DHMEM_BAD_ARGUMENT The type of the records is "{id:u32,x:int}"; it must be a dtype/,
	);
	await peer.ask("leave-records there", "left");
	assert.match(
		await peer.ask("pop-from there { id: u32, y: f64 }"),
		/^DHMEM_TYPE_MISMATCH there is a queue of { id: u32, x: f64 } records with capacity 4096, but was opened as a queue of { id: u32, y: f64/,
	);
});

peerTest("what a killed C program had sent stays, and its receiver's place is free", async (region, peer) => {
	await peer.ask("mail-producer view 0", "producer");
	await peer.ask("push-to numbers f64", "producer");
	await peer.ask("send view last view", "sent");
	await peer.ask("push numbers 5 3", "pushed");
	const view = region.queue("view").consumer();
	const numbers = region.queue("numbers", { record: "f64" }).consumer();
	await peer.kill();
	assert.is(view.receiveSync({ timeout: 10_000 })?.text(), "last view");
	assert.ok(numbers.waitSync({ timeout: 10_000 }));
	assert.equal([numbers.pop(), numbers.pop(), numbers.pop()], [5, 6, 7]);
	assert.is(
		codeOf(() => numbers.waitSync({ timeout: 10_000 })),
		"DHMEM_PEER_GONE",
	);
	assert.is(
		codeOf(() => view.receiveSync({ timeout: 10_000 })),
		"DHMEM_PEER_GONE",
	);
	await using next = await Peer.in(region);
	await next.ask("mail-producer view 0", "producer");
});

peerTest("what a killed Node had sent reaches C", async (region, peer) => {
	const victim = new Child(new URL("victim.js", import.meta.url).href, "sender", [region.name]);
	await victim.hear();
	await peer.ask("mail-consumer view 0", "consumer");
	await peer.ask("pop-from numbers f64", "consumer");
	await victim.kill();
	await peer.ask("receive view 10000", "message last view");
	await peer.ask("pop numbers 3", "18");
	assert.match(await peer.ask("pop numbers 1"), /^DHMEM_PEER_GONE /);
	assert.match(await peer.ask("receive view 10000"), /^DHMEM_PEER_GONE /);
});

peerTest("C removes a named object, and what it had open of it", async (region, peer) => {
	await peer.ask("producer steps 0", "producer");
	await peer.ask("send steps first", "sent");
	await peer.ask("remove steps", "removed");
	assert.match(await peer.ask("send steps x"), /^DHMEM_CLOSED This participant has removed steps from /);
	await peer.ask("leave steps", "left");
	assert.is(region.stats().objects, 0);
	await peer.ask("remove steps", "not there");
	const consumer = region.queue("steps").consumer();
	await peer.ask("producer steps 0", "producer");
	await peer.ask("send steps second", "sent");
	assert.is(consumer.receiveSync({ timeout: 10_000 })?.text(), "second");
});
