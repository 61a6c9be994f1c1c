/** Queues that drop their oldest message, compared with a plain list of the newest ones. */
import type { Consumer, Message, Producer, Region } from "dhmem";
import fc, { type Arbitrary } from "fast-check";
import { test } from "uvu";
import { but, holds, isRefuted, type Property } from "./property.js";
import { same } from "./values.js";

const walks = fc.record({
	keep: fc.integer({ min: 1, max: 6 }),
	steps: fc.array(
		fc.oneof(
			{ weight: 4, arbitrary: fc.record({ do: fc.constant("send"), length: fc.nat(300) } as const) },
			fc.record({ do: fc.constant("send many"), count: fc.nat(12) } as const),
			fc.record({ do: fc.constant("send a block"), length: fc.integer({ min: 1, max: 5000 }) } as const),
			fc.record({ do: fc.constant("reserve"), length: fc.nat(300), commit: fc.boolean() } as const),
			{ weight: 4, arbitrary: fc.record({ do: fc.constant("receive") } as const) },
			{ weight: 3, arbitrary: fc.record({ do: fc.constant("release"), which: fc.nat(9) } as const) },
			fc.record({ do: fc.constantFrom("end", "another producer", "another consumer") } as const),
		),
		{ maxLength: 60, size: "max" },
	),
});
type Walk = typeof walks extends Arbitrary<infer W> ? W : never;

/** A message is its number, repeated; a block with it is full of the number. */
interface Sent {
	number: number;
	length: number;
	/** The length of its block in bytes; 0 if there is none. */
	block: number;
}

interface Ends {
	producer(region: Region): Producer;
	consumer(region: Region): Consumer;
}

const ends: Ends = {
	producer: (region) => region.queue("q", { policy: "drop-oldest" }).producer(),
	consumer: (region) => region.queue("q", { policy: "drop-oldest" }).consumer(),
};

function check(message: Message, { number, length, block }: Sent): void {
	same(message.length, length, "the length");
	same(
		message.bytes.every((byte) => byte === number % 251),
		true,
		"that its bytes are its number",
	);
	same(message.block?.length ?? 0, block, "the block's length");
	same(message.block?.bytes.every((byte) => byte === number % 251) ?? true, true, "that its block is");
}

function keepTheLast({ producer: newProducer, consumer: newConsumer }: Ends = ends): Property<Walk> {
	return (openings, { keep, steps }) => {
		const [sender, receiver] = [openings.at(0), openings.at(1)];
		sender.queue("q", { policy: "drop-oldest", keep });
		const { used } = openings.host.stats();
		let producer = newProducer(sender);
		let consumer = newConsumer(receiver);
		let kept: Sent[] = [];
		/** How many of the kept messages were sent before an end that was not seen; undefined if there is none. */
		let untilEnd: number | undefined;
		const held: { message: Message; sent: Sent }[] = [];
		let number = 0;
		const note = (length: number, block = 0): void => {
			kept.push({ number: ++number, length, block });
			if (kept.length <= keep) return;
			kept = kept.slice(1);
			if (untilEnd !== undefined) untilEnd = Math.max(0, untilEnd - 1);
		};
		const next = (length: number) => new Uint8Array(length).fill((number + 1) % 251);
		const receive = (): boolean => {
			const message = consumer.tryReceive();
			const due = untilEnd === 0 ? undefined : kept[0];
			same(message !== undefined, due !== undefined, "whether a message came");
			same(consumer.ended, untilEnd === 0, "whether the stream has ended");
			if (untilEnd === 0) {
				consumer.close();
				held.length = 0;
				consumer = newConsumer(receiver);
				untilEnd = undefined;
				return true;
			}
			if (message === undefined || due === undefined) return false;
			check(message, due);
			kept = kept.slice(1);
			if (untilEnd !== undefined) untilEnd--;
			held.push({ message, sent: due });
			return true;
		};
		const release = (which: number): void => {
			const [due] = held.splice(which % Math.max(1, held.length), 1);
			if (due === undefined) return;
			check(due.message, due.sent);
			due.message.release();
		};
		for (const step of steps) {
			switch (step.do) {
				case "send":
					same(producer.trySend(next(step.length)), true, step.do);
					note(step.length);
					break;
				case "send many": {
					const items = Array.from({ length: step.count }, (_, i) =>
						new Uint8Array(9).fill((number + 1 + i) % 251),
					);
					same(producer.sendMany(items), step.count, step.do);
					for (let i = 0; i < step.count; i++) note(9);
					break;
				}
				case "send a block": {
					const block = sender.allocate(step.length);
					block.bytes.set(next(step.length));
					producer.trySend(next(5), { block });
					note(5, step.length);
					break;
				}
				case "reserve": {
					using slot = producer.tryReserve(step.length + 7);
					slot?.bytes.set(next(step.length));
					if (!step.commit) break;
					slot?.commit(step.length);
					note(step.length);
					break;
				}
				case "receive":
					receive();
					break;
				case "release":
					release(step.which);
					break;
				case "end":
					producer.end();
					untilEnd = kept.length;
					producer.close();
					producer = newProducer(sender);
					break;
				case "another producer":
					producer.close();
					producer = newProducer(sender);
					break;
				case "another consumer":
					// What it held is gone.
					consumer.close();
					held.length = 0;
					consumer = newConsumer(receiver);
			}
			const { depth = 0, sent = 0 } = openings.host.stats().queues[0] ?? {};
			same(depth, kept.length, "how many are kept");
			same(sent, number, "how many were sent");
		}
		while (receive());
		while (held.length > 0) release(0);
		same(openings.host.stats().used, used, "the bytes in use at the end");
		consumer.close();
		producer.close();
	};
}

test("the last messages are kept, whole and in order, and what is dropped is freed", () =>
	holds(walks, keepTheLast()));

const faults: [string, Ends][] = [
	[
		"drops a message too many",
		{
			...ends,
			consumer(region) {
				const consumer = ends.consumer(region);
				let count = 0;
				return but(consumer, {
					tryReceive() {
						if (++count % 5 === 0) consumer.tryReceive()?.release();
						return consumer.tryReceive();
					},
				});
			},
		},
	],
	[
		"keeps what was released",
		{
			...ends,
			producer(region) {
				const producer = ends.producer(region);
				return but(producer, {
					trySend(data, options) {
						if (options?.block !== undefined) options.block.clone();
						return producer.trySend(data, options);
					},
				});
			},
		},
	],
	[
		"ends nothing",
		{
			...ends,
			producer: (region) => but(ends.producer(region), { end() {} }),
		},
	],
];

for (const [fault, faulty] of faults) {
	test(`a mailbox that ${fault} is detected`, () => isRefuted(fault, walks, keepTheLast(faulty)));
}

test.run();
