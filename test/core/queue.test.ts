/** Queues, only by calls of the core. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BAD_STATE, KIND_QUEUE, OK, QUEUE_SENT } from "../../assembly/layout.js";
import { attach, receiveAll } from "../crash-points/scenarios/messages.js";
import { World } from "../crash-points/world.js";

test("after an end the producer still waits for what was not read", () => {
	const world = new World();
	const producer = world.participant(0);
	const consumer = world.participant(1);
	const queue = producer.construct("queue", KIND_QUEUE, { capacity: 64 });
	attach(producer, queue, "producer");
	attach(consumer, queue, "consumer");
	for (const text of ["a".repeat(16), "b".repeat(16)]) producer.send(queue, text);
	receiveAll(consumer, queue, true);
	for (let stream = 0; stream < 3; stream++) {
		assert.is(producer.core.end(producer.me, queue), OK);
		assert.equal(receiveAll(consumer, queue, true), ["end"]);
	}
	const texts = ["one", "two", "three", "four", "five"].filter((text) => producer.send(queue, text));
	assert.equal(texts, ["one", "two", "three"], "what there is room for");
	assert.equal(receiveAll(consumer, queue, true), texts);
});

test("published messages count as sent, and publishing more than was staged is refused", () => {
	const world = new World();
	const producer = world.participant(0);
	const queue = producer.construct("queue", KIND_QUEUE, { capacity: 256 });
	attach(producer, queue, "producer");
	const { core, me } = producer;
	const sent = () => world.words[(queue + QUEUE_SENT) >> 2];
	for (let i = 0; i < 3; i++) {
		core.reserve(me, queue, 0);
		core.stage(me, queue, 0);
	}
	assert.is(core.publish(me, queue, 4), BAD_STATE);
	assert.is(sent(), 0);
	assert.is(core.publish(me, queue, 3), OK);
	assert.is(core.publish(me, queue, 1), BAD_STATE, "they were published");
	producer.send(queue, "four");
	assert.is(core.end(me, queue), OK);
	assert.is(sent(), 4, "an end is no message");
	assert.equal(receiveAll(producer, queue), ["", "", "", "four", "end"]);
});

test.run();
