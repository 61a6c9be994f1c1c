/** Queues whose records are structs. */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import {
	type RecordQueue,
	Region,
	type StructConsumer,
	type StructProducer,
	StructQueue,
	schema,
} from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { verify } from "../../src/verify/index.js";
import { codeOf, codeOfLater, count, errorOf, randomFrom, regionTest } from "../fixture/index.js";

const point = { id: "u32", x: "f64", tag: "u8" } as const;
const type = schema(point);
type Point = typeof point;

interface Ends {
	producer: StructProducer<Point>;
	consumer: StructConsumer<Point>;
}

function ends(region: Region, capacity?: number): Ends {
	const queue = region.queue("points", { record: point, capacity });
	return { producer: queue.producer({ timeout: 20_000 }), consumer: queue.consumer({ timeout: 20_000 }) };
}

const pointOf = (index: number) => ({ id: index, x: index / 3, tag: index % 256 });

/** The bytes of `count` points from number `first` on. */
function bytesOf(first: number, length: number): DataView {
	const view = new DataView(new ArrayBuffer(length * type.size));
	for (let index = 0; index < length; index++) {
		const { id, x, tag } = pointOf(first + index);
		view.setUint32(index * type.size, id, true);
		view.setFloat64(index * type.size + 8, x, true);
		view.setUint8(index * type.size + 16, tag);
	}
	return view;
}

regionTest("structs are pushed and popped, and a popped one is a copy", (region) => {
	const { producer, consumer } = ends(region);
	assert.is(consumer.pop(), undefined);
	assert.ok(producer.push({ id: 1, x: 0.5, tag: 2 }));
	assert.ok(producer.push({ id: 2, x: -0.5, tag: 255 }));
	const first = consumer.pop();
	assert.equal(first, { id: 1, x: 0.5, tag: 2 });
	assert.equal(consumer.pop(), { id: 2, x: -0.5, tag: 255 });
	assert.equal(first, { id: 1, x: 0.5, tag: 2 });
	producer.end();
	assert.is(consumer.pop(), undefined);
	assert.ok(consumer.ended);
});

regionTest("every way in and every way out pass the same records, in order", async (region) => {
	const { producer, consumer } = ends(region, 16);
	const random = randomFrom(9);
	const most = count(3000, 100_000);
	let sent = 0;
	let received = 0;
	const check = (found: unknown) => assert.equal({ ...(found as object) }, pointOf(received++));
	while (received < most) {
		const many = 1 + random(20);
		const before = sent;
		switch (random(3)) {
			case 0:
				if (producer.push(pointOf(sent))) sent++;
				break;
			case 1:
				sent += producer.pushMany(bytesOf(sent, many));
				break;
			default:
				sent += producer.pushEach(many, (record, index) => Object.assign(record, pointOf(before + index)));
		}
		switch (random(3)) {
			case 0: {
				const record = consumer.pop();
				if (record !== undefined) check(record);
				break;
			}
			case 1: {
				const batch = new Uint8Array(many * type.size);
				const popped = consumer.popInto(batch);
				assert.equal(
					Buffer.from(batch.buffer, 0, popped * type.size),
					Buffer.from(bytesOf(received, popped).buffer),
				);
				received += popped;
				break;
			}
			default:
				consumer.poll(check, { max: many });
		}
	}
	assert.ok(sent - received <= 16);
});

regionTest(
	"the record that a handler gets is the same object, can't be changed, and ends with its consumer",
	(region) => {
		const { producer, consumer } = ends(region);
		producer.pushEach(3, (record, index) => Object.assign(record, pointOf(index)));
		const seen = new Set<object>();
		assert.is(
			consumer.poll((record) => {
				seen.add(record);
				assert.is(
					codeOf(() => {
						(record as { x: number }).x = 1;
					}),
					"DHMEM_READ_ONLY",
				);
			}),
			3,
		);
		const [record] = [...seen] as { x: number }[];
		assert.is(seen.size, 1);
		producer.push(pointOf(9));
		consumer.close();
		assert.is(record?.x, 0);
		let written: { x: number } | undefined;
		producer.pushEach(1, (each) => {
			written = each;
		});
		producer.close();
		if (written) written.x = 7;
		const next = region.queue("points", { record: point }).consumer();
		assert.equal(next.pop(), pointOf(9));
		assert.is.not(next.pop()?.x, 7);
	},
);

regionTest(
	"poll: a throw, a promise and a use of the consumer leave the record, a close keeps what was handled",
	(region) => {
		const { producer, consumer } = ends(region);
		for (let index = 0; index < 10; index++) producer.push(pointOf(index));
		assert.throws(
			() =>
				consumer.poll(({ id }) => {
					if (id === 2) throw new Error("not this one");
				}),
			"not this one",
		);
		for (const use of [
			() => consumer.pop(),
			() => consumer.popInto(new Uint8Array(type.size)),
			() => consumer.poll(() => {}),
			() => consumer.waitSync(),
			() => void consumer.wait(),
		]) {
			assert.is(
				codeOf(() => consumer.poll(use)),
				"DHMEM_BAD_ARGUMENT",
			);
		}
		assert.is(
			codeOf(() => consumer.poll((async () => {}) as () => void)),
			"DHMEM_BAD_ARGUMENT",
		);
		assert.equal(consumer.pop(), pointOf(2));
		consumer.poll(({ id }) => {
			if (id === 5) consumer.close();
		});
		assert.equal(region.queue("points", { record: point }).consumer().pop(), pointOf(5));
	},
);

