/**
 * Queues of messages and of records. How much room there is, to the byte, is compared with a model elsewhere
 * (`test/endurance/model.ts`); this compares everything that can be sent, and every dtype.
 */
import type {
	Consumer,
	DType,
	Message,
	Producer,
	RecordConsumer,
	RecordProducer,
	Region,
	Sendable,
} from "dhmem";
import fc, { type Arbitrary } from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf } from "../fixture/index.js";
import { but, holds, isRefuted, type Property } from "./property.js";
import { dtypes, isLarge, plain, same, sameAll, stored, type Value, valuesOf } from "./values.js";

const text = fc.oneof(
	fc.string({ unit: "binary" }),
	fc.constantFrom("", "\ufeff", "\0", "ß", "🌊".repeat(300)),
);

/** A typed array or a DataView over a part of other memory, shared or not. */
const view: Arbitrary<ArrayBufferView> = fc
	.record({
		type: fc.constantFrom(...dtypes, "view" as const),
		length: fc.oneof(fc.nat(20), fc.nat(700)),
		start: fc.nat(3),
		fill: fc.nat(255),
		shared: fc.boolean(),
	})
	.map(({ type, length, start, fill, shared }) => {
		const bytes = shared ? new Uint8Array(new SharedArrayBuffer(8 * 710)) : new Uint8Array(8 * 710);
		for (let i = 0; i < bytes.length; i++) bytes[i] = fill + i * 13;
		if (type === "view") return new DataView(bytes.buffer, start, length);
		const array = plain(type, 0);
		const View = array.constructor as unknown as new (...place: unknown[]) => ArrayBufferView;
		return new View(bytes.buffer, start * array.BYTES_PER_ELEMENT, length);
	});
const sendable: Arbitrary<Sendable> = fc.oneof(text, view);

/** The bytes of half the ring that are not for a text beside a block: a header, and the reference. */
const BESIDE_BLOCK = 24;

const walks = fc.record({
	capacity: fc.constantFrom(64, 512, 4096),
	steps: fc.array(
		fc.oneof(
			{ weight: 3, arbitrary: fc.record({ do: fc.constant("send"), data: sendable } as const) },
			fc.record({ do: fc.constant("send many"), data: fc.array(sendable) } as const),
			fc.record({
				do: fc.constant("send a block"),
				data: sendable,
				size: fc.integer({ min: 1, max: 5000 }),
			} as const),
			fc.record({
				do: fc.constant("reserve"),
				data: sendable,
				spare: fc.nat(30),
				commit: fc.boolean(),
			} as const),
			{ weight: 5, arbitrary: fc.record({ do: fc.constant("receive") } as const) },
			{ weight: 5, arbitrary: fc.record({ do: fc.constant("release"), which: fc.nat(9) } as const) },
			fc.record({ do: fc.constant("receive many"), most: fc.integer({ min: 1, max: 6 }) } as const),
			fc.record({ do: fc.constant("release those") } as const),
			fc.record({ do: fc.constant("another producer") } as const),
			fc.record({ do: fc.constant("another consumer") } as const),
		),
		{ maxLength: 60, size: "max" },
	),
});
type Walk = typeof walks extends Arbitrary<infer W> ? W : never;

/** What arrives. */
interface Sent {
	data: Sendable;
	bytes: Buffer;
	/** The length of the block that goes with it. */
	size: number;
}

function sentOf(data: Sendable, size = 0): Sent {
	if (typeof data === "string") return { data, bytes: Buffer.from(data), size };
	return { data, bytes: Buffer.from(data.buffer, data.byteOffset, data.byteLength), size };
}

function check(message: Message, { data, bytes, size }: Sent): void {
	same(message.length, bytes.length, "the length");
	same(Buffer.compare(message.bytes, bytes), 0, "how the bytes compare");
	if (typeof data === "string") same(message.text(), data, "the text");
	same(message.block?.length ?? 0, size, "the block's length");
	same(
		message.block?.bytes.every((byte) => byte === size % 251) ?? true,
		true,
		"that it holds what it should",
	);
}

interface Ends {
	producer(region: Region, name: string): Producer;
	consumer(region: Region, name: string): Consumer;
}

const ends: Ends = {
	producer: (region, name) => region.queue(name).producer(),
	consumer: (region, name) => region.queue(name).consumer(),
};

