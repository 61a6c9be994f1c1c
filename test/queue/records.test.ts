import { randomUUID } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import {
	type DhmemErrorCode,
	type DType,
	type RecordConsumer,
	type RecordProducer,
	type RecordQueue,
	Region,
	type TypedArrayOf,
	type ValueOf,
} from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runPair } from "../endurance/pair.js";
import type { Path } from "../endurance/path.js";
import { paths } from "../endurance/paths.js";
import { mix } from "../endurance/payload.js";
import { positionsOf, startAt } from "../endurance/positions.js";
import { codeOf, codeOfLater, some } from "../fixture/index.js";

const patience = { timeout: 20_000 };

let name = "";
let regions: Region[] = [];

test.before.each(() => {
	name = `records-test-${randomUUID()}`;
});

test.after.each(() => {
	for (const region of regions) region.close();
	regions = [];
	remove();
});

function remove(): void {
	if (Region.list().includes(name)) Region.unlink(name);
}

// Also if the run is interrupted in the middle of a test.
process.once("exit", remove);

function open(): Region {
	const region = Region.open(name, regions.length === 0 ? { size: "4MiB" } : {});
	regions.push(region);
	return region;
}

interface Ends<D extends DType> {
	region: Region;
	queue: RecordQueue<D>;
	producer: RecordProducer<D>;
	consumer: RecordConsumer<D>;
}

/** A queue between two participants of this process. */
function ends<D extends DType>(record: D, capacity: number): Ends<D> {
	const region = open();
	const queue = region.queue("r", { record, capacity });
	return {
		region,
		queue,
		producer: queue.producer(patience),
		consumer: open().queue("r", { record }).consumer(patience),
	};
}

function fails(code: DhmemErrorCode, act: () => unknown): void {
	assert.is(codeOf(act), code);
}

async function failsLater(code: DhmemErrorCode, promise: Promise<unknown>): Promise<void> {
	assert.is(await codeOfLater(promise), code);
}

/** Pops everything that is there. */
function drain<D extends DType>(consumer: RecordConsumer<D>): ValueOf<D>[] {
	const values: ValueOf<D>[] = [];
	for (let value = consumer.pop(); value !== undefined; value = consumer.pop()) values.push(value);
	return values;
}

/** Pushes 0, 1, … while there is room. Returns how many. */
function fill(producer: RecordProducer<"u32">): number {
	for (let count = 0; ; count++) if (!producer.push(count)) return count;
}

// -------------------------------------------------------------------------------------------- the values

const extremes: { [D in DType]: [TypedArrayOf<D>, ValueOf<D>[]] } = {
	i8: [new Int8Array(4), [-128, -1, 0, 127]],
	u8: [new Uint8Array(4), [0, 1, 128, 255]],
	i16: [new Int16Array(4), [-32768, -1, 0, 32767]],
	u16: [new Uint16Array(4), [0, 1, 32768, 65535]],
	i32: [new Int32Array(4), [-(2 ** 31), -1, 0, 2 ** 31 - 1]],
	u32: [new Uint32Array(4), [0, 1, 2 ** 31, 2 ** 32 - 1]],
	i64: [new BigInt64Array(4), [-(2n ** 63n), -1n, 0n, 2n ** 63n - 1n]],
	u64: [new BigUint64Array(4), [0n, 1n, 2n ** 63n, 2n ** 64n - 1n]],
	f32: [new Float32Array(4), [Number.NaN, -0, Number.POSITIVE_INFINITY, 2 ** -149]],
	f64: [new Float64Array(4), [Number.NaN, -0, Number.NEGATIVE_INFINITY, Number.MIN_VALUE]],
};

function testExtremes<D extends DType>(dtype: D): void {
	test(`records of ${dtype} keep their extreme values, one by one and in batches`, () => {
		const { producer, consumer } = ends(dtype, 8);
		const [array, values] = extremes[dtype];
		for (let round = 0; round < 5; round++) {
			for (const value of values) assert.is(producer.push(value), true);
			for (const value of values) assert.ok(Object.is(consumer.pop(), value), `${value}`);
			array.set(values as never);
			assert.is(producer.pushMany(array), 4);
			array.reverse();
			assert.is(consumer.popInto(array), 4);
			assert.ok(values.every((value, index) => Object.is(array[index], value)));
			assert.is(consumer.pop(), undefined);
		}
	});
}
for (const dtype of Object.keys(extremes) as DType[]) testExtremes(dtype);