regionTest("pushEach: what was written before a throw, or before a close, is published", (region) => {
	const { producer, consumer } = ends(region);
	assert.throws(
		() =>
			producer.pushEach(5, (record, index) => {
				Object.assign(record, pointOf(index));
				if (index === 2) throw new Error("no more");
			}),
		"no more",
	);
	for (const use of [
		() => producer.push(pointOf(0)),
		() => producer.pushMany(bytesOf(0, 1)),
		() => producer.pushEach(1, () => {}),
		() => producer.waitSync(),
		() => producer.end(),
	]) {
		assert.is(
			codeOf(() => producer.pushEach(1, use)),
			"DHMEM_BAD_ARGUMENT",
		);
	}
	producer.pushEach(5, (record, index) => {
		Object.assign(record, pointOf(2 + index));
		if (index === 1) producer.close();
	});
	for (let index = 0; index < 3; index++) assert.equal(consumer.pop(), pointOf(index));
	assert.is(consumer.pop(), undefined);
});

regionTest("pushEach refuses a function that returns a promise", (region) => {
	const { producer, consumer } = ends(region);
	assert.is(
		codeOf(() => producer.pushEach(2, async () => {})),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(consumer.pop(), undefined);
});

regionTest("what is no record, and no whole number of them, is refused", (region) => {
	const { producer, consumer } = ends(region);
	for (const wrong of [
		{ id: 1, x: 2 },
		{ id: 1n, x: 2, tag: 3 },
		{ id: "1", x: 2, tag: 3 },
		undefined,
		null,
		5,
	])
		assert.is(
			codeOf(() => producer.push(wrong as never)),
			"DHMEM_BAD_ARGUMENT",
		);
	for (const wrong of [new Uint8Array(type.size + 1), [pointOf(1)], "text", undefined]) {
		assert.is(
			codeOf(() => producer.pushMany(wrong as never)),
			"DHMEM_BAD_ARGUMENT",
		);
		assert.is(
			codeOf(() => consumer.popInto(wrong as never)),
			"DHMEM_BAD_ARGUMENT",
		);
	}
	for (const wrong of [0, -1, 0.5])
		assert.is(
			codeOf(() => producer.pushEach(wrong, () => {})),
			"DHMEM_BAD_ARGUMENT",
		);
	assert.is(consumer.pop(), undefined);
	assert.is(producer.pushMany(new Uint8Array(0)), 0);
});

regionTest("a value whose getters use the producer is pushed after what they pushed", (region) => {
	const { producer, consumer } = ends(region);
	producer.push({
		id: 2,
		get x() {
			producer.push({ id: 1, x: 1, tag: 1 });
			return 2;
		},
		tag: 2,
	});
	assert.equal(
		[consumer.pop(), consumer.pop()],
		[
			{ id: 1, x: 1, tag: 1 },
			{ id: 2, x: 2, tag: 2 },
		],
	);
});

regionTest("the schema belongs to the queue's type", (region) => {
	const queue = region.queue("points", { record: type, capacity: 100 });
	assert.is(queue.capacity, 128);
	assert.is(String(queue.schema), "{ id: u32, x: f64, tag: u8 }");
	using other = Region.open(region.name);
	const opened = other.queue<StructQueue>("points");
	assert.instance(opened, StructQueue);
	assert.equal(opened.schema.fields, point);
	for (const record of [{ id: "u32", x: "f64" }, { x: "f64", id: "u32", tag: "u8" }, "u32"] as const) {
		const { code, message } = errorOf(() => other.queue("points", { record: record as "u32" }));
		assert.is(code, "DHMEM_TYPE_MISMATCH");
		assert.match(message, "points is a queue of { id: u32, x: f64, tag: u8 } records with capacity 100");
	}
	assert.is(
		codeOf(() => other.queue("points", { record: point, capacity: 50 })),
		"DHMEM_TYPE_MISMATCH",
	);
	assert.is(
		codeOf(() => other.queue("wrong", { record: { x: "f16" } as never })),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => other.queue("wrong", { record: null as never })),
		"DHMEM_BAD_ARGUMENT",
	);
	const numbers: RecordQueue<"f64"> = region.queue("numbers", { record: "f64" });
	assert.is(numbers.dtype, "f64");
	const used = region.stats().used;
	region.queue("more", { record: point });
	region.remove("more");
	assert.is(region.stats().used, used);
});

regionTest("its invariants hold, and a type that is none is noticed", (region) => {
	const { producer, consumer } = ends(region);
	producer.pushMany(bytesOf(0, 9));
	consumer.pop();
	const found = () => verify(readFileSync(region.path), "always").map(({ invariant }) => invariant);
	assert.equal(found(), []);
	const text = readFileSync(region.path).indexOf("{ id: u32, x: f64");
	const file = openSync(region.path, "r+");
	writeSync(file, Buffer.from("?"), 0, 1, text + 2);
	assert.equal(found(), ["N1"]);
	closeSync(file);
});

regionTest("both ends wait, and see the other leave", async (region) => {
	const { producer, consumer } = ends(region, 2);
	const waiting = consumer.wait();
	producer.pushMany(bytesOf(0, 2));
	assert.ok(await waiting);
	const room = producer.wait();
	consumer.pop();
	assert.ok(await room);
	consumer.close();
	assert.ok(producer.push(pointOf(5)));
	assert.is(await codeOfLater(producer.wait()), "DHMEM_PEER_GONE");
});

test("a child's records come whole", async () => {
	using region = Region.temporary({ size: "4MiB" });
	const { producer, consumer } = ends(region, 64);
	const most = count(20_000, 500_000);
	let received = 0;
	for (let sent = 0; received < most; ) {
		sent += producer.pushEach(7, (record, index) => Object.assign(record, pointOf(sent + index)));
		received += consumer.poll(({ id, x, tag }) => {
			if (x !== id / 3 || tag !== id % 256) assert.unreachable();
		});
	}
});

test.run();