function arriveInOrder({ producer: newProducer, consumer: newConsumer }: Ends = ends): Property<Walk> {
	return (openings, { capacity, steps }) => {
		const [sender, receiver] = [openings.at(0), openings.at(1)];
		sender.queue("q", { capacity });
		const { used } = openings.host.stats();
		let producer = newProducer(sender, "q");
		let consumer = newConsumer(receiver, "q");
		/** What was sent and not released, in order; of the first `next`, those with a message were received. */
		let sent: { sent: Sent; message?: Message }[] = [];
		let next = 0;
		const refused = () => assert.ok(sent.length > 0, "there is no room in an empty queue");
		/** The messages of the last batch. */
		let batch: Message[] = [];
		const arrived = (message: Message | undefined): boolean => {
			same(message !== undefined, next < sent.length, "whether a message came");
			const due = sent[next];
			if (message === undefined || due === undefined) return false;
			check(message, due.sent);
			due.message = message;
			next++;
			return true;
		};
		const receive = (): boolean => arrived(consumer.tryReceive());
		const releaseBatch = (): void => {
			const isInBatch = ({ message }: { message?: Message }) =>
				message !== undefined && batch.includes(message);
			for (const due of sent) if (due.message !== undefined && isInBatch(due)) check(due.message, due.sent);
			consumer.releaseRun(batch);
			const left = sent.filter((due) => !isInBatch(due));
			next -= sent.length - left.length;
			sent = left;
			batch = [];
		};
		const release = (which: number): void => {
			const received = sent.slice(0, next);
			const due = received[which % received.length];
			if (due?.message === undefined) return;
			check(due.message, due.sent);
			due.message.release();
			sent = sent.filter((each) => each !== due);
			next--;
		};
		for (const step of steps) {
			switch (step.do) {
				case "send":
					if (producer.trySend(step.data)) sent.push({ sent: sentOf(step.data) });
					else refused();
					break;
				case "send many": {
					const count = producer.sendMany(step.data);
					if (count === 0 && step.data.length > 0) refused();
					sent.push(...step.data.slice(0, count).map((data) => ({ sent: sentOf(data) })));
					break;
				}
				case "send a block": {
					using block = sender.allocate(step.size);
					block.bytes.fill(step.size % 251);
					let went = false;
					const outcome = codeOf(() => {
						went = producer.trySend(step.data, { block });
					});
					const tooLarge = sentOf(step.data).bytes.length > capacity / 2 - BESIDE_BLOCK;
					same(outcome, tooLarge ? "DHMEM_MESSAGE_TOO_LARGE" : "nothing", step.do);
					if (went) sent.push({ sent: sentOf(step.data, step.size) });
					else if (!tooLarge) refused();
					break;
				}
				case "reserve": {
					const { bytes } = sentOf(step.data);
					using slot = producer.tryReserve(bytes.length + step.spare);
					if (slot === undefined) refused();
					else {
						slot.bytes.fill(0xee);
						slot.bytes.set(bytes);
						if (!step.commit) break;
						slot.commit(bytes.length);
						sent.push({ sent: sentOf(step.data) });
					}
					break;
				}
				case "receive":
					receive();
					break;
				case "release":
					release(step.which);
					break;
				case "receive many":
					batch = consumer.receiveMany(step.most);
					same(batch.length, Math.min(step.most, sent.length - next), "how many came");
					for (const message of batch) arrived(message);
					break;
				case "release those":
					releaseBatch();
					break;
				case "another producer":
					producer.close();
					producer = newProducer(sender, "q");
					break;
				case "another consumer":
					// What was not released is delivered again.
					consumer.close();
					batch = [];
					consumer = newConsumer(receiver, "q");
					next = 0;
			}
		}
		while (receive() || next > 0) release(0);
		same(openings.host.stats().used, used, "the bytes in use at the end");
		consumer.close();
		producer.close();
	};
}

test("messages arrive in order and whole, and are delivered again until they are released", () =>
	holds(walks, arriveInOrder()));

const faults: [string, Ends][] = [
	[
		"loses what does not fit and says it went through",
		{
			...ends,
			producer(region, name) {
				const producer = ends.producer(region, name);
				return but(producer, { trySend: (data, options) => producer.trySend(data, options) || true });
			},
		},
	],
	[
		"sends all of the memory that a view is of",
		{
			...ends,
			producer(region, name) {
				const producer = ends.producer(region, name);
				const whole = (data: Sendable) => (typeof data === "string" ? data : new Uint8Array(data.buffer));
				return but(producer, {
					trySend: (data, options) => producer.trySend(options ? data : whole(data), options),
				});
			},
		},
	],
	[
		"keeps the last of what is released at once",
		{
			...ends,
			consumer(region, name) {
				const consumer = ends.consumer(region, name);
				return but(consumer, { releaseRun: (messages) => consumer.releaseRun(messages.slice(0, -1)) });
			},
		},
	],
	[
		"passes over a message",
		{
			...ends,
			consumer(region, name) {
				const consumer = ends.consumer(region, name);
				let count = 0;
				return but(consumer, {
					tryReceive() {
						if (++count % 9 === 0) consumer.tryReceive()?.release();
						return consumer.tryReceive();
					},
				});
			},
		},
	],
];

for (const [fault, faulty] of faults) {
	test(`a queue that ${fault} is detected`, () => isRefuted(fault, walks, arriveInOrder(faulty)));
}

