/** Handing over a block costs the same, however large it is: counted in accesses of the core. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	BULK_SPAN_BYTES,
	BULK_WINDOW,
	KIND_QUEUE,
	OK,
	RECORD_BLOCK,
	REFERENCE_BYTES,
	SLOT_RESULT_3,
	SLOT_RESULT_4,
	SLOT_RESULT_5,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { attach } from "../crash-points/scenarios/messages.js";
import { World } from "../crash-points/world.js";

/** A block as large as any can be, of almost 4 GiB. */
const LARGEST = BULK_WINDOW * BULK_SPAN_BYTES;

/** Sends a block through a queue, receives and takes it. Returns how often that accesses memory. */
function accessesFor(bytes: number): number {
	const world = new World(64, undefined, BULK_WINDOW);
	const who = world.participant(0, "accesses");
	const { core, me } = who;
	const queue = who.construct("queue", KIND_QUEUE, { capacity: 256 });
	attach(who, queue, "producer");
	attach(who, queue, "consumer");
	const allocate = bytes < BULK_SPAN_BYTES ? core.allocate : core.allocateBulk;
	const block = who.committing(() => allocate(me, bytes));
	assert.ok(block >= STATUS_LIMIT, `allocating gave ${block}`);
	let most = 0;
	for (let time = 0; time < 3; time++) {
		const before = who.accesses;
		assert.ok(core.reserve(me, queue, REFERENCE_BYTES) >>> 0 >= STATUS_LIMIT);
		core.commitBlock(me, queue, REFERENCE_BYTES, 0, block, bytes);
		assert.ok(core.peek(me, queue) >>> 0 >= STATUS_LIMIT);
		assert.equal([who.result(SLOT_RESULT_3), who.result(SLOT_RESULT_4)], [RECORD_BLOCK, block]);
		assert.is(who.result(SLOT_RESULT_5), bytes);
		core.release(me, queue, who.result(), 1);
		// The block is the receiver's now.
		most = Math.max(most, who.accesses - before);
	}
	assert.is(who.free(block), OK);
	return most;
}

test("handing over a block of almost 4 GiB takes as many accesses as one of 2 MiB, and hardly more than 64 bytes", () => {
	const [small, bulk, largest] = [64, BULK_SPAN_BYTES, LARGEST].map(accessesFor) as [number, number, number];
	assert.is(largest, bulk);
	assert.ok(small > 20 && largest <= small + 16, `${small} for 64 bytes, ${largest} for ${LARGEST}`);
});

test.run();
