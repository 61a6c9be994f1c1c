/** Batches of a queue, only by calls of the core. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	BAD_STATE,
	EMPTY,
	KIND_QUEUE,
	NO_ROOM,
	OK,
	QUEUE_SENT,
	RECORD_END,
	SLOT_RESULT_2,
	STATUS_LIMIT,
	TOO_LARGE,
} from "../../assembly/layout.js";
import { receiveMany, sendMany } from "../crash-points/scenarios/batches.js";
import { attach, receiveAll } from "../crash-points/scenarios/messages.js";
import { World } from "../crash-points/world.js";

function stage(capacity = 256) {
	const world = new World();
	const who = world.participant(0);
	const queue = who.construct("queue", KIND_QUEUE, { capacity });
	attach(who, queue, "producer");
	attach(who, queue, "consumer");
	return { world, who, queue, core: who.core, me: who.me };
}

test("one reservation is open at a time, and is closed by its own call", () => {
	const { core, me, queue } = stage();
	assert.ok(core.reserveMany(me, queue, 8, 3) >>> 0 >= STATUS_LIMIT);
	assert.is(core.reserveMany(me, queue, 8, 3), BAD_STATE);
	assert.is(core.reserve(me, queue, 8), BAD_STATE);
	assert.is(core.commit(me, queue, 8), BAD_STATE, "commit() is for one message");
	assert.is(core.end(me, queue), BAD_STATE);
	assert.is(core.commitMany(me, queue, 4), BAD_STATE, "more than were reserved");
	assert.is(core.commitMany(me, queue, 3), OK);
	assert.is(core.commitMany(me, queue, 0), BAD_STATE);
	assert.ok(core.reserve(me, queue, 8) >>> 0 >= STATUS_LIMIT);
	assert.is(core.commitMany(me, queue, 1), BAD_STATE, "commitMany() is not for the room of one");
	assert.is(core.abort(me, queue), OK);
	assert.ok(core.reserveMany(me, queue, 8, 3) >>> 0 >= STATUS_LIMIT);
	assert.is(core.abort(me, queue), OK);
	assert.is(core.commitMany(me, queue, 1), BAD_STATE);
});

test("a batch has at least one message, and none that is too large", () => {
	const { core, me, queue } = stage();
	assert.is(core.reserveMany(me, queue, 8, 0), BAD_STATE);
	assert.is(core.reserveMany(me, queue, 121, 1), TOO_LARGE);
	assert.is(core.reserveMany(me, queue, 0xffff_ffff, 1), TOO_LARGE);
	assert.ok(core.reserveMany(me, queue, 0, 0xffff_ffff) >>> 0 >= STATUS_LIMIT);
});

test("a full ring has room for as many as are released", () => {
	const { world, who, queue, core, me } = stage();
	const texts = Array.from({ length: 40 }, (_, index) => `text ${index % 10}`);
	const sent = sendMany(who, queue, texts);
	assert.is(sent.length, 15, "and the end of the stream has room");
	assert.is(core.reserveMany(me, queue, 8, 1), NO_ROOM);
	assert.is(world.words[(queue + QUEUE_SENT) >> 2], 15);
	const held = receiveMany(who, queue, 40);
	assert.equal(
		held.map(({ text }) => text),
		sent,
	);
	assert.is(core.reserveMany(me, queue, 8, 1), NO_ROOM, "they are held");
	const [first, third] = [held[0], held[2]];
	assert.ok(core.releaseThrough(me, queue, first?.position ?? 0, third?.position ?? 0) >>> 0 !== BAD_STATE);
	assert.is(sendMany(who, queue, texts).length, 1, "one before the end of the ring");
	assert.is(sendMany(who, queue, texts).length, 2, "and the others at its beginning");
});

test("receiving many gives nothing when there is nothing, and stops before an end", () => {
	const { who, queue, core, me } = stage();
	const out = who.lend(new Uint8Array(0));
	assert.is(core.peekMany(me, queue, 4, out), EMPTY);
	core.end(me, queue);
	assert.is(core.peekMany(me, queue, 4, out), OK);
	assert.is(who.result(), 0);
	assert.is(who.result(SLOT_RESULT_2), RECORD_END);
	assert.equal(receiveAll(who, queue, true), ["end"]);
});

test.run();