test("a full queue has room as soon as a record is popped, also for another participant's producer", async () => {
	const region = open();
	const queue = region.queue("one", { record: "f64", capacity: 1024 });
	const [producer, consumer] = [queue.producer(patience), queue.consumer(patience)];
	while (producer.push(1));
	for (let popped = 1; popped < 5; popped++) {
		for (let i = 0; i < popped; i++) consumer.pop();
		for (let i = 0; i < popped; i++) assert.is(producer.push(2), true);
		assert.is(producer.push(3), false);
	}
	const other = ends("u8", 1024);
	while (other.producer.push(1));
	const waiting = other.producer.wait();
	other.consumer.pop();
	assert.is(await waiting, true);
});

test("a value of the wrong kind is refused, and leaves no record", () => {
	const { producer, consumer } = ends("i64", 4);
	assert.throws(
		() => producer.push(1 as unknown as bigint),
		(error: unknown) => error instanceof TypeError,
	);
	fails("DHMEM_BAD_ARGUMENT", () => producer.pushMany(new Float64Array(1) as unknown as BigInt64Array));
	fails("DHMEM_BAD_ARGUMENT", () => producer.pushMany([1n] as unknown as BigInt64Array));
	fails("DHMEM_BAD_ARGUMENT", () => consumer.popInto(new BigUint64Array(1) as unknown as BigInt64Array));
	producer.push(5n);
	assert.equal(drain(consumer), [5n]);
});

test("another dtype, or another explicit capacity, is DHMEM_TYPE_MISMATCH", () => {
	const region = open();
	assert.is(region.queue("r", { record: "f64", capacity: 5 }).capacity, 8);
	assert.is(region.queue("r", { record: "f64" }).capacity, 8);
	assert.is(region.queue("default", { record: "u8" }).capacity, 4096);
	fails("DHMEM_TYPE_MISMATCH", () => region.queue("r", { record: "u64" }));
	fails("DHMEM_TYPE_MISMATCH", () => region.queue("r", { record: "f64", capacity: 6 }));
	fails("DHMEM_TYPE_MISMATCH", () => region.queue("r", { policy: "block" }));
	fails("DHMEM_BAD_ARGUMENT", () => region.queue("s", { record: "f64", capacity: 0 }));
	fails("DHMEM_BAD_ARGUMENT", () => region.queue("s", { record: "float" as "f64" }));
});

// ------------------------------------------------------------------------------------------ room, batches

test("push says when the ring is full, pop when it is empty", () => {
	const { producer, consumer } = ends("u32", 4);
	assert.is(consumer.pop(), undefined);
	assert.is(fill(producer), 4);
	assert.is(producer.push(9), false);
	assert.equal(drain(consumer), [0, 1, 2, 3]);
	assert.is(producer.push(4), true);
	assert.equal(drain(consumer), [4]);
});

test("pushMany takes as many records as fit, popInto as many as there are", () => {
	const { producer, consumer } = ends("u32", 8);
	const into = new Uint32Array(6);
	assert.is(consumer.popInto(into), 0);
	assert.is(producer.pushMany(Uint32Array.of(0, 1, 2, 3, 4)), 5);
	assert.is(consumer.popInto(into.subarray(0, 4)), 4);
	assert.is(producer.pushMany(Uint32Array.of(5, 6, 7, 8, 9, 10, 11, 12, 13)), 7);
	assert.is(producer.pushMany(Uint32Array.of(12)), 0);
	assert.is(consumer.popInto(into), 6);
	assert.equal([...into], [4, 5, 6, 7, 8, 9]);
	assert.is(consumer.popInto(into), 2);
	assert.equal([...into.subarray(0, 2)], [10, 11]);
	assert.is(consumer.popInto(into), 0);
	assert.is(producer.pushMany(new Uint32Array(0)), 0);
	assert.is(producer.pushMany(new Uint32Array(100)), 8);
	assert.is(consumer.popInto(new Uint32Array(0)), 0);
});