const recordWalks = fc
	.record({ dtype: fc.constantFrom(...dtypes), capacity: fc.constantFrom(1, 2, 3, 8, 64) })
	.chain(({ dtype, capacity }) =>
		fc.record({
			dtype: fc.constant(dtype),
			capacity: fc.constant(capacity),
			steps: fc.array(
				fc.oneof(
					fc.record({ do: fc.constant("push"), value: valuesOf(dtype) } as const),
					fc.record({
						do: fc.constant("push many"),
						values: fc.array(valuesOf(dtype), { maxLength: 30 }),
					} as const),
					fc.record({ do: fc.constant("pop") } as const),
					fc.record({ do: fc.constant("pop many"), length: fc.nat(30) } as const),
					fc.record({
						do: fc.constantFrom("push a wrong one", "another producer", "another consumer"),
					} as const),
				),
				{ maxLength: 60, size: "max" },
			),
		}),
	);
type RecordWalk = typeof recordWalks extends Arbitrary<infer W> ? W : never;

interface RecordEnds {
	producer(region: Region, dtype: DType): RecordProducer;
	consumer(region: Region, dtype: DType): RecordConsumer;
}

const recordEnds: RecordEnds = {
	producer: (region, dtype) => region.queue("r", { record: dtype }).producer(),
	consumer: (region, dtype) => region.queue("r", { record: dtype }).consumer(),
};

function popInOrder({
	producer: newProducer,
	consumer: newConsumer,
}: RecordEnds = recordEnds): Property<RecordWalk> {
	return (openings, { dtype, capacity, steps }) => {
		const [sender, receiver] = [openings.at(0), openings.at(1)];
		const places = sender.queue("r", { record: dtype, capacity }).capacity;
		let producer = newProducer(sender, dtype);
		let consumer = newConsumer(receiver, dtype);
		const model: Value[] = [];
		const pop = (): boolean => {
			const value = consumer.pop();
			same(value, model.shift(), "what was popped");
			return value !== undefined;
		};
		for (const step of steps) {
			// Room is given back in steps of at most half the queue.
			const room = places - model.length;
			const least = room - places / 2;
			switch (step.do) {
				case "push":
					if (producer.push(step.value)) model.push(stored(dtype, step.value));
					else assert.ok(least <= 0, "there is room");
					break;
				case "push many": {
					const values = plain(dtype, step.values.length);
					for (const [i, value] of step.values.entries()) values[i] = value;
					const count = producer.pushMany(values);
					assert.ok(count >= Math.min(values.length, least), "there is room");
					model.push(...[...(values as Iterable<Value>)].slice(0, count));
					break;
				}
				case "pop":
					pop();
					break;
				case "pop many": {
					const values = plain(dtype, step.length);
					const count = consumer.popInto(values);
					sameAll([...(values as Iterable<Value>)].slice(0, count), model.splice(0, step.length), step.do);
					break;
				}
				case "push a wrong one": {
					assert.throws(() => producer.push(isLarge(dtype) ? 1 : 1n) || notThere(), TypeError);
					const wrong = plain(dtype === "f64" ? "f32" : "f64", 1);
					same(
						codeOf(() => producer.pushMany(wrong)),
						"DHMEM_BAD_ARGUMENT",
						step.do,
					);
					same(
						codeOf(() => consumer.popInto(wrong)),
						"DHMEM_BAD_ARGUMENT",
						step.do,
					);
					break;
				}
				case "another producer":
					producer.close();
					producer = newProducer(sender, dtype);
					break;
				case "another consumer":
					consumer.close();
					consumer = newConsumer(receiver, dtype);
			}
			assert.ok(model.length <= places, "more records than there is room for");
		}
		producer.end();
		same(
			codeOf(() => producer.push(isLarge(dtype) ? 1n : 1)),
			"DHMEM_QUEUE_ENDED",
			"pushing after the end",
		);
		while (pop());
		same(model.length, 0, "the number of records left");
		same(consumer.ended, true, "whether the stream has ended");
		consumer.close();
		producer.close();
	};
}

/** A push into a full queue does not look at the value. */
function notThere(): never {
	throw new TypeError("There was no room");
}

test("records of every dtype are popped in the order in which they were pushed, as a typed array keeps them", () =>
	holds(recordWalks, popInOrder()));

const recordFaults: [string, RecordEnds][] = [
	[
		"loses the sign of zero",
		{
			...recordEnds,
			producer(region, dtype) {
				const producer = recordEnds.producer(region, dtype);
				return but(producer, { push: (value) => producer.push(value === 0 ? 0 : value) });
			},
		},
	],
	[
		"takes out one record too many",
		{
			...recordEnds,
			consumer(region, dtype) {
				const consumer = recordEnds.consumer(region, dtype);
				return but(consumer, {
					popInto(values) {
						const count = consumer.popInto(values);
						if (count > 8) consumer.pop();
						return count;
					},
				});
			},
		},
	],
	[
		"says that all of a batch went in",
		{
			...recordEnds,
			producer(region, dtype) {
				const producer = recordEnds.producer(region, dtype);
				return but(producer, {
					pushMany(values) {
						producer.pushMany(values);
						return values.length;
					},
				});
			},
		},
	],
];

for (const [fault, faulty] of recordFaults) {
	test(`a queue of records that ${fault} is detected`, () =>
		isRefuted(fault, recordWalks, popInOrder(faulty)));
}

test.run();