for (const [capacity, before] of [
	[2, 1],
	[2, 7],
	[8, 3],
	[1024, 5000],
] as const) {
	test(`a queue of ${capacity} records behaves like an array, also past position 2^32 from ${before} before it`, () => {
		const region = open();
		const queue = region.queue("r", { record: "u32", capacity });
		startAt(region.path, "r", 2 ** 32 - before);
		let producer = queue.producer();
		let consumer = open().queue("r", { record: "u32" }).consumer();
		const model: number[] = [];
		let next = 0;
		for (let step = 0; step < 50_000; step++) {
			const chance = mix(capacity, step);
			const size = (chance >>> 8) % (2 * capacity);
			if (chance % 100 === 0) {
				consumer.close();
				consumer = (regions[1] as Region).queue("r", { record: "u32" }).consumer();
			} else if (chance % 100 === 1) {
				producer.close();
				producer = queue.producer();
			} else if (chance % 4 === 0) {
				// Room is given back in steps, so there may be less than in the model.
				if (producer.push(next)) model.push(next++);
				else assert.ok(model.length > 0);
			} else if (chance % 4 === 1) {
				const batch = Uint32Array.from({ length: size }, (_, index) => next + index);
				const pushed = producer.pushMany(batch);
				assert.ok(pushed === size || model.length + pushed >= capacity / 2, "there was room");
				for (let index = 0; index < pushed; index++) model.push(next++);
			} else if (chance % 4 === 2) assert.is(consumer.pop(), model.shift(), `step ${step}`);
			else {
				const batch = new Uint32Array(size);
				const popped = consumer.popInto(batch);
				assert.is(popped, Math.min(size, model.length), `step ${step}`);
				assert.equal([...batch.subarray(0, popped)], model.splice(0, popped), `step ${step}`);
			}
			assert.ok(model.length <= capacity);
		}
		assert.equal(drain(consumer), model);
		consumer.close();
		producer.close();
		const { tail, head } = positionsOf(region.path, "r");
		assert.is(tail, head);
		assert.ok(next > before && tail === next - before, "2^32 was not passed");
	});
}

test("records popped by a consumer that left are not popped by the next", () => {
	const { queue, producer, consumer } = ends("u32", 8);
	fill(producer);
	assert.is(consumer.pop(), 0);
	assert.is(consumer.pop(), 1);
	assert.is(consumer.pop(), 2);
	consumer.close();
	using next = queue.consumer();
	assert.is(producer.push(8), true);
	assert.equal(drain(next), [3, 4, 5, 6, 7, 8]);
});

// ---------------------------------------------------------------------------------------- end, and waiting

test("the consumer pops what was pushed, then sees the end", async () => {
	const { producer, consumer } = ends("u32", 4);
	fill(producer);
	producer.end();
	producer.end();
	fails("DHMEM_QUEUE_ENDED", () => producer.push(9));
	fails("DHMEM_QUEUE_ENDED", () => producer.pushMany(Uint32Array.of(9)));
	fails("DHMEM_QUEUE_ENDED", () => producer.waitSync());
	await failsLater("DHMEM_QUEUE_ENDED", producer.wait());
	assert.is(consumer.ended, false);
	assert.is(await consumer.wait(), true);
	assert.equal(drain(consumer), [0, 1, 2, 3]);
	assert.is(consumer.waitSync(), false);
	assert.is(await consumer.wait(), false);
	assert.is(consumer.ended, true);
	assert.is(consumer.pop(), undefined);
	assert.is(consumer.popInto(new Uint32Array(4)), 0);
});

test("the next stream waits until the end of the one before has been seen", async () => {
	const { queue, producer, consumer } = ends("u32", 4);
	producer.push(1);
	producer.end();
	producer.close();
	using second = queue.producer(patience);
	assert.is(second.push(2), false);
	const room = second.wait();
	assert.is(consumer.pop(), 1);
	assert.is(second.push(2), false);
	assert.is(consumer.pop(), undefined);
	assert.is(consumer.ended, true);
	assert.is(await room, true);
	assert.is(second.push(2), true);
	assert.is(consumer.pop(), undefined);
	consumer.close();
	using next = queue.consumer();
	assert.equal(drain(next), [2]);
	assert.is(next.ended, false);
});

test("a stream can't end before the end of the previous one was seen", () => {
	const { queue, producer, consumer } = ends("u32", 4);
	producer.end();
	producer.close();
	using second = queue.producer();
	fails("DHMEM_TIMEOUT", () => second.end());
	assert.is(consumer.waitSync(), false);
	consumer.close();
	second.end();
	using next = queue.consumer();
	assert.is(next.waitSync(), false);
});

test("waits end when there is room, or a record", async () => {
	const { producer, consumer } = ends("u32", 4);
	assert.is(producer.waitSync(), true);
	const record = consumer.wait();
	await turn();
	producer.push(1);
	assert.is(await record, true);
	assert.is(consumer.waitSync(), true);
	assert.is(consumer.pop(), 1);
	fill(producer);
	const room = producer.wait();
	await turn();
	drain(consumer);
	assert.is(await room, true);
});

test("waits end by timeout, by abort, and when an endpoint is closed", async () => {
	const { producer, consumer } = ends("u32", 4);
	fails("DHMEM_TIMEOUT", () => consumer.waitSync({ timeout: 0 }));
	await failsLater("DHMEM_TIMEOUT", consumer.wait({ timeout: 1 }));
	fill(producer);
	fails("DHMEM_TIMEOUT", () => producer.waitSync({ timeout: 1 }));
	const aborter = new AbortController();
	const reason = new Error("enough");
	const aborted = producer.wait({ signal: aborter.signal });
	aborter.abort(reason);
	assert.is(await aborted.catch((error: unknown) => error), reason);
	const closed = producer.wait();
	producer.close();
	await failsLater("DHMEM_CLOSED", closed);
});

test("DHMEM_PEER_GONE is thrown for a peer that left, after all is popped, but not for one that has not come", async () => {
	const { queue, producer, consumer } = ends("u32", 4);
	fill(producer);
	const room = producer.wait();
	await turn();
	consumer.close();
	await failsLater("DHMEM_PEER_GONE", room);
	using next = queue.consumer(patience);
	producer.close();
	assert.is(next.waitSync(), true);
	assert.equal(drain(next), [0, 1, 2, 3]);
	fails("DHMEM_PEER_GONE", () => next.waitSync());
	next.close();
	using last = queue.consumer({ timeout: 1 });
	await failsLater("DHMEM_TIMEOUT", last.wait());
});

test("a consumer that waits for the next stream gets no DHMEM_PEER_GONE for a producer that ended the last one", async () => {
	const { queue, producer, consumer } = ends("u32", 4);
	producer.end();
	assert.is(consumer.waitSync(), false);
	consumer.close();
	using next = queue.consumer(patience);
	producer.close();
	fails("DHMEM_TIMEOUT", () => next.waitSync({ timeout: 1 }));
	using second = queue.producer();
	second.push(1);
	assert.equal(drain(next), [1]);
});

// ----------------------------------------------------------------------------------------------- the ends

test("the first look that finds nothing gives back the room of all that was popped", () => {
	const options = { record: "u32", capacity: 16 } as const;
	const [region, other] = [Region.open(name), Region.open(name)];
	regions.push(region, other);
	const producer = region.queue("q", options).producer();
	const consumer = other.queue("q", options).consumer();
	producer.pushMany(Uint32Array.of(1, 2, 3));
	assert.equal([consumer.pop(), consumer.pop(), consumer.pop(), consumer.pop()], [1, 2, 3, undefined]);
	assert.is(producer.pushMany(new Uint32Array(16)), 16);
});

test("a second producer or consumer is DHMEM_ENDPOINT_TAKEN", () => {
	const { queue, producer, consumer } = ends("u32", 4);
	fails("DHMEM_ENDPOINT_TAKEN", () => queue.producer());
	fails("DHMEM_ENDPOINT_TAKEN", () => queue.consumer());
	producer.close();
	consumer.close();
	queue.producer().close();
	queue.consumer().close();
});

test("a closed endpoint throws DHMEM_CLOSED, however much it knew of, and touches nothing", () => {
	const { queue, producer, consumer } = ends("u32", 16);
	for (let index = 0; index < 8; index++) producer.push(index);
	assert.is(consumer.pop(), 0);
	producer.close();
	consumer.close();
	const batch = new Uint32Array(2);
	const actsOfOld = [
		() => producer.push(99),
		() => producer.pushMany(batch),
		() => producer.end(),
		() => consumer.pop(),
		() => consumer.popInto(batch),
	];
	for (const act of actsOfOld) fails("DHMEM_CLOSED", act);
	// Nor when the same participant takes the endpoints again.
	using nextProducer = queue.producer();
	using nextConsumer = queue.consumer();
	nextProducer.push(8);
	for (const act of actsOfOld) fails("DHMEM_CLOSED", act);
	assert.equal(drain(nextConsumer), [1, 2, 3, 4, 5, 6, 7, 8]);
});

test("records of a closed region can't be pushed or popped", () => {
	const { producer, consumer } = ends("u32", 16);
	for (let index = 0; index < 8; index++) producer.push(index + 1);
	assert.is(consumer.pop(), 1);
	for (const region of regions) region.close();
	const batch = new Uint32Array(2);
	for (const act of [
		() => producer.push(99),
		() => producer.pushMany(batch),
		() => consumer.pop(),
		() => consumer.popInto(batch),
	]) {
		fails("DHMEM_CLOSED", act);
	}
});

// -------------------------------------------------------------------------------------------- at length

const seed = Number(process.env.DHMEM_TEST_SEED ?? 1);
for (const path of ["records", "record-batches"]) {
	const { count, what } = paths[path] as Path;
	for (const threads of some([false, true], 2, path === "records" ? 0 : 1)) {
		test(`between ${threads ? "worker threads" : "processes"}: ${what}`, async () => {
			const result = await runPair(path, { count: count / 10, seed, threads });
			assert.equal(result.errors, [], `seed ${seed}`);
			assert.is(result.messages, count / 10);
			assert.ok(result.passedLimit && result.laps > 5 && result.full + result.empty > 0);
		});
	}
}

test.run();
